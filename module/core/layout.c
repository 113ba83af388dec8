// SPDX-License-Identifier: GPL-2.0-only
#include "layout.h"

const char *const zb_zone_names[ZB_NR_ZONES] = {
	[ZB_ZONE_DMA] = "DMA",
	[ZB_ZONE_DMA32] = "DMA32",
	[ZB_ZONE_NORMAL] = "Normal",
	[ZB_ZONE_HIGHMEM] = "HighMem",
	[ZB_ZONE_MOVABLE] = "Movable",
};

const char *const zb_migratetype_names[ZB_MIGRATE_TYPES] = {
	[ZB_MIGRATE_UNMOVABLE] = "Unmovable",
	[ZB_MIGRATE_MOVABLE] = "Movable",
	[ZB_MIGRATE_RECLAIMABLE] = "Reclaimable",
	[ZB_MIGRATE_HIGHATOMIC] = "HighAtomic",
	[ZB_MIGRATE_CMA] = "CMA",
	[ZB_MIGRATE_ISOLATE] = "Isolate",
};

#define ZB_REST		(~0ul)	/* size of the zone that was given as '*' */

static unsigned int unit_shift(char c)
{
	switch (c) {
	case 'k': case 'K':
		return 10;
	case 'm': case 'M':
		return 20;
	case 'g': case 'G':
		return 30;
	case 't': case 'T':
		return 40;
	default:
		return 0;
	}
}

/**
 * zb_parse_size() - read a size such as 64M
 * @text: decimal digits, then K, M, G, T or nothing for bytes
 * @bytes: set to the size
 *
 * Return: where the number ended in @text, or NULL when there is none or it
 * does not fit 64 bits.
 */
const char *zb_parse_size(const char *text, u64 *bytes)
{
	const char *digits = text;
	unsigned int shift;
	u64 n = 0;

	for (; *text >= '0' && *text <= '9'; text++) {
		if (n > (~0ull - (*text - '0')) / 10)
			return NULL;
		n = n * 10 + (*text - '0');
	}
	if (text == digits)
		return NULL;
	shift = unit_shift(*text);
	if (shift && n > ~0ull >> shift)
		return NULL;
	*bytes = n << shift;
	return shift ? text + 1 : text;
}

static const char *match_zone(const char *text, unsigned int *type)
{
	size_t len;

	for (*type = 0; *type < ZB_NR_ZONES; (*type)++) {
		len = strlen(zb_zone_names[*type]);
		if (!strncmp(text, zb_zone_names[*type], len) && text[len] == ':')
			return text + len + 1;
	}
	return NULL;
}

/* One "Name:SIZE" or "Name:*"; *text moves behind it. */
static const char *parse_span(const char **text, unsigned int page_shift,
			      struct zb_span *span)
{
	const char *size = match_zone(*text, &span->type);
	u64 bytes;

	if (!size)
		return "zones= takes DMA:SIZE, DMA32:SIZE, Normal:SIZE, HighMem:SIZE and Movable:SIZE, with a comma between";
	if (*size == '*') {
		span->nr_pages = ZB_REST;
		*text = size + 1;
		return NULL;
	}
	*text = zb_parse_size(size, &bytes);
	if (!*text)
		return "zones= has a size that is no number: write 64M, 1G or * for the rest";
	span->nr_pages = bytes >> page_shift;
	if (!bytes || bytes & ((1ull << (page_shift + ZB_PAGEBLOCK_ORDER)) - 1))
		return "zones= has a size that is not a multiple of the pageblock size (2M with 4K pages)";
	return NULL;
}

static const char *parse_list(const char *text, unsigned int page_shift,
			      struct zb_span *span, unsigned int *nr)
{
	const char *why;

	for (*nr = 0; *nr < ZB_NR_ZONES; text++) {
		why = parse_span(&text, page_shift, &span[*nr]);
		if (why)
			return why;
		if (*nr && span[*nr].type <= span[*nr - 1].type)
			return "zones= must name each zone once, in the order DMA, DMA32, Normal, HighMem, Movable";
		(*nr)++;
		if (!*text || *text == '\n')
			return NULL;
		if (*text != ',')
			break;
	}
	return "zones= has something behind a size that is not a comma";
}

