/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_CORE_BUDDY_H
#define ZB_CORE_BUDDY_H

#include "zone.h"

#define ZB_WORDS_MAX		64u

/**
 * struct zb_bulk - blocks of an order below ZB_WORD_ORDER, as bits of words
 * @nr: number of words
 * @order: order of the blocks
 * @word: index of each word, in units of 64 frames from the start of the zone
 * @bits: the frames of the blocks in each word
 *
 * Refills and drains move blocks between a list and the zone in this form,
 * because it costs no more to process a word than a single frame.
 */
struct zb_bulk {
	unsigned int nr;
	unsigned int order;
	u32 word[ZB_WORDS_MAX];
	u64 bits[ZB_WORDS_MAX];
};

struct zb_pageblock *__zb_find_smallest(struct zb_zone *zone,
					unsigned int order, unsigned int mt);
unsigned long __zb_rmqueue_smallest(struct zb_zone *zone, unsigned int order,
				    unsigned int mt, enum zb_block_state hold);
unsigned long __zb_rmqueue_from(struct zb_zone *zone, struct zb_pageblock *pb,
				unsigned int order, enum zb_block_state hold);
unsigned int __zb_take_words(struct zb_zone *zone, struct zb_pageblock *pb,
			     unsigned int nr, struct zb_bulk *words);
void __zb_free_one_page(struct zb_zone *zone, unsigned long pfn,
			unsigned int order);
void __zb_free_words(struct zb_zone *zone, const struct zb_bulk *words);
void __zb_claim_whole(struct zb_zone *zone, struct zb_pageblock *pb,
		      unsigned int order, unsigned int mt);
void __zb_set_pageblock_migratetype(struct zb_zone *zone,
				    struct zb_pageblock *pb, unsigned int mt);

#endif /* ZB_CORE_BUDDY_H */
