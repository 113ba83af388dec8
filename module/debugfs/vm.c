// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files in /sys/kernel/debug/zbuddy about watermarks, events and fragmentation:
 *
 *	zoneinfo        like /proc/zoneinfo: watermarks, reserves, per-CPU lists
 *	vmstat          the counters of /proc/vmstat that apply here; the names of
 *	                other counters start with zb_
 *	extfrag_index   like the kernel's extfrag/extfrag_index
 *	unusable_index  like the kernel's extfrag/unusable_index
 *	fallbacks       number of requests of each mobility that were served from each
 *	                other mobility
 */
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "../compat.h"
#include "../core/layout.h"
#include "../core/stat.h"
#include "per_order.h"
#include "vm.h"
#include "../instance/instance.h"

static void show_pcp(struct seq_file *m, const struct zb_zone *zone)
{
	unsigned int cpu;

	seq_puts(m, "\n  pagesets");
	for_each_online_cpu(cpu)
		seq_printf(m, "\n    cpu: %i\n              count:    %lu\n              high:     %u\n              batch:    %u",
			   cpu, zb_pcp_nr_pages(zone, cpu), zone->pcp_high,
			   zone->pcp_batch[0]);
}

static void show_protection(struct seq_file *m, const struct zb_zone *zone)
{
	unsigned int i;

	seq_printf(m, "\n        protection: (%lu", READ_ONCE(zone->lowmem_reserve[0]));
	for (i = 1; i < ZB_NR_ZONES; i++)
		seq_printf(m, ", %lu", READ_ONCE(zone->lowmem_reserve[i]));
	seq_putc(m, ')');
}

static void show_numa(struct seq_file *m, const struct zb_zone *zone)
{
	static const struct { enum zb_event event; const char *name; } numa[] = {
		{ ZB_NUMA_HIT, "numa_hit" }, { ZB_NUMA_MISS, "numa_miss" },
		{ ZB_NUMA_FOREIGN, "numa_foreign" },
		{ ZB_NUMA_LOCAL, "numa_local" }, { ZB_NUMA_OTHER, "numa_other" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(numa); i++)
		seq_printf(m, "\n      %-12s %lu", numa[i].name,
			   zb_zone_events(zone, numa[i].event));
}

static void zoneinfo_show_zone(struct seq_file *m, const struct zb_zone *zone,
			       const struct zb_zone_stat *st)
{
	seq_printf(m, "Node %d, zone %8s", zone->nid, zb_zone_names[zone->type]);
	seq_printf(m, "\n  pages free     %lu\n        boost    %lu\n        min      %lu\n        low      %lu\n        high     %lu",
		   st->nr_free, READ_ONCE(zone->boost),
		   READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_MIN]),
		   READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_LOW]),
		   READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_HIGH]));
	seq_printf(m, "\n        spanned  %lu\n        present  %lu\n        managed  %lu\n        cma      %lu",
		   zone->nr_pages, zb_zone_nr_managed(zone), zb_zone_nr_managed(zone),
		   st->nr_blocks[ZB_MIGRATE_CMA] << ZB_PAGEBLOCK_ORDER);
	show_protection(m, zone);
	seq_printf(m, "\n      %-12s %lu", "nr_free_pages", st->nr_free);
	seq_printf(m, "\n      %-12s %lu", "nr_free_cma",
		   st->nr_free_type[ZB_MIGRATE_CMA]);
	seq_printf(m, "\n      %-12s %lu", "nr_free_highatomic",
		   st->nr_free_type[ZB_MIGRATE_HIGHATOMIC]);
	seq_printf(m, "\n      %-12s %lu", "nr_free_isolate",
		   st->nr_free_type[ZB_MIGRATE_ISOLATE]);
	show_numa(m, zone);
	show_pcp(m, zone);
	/* The process that opened the file needs the capability, not the reader. */
	seq_printf(m, "\n  start_pfn:           %lu\n",
		   file_ns_capable(m->file, &init_user_ns, CAP_SYS_RAWIO) ?
		   zone->start_pfn : 0);
}

