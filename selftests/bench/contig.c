// SPDX-License-Identifier: GPL-2.0-only
/*
 * Large allocations of the kernel, from the node host_node, for the program bench_ranges: it
 * writes the number of frames to the parameter contig or the order to the parameter huge, and
 * reads how long this took.
 */
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/nodemask.h>

#include "zb_bench.h"

/* Both clear the memory, as buffers of zbuddy do. */
#define CONTIG_GFP	(GFP_KERNEL | __GFP_NOWARN | __GFP_ZERO)
#define HUGE_GFP	(GFP_TRANSHUGE | __GFP_THISNODE | __GFP_NOWARN | __GFP_ZERO)

/* The result of the last attempt. */
static bool got;
static u64 took;

static int parse(const char *text, unsigned long *value)
{
	if (bench_host_node == NUMA_NO_NODE)
		return -ENODEV;
	return kstrtoul(text, 0, value);
}

static int try_contig(const char *text, const struct kernel_param *kp)
{
#ifdef HAVE_CONTIG_PAGES
	nodemask_t nodes = NODE_MASK_NONE;
	struct page *page;
	unsigned long nr;
	int err = parse(text, &nr);
	u64 begun;

	if (err)
		return err;
	node_set(bench_host_node, nodes);
	begun = bench_clock();
	page = alloc_contig_pages(nr, CONTIG_GFP, bench_host_node, &nodes);
	took = bench_clock() - begun;
	got = page;
	if (page)
		free_contig_range(page_to_pfn(page), nr);
	return 0;
#else
	return -EOPNOTSUPP;
#endif
}

static int try_huge(const char *text, const struct kernel_param *kp)
{
	struct page *page;
	unsigned long order;
	int err = parse(text, &order);
	u64 begun;

	if (err)
		return err;
	begun = bench_clock();
	page = alloc_pages_node(bench_host_node, HUGE_GFP, order);
	took = bench_clock() - begun;
	got = page;
	if (page)
		__free_pages(page, order);
	return 0;
}

static int show_result(char *text, const struct kernel_param *kp)
{
	return sysfs_emit(text, "%d %llu\n", got, took);
}

static const struct kernel_param_ops contig_ops = { .set = try_contig, .get = show_result };
static const struct kernel_param_ops huge_ops = { .set = try_huge, .get = show_result };

module_param_cb(contig, &contig_ops, NULL, 0600);
MODULE_PARM_DESC(contig, "number of frames for alloc_contig_pages(); read: success and time");
module_param_cb(huge, &huge_ops, NULL, 0600);
MODULE_PARM_DESC(huge, "order of a block as for a transparent huge page; read: success and time");
