// SPDX-License-Identifier: GPL-2.0-only
/*
 * A short model of a zone of the kernel's page allocator, as books and the kernel's documentation
 * describe it, for single frames of one migrate type:
 *
 *	zone		free lists by order, linked through the struct page of the first frame of
 *			each block; a lock in the cache line after them; and the number of free
 *			frames, which each request compares with a watermark
 *	each CPU	a list of single frames, linked in the same way, with a lock of its own; and
 *			changes of the number of free frames that were not added to it yet
 *
 * A list that is empty is refilled with a batch of frames, and a list that has reached its maximum
 * gives a batch back, which is merged with its buddies. It does not have the kernel's other migrate
 * types, its checks, or the adjustment of batch and maximum at run time.
 */
#include <zb_env.h>

#include "lines.h"

#define NR_ORDERS	11u
#define FRAMES_OF_MAX	BIT(NR_ORDERS - 1)
#define MAX_BATCH	63u
#define FRAMES_PER_TYPE	512u

enum { IN_USE, ON_CPU_LIST, FREE_BLOCK };

struct page {
	unsigned long flags;
	struct list_head lru;
	unsigned long mapping;
	unsigned long index;
	unsigned long order;		/* of a free block */
	u32 type;
	s32 refcount;
	unsigned long memcg;
} __aligned(64);

struct free_area {
	struct list_head list;
	unsigned long nr_free;
};

struct listed_zone {
	/* seldom written */
	unsigned long watermark;
	unsigned long *types;		/* four bits per pageblock */
	/* written by whoever has the lock, which is in the line after these */
	__aligned(64) struct free_area area[NR_ORDERS];
	__aligned(64) u32 lock;
	/* read by each request */
	__aligned(64) long nr_free;
};

struct cpu_list {
	u32 lock;
	int count;
	int high;
	int batch;
	struct list_head list;
	long nr_free_diff;		/* not added to listed_zone.nr_free yet */
	int threshold;
	unsigned long events;
} __aligned(64);

static struct listed_zone zone;
static struct cpu_list cpu_lists[CACHE_MAX_CPUS];
static struct page *pages;
static unsigned int cpus;

static void lock(u32 *l)
{
	(void)__atomic_exchange_n(l, 1, __ATOMIC_ACQUIRE);
}

static void unlock(u32 *l)
{
	__atomic_store_n(l, 0, __ATOMIC_RELEASE);
}

static void count_free(struct cpu_list *mine, long nr)
{
	long diff = mine->nr_free_diff + nr;

	if (diff > mine->threshold || diff < -mine->threshold) {
		__atomic_fetch_add(&zone.nr_free, diff, __ATOMIC_RELAXED);
		diff = 0;
	}
	mine->nr_free_diff = diff;
}

static void add_block(struct page *page, unsigned int order)
{
	page->order = order;
	page->type = FREE_BLOCK;
	list_add(&page->lru, &zone.area[order].list);
	zone.area[order].nr_free++;
}

static void remove_block(struct page *page, unsigned int order)
{
	list_del(&page->lru);
	page->type = IN_USE;
	zone.area[order].nr_free--;
}

/* Take a frame from the smallest block, and put the unused halves on the free lists. */
static struct page *take_one(void)
{
	struct page *page;
	unsigned int order;

	for (order = 0; order < NR_ORDERS; order++)
		if (!list_empty(&zone.area[order].list))
			break;
	if (order == NR_ORDERS)
		return NULL;
	page = list_first_entry(&zone.area[order].list, struct page, lru);
	remove_block(page, order);
	while (order--)
		add_block(page + BIT(order), order);
	return page;
}

/* Merge a block with its buddies as far as possible. */
static void give_one(struct page *page)
{
	unsigned long frame = page - pages, buddy;
	unsigned int order;

	for (order = 0; order < NR_ORDERS - 1; order++) {
		buddy = frame ^ BIT(order);
		if (pages[buddy].type != FREE_BLOCK || pages[buddy].order != order)
			break;
		remove_block(pages + buddy, order);
		frame &= ~BIT(order);
	}
	add_block(pages + frame, order);
}

