// SPDX-License-Identifier: GPL-2.0-only
/* The unmodified core, used as a module uses it. */
#include <zb_env.h>

#include "alloc.h"
#include "fast.h"
#include "lines.h"
#include "stat.h"
#include "unfit.h"

#define CPUS	CACHE_MAX_CPUS
#include "core_pool.h"

#define GFP	(ZB_GFP_HIGHUSER_MOVABLE | __ZB_GFP_NOWARN)

/* What instance/frames.c reads of a struct page. */
struct frame {
	unsigned long flags;
	unsigned long private;
} __aligned(64);

static struct frame *frames;

static u64 no_unfit(const struct zb_zone *z, unsigned long pfn, u64 bits)
{
	const struct frame *first = frames + (pfn - z->start_pfn), *f;
	u64 found = 0;

	for (; bits; bits &= bits - 1) {
		f = first + __ffs64(bits);
		if (f->flags | f->private)
			found |= bits & -bits;
	}
	return found;
}

static bool all_fit(const struct zb_zone *z, const u32 *frame, unsigned int nr)
{
	unsigned long marks = 0;

	(void)z;
	for (; nr; nr--, frame++)
		marks |= frames[*frame].flags | frames[*frame].private;
	return !marks;
}

static void kept_out(const struct zb_zone *z, unsigned long pfn)
{
	(void)z;
	(void)pfn;
}

static const struct zb_frame_ops frame_ops = {
	.unfit = no_unfit, .all_fit = all_fit, .kept_out = kept_out,
};

static void add_regions(unsigned int nr_cpus)
{
	const char *rest = (const char *)&zone + offsetof(struct zb_zone, below_fast_wmark);

	cache_add_region("zone: written", &zone, offsetof(struct zb_zone, below_fast_wmark));
	cache_add_region("zone: mostly read", rest,
			 sizeof(zone) - offsetof(struct zb_zone, below_fast_wmark));
	cache_add_region("pageblocks", zone.pageblocks, zb_zone_pageblocks_size(nr_frames));
	cache_add_region("state bytes", zone.state, nr_frames);
	cache_add_region("types and stale bits", zone.state + nr_frames,
			 zb_zone_state_size(nr_frames) - nr_frames);
	cache_add_region("per-CPU lists", zone.pcp, nr_cpus * sizeof(*zone.pcp));
	cache_add_region("struct page", frames, nr_frames * sizeof(*frames));
	cache_add_region("node", &node, sizeof(node));
	cache_add_region("pool", &pool, sizeof(pool));
}

static void make(unsigned int nr_cpus)
{
	if (!frames) {
		make_zone(START_PFN, nr_frames);
		frames = aligned_alloc(64, nr_frames * sizeof(*frames));
		if (!frames)
			abort();
		memset(frames, 0, nr_frames * sizeof(*frames));
	}
	memset(zone.state, 0, zb_zone_state_size(nr_frames));
	memset(zone.pcp, 0, CPUS * sizeof(*zone.pcp));
	zone.frame_ops = &frame_ops;
	zb_env_nr_cpus = nr_cpus;
	zb_zone_init(&zone);
	zb_pcp_init(&zone);
	make_pool();
	add_regions(nr_cpus);
}

static unsigned long get(unsigned int cpu)
{
	unsigned long pfn;

	zb_env_cpu = cpu;
	if (zb_fast_alloc(&node, GFP, 0, &pfn))
		return pfn;
	pfn = zb_fast_alloc_empty(&node, GFP, 0);
	if (pfn == ZB_NO_PFN)
		pfn = zb_pool_alloc_exact(&pool, GFP, 1, 0, NULL);
	return pfn;
}

static void put(unsigned int cpu, unsigned long pfn)
{
	zb_env_cpu = cpu;
	if (!zb_fast_free(&pool, pfn, 0) && !zb_fast_free_full(&pool, pfn, 0))
		zb_pool_free_pages(&pool, pfn, 0);
}

static unsigned long cached(void)
{
	return zb_zone_nr_cached(&zone);
}

unsigned long core_low_watermark(void)
{
	return zone.watermark[ZB_ALLOC_WMARK_LOW];
}

const struct allocator core_allocator = {
	.name = "ours", .make = make, .get = get, .put = put, .cached = cached,
};
