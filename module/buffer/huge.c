// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages of mapped buffers.
 *
 * The kernel can map memory by a huge page table entry such that get_user_pages() works
 * only if the memory is a folio of this size. The region consists of single pages. Therefore,
 * when a buffer is mapped, each naturally aligned piece of the size of a huge page becomes a
 * folio. It is split into single pages again before its frames are freed or replaced, so
 * that no other part of the module has to know about folios.
 *
 * This is also done if only a part of the piece is mapped, by single entries, because direct I/O
 * is faster with folios: get_user_pages_fast() refuses single pages outside the page cache, which
 * could be secret memory, and falls back to the slower get_user_pages().
 *
 *	mmap()			zb_huge_make()		pieces without other references only
 *	page fault		zb_huge_folio()
 *	last reference dropped	zb_huge_split()		or the release is deferred
 *	move, purge		zb_freeze_pages(), zb_huge_split_frozen()
 *
 * References and mappings of all pages of a folio are counted in its first page.
 *
 * The kernel makes folios only of memory that it allocates. Passing the frames back to it and
 * allocating them again, by alloc_contig_range(), takes milliseconds, stops all per-CPU lists
 * of the kernel, and can fail meanwhile because the kernel uses the frames for something
 * else. So this file changes the struct pages itself, while no page has a reference that
 * somebody could use. A folio has counters in place of some members of its first tail pages.
 * Their initial values are those of a small folio that the kernel has allocated.
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
#define NR_SPECIAL	4
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
static bool freeze_single_pages(struct page *page)
{
	unsigned int i;

	for (i = 0; i < ZB_HUGE_NR; i++)
		if (PageHWPoison(page + i) || !page_ref_freeze(page + i, 1))
			break;
	if (i == ZB_HUGE_NR)
		return true;
	while (i--)
		page_ref_unfreeze(page + i, 1);
	return false;
}

static void make_tail(struct page *head, unsigned int nr)
{
	struct page *page = head + nr;

	if (nr < NR_SPECIAL) {
		memcpy(body_of(page), body_of(&template[nr]), BODY_SIZE);
		set_flags(page, PAGE_FLAGS_SECOND, nr == 1 ? ZB_HUGE_ORDER : 0);
	} else {
		page->mapping = template[NR_SPECIAL].mapping;
		set_page_private(page, 0);
	}
	zb_set_compound_head(page, head, ZB_HUGE_ORDER);
}

/* Make a folio of single pages whose references are frozen. */
static void make_folio(struct page *head)
{
	struct folio *folio = (struct folio *)head;
	unsigned int i;

	for (i = 1; i < ZB_HUGE_NR; i++)
		make_tail(head, i);
	INIT_LIST_HEAD(&folio->_deferred_list);
#ifdef NR_PAGES_IN_LARGE_FOLIO
	folio->_nr_pages = ZB_HUGE_NR;
#endif
	set_flags(head, 0, PG_head_mask);
}

/* Whether the kernel's own functions agree that this is an unused folio. */
static bool is_good_folio(struct page *head)
{
	struct folio *folio = page_folio(head + ZB_HUGE_NR - 1);

	return folio == (struct folio *)head && folio_test_large(folio) &&
	       folio_order(folio) == ZB_HUGE_ORDER && folio_nr_pages(folio) == ZB_HUGE_NR &&
	       !folio_mapped(folio) && !folio_maybe_dma_pinned(folio) &&
	       folio_page_idx(folio, head + NR_SPECIAL) == NR_SPECIAL;
}

static void split_tail(struct page *page, unsigned int nr)
{
	if (nr < NR_SPECIAL) {
		memset(body_of(page), 0, BODY_SIZE);
		set_flags(page, PAGE_FLAGS_SECOND, 0);
		atomic_set(&page->_mapcount, -1);
	} else {
		page->mapping = NULL;
		set_page_private(page, 0);
	}
	clear_compound_head(page);
}

/* Make single pages of a folio whose references are frozen; they are frozen afterwards. */
static void dissolve_folio(struct page *head)
{
	unsigned int i;

	set_flags(head, PG_head_mask, 0);
	for (i = 1; i < ZB_HUGE_NR; i++)
		split_tail(head + i, i);
}

static void unfreeze_single_pages(struct page *page)
{
	unsigned int i;

	for (i = 0; i < ZB_HUGE_NR; i++)
		page_ref_unfreeze(page + i, 1);
}

static void make_piece(struct page *head)
{
	if (!freeze_single_pages(head))
		return;
	make_folio(head);
	if (likely(is_good_folio(head))) {
		page_ref_unfreeze(head, 1);
		return;
	}
	dissolve_folio(head);
	unfreeze_single_pages(head);
	WRITE_ONCE(has_template, false);
	pr_warn("this kernel has folios of another kind: mappings do not use huge pages\n");
}

/**
 * zb_huge_init() - prepare for mappings by huge pages
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
 * zb_huge_make() - make folios of all aligned pieces that overlap a part of a buffer
 * @buf: the buffer, which has frames
 * @pgoff: number of the first page of the part
 * @nr: number of pages of the part
 *
 * Pieces of which a page is in use, or has a memory error, stay single pages.
 *
 * Context: invalidate_lock of the buffer held for writing; may sleep.
 * Return: 0, or -EINTR if the task is being killed.
 */
int zb_huge_make(struct zb_buffer *buf, unsigned long pgoff, unsigned long nr)
{
	unsigned long pfn = ALIGN_DOWN(buf->pfn + pgoff, ZB_HUGE_NR);
	unsigned long end = min(ALIGN(buf->pfn + pgoff + nr, ZB_HUGE_NR),
				buf->pfn + buf->nr_pages);

	if (pfn < buf->pfn)
		pfn += ZB_HUGE_NR;
	for (; zb_huge_available() && pfn + ZB_HUGE_NR <= end; pfn += ZB_HUGE_NR) {
		if (fatal_signal_pending(current))
			return -EINTR;
		if (!PageHead(pfn_to_page(pfn)))
			make_piece(pfn_to_page(pfn));
		cond_resched();
	}
	return 0;
}

/**
 * zb_huge_folio() - get the folio at a page of a buffer
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
 * zb_huge_split() - make single pages of the folio that begins at a frame
 * @pfn: a frame of a buffer; nothing is done if no folio begins there
 *
 * Context: the buffer has no references, or its invalidate_lock is held for writing.
 * Return: false, with nothing changed, if the folio is in use.
 */
bool zb_huge_split(unsigned long pfn)
{
	struct page *head = pfn_to_page(pfn);

	if (!PageHead(head))
		return true;
	if (!page_ref_freeze(head, 1))
		return false;
	dissolve_folio(head);
	unfreeze_single_pages(head);
	return true;
}

/**
 * zb_huge_split_frozen() - make single pages of all folios in a range
 * @pfn: first frame
 * @nr: number of frames, whose references are frozen, and are so afterwards
 *
 * Context: may sleep.
 * Return: true if there was one.
 */
bool zb_huge_split_frozen(unsigned long pfn, unsigned long nr)
{
	unsigned long end = pfn + nr;
	bool found = false;

	for (pfn = ALIGN(pfn, ZB_HUGE_NR); pfn + ZB_HUGE_NR <= end; pfn += ZB_HUGE_NR) {
		if (!PageHead(pfn_to_page(pfn)))
			continue;
		dissolve_folio(pfn_to_page(pfn));
		found = true;
		cond_resched();
	}
	return found;
}

#endif /* ZB_HAVE_HUGE_FOLIO */
