// SPDX-License-Identifier: GPL-2.0-only
/*
 * Folios of mapped buffers.
 *
 * The kernel can map memory by a huge page table entry such that get_user_pages() works
 * only if the memory is a folio of this size. Furthermore, get_user_pages_fast() refuses single
 * pages outside the page cache, which could be secret memory, and falls back to the slower
 * get_user_pages(), but it accepts folios of all orders above 0.
 *
 * The region consists of single pages. Therefore, when a buffer is mapped, its naturally aligned
 * pieces become folios. The pieces are the largest ones possible up to the size of a huge page,
 * so a frame is in the same piece whichever part of the buffer is mapped. A folio is split into
 * single pages again before its frames are freed or replaced, so that no other part of the module
 * has to know about folios.
 *
 *	mmap()			zb_make_folios()	pieces without other references only
 *	page fault		zb_huge_folio()		folios with a huge entry
 *	last reference dropped	zb_split_folio_at()	or the release is deferred
 *	move, purge		zb_freeze_pages(), zb_split_frozen_folios()
 *
 * References and mappings of all pages of a folio are counted in its first page.
 *
 * The kernel makes folios only of memory that it allocates. Passing the frames back to it and
 * allocating them again, by alloc_contig_range(), takes milliseconds, stops all per-CPU lists
 * of the kernel, and can fail meanwhile because the kernel uses the frames for something
 * else. So this file changes the struct pages itself, while no page has a reference that
 * somebody could use. A folio has counters in place of some members of its first tail pages.
 * Their initial values are those of a folio that the kernel has allocated.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/align.h>
#include <linux/bitops.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/page_ref.h>
#include <linux/printk.h>
#include <linux/sched/signal.h>

#include "../compat.h"
#include "huge.h"

#ifdef ZB_HAVE_HUGE_FOLIO

/* The tail pages 1 to 3 of a folio have members of the folio; all later ones are alike. */
#define NR_SPECIAL	4u
#define TEMPLATE_ORDER	3

/* Copies of the first pages of a folio of order TEMPLATE_ORDER. */
static struct page template[NR_SPECIAL + 1];
static bool has_template;

/* page->flags is an unsigned long in older kernels, and a structure with one in newer ones. */
static unsigned long *flags_of(struct page *page)
{
	return (unsigned long *)&page->flags;
}

/* The kernel may mark a page with a memory error at any time, so flags are changed atomically. */
static void set_flags(struct page *page, unsigned long mask, unsigned long flags)
{
	set_mask_bits(flags_of(page), mask, flags);
}

/* All members of a page except its flags */
static void *body_of(struct page *page)
{
	static_assert(!offsetof(struct page, flags));
	return (void *)page + sizeof(page->flags);
}

#define BODY_SIZE	(sizeof(struct page) - sizeof_field(struct page, flags))

/* Fails, with nothing changed, if a page has another reference or a memory error. */
static bool freeze_single_pages(struct page *head, unsigned int order)
{
	struct page *page, *end = head + (1ul << order);

	for (page = head; page < end; page++)
		if (PageHWPoison(page) || !page_ref_freeze(page, 1))
			break;
	if (page == end)
		return true;
	while (page > head)
		page_ref_unfreeze(--page, 1);
	return false;
}

static void make_special_tails(struct page *head, unsigned int order)
{
	unsigned int i, nr = min(1u << order, NR_SPECIAL);

	for (i = 1; i < nr; i++) {
		memcpy(body_of(head + i), body_of(&template[i]), BODY_SIZE);
		set_flags(head + i, PAGE_FLAGS_SECOND, i == 1 ? order : 0);
		zb_set_compound_head(head + i, head, order);
	}
}

/* Make a folio of single pages whose references are frozen. */
static void make_folio(struct page *head, unsigned int order)
{
	struct folio *folio = (struct folio *)head;
	struct page *page, *end = head + (1ul << order);

	make_special_tails(head, order);
	for (page = head + NR_SPECIAL; page < end; page++) {
		page->mapping = template[NR_SPECIAL].mapping;
		set_page_private(page, 0);
		zb_set_compound_head(page, head, order);
	}
	/* It is in the third page. */
	if (order > 1)
		INIT_LIST_HEAD(&folio->_deferred_list);
#ifdef NR_PAGES_IN_LARGE_FOLIO
	folio->_nr_pages = 1u << order;
#endif
	set_flags(head, 0, PG_head_mask);
}

/* Whether the kernel's own functions agree that this is an unused folio. */
static bool is_good_folio(struct page *head, unsigned int order)
{
	unsigned long nr = 1ul << order;
	struct folio *folio = page_folio(head + nr - 1);

	return folio == (struct folio *)head && folio_test_large(folio) &&
	       folio_order(folio) == order && folio_nr_pages(folio) == nr &&
	       !folio_mapped(folio) && !folio_maybe_dma_pinned(folio) &&
	       folio_page_idx(folio, head + nr - 1) == nr - 1;
}

static void split_special_tails(struct page *head, unsigned int order)
{
	unsigned int i, nr = min(1u << order, NR_SPECIAL);

	for (i = 1; i < nr; i++) {
		memset(body_of(head + i), 0, BODY_SIZE);
		set_flags(head + i, PAGE_FLAGS_SECOND, 0);
		atomic_set(&head[i]._mapcount, -1);
		clear_compound_head(head + i);
	}
}

