// SPDX-License-Identifier: GPL-2.0-only
#include "fast.h"
#include "free.h"
#include "freelist.h"
#include "compact.h"
#include "singles.h"
#include "unfit.h"

/* Mark the frames of a word allocated, and add them to @s. */
static void take_word(struct zb_zone *zone, const struct zb_fast *fast, u32 word, u64 bits,
		      u64 zero, struct zb_singles *s)
{
	unsigned int bit;
	u32 frame;

	for (; bits; bits &= bits - 1) {
		bit = __ffs64(bits);
		frame = 64 * word + bit;
		if (unlikely(!zb_fast_take(zone, frame, 0, fast->state))) {
			zb_keep_out_of_use(zone->pool, zone, zone->start_pfn + frame, 0,
					   ZB_BAD_STATE);
			continue;
		}
		s->zero |= (zero >> bit & 1) << s->nr;
		*(s->pfn + s->nr++) = zone->start_pfn + frame;
	}
}

/* Take up to @nr frames of one pageblock. Returns false if there is none. */
static bool take_some(struct zb_zone *zone, const struct zb_fast *fast, unsigned int nr,
		      struct zb_singles *s)
{
	struct zb_bulk words zb_not_zeroed;
	u64 zero[ZB_PAGEBLOCK_WORDS];
	unsigned int i, nr_words;

	words.order = 0;
	zb_rmqueue_bulk(zone, fast->migratetype, fast->alloc_flags, nr, &words, zero);
	nr_words = words.nr;
	zb_bulk_drop_unfit(zone, &words);
	/* Words may have moved then, so all frames are going to be cleared. */
	for (i = 0; i < words.nr; i++)
		take_word(zone, fast, *(words.word + i), *(words.bits + i),
			  words.nr == nr_words ? *(zero + i) : 0, s);
	return nr_words;
}

/**
 * zb_fast_alloc_singles() - allocate several single frames, preferably zeroed ones
 * @node: node of the calling CPU
 * @gfp: flags of the requests, unchecked
 * @nr: number of frames, up to ZB_MAX_SINGLES
 * @s: set to the frames, all of which have been checked; none if each request has to be made on
 *	its own
 *
 * Does what the freelist path would do first for each request: its first attempt, in the zone
 * that it tries first. Therefore there are fewer frames than requested if the zone is about to
 * become low.
 *
 * Context: any but NMI; takes the zone lock.
 */
void zb_fast_alloc_singles(const struct zb_node *node, zb_gfp_t gfp, unsigned int nr,
			   struct zb_singles *s)
{
	const struct zb_fast *fast = zb_fast_entry(node, gfp);
	struct zb_zone *zone = fast->zone;

	s->nr = 0;
	s->zero = 0;
	if (gfp & (ZB_GFP_FAST_FLAGS | ZB_GFP_NO_FAST_PATH) ||
	    fast->migratetype == ZB_PCP_NO_TYPE || !READ_ONCE(zone->zeroed))
		return;
	while (s->nr < nr && !READ_ONCE(zone->below_fast_wmark) &&
	       take_some(zone, fast, nr - s->nr, s))
		;
	if (s->nr)
		zb_account_singles(zone, s->nr, gfp);
	if (unlikely(READ_ONCE(zone->lists_due)))
		zb_tell_low(zone->pool, zone);
	if (unlikely(READ_ONCE(zone->boost_due)))
		zb_tell_boosted(zone->pool, zone, gfp);
}

/* Claim a frame, so that no other CPU can free it. */
static enum zb_bad claim(struct zb_pool *pool, struct zb_zone *zone, unsigned long pfn)
{
	enum zb_bad bad = zb_pool_check_allocated(pool, pfn, 0);

	if (bad == ZB_OK && unlikely(!zb_zone_claim(zone, pfn, zb_zone_state(zone, pfn))))
		bad = ZB_BAD_NOT_ALLOCATED;
	return likely(bad == ZB_OK) ? ZB_OK : zb_refuse_free(pool, pfn, 0, bad);
}

static void add_frame(struct zb_bulk *words, u64 *zero, u32 frame, bool is_zero)
{
	unsigned int i = words->nr;

	if (!i || *(words->word + i - 1) != frame / 64) {
		*(words->word + i) = frame / 64;
		*(words->bits + i) = 0;
		*(zero + i) = 0;
		words->nr = ++i;
	}
	*(words->bits + i - 1) |= 1ull << frame % 64;
	*(zero + i - 1) |= (u64)is_zero << frame % 64;
}

/* Free claimed frames of a zone. */
static void free_claimed(struct zb_zone *zone, struct zb_bulk *words, u64 *zero,
			 unsigned int nr)
{
	unsigned int i, nr_words = words->nr, left = 0;

	zb_bulk_drop_unfit(zone, words);
	for (i = 0; i < words->nr; i++) {
		left += hweight64(*(words->bits + i));
		/* Words may have moved. */
		if (words->nr != nr_words)
			*(zero + i) = 0;
		*(zero + i) &= *(words->bits + i);
	}
	if (unlikely(left < nr))
		zb_zone_count_event(zone, ZB_PGFREE, nr - left);
	zb_free_zeroed_bulk(zone, words, zero);
}

/**
 * zb_pool_free_singles() - free single frames, but not to per-CPU lists
 * @pool: the allocator, which does not poison memory
 * @s: the frames; @zero says which ones nobody has written to since they were cleared
 * @first: number of the first frame to be freed; those before it stay allocated
 *
 * Each frame is freed as by zb_pool_free_to_zone(), which refuses it or not whatever becomes of
 * the others.
 *
 * Context: any but NMI; takes the zone lock.
 * Return: ZB_OK, or why the free of a frame was refused.
 */
enum zb_bad zb_pool_free_singles(struct zb_pool *pool, const struct zb_singles *s,
				 unsigned int first)
{
	struct zb_bulk words zb_not_zeroed;
	u64 zero[ZB_BULK_MAX_WORDS];
	struct zb_zone *zone = NULL;
	enum zb_bad bad, worst = ZB_OK;
	unsigned int i, nr = 0;

	words.order = 0;
	words.nr = 0;
	for (i = first; i < s->nr; i++) {
		if (!zone || !zb_zone_has(zone, *(s->pfn + i))) {
			if (nr)
				free_claimed(zone, &words, zero, nr);
			words.nr = 0;
			nr = 0;
			zone = zb_pfn_zone(pool, *(s->pfn + i));
		}
		bad = claim(pool, zone, *(s->pfn + i));
		if (unlikely(bad != ZB_OK)) {
			worst = bad;
			continue;
		}
		add_frame(&words, zero, *(s->pfn + i) - zone->start_pfn, s->zero >> i & 1);
		nr++;
	}
	if (nr)
		free_claimed(zone, &words, zero, nr);
	return worst;
}
