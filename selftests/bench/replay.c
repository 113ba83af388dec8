// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replays a recorded trace (see replay/record): the same allocations and frees, in the same
 * order and each on the CPU that it was recorded on, with the page allocator and with zbuddy.
 * Both begin with the same amount of free memory: if the node of the page allocator has more
 * than zbuddy's region, the surplus is allocated first, in whole pageblocks.
 *
 * The recorded frame number identifies an allocation: the slot of this number has the block
 * that the replay has allocated for it. A block that was freed in parts is split into single
 * pages at the first of these frees. If a request for a block fails, single pages are allocated
 * instead, as most callers do. Frees of memory that was allocated before the recording began are
 * ignored.
 */
#define pr_fmt(fmt) "zb_bench: " fmt

#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mmzone.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "replay/event.h"
#include "zb_bench.h"

struct slot {
	struct page *page;
	u8 order;
	u8 mobility;
};

struct replay {
	const struct event *events;
	unsigned long nr_events;
	struct slot *slots;
	unsigned long nr_slots;
	enum who who;
	unsigned int cpu;
	unsigned long requests, split, unknown, overwritten;
	unsigned long too_small;	/* requests served with single pages */
	unsigned long missed[3];	/* frames that could not be allocated, by mobility */
	u64 r[SAMPLES];
	unsigned int nr_r;
};

/* Pageblocks by what is allocated in them. */
struct blocks {
	unsigned long mixed;
	unsigned long unmovable;
};

static void give(struct replay *r, struct slot *slot)
{
	bench_put_any(r->who, slot->page, slot->order);
	slot->page = NULL;
}

static void split(struct replay *r, struct slot *slot)
{
	unsigned int i, order = slot->order;

	if (r->who == HOST)
		split_page(slot->page, order);
	else if (zb_split_page(slot->page, order))
		return;
	r->split++;
	for (i = 0; i < BIT(order); i++)
		slot[i] = (struct slot){ .page = slot->page + i, .mobility = slot->mobility };
}

/* The slot of the block that contains a recorded frame, or NULL. */
static struct slot *find_slot(struct replay *r, unsigned long pfn)
{
	unsigned int order;
	struct slot *slot;

	for (order = 0; order <= MAX_ORDER_OF; order++) {
		slot = &r->slots[pfn & ~(BIT(order) - 1)];
		if (slot->page && slot->order >= order)
			return slot;
	}
	return NULL;
}

/* Free what was recorded in a range of frames. Returns the number of frames without a block. */
static unsigned long give_range(struct replay *r, unsigned long pfn, unsigned int order)
{
	unsigned long at = pfn, unknown = 0;
	struct slot *slot;

	while (at < pfn + BIT(order)) {
		slot = find_slot(r, at);
		if (!slot) {
			unknown++;
			at++;
			continue;
		}
		if (slot->order > order)
			split(r, slot);
		slot = find_slot(r, at);
		at += BIT(slot->order);
		give(r, slot);
	}
	return unknown;
}

static void take(struct replay *r, unsigned long pfn, unsigned int order,
		 unsigned int mobility)
{
	struct slot *slot = &r->slots[pfn];
	unsigned int i;

	r->requests++;
	r->overwritten += BIT(order) - give_range(r, pfn, order);
	*slot = (struct slot){ .order = order, .mobility = mobility };
	slot->page = bench_get_mobile(r->who, order, mobility);
	if (slot->page)
		return;
	r->too_small += !!order;
	for (i = 0; i < BIT(order); i++) {
		slot[i] = (struct slot){ .mobility = mobility };
		slot[i].page = bench_get_mobile(r->who, 0, mobility);
		r->missed[mobility] += !slot[i].page;
	}
}

static void run_on(struct replay *r, unsigned int cpu)
{
	if (r->cpu == cpu || !cpu_online(cpu))
		return;
	r->cpu = cpu;
	set_cpus_allowed_ptr(current, cpumask_of(cpu));
}

static void mark(u8 *map, unsigned long first, const struct slot *slot)
{
	unsigned long pfn = page_to_pfn(slot->page);
	unsigned long at = pfn >> BENCH_HUGE_ORDER;

	for (; at <= (pfn + BIT(slot->order) - 1) >> BENCH_HUGE_ORDER; at++)
		map[at - first] |= 1u << slot->mobility;
}

static struct blocks count_blocks(const struct replay *r)
{
	unsigned long i, first = ULONG_MAX, last = 0, at;
	struct blocks blocks = {};
	u8 *map;

	for (i = 0; i < r->nr_slots; i++) {
		if (!r->slots[i].page)
			continue;
		at = page_to_pfn(r->slots[i].page) >> BENCH_HUGE_ORDER;
		first = min(first, at);
		last = max(last, at + 1);
	}
	map = first < last ? kvzalloc(last - first + 1, GFP_KERNEL) : NULL;
	if (!map)
		return blocks;
	for (i = 0; i < r->nr_slots; i++)
		if (r->slots[i].page)
			mark(map, first, &r->slots[i]);
	for (i = 0; i <= last - first; i++) {
		blocks.mixed += hweight8(map[i]) > 1;
		blocks.unmovable += !!(map[i] & BIT(UNMOVABLE));
	}
	kvfree(map);
	return blocks;
}

static void sample(struct replay *r, unsigned long done)
{
	struct bench_space space = bench_space(r->who);
	struct blocks blocks = count_blocks(r);

	r->r[r->nr_r++] = bench_space_r(space);
	pr_info("replay %s: after %lu events %lu frames free; %lu blocks of 2 MiB free; %lu mixed; %lu unmovable\n",
		r->who == HOST ? "host" : "ours", done, space.free, space.huge,
		blocks.mixed, blocks.unmovable);
}