/* Make single pages of a folio whose references are frozen; they are frozen afterwards. */
static void dissolve_folio(struct page *head, unsigned int order)
{
	struct page *page, *end = head + (1ul << order);

	set_flags(head, PG_head_mask, 0);
	split_special_tails(head, order);
	for (page = head + NR_SPECIAL; page < end; page++) {
		page->mapping = NULL;
		set_page_private(page, 0);
		clear_compound_head(page);
	}
}

static void unfreeze_single_pages(struct page *page, unsigned int order)
{
	struct page *end = page + (1ul << order);

	for (; page < end; page++)
		page_ref_unfreeze(page, 1);
}

static void make_piece(struct page *head, unsigned int order)
{
	if (!freeze_single_pages(head, order))
		return;
	make_folio(head, order);
	if (likely(is_good_folio(head, order))) {
		page_ref_unfreeze(head, 1);
		return;
	}
	dissolve_folio(head, order);
	unfreeze_single_pages(head, order);
	WRITE_ONCE(has_template, false);
	pr_warn("this kernel has folios of another kind: mappings use neither huge pages nor other folios\n");
}

/* The order of the piece at a frame; @end is the end of the buffer. */
static unsigned int piece_order(unsigned long pfn, unsigned long end)
{
	return min(__ffs(pfn | ZB_HUGE_NR), __fls(end - pfn));
}

/**
 * zb_huge_init() - prepare for folios
 *
 * Context: may sleep.
 */
void zb_huge_init(void)
{
	struct page *page;

	if (!has_transparent_hugepage())
		return;
	page = alloc_pages(GFP_KERNEL | __GFP_COMP, TEMPLATE_ORDER);
	if (!page)
		return;
	memcpy(template, page, sizeof(template));
	__free_pages(page, TEMPLATE_ORDER);
	has_template = true;
}

/**
 * zb_huge_available() - check whether mappings can use huge pages
 *
 * Return: true if they can.
 */
bool zb_huge_available(void)
{
	return READ_ONCE(has_template);
}

/**
 * zb_make_folios() - make folios of all pieces that overlap a part of a buffer
 * @buf: the buffer, which has frames
 * @pgoff: number of the first page of the part
 * @nr: number of pages of the part
 *
 * Pieces of which a page is in use, or has a memory error, stay single pages.
 *
 * Context: invalidate_lock of the buffer held for writing; may sleep.
 * Return: 0, or -EINTR if the task is being killed.
 */
int zb_make_folios(struct zb_buffer *buf, unsigned long pgoff, unsigned long nr)
{
	unsigned long first = buf->pfn + pgoff, end = buf->pfn + buf->nr_pages, pfn;
	unsigned int order;

	if (buf->nr_pages == 1)
		return 0;
	/* No piece extends beyond a boundary of huge pages. */
	pfn = max(ALIGN_DOWN(first, ZB_HUGE_NR), buf->pfn);
	for (; zb_huge_available() && pfn < first + nr; pfn += 1ul << order) {
		order = piece_order(pfn, end);
		cond_resched();
		if (!order || pfn + (1ul << order) <= first || PageHead(pfn_to_page(pfn)))
			continue;
		if (fatal_signal_pending(current))
			return -EINTR;
		make_piece(pfn_to_page(pfn), order);
	}
	return 0;
}

/**
 * zb_huge_folio() - get the folio of the size of a huge page at a page of a buffer
 * @buf: the buffer, which has frames
 * @pgoff: number of the page
 *
 * Context: invalidate_lock of the buffer held.
 * Return: the folio that begins at this page, or NULL.
 */
struct folio *zb_huge_folio(const struct zb_buffer *buf, unsigned long pgoff)
{
	unsigned long pfn = buf->pfn + pgoff;

	if (!IS_ALIGNED(pfn, ZB_HUGE_NR) || pgoff + ZB_HUGE_NR > buf->nr_pages ||
	    !PageHead(pfn_to_page(pfn)))
		return NULL;
	return page_folio(pfn_to_page(pfn));
}

/**
 * zb_split_folio() - make single pages of a folio
 * @head: its first page
 *
 * Context: the buffer has no references, or its invalidate_lock is held for writing.
 * Return: false, with nothing changed, if the folio is in use.
 */
bool zb_split_folio(struct page *head)
{
	unsigned int order;

	if (!page_ref_freeze(head, 1))
		return false;
	order = zb_folio_order(head);
	dissolve_folio(head, order);
	unfreeze_single_pages(head, order);
	return true;
}

/**
 * zb_split_frozen_folios() - make single pages of all folios of a buffer
 * @pfn: its first frame
 * @nr: number of its frames, whose references are frozen, and are so afterwards
 *
 * Context: may sleep.
 * Return: true if there was one.
 */
bool zb_split_frozen_folios(unsigned long pfn, unsigned long nr)
{
	unsigned long end = pfn + nr;
	unsigned int order;
	bool found = false;

	for (; pfn < end; pfn += 1ul << order) {
		order = piece_order(pfn, end);
		if (!order || !PageHead(pfn_to_page(pfn)))
			continue;
		dissolve_folio(pfn_to_page(pfn), order);
		found = true;
		cond_resched();
	}
	return found;
}

#endif /* ZB_HAVE_HUGE_FOLIO */
