// SPDX-License-Identifier: GPL-2.0-only
#include "buddy.h"

/**
 * zb_zone_pageblocks_size() - size of zb_zone.pageblocks
 * @nr_pages: frames of the zone
 *
 * Return: bytes that the caller of zb_zone_init() has to provide, aligned to
 * a cache line. They need not be initialized.
 */
size_t zb_zone_pageblocks_size(unsigned long nr_pages)
{
	return (nr_pages >> ZB_PAGEBLOCK_ORDER) * sizeof(struct zb_pageblock);
}

/**
 * zb_zone_state_size() - size of zb_zone.state
 * @nr_pages: frames of the zone
 *
 * There is one byte per frame, one for the nonexistent frame that is the sentinel
 * of per-CPU lists, and then one per pageblock for zb_zone.types.
 *
 * Return: bytes that the caller of zb_zone_init() has to provide, all zero.
 */
size_t zb_zone_state_size(unsigned long nr_pages)
{
	return nr_pages + 1 + (nr_pages >> ZB_PAGEBLOCK_ORDER);
}

/* Readers do not take the lock. */
static void set_type(struct zb_zone *zone, struct zb_pageblock *pb,
		     unsigned int mt)
{
	WRITE_ONCE(pb->migratetype, mt);
	WRITE_ONCE(zone->types[pb - zone->pageblocks], mt);
}

/* Add @nr, which may be negative, to the number of free blocks. */
static void count_blocks(struct zb_zone *zone, const struct zb_pageblock *pb,
			 unsigned int order, long nr)
{
	zb_free_area_count(zone->free_area, order, pb->migratetype, nr);
	if (unlikely(zone->audits))
		__zb_audit_blocks(zone, pb, order, pb->migratetype, nr);
}

/* Add @nr, which may be negative, to the number of free frames. */
static void count_free(struct zb_zone *zone, const struct zb_pageblock *pb,
		       long nr)
{
	unsigned int mt = pb->migratetype;

	if (unlikely(zone->audits))
		__zb_audit_free(zone, pb, nr);
	WRITE_ONCE(zone->nr_free, zone->nr_free + nr);
	WRITE_ONCE(zone->nr_free_type[mt], zone->nr_free_type[mt] + nr);
	if (mt < ZB_MIGRATE_PCPTYPES)
		__zb_set_nr_free_pcptypes(zone, zone->nr_free_pcptypes + nr);
}

/*
 * Count that @nr pageblocks with @nr_free free frames change their type. The
 * zone's nr_free must not change even transiently, because concurrent watermark
 * checks could fail.
 */
static void count_retyped(struct zb_zone *zone, const struct zb_pageblock *pb,
			  unsigned int to, unsigned long nr,
			  unsigned long nr_free)
{
	unsigned int from = pb->migratetype;
	unsigned long *blocks = zone->nr_blocks, *frames = zone->nr_free_type;

	if (unlikely(zone->audits))
		__zb_audit_retyped(zone, pb, nr, to);
	WRITE_ONCE(blocks[from], blocks[from] - nr);
	WRITE_ONCE(blocks[to], blocks[to] + nr);
	WRITE_ONCE(frames[from], frames[from] - nr_free);
	WRITE_ONCE(frames[to], frames[to] + nr_free);
	if (from < ZB_MIGRATE_PCPTYPES && to >= ZB_MIGRATE_PCPTYPES)
		__zb_set_nr_free_pcptypes(zone, zone->nr_free_pcptypes - nr_free);
	if (from >= ZB_MIGRATE_PCPTYPES && to < ZB_MIGRATE_PCPTYPES)
		__zb_set_nr_free_pcptypes(zone, zone->nr_free_pcptypes + nr_free);
}

/* List @pb as the head of a free block; its other pageblocks become tails. */
static void add_whole(struct zb_zone *zone, struct zb_pageblock *pb,
		      unsigned int order)
{
	zb_free_area_add(zone->free_area, pb, order);
	count_blocks(zone, pb, order, 1);
}