static int zb_zoneinfo_show(struct seq_file *m, void *unused)
{
	struct zb_instance *inst = m->private;
	struct zb_zone_stat *st;
	struct zb_zone *zone;

	st = kzalloc_obj(*st);
	if (!st)
		return -ENOMEM;
	zb_for_each_zone(zone, &inst->pool) {
		zb_zone_snapshot(zone, st);
		zoneinfo_show_zone(m, zone, st);
	}
	kfree(st);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(zb_zoneinfo);

static unsigned long sum_events(const struct zb_pool *pool, enum zb_event event)
{
	const struct zb_zone *zone;
	unsigned long nr = 0;

	zb_for_each_zone(zone, pool)
		nr += zb_zone_events(zone, event);
	return nr;
}

static unsigned long sum_free_type(const struct zb_pool *pool, unsigned int mt)
{
	const struct zb_zone *zone;
	unsigned long nr = 0;

	zb_for_each_zone(zone, pool)
		nr += READ_ONCE(zone->nr_free_type[mt]);
	return nr;
}

static unsigned long sum_dirty(const struct zb_pool *pool)
{
	unsigned long nr = 0;
	unsigned int i;

	for (i = 0; i < pool->nr_nodes; i++)
		nr += atomic_long_read(&pool->nodes[i].nr_dirty);
	return nr;
}

static unsigned long sum_zeroed(const struct zb_pool *pool)
{
	struct zb_zone *zone;
	unsigned long nr = 0;

	zb_for_each_zone(zone, pool)
		nr += zb_zone_nr_zeroed(zone);
	return nr;
}

static void show_free(struct seq_file *m, const struct zb_instance *inst)
{
	const struct zb_zone *zone;
	unsigned long nr = 0;

	zb_for_each_zone(zone, &inst->pool)
		nr += READ_ONCE(zone->nr_free);
	seq_printf(m, "nr_free_pages %lu\n", nr);
	seq_printf(m, "nr_free_cma %lu\n",
		   sum_free_type(&inst->pool, ZB_MIGRATE_CMA));
	seq_printf(m, "nr_dirty %lu\n", sum_dirty(&inst->pool));
}

/* As in /proc/vmstat, allocations are counted per zone type over all nodes. */
static void show_pgalloc(struct seq_file *m, const struct zb_pool *pool)
{
	static const char *const names[ZB_NR_ZONES] = {
		"dma", "dma32", "normal", "high", "movable",
	};
	unsigned long nr[ZB_NR_ZONES] = { 0 };
	const struct zb_zone *zone;
	unsigned int i;

	zb_for_each_zone(zone, pool)
		nr[zone->type] += zb_zone_events(zone, ZB_PGALLOC);
	for (i = 0; i < ZB_NR_ZONES; i++)
		seq_printf(m, "pgalloc_%s %lu\n", names[i], nr[i]);
}

static const char *const bad_free_names[ZB_NR_BAD] = {
	[ZB_BAD_OUTSIDE] = "outside",
	[ZB_BAD_NOT_ALLOCATED] = "not_allocated",
	[ZB_BAD_WRONG_ORDER] = "wrong_order",
	[ZB_BAD_COMPOUND] = "compound",
};

static const struct {
	enum zb_event event;
	const char *name;
} vmstat_events[] = {
	{ ZB_NUMA_HIT, "numa_hit" }, { ZB_NUMA_MISS, "numa_miss" },
	{ ZB_NUMA_FOREIGN, "numa_foreign" },
	{ ZB_NUMA_LOCAL, "numa_local" }, { ZB_NUMA_OTHER, "numa_other" },
	{ ZB_PGFREE, "pgfree" },
	{ ZB_PGMIGRATE_SUCCESS, "pgmigrate_success" },
	{ ZB_PGMIGRATE_FAIL, "pgmigrate_fail" },
	{ ZB_COMPACTISOLATED, "compact_isolated" },
	{ ZB_COMPACTSTALL, "compact_stall" },
	{ ZB_COMPACTFAIL, "compact_fail" },
	{ ZB_COMPACTSUCCESS, "compact_success" },
	{ ZB_KCOMPACTD_WAKE, "compact_daemon_wake" },
	{ ZB_KCOMPACTD_MIGRATE_SCANNED, "compact_daemon_migrate_scanned" },
	{ ZB_PGSCAN_DIRECT, "pgscan_direct" },
	{ ZB_PGSTEAL_DIRECT, "pgsteal_direct" },
	{ ZB_PGSCAN_KSWAPD, "pgscan_kswapd" },
	{ ZB_PGSTEAL_KSWAPD, "pgsteal_kswapd" },
	{ ZB_PAGEOUTRUN, "pageoutrun" },
	{ ZB_ZONE_RECLAIM_SUCCESS, "zone_reclaim_success" },
	{ ZB_ZONE_RECLAIM_FAILED, "zone_reclaim_failed" },
	{ ZB_PURGE_BUSY, "zb_purge_busy" },
	{ ZB_OWNER_SCAN, "zb_owner_scan" }, { ZB_OWNER_FREE, "zb_owner_free" },
	{ ZB_OWNER_OOM, "zb_owner_oom" },
	{ ZB_CAPTURE_SUCCESS, "zb_capture_success" },
	{ ZB_CAPTURE_FAIL, "zb_capture_fail" },
	{ ZB_CAPTURE_BROKEN, "zb_capture_broken" },
	{ ZB_CMA_ALLOC, "cma_alloc_success" },
	{ ZB_PCP_REFILL, "zb_pcp_refill" },
	{ ZB_PCP_DRAIN, "zb_pcp_drain" },
	{ ZB_CLAIM, "zb_claim" }, { ZB_STEAL, "zb_steal" },
	{ ZB_HIGHATOMIC_RESERVE, "zb_highatomic_reserve" },
	{ ZB_HIGHATOMIC_UNRESERVE, "zb_highatomic_unreserve" },
	{ ZB_BAD_BLOCK, "zb_bad_block" }, { ZB_UNFIT, "zb_unfit" },
	{ ZB_UNFIT_RETURNED, "zb_unfit_returned" },
	{ ZB_OFFLINE, "zb_offline" }, { ZB_ONLINE, "zb_online" },
	{ ZB_ZERO_HIT, "zb_zero_hit" }, { ZB_ZERO_MISS, "zb_zero_miss" },
	{ ZB_ZERO_AHEAD, "zb_zero_ahead" }, { ZB_ZERO_VAIN, "zb_zero_vain" },
};

static void show_events(struct seq_file *m, const struct zb_pool *pool)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vmstat_events); i++)
		seq_printf(m, "%s %lu\n", vmstat_events[i].name,
			   sum_events(pool, vmstat_events[i].event));
}