static void refill(struct cpu_list *mine)
{
	struct page *page;
	int i;

	lock(&zone.lock);
	for (i = 0; i < mine->batch; i++) {
		page = take_one();
		if (!page)
			break;
		page->type = ON_CPU_LIST;
		list_add_tail(&page->lru, &mine->list);
	}
	unlock(&zone.lock);
	mine->count += i;
	count_free(mine, -i);
}

static void drain(struct cpu_list *mine)
{
	struct page *page;
	int i;

	lock(&zone.lock);
	for (i = 0; i < mine->batch; i++) {
		page = list_entry(mine->list.prev, struct page, lru);
		list_del(&page->lru);
		give_one(page);
	}
	unlock(&zone.lock);
	mine->count -= i;
	count_free(mine, i);
}

static unsigned long get(unsigned int cpu)
{
	struct cpu_list *mine = cpu_lists + cpu;
	struct page *page = NULL;

	if (__atomic_load_n(&zone.nr_free, __ATOMIC_RELAXED) <= (long)zone.watermark)
		return NO_FRAME;
	lock(&mine->lock);
	if (list_empty(&mine->list))
		refill(mine);
	if (!list_empty(&mine->list)) {
		page = list_first_entry(&mine->list, struct page, lru);
		list_del(&page->lru);
		mine->count--;
		mine->events++;
		page->type = IN_USE;
		page->order = 0;
		page->refcount = 1;
	}
	unlock(&mine->lock);
	return page ? START_PFN + (page - pages) : NO_FRAME;
}

static void put(unsigned int cpu, unsigned long pfn)
{
	struct cpu_list *mine = cpu_lists + cpu;
	struct page *page = pages + (pfn - START_PFN);
	unsigned long type = zone.types[(pfn - START_PFN) / FRAMES_PER_TYPE / 16];

	if (__atomic_fetch_sub(&page->refcount, 1, __ATOMIC_RELAXED) != 1 || type ||
	    page->flags || page->mapping)
		abort();
	lock(&mine->lock);
	page->type = ON_CPU_LIST;
	list_add(&page->lru, &mine->list);
	mine->count++;
	mine->events++;
	if (mine->count >= mine->high)
		drain(mine);
	unlock(&mine->lock);
}

static void *zeroed(size_t size)
{
	void *p = aligned_alloc(4096, ALIGN(size, 4096));

	if (!p)
		abort();
	return memset(p, 0, ALIGN(size, 4096));
}

static void make_lists(unsigned int nr_cpus)
{
	unsigned long high = core_low_watermark() / nr_cpus;
	unsigned int i;

	if (high < 4 * MAX_BATCH)
		high = 4 * MAX_BATCH;
	for (i = 0; i < nr_cpus; i++) {
		cpu_lists[i] = (struct cpu_list){
			.batch = MAX_BATCH, .threshold = 32,
			.high = high,
		};
		INIT_LIST_HEAD(&cpu_lists[i].list);
	}
}

static void make(unsigned int nr_cpus)
{
	size_t size_of_types = (nr_frames / FRAMES_PER_TYPE / 16 + 1) * sizeof(*zone.types);
	unsigned long i;

	if (!pages) {
		pages = zeroed(nr_frames * sizeof(*pages));
		zone.types = zeroed(size_of_types);
	}
	cpus = nr_cpus;
	memset(pages, 0, nr_frames * sizeof(*pages));
	for (i = 0; i < NR_ORDERS; i++) {
		INIT_LIST_HEAD(&zone.area[i].list);
		zone.area[i].nr_free = 0;
	}
	for (i = nr_frames; i; i -= FRAMES_OF_MAX)
		add_block(pages + i - FRAMES_OF_MAX, NR_ORDERS - 1);
	zone.nr_free = nr_frames;
	zone.watermark = core_low_watermark();
	make_lists(nr_cpus);
	cache_add_region("zone", &zone, sizeof(zone));
	cache_add_region("migrate types", zone.types, size_of_types);
	cache_add_region("per-CPU lists", cpu_lists, nr_cpus * sizeof(*cpu_lists));
	cache_add_region("struct page", pages, nr_frames * sizeof(*pages));
}

static unsigned long cached(void)
{
	unsigned long nr = 0;
	unsigned int i;

	for (i = 0; i < cpus; i++)
		nr += cpu_lists[i].count;
	return nr;
}

const struct allocator listed_allocator = {
	.name = "host", .make = make, .get = get, .put = put, .cached = cached,
};
