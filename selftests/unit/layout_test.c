// SPDX-License-Identifier: GPL-2.0-only
#include "layout.h"
#include "unit.h"

#define PB(n)	((unsigned long)(n) * ZB_PAGEBLOCK_NR)
#define M(n)	((n) * 256ul)		/* frames of 4K in @n MiB */
#define G(n)	M((n) * 1024ul)

TEST(parse_size)
{
	static const struct { const char *text; u64 bytes; int end; } good[] = {
		{ "0", 0, 1 }, { "1", 1, 1 }, { "007", 7, 3 },
		{ "64K", 64ull << 10, 3 }, { "64k", 64ull << 10, 3 },
		{ "64M", 64ull << 20, 3 }, { "64m", 64ull << 20, 3 },
		{ "3G", 3ull << 30, 2 }, { "3g", 3ull << 30, 2 },
		{ "2T", 2ull << 40, 2 }, { "2t", 2ull << 40, 2 },
		{ "64MB", 64ull << 20, 3 }, { "12,13", 12, 2 },
		{ "5 M", 5, 1 }, { "1P", 1, 1 }, { "0x10", 0, 1 },
		{ "16777215T", 16777215ull << 40, 9 },
		{ "18446744073709551615", ~0ull, 20 },
		{ "18014398509481983K", 18014398509481983ull << 10, 18 },
	};
	static const char *const bad[] = {
		"", "M", "-1", "+1", " 1", "x", "*", "18446744073709551616",
		"99999999999999999999", "16777216T", "18014398509481984K",
		"17179869184G", "17592186044416M",
	};
	const char *end;
	unsigned int i;
	u64 bytes;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		bytes = ~good[i].bytes;
		end = zb_parse_size(good[i].text, &bytes);
		if (!EXPECT(end) || !EXPECT_EQ(bytes, good[i].bytes) ||
		    !EXPECT_EQ(end - good[i].text, good[i].end))
			unit_note("%s", good[i].text);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (!EXPECT(!zb_parse_size(bad[i], &bytes)))
			unit_note("%s", bad[i]);
}

/* A region, the value of zones=, and the resulting zones. */
static const struct layout {
	const char *text;
	unsigned int page_shift;
	unsigned long start, nr;
	unsigned int nr_spans;
	struct zb_span span[ZB_NR_ZONES];
} layouts[] = {
	/* auto, in 4K pages: borders at 16 MiB and 4 GiB */
	{ "auto", 12, 0, M(16), 1, { { ZB_ZONE_DMA, 0, M(16) } } },
	{ "auto\n", 12, M(2), M(2), 1, { { ZB_ZONE_DMA, M(2), M(2) } } },
	{ "auto", 12, M(14), M(4), 2, {
		{ ZB_ZONE_DMA, M(14), M(2) }, { ZB_ZONE_DMA32, M(16), M(2) } } },
	{ "auto", 12, M(16), M(2), 1, { { ZB_ZONE_DMA32, M(16), M(2) } } },
	{ "auto", 12, G(4) - M(2), M(2), 1, {
		{ ZB_ZONE_DMA32, G(4) - M(2), M(2) } } },
	{ "auto", 12, G(4) - M(2), M(4), 2, {
		{ ZB_ZONE_DMA32, G(4) - M(2), M(2) },
		{ ZB_ZONE_NORMAL, G(4), M(2) } } },
	{ "auto", 12, G(4), G(64), 1, { { ZB_ZONE_NORMAL, G(4), G(64) } } },
	{ "auto", 12, 0, G(8), 3, {
		{ ZB_ZONE_DMA, 0, M(16) }, { ZB_ZONE_DMA32, M(16), G(4) - M(16) },
		{ ZB_ZONE_NORMAL, G(4), G(4) } } },
	/* in 64K pages a pageblock is 32 MiB: the first border is inside one */
	{ "auto", 16, 0, PB(2), 1, { { ZB_ZONE_DMA32, 0, PB(2) } } },
	{ "auto", 16, PB(127), PB(2), 2, {
		{ ZB_ZONE_DMA32, PB(127), PB(1) }, { ZB_ZONE_NORMAL, PB(128), PB(1) } } },
	{ "auto", 16, PB(128), PB(1), 1, { { ZB_ZONE_NORMAL, PB(128), PB(1) } } },
	/* by size */
	{ "Normal:4M", 12, M(32), M(4), 1, { { ZB_ZONE_NORMAL, M(32), M(4) } } },
	{ "Normal:*\n", 12, M(32), M(4), 1, { { ZB_ZONE_NORMAL, M(32), M(4) } } },
	{ "DMA:16M,Normal:*", 12, G(5), M(64), 2, {
		{ ZB_ZONE_DMA, G(5), M(16) },
		{ ZB_ZONE_NORMAL, G(5) + M(16), M(48) } } },
	{ "DMA:*,Normal:16M", 12, G(5), M(64), 2, {
		{ ZB_ZONE_DMA, G(5), M(48) },
		{ ZB_ZONE_NORMAL, G(5) + M(48), M(16) } } },
	{ "DMA:2M,DMA32:4M,Normal:*,HighMem:2M,Movable:2048K", 12, 0, M(16), 5, {
		{ ZB_ZONE_DMA, 0, M(2) }, { ZB_ZONE_DMA32, M(2), M(4) },
		{ ZB_ZONE_NORMAL, M(6), M(6) }, { ZB_ZONE_HIGHMEM, M(12), M(2) },
		{ ZB_ZONE_MOVABLE, M(14), M(2) } } },
	{ "Normal:32M,Movable:*", 16, 0, PB(3), 2, {
		{ ZB_ZONE_NORMAL, 0, PB(1) }, { ZB_ZONE_MOVABLE, PB(1), PB(2) } } },
};