/* Turn sizes into places; one zone may take the rest. */
static const char *place(unsigned long start_pfn, unsigned long nr_pages,
			 struct zb_span *span, unsigned int nr)
{
	unsigned long left = nr_pages;
	struct zb_span *rest = NULL;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (span[i].nr_pages != ZB_REST) {
			if (span[i].nr_pages > left)
				return "zones= add up to more than size=";
			left -= span[i].nr_pages;
			continue;
		}
		if (rest)
			return "zones= has more than one *";
		rest = &span[i];
	}
	if (!rest && left)
		return "zones= add up to less than size=: give one zone the size *";
	if (rest && !left)
		return "zones= leave nothing for the zone with the size *";
	if (rest)
		rest->nr_pages = left;
	for (i = 0; i < nr; i++) {
		span[i].start_pfn = start_pfn;
		start_pfn += span[i].nr_pages;
	}
	return NULL;
}

/* Cut where the addressing limits of real devices are. */
static void by_address(unsigned int page_shift, unsigned long pfn,
		       unsigned long nr_pages, struct zb_span *span,
		       unsigned int *nr)
{
	static const struct { unsigned int type, border_shift; } limits[] = {
		{ ZB_ZONE_DMA, 24 }, { ZB_ZONE_DMA32, 32 }, { ZB_ZONE_NORMAL, 63 },
	};
	unsigned long border, end = pfn + nr_pages;
	unsigned int i;

	*nr = 0;
	for (i = 0; i < ARRAY_SIZE(limits) && pfn < end; i++) {
		border = (1ull << limits[i].border_shift) >> page_shift;
		border &= ~(ZB_PAGEBLOCK_NR - 1);
		if (pfn >= border)
			continue;
		if (border > end)
			border = end;
		span[*nr].type = limits[i].type;
		span[*nr].start_pfn = pfn;
		span[(*nr)++].nr_pages = border - pfn;
		pfn = border;
	}
}

/**
 * zb_layout() - cut a region into zones
 * @text: "auto" or a list, see the head of layout.h
 * @page_shift: log2 of the page size
 * @start_pfn: first frame of the region, on a pageblock border
 * @nr_pages: its frames, whole pageblocks
 * @span: the zones, in address order
 * @nr_spans: how many
 *
 * Return: NULL, or one sentence that says what is wrong with @text.
 */
const char *zb_layout(const char *text, unsigned int page_shift,
		      unsigned long start_pfn, unsigned long nr_pages,
		      struct zb_span span[ZB_NR_ZONES], unsigned int *nr_spans)
{
	const char *why;

	if (!strcmp(text, "auto") || !strcmp(text, "auto\n")) {
		by_address(page_shift, start_pfn, nr_pages, span, nr_spans);
		return NULL;
	}
	why = parse_list(text, page_shift, span, nr_spans);
	return why ?: place(start_pfn, nr_pages, span, *nr_spans);
}

static bool holds_block(const struct zb_span *span, unsigned int order)
{
	unsigned long first = ALIGN(span->start_pfn, BIT(order));

	return first + BIT(order) <= span->start_pfn + span->nr_pages;
}

/**
 * zb_layout_max_order() - the largest order that any zone can hold
 * @span: the zones
 * @nr_spans: how many
 * @limit: not above this, ZB_PAGEBLOCK_ORDER .. ZB_MAX_ORDER
 *
 * Return: the order of the largest naturally aligned block inside a zone.
 */
unsigned int zb_layout_max_order(const struct zb_span *span,
				 unsigned int nr_spans, unsigned int limit)
{
	unsigned int i, order;

	for (order = limit; order > ZB_PAGEBLOCK_ORDER; order--)
		for (i = 0; i < nr_spans; i++)
			if (holds_block(&span[i], order))
				return order;
	return order;
}
