/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Folios of mapped buffers (huge.c).
 */
#ifndef ZB_HUGE_H
#define ZB_HUGE_H

#include <linux/minmax.h>
#include <linux/pgtable.h>

#include "../compat.h"
#include "buffer.h"

#ifdef ZB_HAVE_HUGE_FOLIO

#define ZB_HUGE_ORDER	PMD_ORDER
#define ZB_HUGE_NR	BIT(ZB_HUGE_ORDER)

/* zb_nr_pins() calls it without a lock, so the folio may be split meanwhile. */
static inline unsigned int zb_folio_order(const struct page *head)
{
	unsigned long flags = READ_ONCE(((const struct folio *)head)->_flags_1);

	return min_t(unsigned int, flags & 0xff, ZB_HUGE_ORDER);
}

void zb_huge_init(void);
bool zb_huge_available(void);
int zb_make_folios(struct zb_buffer *buf, unsigned long pgoff, unsigned long nr);
struct folio *zb_huge_folio(const struct zb_buffer *buf, unsigned long pgoff);
bool zb_split_folio(struct page *head);
bool zb_split_frozen_folios(unsigned long pfn, unsigned long nr);

#else

#define ZB_HUGE_NR	1ul

static inline void zb_huge_init(void)
{
}

static inline bool zb_huge_available(void)
{
	return false;
}

static inline int zb_make_folios(struct zb_buffer *buf, unsigned long pgoff, unsigned long nr)
{
	return 0;
}

static inline bool zb_split_frozen_folios(unsigned long pfn, unsigned long nr)
{
	return false;
}

#endif

/* The number of page table entries that map @page, or any page of the folio that begins there. */
static inline int zb_folio_mapcount(struct page *page)
{
#ifdef ZB_HAVE_HUGE_FOLIO
	/* folio_mapcount() warns if the folio is split meanwhile. */
	if (PageHead(page))
		return atomic_read(&((struct folio *)page)->_large_mapcount) + 1;
#endif
	return zb_page_mapcount(page);
}

/* Make single pages of the folio that begins at @pfn, if any; false if it is in use. */
static inline bool zb_split_folio_at(unsigned long pfn)
{
#ifdef ZB_HAVE_HUGE_FOLIO
	if (unlikely(PageHead(pfn_to_page(pfn))))
		return zb_split_folio(pfn_to_page(pfn));
#endif
	return true;
}

/* The number of pages that share the references of the page at @pfn. */
static inline unsigned long zb_shared_refs(unsigned long pfn)
{
#ifdef ZB_HAVE_HUGE_FOLIO
	if (PageHead(pfn_to_page(pfn)))
		return 1ul << zb_folio_order(pfn_to_page(pfn));
#endif
	return 1;
}

#endif /* ZB_HUGE_H */
