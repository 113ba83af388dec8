// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interprets an input of the fuzzer (../fuzz/core/core_fuzz.c). An input that begins with z
 * is a value of the parameter zones; any other one is a history.
 */
#include "layout.h"
#include "unit_history.h"
#include "unit.h"

#define MAX_TEXT	200u

/* For any text, the resulting zones are a partition of the region. */
static void fuzz_layout(const u8 *data, size_t size)
{
	struct zb_span span[ZB_NR_ZONES];
	unsigned long start, nr, at;
	unsigned int i, nr_spans = 0;
	char text[MAX_TEXT + 1];
	u64 bytes;

	start = unit_below(1u << 24) * ZB_PAGEBLOCK_NR;
	nr = (1 + unit_below(1u << 16)) * ZB_PAGEBLOCK_NR;
	/* the numbers are in the last bytes, so that the text is contiguous */
	size = size < MAX_TEXT ? size : MAX_TEXT;
	memcpy(text, data, size);
	text[size] = '\0';
	zb_parse_size(text, &bytes);
	if (zb_layout(text, 12, start, nr, span, &nr_spans))
		return;
	ASSERT(nr_spans >= 1 && nr_spans <= ZB_NR_ZONES);
	for (i = 0, at = start; i < nr_spans; i++) {
		ASSERT_EQ(span[i].start_pfn, at);
		ASSERT(span[i].nr_pages);
		ASSERT_EQ(span[i].nr_pages % ZB_PAGEBLOCK_NR, 0);
		ASSERT(!i || span[i].type > span[i - 1].type);
		at += span[i].nr_pages;
	}
	ASSERT_EQ(at, start + nr);
	ASSERT(zb_layout_max_order(span, nr_spans, ZB_MAX_ORDER) >= ZB_PAGEBLOCK_ORDER);
}

/**
 * unit_fuzz() - interpret an input
 * @data: any bytes
 * @size: number of bytes
 * @o: the outcome of a history is added here
 */
void unit_fuzz(const u8 *data, size_t size, struct unit_outcome *o)
{
	static const struct unit_bounds b = {
		.steps = 300, .check_every = 1, .max_zone = 4, .max_gap = 3,
		.compare_every = 4,
	};

	if (size > 8 && data[0] == 'z') {
		unit_use_input(data + size - 7, 7);
		fuzz_layout(data + 1, size - 8);
	} else {
		unit_use_input(data, size);
		unit_history(&b, o);
	}
	unit_use_input(NULL, 0);
}