static void del_whole(struct zb_zone *zone, struct zb_pageblock *pb)
{
	count_blocks(zone, pb, pb->largest_free, -1);
	zb_free_area_del(pb, ZB_LIST_TAIL);
}

/* The largest naturally aligned block that starts at @pfn inside the zone. */
static unsigned int order_at(const struct zb_zone *zone, unsigned long pfn)
{
	unsigned int order = zone->max_order;

	while ((pfn & (BIT(order) - 1)) || pfn + BIT(order) > zb_zone_end(zone))
		order--;
	return order;
}

/**
 * zb_zone_init() - initialize a zone, with all of its frames free
 * @zone: the zone; the caller has set its range, memory and identity, @max_order
 *	(ZB_PAGEBLOCK_ORDER .. ZB_MAX_ORDER) and @default_migratetype
 *
 * All pageblocks get the type @default_migratetype, which is Movable unless the
 * pool is too small to group by mobility. Unmovable and reclaimable requests claim
 * whole pageblocks later, so that they do not spread over the zone.
 */
void zb_zone_init(struct zb_zone *zone)
{
	unsigned long i, pfn, nr = zb_zone_nr_pageblocks(zone);
	struct zb_pageblock *pb;

	zb_lock_init(&zone->lock);
	zb_free_area_init(zone->free_area);
	zone->nr_free = 0;
	zone->nr_bad = 0;
	zone->audits = NULL;
	zone->nr_unfit = 0;
	zone->nr_free_pcptypes = 0;
	zone->fast_wmark = 0;
	zone->below_fast_wmark = 0;
	zone->lists_due = 0;
	zone->types = zone->state + zone->nr_pages + 1;
	memset(zone->nr_free_type, 0, sizeof(zone->nr_free_type));
	memset(zone->nr_blocks, 0, sizeof(zone->nr_blocks));
	memset(zone->events, 0, sizeof(zone->events));
	memset(zone->fallbacks, 0, sizeof(zone->fallbacks));
	for (i = 0; i < nr; i++) {
		pb = &zone->pageblocks[i];
		zb_pageblock_fill(pb);
		pb->largest_free = ZB_LIST_TAIL;
		set_type(zone, pb, zone->default_migratetype);
	}
	for (pfn = zone->start_pfn; pfn < zb_zone_end(zone);
	     pfn += BIT(pb->largest_free)) {
		pb = zb_pfn_pageblock(zone, pfn);
		add_whole(zone, pb, order_at(zone, pfn));
	}
	zone->nr_blocks[zone->default_migratetype] = nr;
	count_free(zone, zone->pageblocks, zone->nr_pages);
}

/*
 * Take a free block of whole pageblocks off its list and split it down to @order.
 * The upper half of each split is put on the free lists.
 */
static void expand_whole(struct zb_zone *zone, struct zb_pageblock *pb,
			 unsigned int order)
{
	unsigned int k = pb->largest_free;

	del_whole(zone, pb);
	while (k-- > order)
		add_whole(zone, pb + BIT(k - ZB_PAGEBLOCK_ORDER), k);
}

static void take_whole(struct zb_zone *zone, struct zb_pageblock *pb,
		       unsigned int order)
{
	unsigned long i;

	expand_whole(zone, pb, order);
	for (i = 0; i < BIT(order - ZB_PAGEBLOCK_ORDER); i++) {
		zb_pageblock_empty(&pb[i]);
		count_free(zone, &pb[i], -(long)ZB_PAGEBLOCK_NR);
		pb[i].largest_free = ZB_LIST_NONE;
	}
}

