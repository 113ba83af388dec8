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

#define ZB_REST		(~0ul)	/* the size '*': the rest of the region */

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
 * zb_parse_size() - parse a size such as 64M
 * @text: decimal digits, followed by K, M, G, T, or nothing for bytes
 * @bytes: set to the size
 *
 * Return: the text behind the size, or NULL if @text does not start with a number or
 * the size exceeds 64 bits.
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

/* Parse "Name:SIZE" or "Name:*", and advance *text behind it. */
static const char *parse_span(const char **text, unsigned int page_shift,
			      struct zb_span *span)
{
	const char *size = match_zone(*text, &span->type);
	u64 bytes;

	if (!size)
		return "must be auto, or a list of DMA:SIZE, DMA32:SIZE, Normal:SIZE, HighMem:SIZE and Movable:SIZE, separated by commas";
	if (*size == '*') {
		span->nr_pages = ZB_REST;
		*text = size + 1;
		return NULL;
	}
	*text = zb_parse_size(size, &bytes);
	if (!*text)
		return "a size is not a number: use a size such as 64M or 1G, or * for the rest";
	span->nr_pages = bytes >> page_shift;
	if (!bytes || bytes & ((1ull << (page_shift + ZB_PAGEBLOCK_ORDER)) - 1))
		return "a size is 0 or not a multiple of the pageblock size (2M with 4K pages)";
	return NULL;
}

static const char not_ascending[] =
	"list each zone only once, in the order DMA, DMA32, Normal, HighMem, Movable";

static const char *parse_list(const char *text, unsigned int page_shift,
			      struct zb_span *span, unsigned int *nr)
{
	const char *why;

	for (*nr = 0; *nr < ZB_NR_ZONES; text++) {
		why = parse_span(&text, page_shift, &span[*nr]);
		if (why)
			return why;
		if (*nr && span[*nr].type <= span[*nr - 1].type)
			return not_ascending;
		(*nr)++;
		if (!*text || *text == '\n')
			return NULL;
		if (*text != ',')
			return "a size is followed by something other than a comma";
	}
	return not_ascending;
}

/* Compute the size of the zone with the size '*', and the address of each zone. */
static const char *place_zones(unsigned long start_pfn, unsigned long nr_pages,
			       struct zb_span *span, unsigned int nr)
{
	unsigned long left = nr_pages;
	struct zb_span *rest = NULL;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (span[i].nr_pages != ZB_REST) {
			if (span[i].nr_pages > left)
				return "the sizes add up to more than size=";
			left -= span[i].nr_pages;
			continue;
		}
		if (rest)
			return "there is more than one *";
		rest = &span[i];
	}
	if (!rest && left)
		return "the sizes add up to less than size=: give one zone the size *";
	if (rest && !left)
		return "the other sizes leave no memory for the zone with the size *";
	if (rest)
		rest->nr_pages = left;
	for (i = 0; i < nr; i++) {
		span[i].start_pfn = start_pfn;
		start_pfn += span[i].nr_pages;
	}
	return NULL;
}

/* Split the region at the limits of devices with 24 and 32 address bits. */
static void split_by_address(unsigned int page_shift, unsigned long pfn,
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
 * zb_layout() - divide a region into zones
 * @text: "auto" or a list, see layout.h
 * @page_shift: log2 of the page size
 * @start_pfn: first frame of the region, aligned to the pageblock size
 * @nr_pages: size of the region in frames, a multiple of the pageblock size
 * @span: set to the zones, in ascending order of address
 * @nr_spans: set to the number of zones
 *
 * Return: NULL, or a clause for the log that tells what is wrong with @text.
 */
const char *zb_layout(const char *text, unsigned int page_shift,
		      unsigned long start_pfn, unsigned long nr_pages,
		      struct zb_span span[ZB_NR_ZONES], unsigned int *nr_spans)
{
	const char *why;

	if (!strcmp(text, "auto") || !strcmp(text, "auto\n")) {
		split_by_address(page_shift, start_pfn, nr_pages, span, nr_spans);
		return NULL;
	}
	why = parse_list(text, page_shift, span, nr_spans);
	return why ?: place_zones(start_pfn, nr_pages, span, *nr_spans);
}

static bool holds_block(const struct zb_span *span, unsigned int order)
{
	unsigned long first = ALIGN(span->start_pfn, BIT(order));

	return first + BIT(order) <= span->start_pfn + span->nr_pages;
}

/**
 * zb_layout_max_order() - find the largest order that fits in any zone
 * @span: the zones
 * @nr_spans: number of zones
 * @limit: upper limit of the result, ZB_PAGEBLOCK_ORDER .. ZB_MAX_ORDER
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