TEST(good_layouts)
{
	struct zb_span span[ZB_NR_ZONES + 1];
	const struct layout *l;
	unsigned int i, k, nr;
	const char *why;

	for (i = 0; i < ARRAY_SIZE(layouts); i++) {
		l = &layouts[i];
		memset(span, 0xa5, sizeof(span));
		why = zb_layout(l->text, l->page_shift, l->start, l->nr, span, &nr);
		if (!EXPECT(!why) || !EXPECT_EQ(nr, l->nr_spans)) {
			unit_note("%s: %s", l->text, why);
			continue;
		}
		for (k = 0; k < nr; k++)
			if (!EXPECT_EQ(span[k].type, l->span[k].type) ||
			    !EXPECT_EQ(span[k].start_pfn, l->span[k].start_pfn) ||
			    !EXPECT_EQ(span[k].nr_pages, l->span[k].nr_pages))
				unit_note("%s at 0x%lx", l->text, l->start);
		/* nothing is written behind the zones */
		for (; k < ARRAY_SIZE(span); k++)
			EXPECT_EQ(span[k].start_pfn, 0xa5a5a5a5a5a5a5a5);
	}
}

#define SYNTAX	"a list of DMA:SIZE"
#define NUMBER	"not a number"
#define BLOCK	"not a multiple of the pageblock"
#define ORDER	"each zone only once"
#define COMMA	"other than a comma"
#define STARS	"more than one *"
#define MORE	"more than size="
#define LESS	"less than size="
#define NOTHING	"leave no memory"