static void play(struct replay *r)
{
	unsigned long i, pfn;

	for (i = 0; i < r->nr_events; i++) {
		const struct event *event = &r->events[i];

		pfn = le32_to_cpu(event->pfn);
		run_on(r, event->cpu);
		if (event->op & IS_FREE)
			r->unknown += give_range(r, pfn, event->op & ~IS_FREE);
		else
			take(r, pfn, event->op, min_t(unsigned int, event->mobility, RECLAIMABLE));
		if (r->nr_r < SAMPLES && i + 1 == r->nr_events / SAMPLES * (r->nr_r + 1))
			sample(r, i + 1);
		if (!(i % 256))
			cond_resched();
	}
}

static void say(const struct replay *r, const char *row, const char *unit, u64 value)
{
	bench_say(row, r->who == HOST ? "host" : "ours", unit, value, value, value, 1);
}

static void say_all(struct replay *r)
{
	unsigned long missed = r->missed[UNMOVABLE] + r->missed[MOVABLE] +
			       r->missed[RECLAIMABLE];
	struct blocks blocks;
	unsigned int i;
	u64 sum = 0;

	pr_info("replay: %lu requests; %lu split; %lu frames freed that were allocated before; %lu allocated twice\n",
		r->requests, r->split, r->unknown, r->overwritten);
	pr_info("replay: without memory %lu unmovable %lu movable %lu reclaimable frames\n",
		r->missed[UNMOVABLE], r->missed[MOVABLE], r->missed[RECLAIMABLE]);
	for (i = 0; i < r->nr_r; i++)
		sum += r->r[i];
	if (r->nr_r) {
		bench_sort(r->r, r->nr_r);
		say(r, "replay.mean", "1/1000", sum / r->nr_r);
		say(r, "replay.least", "1/1000", r->r[0]);
	}
	bench_say_space(r->who, "replay.end");
	blocks = count_blocks(r);
	say(r, "replay.mixed", "pageblocks", blocks.mixed * 100);
	say(r, "replay.unmovable", "pageblocks", blocks.unmovable * 100);
	say(r, "replay.too_small", "requests", r->too_small * 100);
	say(r, "replay.missed", "frames", missed * 100);
}

/* Allocate the free memory of the node that exceeds the size of zbuddy's region. */
static void take_surplus(struct list_head *surplus)
{
	unsigned long nr, free = bench_space(HOST).free;
	struct page *page;

	for (nr = free > bench_region_pages ? free - bench_region_pages : 0;
	     nr >= BENCH_HUGE_NR; nr -= BENCH_HUGE_NR) {
		page = bench_get_mobile(HOST, BENCH_HUGE_ORDER, UNMOVABLE);
		if (!page)
			break;
		list_add(&page->lru, surplus);
	}
	pr_info("replay: %lu frames are free; zbuddy has %lu\n", bench_space(HOST).free,
		bench_region_pages);
}

static void give_surplus(struct list_head *surplus)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, surplus, lru)
		bench_put_any(HOST, page, BENCH_HUGE_ORDER);
}

static void replay(enum who who, const struct event *events, unsigned long nr)
{
	struct replay r = { .who = who, .events = events, .nr_events = nr, .cpu = UINT_MAX };
	unsigned long i;

	for (i = 0; i < nr; i++)
		r.nr_slots = max(r.nr_slots, le32_to_cpu(events[i].pfn) + BIT(MAX_ORDER_OF));
	r.slots = kvcalloc(r.nr_slots, sizeof(*r.slots), GFP_KERNEL);
	if (!r.slots)
		return;
	play(&r);
	say_all(&r);
	for (i = 0; i < r.nr_slots; i++)
		if (r.slots[i].page)
			give(&r, &r.slots[i]);
	kvfree(r.slots);
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	if (who == OURS)
		zb_drain_all_pages();
}

/* A recorded order above the largest one would reach beyond the slots. */
static bool valid(const struct event *events, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < nr; i++)
		if ((events[i].op & ~IS_FREE) > MAX_ORDER_OF ||
		    le32_to_cpu(events[i].pfn) & (BIT(events[i].op & ~IS_FREE) - 1))
			return false;
	return nr;
}

/* Returns the file's contents, to be freed with kvfree(), or NULL. */
static void *read_trace(size_t *size)
{
	struct file *file = filp_open(bench_trace, O_RDONLY, 0);
	void *data = NULL;
	loff_t at = 0;

	if (IS_ERR(file)) {
		pr_info("replay: cannot open %s: error %ld\n", bench_trace, -PTR_ERR(file));
		return NULL;
	}
	*size = i_size_read(file_inode(file));
	if (*size >= sizeof(struct event) && *size <= INT_MAX)
		data = kvmalloc(*size, GFP_KERNEL);
	if (data && kernel_read(file, data, *size, &at) != *size) {
		kvfree(data);
		data = NULL;
	}
	if (!data)
		pr_info("replay: cannot read %s\n", bench_trace);
	filp_close(file, NULL);
	return data;
}

/**
 * bench_replay() - measure all rows about the recorded trace
 */
void bench_replay(void)
{
	struct event *events;
	LIST_HEAD(surplus);
	size_t size;

	if (!bench_wanted("replay", false) || !*bench_trace)
		return;
	events = read_trace(&size);
	if (!events)
		return;
	if (!valid(events, size / sizeof(*events))) {
		pr_info("replay: %s is not a recorded trace\n", bench_trace);
	} else if (bench_host_node != NUMA_NO_NODE && bench_region_pages) {
		take_surplus(&surplus);
		replay(HOST, events, size / sizeof(*events));
		give_surplus(&surplus);
		replay(OURS, events, size / sizeof(*events));
	}
	kvfree(events);
}