/* Take a block below pageblock order; returns its first frame in @pb. */
static unsigned int take_part(struct zb_zone *zone, struct zb_pageblock *pb,
			      unsigned int order)
{
	unsigned int k, run_order, frame;

	if (zb_pageblock_all_free(pb))
		expand_whole(zone, pb, ZB_PAGEBLOCK_ORDER);
	frame = zb_pageblock_find(pb, order, &run_order);
	zb_pageblock_take(pb, frame, order, run_order);
	if (run_order < ZB_PAGEBLOCK_ORDER)
		count_blocks(zone, pb, run_order, -1);
	for (k = order; k < run_order; k++)
		count_blocks(zone, pb, k, 1);
	zb_free_area_rekey(zone->free_area, pb);
	count_free(zone, pb, -(long)BIT(order));
	return frame;
}

/* Update the counters of the zone after the runs of a pageblock have changed. */
static void count_changed_runs(struct zb_zone *zone,
			       const struct zb_pageblock *pb,
			       const u16 before[ZB_PAGEBLOCK_ORDER])
{
	unsigned int k;

	for (k = 0; k < ZB_PAGEBLOCK_ORDER; k++)
		if (pb->nr[k] != before[k])
			count_blocks(zone, pb, k, (long)pb->nr[k] - before[k]);
}

/* Set the state of every block in @bits. */
static void set_states(struct zb_zone *zone, u32 word, u64 bits,
		       unsigned int order, u8 state)
{
	u8 *first = zone->state + 64ul * word;
	u64 starts;

	for (starts = zb_block_starts(bits, order); starts; starts &= starts - 1)
		WRITE_ONCE(*(first + __ffs64(starts)), state);
}

/**
 * __zb_take_words() - take several blocks from a given pageblock
 * @zone: its zone
 * @pb: a listed pageblock, with @largest_free of at least the order of the blocks
 * @nr: maximum number of blocks
 * @words: the blocks are added here; its @order is their order, and it must have
 *	room for ZB_PAGEBLOCK_WORDS more words. Their state becomes ZB_BLOCK_PCP
 *
 * Context: zone lock held.
 * Return: number of blocks taken, at least one.
 */
unsigned int __zb_take_words(struct zb_zone *zone, struct zb_pageblock *pb,
			     unsigned int nr, struct zb_bulk *words)
{
	u32 first = (pb - zone->pageblocks) * ZB_PAGEBLOCK_WORDS;
	u8 state = ZB_STATE(ZB_BLOCK_PCP, words->order);
	u16 before[ZB_PAGEBLOCK_ORDER];
	u64 taken[ZB_PAGEBLOCK_WORDS];
	unsigned int i;

	zb_assert_held(&zone->lock);
	if (zb_pageblock_all_free(pb))
		expand_whole(zone, pb, ZB_PAGEBLOCK_ORDER);
	memcpy(before, pb->nr, sizeof(before));
	nr = zb_pageblock_take_blocks(pb, words->order, nr, taken);
	count_changed_runs(zone, pb, before);
	zb_free_area_rekey(zone->free_area, pb);
	count_free(zone, pb, -(long)(nr << words->order));
	for (i = 0; i < ZB_PAGEBLOCK_WORDS; i++) {
		if (!taken[i])
			continue;
		set_states(zone, first + i, taken[i], words->order, state);
		words->word[words->nr] = first + i;
		words->bits[words->nr++] = taken[i];
	}
	return nr;
}

/**
 * __zb_rmqueue_from() - take a block from a given pageblock
 * @zone: its zone
 * @pb: a listed pageblock, with @largest_free of at least @order
 * @order: order of the block
 * @hold: state of the block from now on
 *
 * Context: zone lock held.
 * Return: first frame of the block.
 */
unsigned long __zb_rmqueue_from(struct zb_zone *zone, struct zb_pageblock *pb,
				unsigned int order, enum zb_block_state hold)
{
	unsigned long pfn = zb_pageblock_pfn(zone, pb);

	zb_assert_held(&zone->lock);
	if (order < ZB_PAGEBLOCK_ORDER)
		pfn += take_part(zone, pb, order);
	else
		take_whole(zone, pb, order);
	zb_zone_set_state(zone, pfn, ZB_STATE(hold, order));
	return pfn;
}

