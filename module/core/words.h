/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between per-CPU lists and the zone: many blocks as bits of a few words.
 *
 *	list    17 18 19 20 21 ... 77      frames, in any order
 *	words   word 0: ####............   a bit for each frame
 *	        word 1: .##
 *
 * Taking a word off a pageblock, or putting it back, costs as much as a single
 * frame would. The zone lock is taken once for all of them.
 */
#ifndef ZB_CORE_WORDS_H
#define ZB_CORE_WORDS_H

#include "mobility.h"

unsigned int zb_words_add(struct zb_words *words, const u32 *frames,
			  unsigned int nr);
u32 zb_words_pop(struct zb_words *words);
void zb_words_take(struct zb_zone *zone, unsigned int mt,
		   unsigned int alloc_flags, unsigned int nr,
		   struct zb_words *words);
void zb_words_give(struct zb_zone *zone, const struct zb_words *words,
		   unsigned int mt);

#endif /* ZB_CORE_WORDS_H */
