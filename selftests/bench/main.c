// SPDX-License-Identifier: GPL-2.0-only
/*
 * zb_bench: measures when it is loaded. The results are in the kernel log and, until it is
 * unloaded, in /sys/kernel/debug/zb_bench/results.
 */
#define pr_fmt(fmt) "zb_bench: " fmt

#include <linux/module.h>

#include "core/pcp.h"
#include "zb_bench.h"

module_param_named(rows, bench_rows, charp, 0444);
MODULE_PARM_DESC(rows, "all, quick, or a list of rows and groups of rows, e.g. pair,bulk.64 (default all)");

unsigned int bench_rounds = 7;
module_param_named(rounds, bench_rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "number of rounds, each measuring both allocators in turn (default 7)");

/* Disabling interrupts is expensive in user-mode Linux and would dominate the result. */
bool bench_mask = !IS_ENABLED(CONFIG_UML);
module_param_named(mask, bench_mask, bool, 0444);
MODULE_PARM_DESC(mask, "run short loops with interrupts disabled (default Y, N in user-mode Linux)");

unsigned long bench_region_start;
module_param_named(region_start, bench_region_start, ulong, 0444);
MODULE_PARM_DESC(region_start, "first frame of zbuddy's region, needed for frag");

unsigned long bench_region_pages;
module_param_named(region_pages, bench_region_pages, ulong, 0444);
MODULE_PARM_DESC(region_pages, "number of frames of zbuddy's region, needed for frag and meta");

int bench_host_node = NUMA_NO_NODE;
module_param_named(host_node, bench_host_node, int, 0444);
MODULE_PARM_DESC(host_node, "node without CPUs for frag of the page allocator (default: zbuddy's frag only)");

int bench_other_node = NUMA_NO_NODE;
module_param_named(other_node, bench_other_node, int, 0444);
MODULE_PARM_DESC(other_node, "another node on which zbuddy has memory, needed for node");

bool bench_zero;
module_param_named(zero, bench_zero, bool, 0444);
MODULE_PARM_DESC(zero, "request zeroed memory for frag (default N)");

char *bench_trace = "";
module_param_named(trace, bench_trace, charp, 0444);
MODULE_PARM_DESC(trace, "file with the recorded trace, needed for replay");

/*
 * Report the memory for metadata per frame, apart from struct page, which both allocators
 * use. The two tables are allocated by vmalloc(), in whole pages.
 */
static void say_meta(void)
{
	unsigned long nr = bench_region_pages, bytes, per_page;

	if (!nr || !bench_wanted("meta", true))
		return;
	bytes = PAGE_ALIGN(nr / ZB_PAGEBLOCK_NR * sizeof(struct zb_pageblock)) +
		PAGE_ALIGN(nr);
	per_page = bench_hundredths(bytes, nr);
	bench_say("meta.tables", "ours", "bytes/page", per_page, per_page,
		  per_page, 1);
	bytes += sizeof(struct zb_zone) +
		 num_possible_cpus() * sizeof(struct zb_pcp);
	per_page = bench_hundredths(bytes, nr);
	bench_say("meta", "ours", "bytes/page", per_page, per_page, per_page, 1);
}

static int __init bench_init(void)
{
	int err = bench_out_create();

	if (err)
		return err;
	bench_single();
	bench_calls();
	bench_many();
	bench_many_cpus();
	bench_cpus();
	bench_latency();
	bench_holds();
	say_meta();
	bench_churn();
	bench_replay();
	return 0;
}

static void __exit bench_exit(void)
{
	bench_out_destroy();
}

module_init(bench_init);
module_exit(bench_exit);

MODULE_AUTHOR("The zbuddy developers");
MODULE_DESCRIPTION("Benchmark of zbuddy and the page allocator");
MODULE_LICENSE("GPL");