TEST(bad_layouts)
{
	static const struct { const char *text, *why; } cases[] = {
		{ "", SYNTAX }, { "\n", SYNTAX }, { "Auto", SYNTAX },
		{ "auto,", SYNTAX }, { "autox", SYNTAX }, { "Normal", SYNTAX },
		{ "normal:4M", SYNTAX }, { "Normal=4M", SYNTAX },
		{ "Normal :4M", SYNTAX }, { "High:4M", SYNTAX },
		{ " Normal:*", SYNTAX }, { "DMA:2M,", SYNTAX },
		{ "DMA:2M,,Normal:*", SYNTAX }, { "DMA3:2M", SYNTAX },
		{ "Normal:", NUMBER }, { "Normal:M", NUMBER },
		{ "Normal:-2M", NUMBER }, { "Normal:x", NUMBER },
		{ "Normal:18446744073709551616", NUMBER },
		{ "Normal:16777216T", NUMBER },
		{ "Normal:0", BLOCK }, { "Normal:1M", BLOCK },
		{ "Normal:2097153", BLOCK }, { "DMA:0,Normal:*", BLOCK },
		{ "Normal:3M", BLOCK }, { "Normal:4096", BLOCK },
		{ "Normal:2M,DMA:2M", ORDER }, { "DMA:2M,DMA:2M", ORDER },
		{ "Movable:*,Normal:2M", ORDER },
		{ "Normal:2Mx", COMMA }, { "Normal:2M ", COMMA },
		{ "Normal:**", COMMA }, { "Normal:2MB", COMMA },
		{ "DMA:2M;Normal:*", COMMA }, { "Normal:*x", COMMA },
		{ "DMA:*,Normal:*", STARS }, { "DMA:*,DMA32:2M,Normal:*", STARS },
		{ "Normal:18M", MORE }, { "DMA:8M,Normal:10M", MORE },
		{ "DMA:8M,Normal:10M,Movable:*", MORE },
		{ "Normal:16777214T", MORE },
		{ "DMA:8796093022206M,Normal:8796093022206M", MORE },
		{ "Normal:14M", LESS }, { "DMA:2M,Normal:2M", LESS },
		{ "Normal:16M,Movable:*", NOTHING },
		{ "DMA:8M,DMA32:*,Normal:8M", NOTHING },
		{ "DMA:2M,DMA32:2M,Normal:2M,HighMem:2M,Movable:8M,DMA:2M", ORDER },
	};
	struct zb_span span[ZB_NR_ZONES + 1];
	const char *why;
	unsigned int i, nr;

	memset(span, 0xa5, sizeof(span));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		why = zb_layout(cases[i].text, 12, M(32), M(16), span, &nr);
		EXPECT_EQ(span[ZB_NR_ZONES].type, 0xa5a5a5a5);
		if (!EXPECT(why)) {
			unit_note("%s", cases[i].text);
			continue;
		}
		if (!EXPECT(strstr(why, cases[i].why)))
			unit_note("%s: %s", cases[i].text, why);
	}
}

TEST(names)
{
	unsigned int i;

	for (i = 0; i < ZB_NR_ZONES; i++)
		EXPECT(zb_zone_names[i] && *zb_zone_names[i]);
	for (i = 0; i < ZB_MIGRATE_TYPES; i++)
		EXPECT(zb_migratetype_names[i] && *zb_migratetype_names[i]);
	EXPECT(!strcmp(zb_zone_names[ZB_ZONE_HIGHMEM], "HighMem"));
	EXPECT(!strcmp(zb_migratetype_names[ZB_MIGRATE_ISOLATE], "Isolate"));
}

/* The order of the largest aligned block, found by trying all of them. */
static unsigned int model_max_order(const struct zb_span *span, unsigned int nr,
				    unsigned int limit)
{
	unsigned long pfn, end;
	unsigned int i, order, best = ZB_PAGEBLOCK_ORDER;

	for (i = 0; i < nr; i++) {
		end = span[i].start_pfn + span[i].nr_pages;
		for (pfn = span[i].start_pfn; pfn < end; pfn += PB(1))
			for (order = best + 1; order <= limit; order++)
				if (pfn % BIT(order) == 0 &&
				    pfn + BIT(order) <= end)
					best = order;
	}
	return best;
}

TEST(max_order)
{
	struct zb_span span[3];
	unsigned int i, k, nr, limit;
	unsigned long pfn;

	for (i = 0; i < 3000; i++) {
		nr = 1 + unit_below(3);
		for (pfn = PB(unit_below(1100)), k = 0; k < nr; k++) {
			span[k].type = k;
			span[k].start_pfn = pfn;
			span[k].nr_pages = PB(1 + unit_below(1 + unit_below(700)));
			pfn += span[k].nr_pages;
		}
		limit = 9 + unit_below(10);
		ASSERT_EQ(zb_layout_max_order(span, nr, limit),
			  model_max_order(span, nr, limit));
	}
}