/**
 * __zb_find_smallest() - find a pageblock by searching the free lists upwards
 * @zone: the zone
 * @order: order to start from
 * @mt: migrate type whose lists are searched
 *
 * Context: zone lock held.
 * Return: the first pageblock of the lowest list that is not empty, or NULL.
 */
struct zb_pageblock *__zb_find_smallest(struct zb_zone *zone,
					unsigned int order, unsigned int mt)
{
	struct zb_pageblock *pb;
	unsigned int k;

	zb_assert_held(&zone->lock);
	for (k = order; k <= zone->max_order; k++) {
		pb = zb_free_area_first(zone->free_area, k, mt);
		if (pb)
			return pb;
	}
	return NULL;
}

/**
 * __zb_rmqueue_smallest() - take a block from the free lists of a migrate type
 * @zone: the zone
 * @order: order of the block
 * @mt: migrate type whose lists are searched
 * @hold: state of the block from now on
 *
 * Context: zone lock held.
 * Return: first frame of the block, or ZB_NO_PFN.
 */
unsigned long __zb_rmqueue_smallest(struct zb_zone *zone, unsigned int order,
				    unsigned int mt, enum zb_block_state hold)
{
	struct zb_pageblock *pb = __zb_find_smallest(zone, order, mt);

	return pb ? __zb_rmqueue_from(zone, pb, order, hold) : ZB_NO_PFN;
}

/* The pageblock at @pfn if it is the head of a free block of @order and type @mt. */
static struct zb_pageblock *whole_buddy(const struct zb_zone *zone,
					unsigned long pfn, unsigned int order,
					unsigned int mt)
{
	struct zb_pageblock *pb;

	if (!zb_zone_has(zone, pfn))
		return NULL;
	pb = zb_pfn_pageblock(zone, pfn);
	return pb->largest_free == order && pb->migratetype == mt ? pb : NULL;
}

/* Merge a block of wholly free pageblocks, which is on no list, and list it. */
static void merge_whole(struct zb_zone *zone, struct zb_pageblock *pb,
			unsigned int order)
{
	unsigned long pfn = zb_pageblock_pfn(zone, pb);
	struct zb_pageblock *buddy;

	for (; order < zone->max_order; order++) {
		buddy = whole_buddy(zone, pfn ^ BIT(order), order,
				    pb->migratetype);
		if (!buddy)
			break;
		del_whole(zone, buddy);
		pfn &= ~BIT(order);
		pb = zb_pfn_pageblock(zone, pfn);
	}
	add_whole(zone, pb, order);
}

/*
 * Return a wholly free pageblock to the default type, so that it merges with its
 * buddies and serves any request for whole pageblocks. This includes HighAtomic
 * pageblocks, because a free pageblock of another type prevents the merge to a
 * larger block. The next atomic request of order > 0 reserves a pageblock again.
 * CMA and isolated pageblocks keep their type.
 */
static void revert_migratetype(struct zb_zone *zone, struct zb_pageblock *pb)
{
	if (pb->migratetype == zone->default_migratetype)
		return;
	if (pb->migratetype == ZB_MIGRATE_HIGHATOMIC)
		__zb_count_event(zone, ZB_HIGHATOMIC_UNRESERVE, 1);
	else if (pb->migratetype >= ZB_MIGRATE_PCPTYPES)
		return;
	count_retyped(zone, pb, zone->default_migratetype, 1, pb->nr_free);
	set_type(zone, pb, zone->default_migratetype);
}

static void give_whole(struct zb_zone *zone, struct zb_pageblock *pb,
		       unsigned int order)
{
	unsigned long i, nr = BIT(order - ZB_PAGEBLOCK_ORDER);
	bool one_type = true;

	for (i = 0; i < nr; i++) {
		zb_pageblock_fill(&pb[i]);
		pb[i].largest_free = ZB_LIST_TAIL;
		count_free(zone, &pb[i], ZB_PAGEBLOCK_NR);
		revert_migratetype(zone, &pb[i]);
		one_type &= pb[i].migratetype == pb->migratetype;
	}
	if (one_type) {
		merge_whole(zone, pb, order);
		return;
	}
	/* Some of its pageblocks changed their type while it was allocated. */
	for (i = 0; i < nr; i++)
		merge_whole(zone, &pb[i], ZB_PAGEBLOCK_ORDER);
}

