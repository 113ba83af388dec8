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

unsigned int zb_bulk_add(struct zb_bulk *words, const u32 *frames,
			 unsigned int nr);
u32 zb_bulk_pop(struct zb_bulk *words);
void zb_rmqueue_bulk(struct zb_zone *zone, unsigned int mt,
		     unsigned int alloc_flags, unsigned int nr,
		     struct zb_bulk *words);
void zb_free_pcppages_bulk(struct zb_zone *zone, const struct zb_bulk *words,
			   unsigned int mt);

#endif /* ZB_CORE_WORDS_H */
