/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A pageblock: 512 frames, one bit each, one cache line of bits.
 *
 *	frame   0      63 64                                   448    511
 *	       +---------+---------+---------+-- ... --+---------+
 *	free[] | word 0  | word 1  | word 2  |         | word 7  |  1 = free
 *	       +---------+---------+---------+-- ... --+---------+
 *
 * These bits are the whole buddy state below pageblock order. A free block of
 * order k is an aligned run of 2^k set bits that is not part of a longer aligned
 * run. Two free buddies are therefore one block by definition. A free block needs
 * no link and no header, and its memory is not written to. @nr counts the maximal
 * runs by order, so that the orders available are known without a search.
 *
 * A wholly free pageblock has all bits set and @nr all zero. It is a block of
 * pageblock order, or part of a larger one, which the zone manages (buddy.h).
 *
 * The lock of the zone protects its pageblocks; no function here takes it.
 */
#ifndef ZB_CORE_PAGEBLOCK_H
#define ZB_CORE_PAGEBLOCK_H

#include <zb_env.h>

#define ZB_PAGEBLOCK_ORDER	9u
#define ZB_PAGEBLOCK_NR		BIT(ZB_PAGEBLOCK_ORDER)
#define ZB_PAGEBLOCK_WORDS	(ZB_PAGEBLOCK_NR / 64)
#define ZB_WORD_ORDER		6u	/* frames of one word, as an order */

/* Values of zb_pageblock.largest_free for a pageblock that is not on a free list. */
#define ZB_LIST_NONE		0xff	/* no frame is free */
#define ZB_LIST_TAIL		0xfe	/* wholly free, but not the head of its block */

/* Why compaction does not try a pageblock. */
enum zb_skip {
	ZB_SKIP_NOT,
	ZB_SKIP_FAILED,		/* it could not be emptied the last time */
	ZB_SKIP_RULED_OUT,	/* it can't be emptied as long as it has the same allocations */
};

/**
 * struct zb_pageblock - free frames of a pageblock, and the list it is on
 * @free: one bit per frame, set when free in the buddy system
 * @link: on free_area[@largest_free].free_list[@migratetype]
 * @nr: number of maximal free runs by order, below ZB_PAGEBLOCK_ORDER
 * @nr_free: number of free frames, which is the number of bits set
 * @orders: bit k is set when there is a run of order k in @nr
 * @largest_free: order of the largest free block, which names the list it is on;
 *	ZB_LIST_NONE or ZB_LIST_TAIL when it is on none
 * @migratetype: ZB_MIGRATE_* of the whole pageblock
 * @saved_type: the migrate type before the pageblock was isolated
 * @skip_compaction: compaction does not try it, ZB_SKIP_*; written without the lock, a hint only
 * @added: value of zb_free_area.nr_added when it was put on its list
 */
struct zb_pageblock {
	u64 free[ZB_PAGEBLOCK_WORDS];
	struct list_head link;
	u16 nr[ZB_PAGEBLOCK_ORDER];
	u16 nr_free;
	u16 orders;
	u8 largest_free;
	u8 migratetype;
	u8 saved_type;
	u8 skip_compaction;
	u64 added;
} __aligned(64);

static inline bool zb_pageblock_all_free(const struct zb_pageblock *pb)
{
	return pb->nr_free == ZB_PAGEBLOCK_NR;
}

/* Prefetch both cache lines for writing. */
static inline void zb_prefetch_pageblock(const struct zb_pageblock *pb)
{
	zb_prefetchw(pb->free);
	zb_prefetchw(&pb->link);
}

static inline bool zb_pageblock_test(const struct zb_pageblock *pb,
				     unsigned int frame)
{
	return pb->free[frame / 64] >> (frame % 64) & 1;
}

/* Bit p is set when 2^k divides p, for k = 0 .. 6. */
static const u64 zb_aligned_bits[ZB_WORD_ORDER + 1] = {
	0xffffffffffffffffull, 0x5555555555555555ull, 0x1111111111111111ull,
	0x0101010101010101ull, 0x0001000100010001ull, 0x0000000100000001ull,
	0x0000000000000001ull,
};

/* Reduce the bits of all frames of blocks of @order to the first frame of each. */
static inline u64 zb_block_starts(u64 bits, unsigned int order)
{
	return bits & *(zb_aligned_bits + order);
}

/* Extend the first frames of blocks of @order to all frames of these blocks. */
static inline u64 zb_block_bits(u64 starts, unsigned int order)
{
	unsigned int i;

	for (i = 0; i < order; i++)
		starts |= starts << (1u << i);
	return starts;
}

/* The starts of all aligned runs of 2^@k set bits in @w. */
static inline u64 zb_aligned_runs(u64 w, unsigned int k)
{
	unsigned int i;

	for (i = 0; i < k; i++)
		w &= w >> (1u << i);
	return w & zb_aligned_bits[k];
}

/* The starts of those of these runs that are not in an aligned run of 2^(@k+1). */
static inline u64 zb_maximal_runs(u64 w, unsigned int k)
{
	u64 longer = zb_aligned_runs(w, k + 1);

	return zb_aligned_runs(w, k) & ~(longer | longer << (1u << k));
}

/* One bit per word of @pb, set when all frames of the word are free. */
static inline u64 zb_full_words(const struct zb_pageblock *pb)
{
	u64 full = 0;
	unsigned int i;

	for (i = 0; i < ZB_PAGEBLOCK_WORDS; i++)
		full |= (u64)(pb->free[i] == ~0ull) << i;
	return full;
}

/* Add @delta, which may be negative, to the number of maximal free runs of @order. */
static inline void zb_pageblock_count_run(struct zb_pageblock *pb,
					  unsigned int order, int delta)
{
	u16 *nr = pb->nr + order;

	*nr += delta;
	if (*nr)
		pb->orders |= BIT(order);
	else
		pb->orders &= ~BIT(order);
}

void zb_pageblock_fill(struct zb_pageblock *pb);
void zb_pageblock_empty(struct zb_pageblock *pb);
void zb_pageblock_count_runs(const struct zb_pageblock *pb,
			     u16 nr[ZB_PAGEBLOCK_ORDER]);
unsigned int zb_pageblock_largest(const struct zb_pageblock *pb);
unsigned int zb_pageblock_find(const struct zb_pageblock *pb,
			       unsigned int order, unsigned int *run_order);
bool zb_pageblock_run_is_free(const struct zb_pageblock *pb, unsigned int frame,
			      unsigned int order);
void zb_pageblock_set_run(struct zb_pageblock *pb, unsigned int frame,
			  unsigned int order, bool is_free);
void zb_pageblock_set_free(struct zb_pageblock *pb, unsigned int frame, unsigned int nr);

#endif /* ZB_CORE_PAGEBLOCK_H */
