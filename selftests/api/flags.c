// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flags of requests: zbuddy's, the kernel's, and contradictory combinations.
 */
#include "zb_api_test.h"

#include <linux/cpumask.h>
#include <linux/mutex.h>
#include <linux/random.h>

static void flags_that_mean_nothing(void)
{
	static const zb_gfp_t flags[] = {
		__ZB_GFP_DMA | __ZB_GFP_DMA32,
		__ZB_GFP_MOVABLE | __ZB_GFP_RECLAIMABLE,
		ZB_GFP_KERNEL | 1u << ZB_GFP_BITS_SHIFT,
		1u << 31,
		ZB_GFP_ATOMIC | __ZB_GFP_NOFAIL,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		ZBT_WANT(!zb_alloc_pages(flags[i], 0));
		ZBT_WANT(!zb_get_free_pages(flags[i], 0));
		ZBT_WANT(!zb_alloc_pages_exact(PAGE_SIZE, flags[i]));
	}
	/* only here: functions that return an address ignore HIGHMEM */
	ZBT_WANT(!zb_alloc_pages(__ZB_GFP_DMA | __ZB_GFP_HIGHMEM, 0));
}

/* The kernel's usual flag groups are contradictory as zbuddy flags, and are refused. */
static void flags_of_the_kernel(void)
{
	static const gfp_t flags[] = {
		GFP_KERNEL, GFP_ATOMIC, GFP_NOWAIT, GFP_NOIO, GFP_NOFS, GFP_USER,
		GFP_HIGHUSER_MOVABLE, GFP_KERNEL_ACCOUNT, GFP_KERNEL | __GFP_ZERO,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		ZBT_WANT(!zb_alloc_pages((__force zb_gfp_t)flags[i], 0));
		ZBT_WANT(!zb_get_free_pages((__force zb_gfp_t)flags[i], 3));
	}
}

/* The first request fills this CPU's list, so that the fast path serves the second one. */
static int take_fast_on_cpu(void *unused)
{
	static DEFINE_MUTEX(zbt_fast_path_mutex);
	struct page *page = zb_alloc_page(ZB_GFP_KERNEL);

	if (!ZBT_WANT(page))
		return 0;
	__zb_free_page(page);
	mutex_lock(&zbt_fast_path_mutex);
	page = zb_alloc_page(ZB_GFP_KERNEL);
	mutex_unlock(&zbt_fast_path_mutex);
	if (ZBT_WANT(page))
		__zb_free_page(page);
	return 0;
}

/* api_test.sh checks what lockdep has learned from this. */
static void locks_of_the_fast_path(void)
{
	zbt_run_on(cpumask_first(cpu_online_mask), take_fast_on_cpu, NULL);
}