static void show_waits(struct seq_file *m, const struct zb_instance *inst)
{
	seq_printf(m, "zb_waiting %d\n", atomic_read(&inst->wait.waiting));
	seq_printf(m, "zb_wait_granted %u\n", atomic_read(&inst->wait.granted));
	seq_printf(m, "zb_wait_passed %u\n", atomic_read(&inst->wait.passed));
	seq_printf(m, "zb_wait_held %u\n", atomic_read(&inst->wait.held));
	seq_printf(m, "zb_wait_missed %u\n", atomic_read(&inst->wait.missed));
}

static void show_bad_frees(struct seq_file *m, const struct zb_pool *pool)
{
	unsigned int i;

	for (i = 0; i < ZB_NR_BAD; i++)
		if (bad_free_names[i])
			seq_printf(m, "zb_bad_free_%s %lu\n", bad_free_names[i],
				   atomic_long_read(&pool->bad_frees[i]));
}

static int zb_vmstat_show(struct seq_file *m, void *unused)
{
	struct zb_instance *inst = m->private;
	struct zb_pool *pool = &inst->pool;

	show_free(m, inst);
	show_pgalloc(m, pool);
	seq_printf(m, "allocstall %lu\n", atomic_long_read(&pool->stalls));
	show_events(m, pool);
	seq_printf(m, "zb_resize_fail %lu\n", atomic_long_read(&inst->resize_failures));
	seq_printf(m, "zb_idle_lent %lu\n", atomic_long_read(&inst->idle_lent));
	seq_printf(m, "zb_idle_taken %lu\n", atomic_long_read(&inst->idle_taken));
	seq_printf(m, "zb_idle_fail %lu\n", atomic_long_read(&inst->idle_failures));
	seq_printf(m, "zb_zeroed %lu\n", sum_zeroed(pool));
	seq_printf(m, "zb_deferred_free %lu\n", atomic_long_read(&inst->deferred_pages));
	seq_printf(m, "zb_deferred_free_checks %lu\n",
		   atomic_long_read(&inst->deferred_checks));
	seq_printf(m, "zb_owners_steps %lu\n", atomic_long_read(&inst->owners_steps));
	seq_printf(m, "zb_alloc_killed %lu\n", atomic_long_read(&inst->killed));
	show_waits(m, inst);
	seq_printf(m, "zb_alloc_fail %lu\n", atomic_long_read(&pool->failures));
	show_bad_frees(m, pool);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(zb_vmstat);

static void unusable_cell(struct seq_file *m, const struct zb_zone_stat *st,
			  unsigned int order)
{
	int n = zb_unusable_index(st, order);

	seq_printf(m, "%d.%03d ", n / 1000, n % 1000);
}

static int unusable_index_show(struct seq_file *m, void *unused)
{
	return zb_debugfs_per_order(m, unusable_cell);
}
DEFINE_SHOW_ATTRIBUTE(unusable_index);

static void extfrag_cell(struct seq_file *m, const struct zb_zone_stat *st,
			 unsigned int order)
{
	int n = zb_extfrag_index(st, order);

	seq_printf(m, "%2d.%03d ", n / 1000, n % 1000);
}

static int extfrag_index_show(struct seq_file *m, void *unused)
{
	return zb_debugfs_per_order(m, extfrag_cell);
}
DEFINE_SHOW_ATTRIBUTE(extfrag_index);

static int fallbacks_show(struct seq_file *m, void *unused)
{
	struct zb_instance *inst = m->private;
	unsigned int mt, i, from;
	struct zb_zone *zone;

	zb_for_each_zone(zone, &inst->pool)
		for (mt = 0; mt < ZB_MIGRATE_PCPTYPES; mt++)
			for (i = 0; i < ZB_MIGRATE_PCPTYPES - 1; i++) {
				from = zb_fallback_type(mt, i);
				seq_printf(m, "Node %d, zone %8s, type %12s from %12s %lu\n",
					   zone->nid, zb_zone_names[zone->type],
					   zb_migratetype_names[mt],
					   zb_migratetype_names[from],
					   READ_ONCE(zone->fallbacks[mt][from]));
			}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(fallbacks);

/**
 * zb_debugfs_create_vm() - create the files of vm.c
 * @root: the directory
 * @inst: the instance whose state the files show
 *
 * Context: may sleep.
 */
void zb_debugfs_create_vm(struct dentry *root, struct zb_instance *inst)
{
	debugfs_create_file("zoneinfo", 0444, root, inst, &zb_zoneinfo_fops);
	debugfs_create_file("vmstat", 0444, root, inst, &zb_vmstat_fops);
	debugfs_create_file("extfrag_index", 0444, root, inst, &extfrag_index_fops);
	debugfs_create_file("unusable_index", 0444, root, inst, &unusable_index_fops);
	debugfs_create_file("fallbacks", 0444, root, inst, &fallbacks_fops);
}
