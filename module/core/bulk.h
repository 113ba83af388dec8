/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving blocks between per-CPU lists and the zone in bulk, as bits of words.
 *
 *	list    17 18 19 20 21 ... 77      frames, in any order
 *	words   word 0: ####............   one bit per frame
 *	        word 1: .##
 *
 * Taking a word from a pageblock, or freeing it, costs no more than a single
 * frame does. The zone lock is taken once for all words. Single frames that are in
 * different words are freed without that.
 */
#ifndef ZB_CORE_BULK_H
#define ZB_CORE_BULK_H

#include "mobility.h"
#include "zeroed.h"

#define ZB_BULK_MAX_WORDS	64u	/* of a refill */
#define ZB_BULK_MAX_DRAIN	8u	/* of a drain */

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
	u32 word[ZB_BULK_MAX_WORDS];
	u64 bits[ZB_BULK_MAX_WORDS];
};

unsigned int zb_bulk_add(struct zb_bulk *words, const u32 *frames,
			 unsigned int nr, unsigned int max_words);
u32 zb_bulk_pop(struct zb_bulk *words);
unsigned int __zb_take_words(struct zb_zone *zone, struct zb_pageblock *pb,
			     unsigned int nr, struct zb_bulk *words, u64 *zero);
void zb_rmqueue_bulk(struct zb_zone *zone, unsigned int mt,
		     unsigned int alloc_flags, unsigned int nr,
		     struct zb_bulk *words, u64 *zero);
void zb_free_pcppages_bulk(struct zb_zone *zone, const struct zb_bulk *words,
			   unsigned int mt);
void zb_free_zeroed_bulk(struct zb_zone *zone, const struct zb_bulk *words, const u64 *zero);
void zb_free_singles(struct zb_zone *zone, const u32 *frames, unsigned int nr,
		     unsigned int mt);

#endif /* ZB_CORE_BULK_H */