static void gfp_from_kernel(void)
{
	static const struct { gfp_t from; zb_gfp_t to; } table[] = {
		{ 0, 0 },
		{ GFP_KERNEL, ZB_GFP_KERNEL },
		{ GFP_KERNEL_ACCOUNT, ZB_GFP_KERNEL },
		{ GFP_ATOMIC, ZB_GFP_ATOMIC },
		{ GFP_ATOMIC | __GFP_ZERO, ZB_GFP_ATOMIC | __ZB_GFP_ZERO },
		{ GFP_ATOMIC | __GFP_NOWARN, ZB_GFP_ATOMIC | __ZB_GFP_NOWARN },
		{ GFP_KERNEL | __GFP_HIGH, ZB_GFP_KERNEL | __ZB_GFP_HIGH },
		{ GFP_NOWAIT | __GFP_NOWARN, ZB_GFP_NOWAIT | __ZB_GFP_NOWARN },
		{ GFP_NOIO, ZB_GFP_NOIO },
		{ GFP_NOFS, ZB_GFP_NOFS },
		{ GFP_USER, ZB_GFP_USER },
		{ GFP_HIGHUSER, ZB_GFP_HIGHUSER },
		{ GFP_HIGHUSER_MOVABLE, ZB_GFP_HIGHUSER_MOVABLE },
		{ GFP_DMA, ZB_GFP_DMA },
		{ GFP_DMA32, ZB_GFP_DMA32 },
		{ GFP_TRANSHUGE_LIGHT, ZB_GFP_TRANSHUGE & ~__ZB_GFP_NORETRY },
		{ GFP_TRANSHUGE, (ZB_GFP_TRANSHUGE & ~__ZB_GFP_NORETRY) |
				 __ZB_GFP_DIRECT_RECLAIM },
		{ __GFP_RECLAIMABLE, __ZB_GFP_RECLAIMABLE },
		{ __GFP_MOVABLE, __ZB_GFP_MOVABLE },
		{ __GFP_RETRY_MAYFAIL, __ZB_GFP_REPEAT },
		{ __GFP_NOFAIL, __ZB_GFP_NOFAIL },
		{ __GFP_NORETRY, __ZB_GFP_NORETRY },
		{ __GFP_MEMALLOC, __ZB_GFP_MEMALLOC },
		{ __GFP_NOMEMALLOC, __ZB_GFP_NOMEMALLOC },
		{ __GFP_COMP, __ZB_GFP_COMP },
		{ __GFP_ZERO, __ZB_GFP_ZERO },
		{ __GFP_HARDWALL, __ZB_GFP_HARDWALL },
		{ __GFP_THISNODE, __ZB_GFP_THISNODE },
		{ __GFP_WRITE, __ZB_GFP_WRITE },
		{ __GFP_IO, __ZB_GFP_IO },
		{ __GFP_FS, __ZB_GFP_FS },
		{ __GFP_DIRECT_RECLAIM, __ZB_GFP_DIRECT_RECLAIM },
		{ __GFP_KSWAPD_RECLAIM, __ZB_GFP_KSWAPD_RECLAIM },
	};
	struct page *page;
	unsigned int i;

	/* The build fails if constant flags are not converted at compile time. */
	BUILD_BUG_ON(zb_gfp_from_kernel(GFP_KERNEL) != ZB_GFP_KERNEL);
	BUILD_BUG_ON(zb_gfp_from_kernel(GFP_ATOMIC | __GFP_ZERO) !=
		     (ZB_GFP_ATOMIC | __ZB_GFP_ZERO));
	BUILD_BUG_ON(zb_gfp_from_kernel(GFP_HIGHUSER_MOVABLE) != ZB_GFP_HIGHUSER_MOVABLE);
	for (i = 0; i < ARRAY_SIZE(table); i++)
		if (!ZBT_WANT(zb_gfp_from_kernel(table[i].from) == table[i].to))
			pr_info("# entry %u: %#x, expected %#x\n", i,
				zb_gfp_from_kernel(table[i].from), table[i].to);
	page = zb_alloc_pages(zb_gfp_from_kernel(GFP_KERNEL | __GFP_ZERO), 2);
	if (!ZBT_WANT(page))
		return;
	ZBT_WANT(!memchr_inv(page_address(page), 0, PAGE_SIZE << 2));
	__zb_free_pages(page, 2);
}

/* The table for variable flags has the same result as the conversion bit by bit. */
static void variable_gfp_from_kernel(void)
{
	unsigned int i;
	zb_gfp_t to;
	u64 random;
	gfp_t gfp;

	for (i = 0; i < 10000; i++) {
		random = get_random_u64();
		gfp = (__force gfp_t)(u32)(random | random >> 32);
		if (i & 1)
			gfp &= (__force gfp_t)get_random_u32();
		to = __zb_gfp_convert_bits(gfp) | __zb_gfp_atomic(gfp);
		if (!ZBT_WANT(zb_gfp_from_kernel(gfp) == to)) {
			pr_info("# %#x: %#x, expected %#x\n", gfp,
				zb_gfp_from_kernel(gfp), to);
			return;
		}
	}
}

/* Both are valid for the kernel, and REPEAT and NOFAIL contradict each other here. */
static void repeat_and_nofail(void)
{
	ZBT_WANT(!zb_alloc_page(zb_gfp_from_kernel(GFP_KERNEL | __GFP_NOFAIL |
						   __GFP_RETRY_MAYFAIL)));
}

const struct zbt_test zbt_flag_tests[] = {
	{ "flags_that_mean_nothing", flags_that_mean_nothing },
	{ "flags_of_the_kernel", flags_of_the_kernel },
	{ "locks_of_the_fast_path", locks_of_the_fast_path },
	{ "gfp_from_kernel", gfp_from_kernel },
	{ "variable_gfp_from_kernel", variable_gfp_from_kernel },
	{ "repeat_and_nofail", repeat_and_nofail },
	{ }
};
