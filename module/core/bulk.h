/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving blocks between per-CPU lists and the zone in bulk, as bits of words.
 *
 *	list    17 18 19 20 21 ... 77      frames, in any order
 *	words   word 0: ####............   one bit per frame
 *	        word 1: .##
 *
 * Taking a word from a pageblock, or freeing it, costs no more than a single
 * frame does. The zone lock is taken once for all words.
 */
#ifndef ZB_CORE_WORDS_H
#define ZB_CORE_WORDS_H

#include "mobility.h"

unsigned int zb_bulk_add(struct zb_bulk *words, const u32 *frames,
			 unsigned int nr);
u32 zb_bulk_pop(struct zb_bulk *words);
void zb_rmqueue_bulk(struct zb_zone *zone, unsigned int mt,
		     unsigned int alloc_flags, unsigned int nr,
		     struct zb_bulk *words);
void zb_free_pcppages_bulk(struct zb_zone *zone, const struct zb_bulk *words,
			   unsigned int mt);

#endif /* ZB_CORE_WORDS_H */