/* List @pb after frames were freed in it; it may be wholly free now. */
static void relist(struct zb_zone *zone, struct zb_pageblock *pb)
{
	if (!zb_pageblock_all_free(pb)) {
		zb_free_area_rekey(zone->free_area, pb);
		return;
	}
	if (zb_free_area_listed(pb))
		zb_free_area_del(pb, ZB_LIST_TAIL);
	revert_migratetype(zone, pb);
	merge_whole(zone, pb, ZB_PAGEBLOCK_ORDER);
}

static void give_part(struct zb_zone *zone, struct zb_pageblock *pb,
		      unsigned int frame, unsigned int order)
{
	unsigned int k, merged = zb_pageblock_give(pb, frame, order);

	count_free(zone, pb, BIT(order));
	for (k = order; k < merged; k++)
		count_blocks(zone, pb, k, -1);
	if (merged < ZB_PAGEBLOCK_ORDER)
		count_blocks(zone, pb, merged, 1);
	relist(zone, pb);
}

/**
 * __zb_free_one_page() - put a block back and merge it with its buddies
 * @zone: its zone
 * @pfn: its first frame
 * @order: its order
 *
 * The caller has checked that such a block starts there.
 *
 * Context: zone lock held.
 */
void __zb_free_one_page(struct zb_zone *zone, unsigned long pfn,
			unsigned int order)
{
	struct zb_pageblock *pb = zb_pfn_pageblock(zone, pfn);

	zb_assert_held(&zone->lock);
	zb_zone_set_state(zone, pfn, 0);
	if (order < ZB_PAGEBLOCK_ORDER)
		give_part(zone, pb, pfn % ZB_PAGEBLOCK_NR, order);
	else
		give_whole(zone, pb, order);
}

/* Free the leading words of the same pageblock; returns how many they are. */
static unsigned int give_words(struct zb_zone *zone, const u32 *word,
			       const u64 *bits, unsigned int nr)
{
	u32 block = *word / ZB_PAGEBLOCK_WORDS;
	struct zb_pageblock *pb = zone->pageblocks + block;
	unsigned int i = 0, nr_free = pb->nr_free;
	u16 before[ZB_PAGEBLOCK_ORDER];

	memcpy(before, pb->nr, sizeof(before));
	do {
		zb_pageblock_give_bits(pb, word[i] % ZB_PAGEBLOCK_WORDS, bits[i]);
		i++;
	} while (i < nr && word[i] / ZB_PAGEBLOCK_WORDS == block);
	count_free(zone, pb, (long)pb->nr_free - nr_free);
	count_changed_runs(zone, pb, before);
	relist(zone, pb);
	return i;
}

/* It is cheaper to merge a single block with its buddies than to recount a word. */
static bool is_one_block(u64 bits, unsigned int order)
{
	u64 starts = zb_block_starts(bits, order);

	return !(starts & (starts - 1));
}

/**
 * __zb_free_words() - put blocks back and merge them with their buddies
 * @zone: their zone
 * @words: the blocks
 *
 * Context: zone lock held.
 */
void __zb_free_words(struct zb_zone *zone, const struct zb_bulk *words)
{
	const u32 *word = words->word;
	const u64 *bits = words->bits;
	unsigned int i;

	zb_assert_held(&zone->lock);
	/* Fetch cache lines that another CPU may own while the states are written. */
	for (i = 0; i < words->nr; i++) {
		zb_prefetch_pageblock(zone->pageblocks +
				      word[i] / ZB_PAGEBLOCK_WORDS);
		set_states(zone, word[i], bits[i], words->order, 0);
	}
	for (i = 0; i < words->nr;) {
		if (!bits[i]) {
			i++;
		} else if (is_one_block(bits[i], words->order)) {
			give_part(zone, zone->pageblocks + word[i] / ZB_PAGEBLOCK_WORDS,
				  word[i] % ZB_PAGEBLOCK_WORDS * 64 + __ffs64(bits[i]),
				  words->order);
			i++;
		} else {
			i += give_words(zone, word + i, bits + i, words->nr - i);
		}
	}
}

/**
 * __zb_claim_whole() - change the migrate type of the first part of a free block
 * @zone: its zone
 * @pb: head of a free block of at least @order
 * @order: order of the part, ZB_PAGEBLOCK_ORDER or more
 * @mt: the new migrate type
 *
 * Afterwards @pb is the head of a free block of exactly @order and of type
 * @mt; the rest keeps its type, in free blocks of its own.
 *
 * Context: zone lock held.
 */
void __zb_claim_whole(struct zb_zone *zone, struct zb_pageblock *pb,
		      unsigned int order, unsigned int mt)
{
	unsigned long i, nr = BIT(order - ZB_PAGEBLOCK_ORDER);

	zb_assert_held(&zone->lock);
	zb_trace_migratetype(zb_pageblock_pfn(zone, pb), pb->migratetype, mt);
	expand_whole(zone, pb, order);
	count_retyped(zone, pb, mt, nr, BIT(order));
	for (i = 0; i < nr; i++)
		set_type(zone, &pb[i], mt);
	add_whole(zone, pb, order);
}

/* The head of the free block of whole pageblocks that has @pb in it. */
static struct zb_pageblock *whole_head(struct zb_zone *zone,
				       struct zb_pageblock *pb)
{
	unsigned long pfn = zb_pageblock_pfn(zone, pb);
	unsigned int k;

	for (k = ZB_PAGEBLOCK_ORDER; pb->largest_free == ZB_LIST_TAIL; k++)
		pb = zb_pfn_pageblock(zone, pfn & ~(BIT(k + 1) - 1));
	return pb;
}

/* Split a free block until the pageblock @pb in it is a block of its own. */
static void split_out(struct zb_zone *zone, struct zb_pageblock *pb)
{
	struct zb_pageblock *upper, *head = whole_head(zone, pb);
	unsigned int k = head->largest_free;

	del_whole(zone, head);
	while (k-- > ZB_PAGEBLOCK_ORDER) {
		upper = head + BIT(k - ZB_PAGEBLOCK_ORDER);
		add_whole(zone, pb < upper ? upper : head, k);
		if (pb >= upper)
			head = upper;
	}
	add_whole(zone, pb, ZB_PAGEBLOCK_ORDER);
}

/**
 * __zb_set_pageblock_migratetype() - change the migrate type of a pageblock
 * @zone: its zone
 * @pb: any pageblock
 * @mt: the new migrate type
 *
 * Its free blocks move to the lists of the new type. A wholly free pageblock is
 * split from its free block and merged with buddies of the new type.
 *
 * Context: zone lock held.
 */
void __zb_set_pageblock_migratetype(struct zb_zone *zone,
				    struct zb_pageblock *pb, unsigned int mt)
{
	zb_assert_held(&zone->lock);
	zb_trace_migratetype(zb_pageblock_pfn(zone, pb), pb->migratetype, mt);
	count_retyped(zone, pb, mt, 1, pb->nr_free);
	if (!zb_pageblock_all_free(pb)) {
		if (unlikely(zone->audits))
			__zb_audit_runs_retyped(zone, pb, mt);
		zb_free_area_move(zone->free_area, pb, mt);
		set_type(zone, pb, mt);
		return;
	}
	split_out(zone, pb);
	del_whole(zone, pb);
	set_type(zone, pb, mt);
	merge_whole(zone, pb, ZB_PAGEBLOCK_ORDER);
}
