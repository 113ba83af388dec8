// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files in /sys/kernel/debug/zbuddy:
 *
 *	buddyinfo     like /proc/buddyinfo, with the orders of this pool
 *	pagetypeinfo  like /proc/pagetypeinfo; with the parameter page_owner also
 *	              the number of mixed pageblocks
 *	regions       source and address of the memory
 *	check         "ok", or the first invariant that is violated
 *	drain         a write drains all per-CPU lists
 *	holds         how long zone locks were held; writing 1 begins measuring, 0 ends it
 *
 * The files zoneinfo, vmstat, extfrag_index, unusable_index and fallbacks are in vm.c,
 * pageblocks in pageblocks.c, owners and processes in owners.c.
 *
 * The state of a zone is copied with the zone lock held and printed without it.
 */
#include <linux/capability.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "../compat.h"
#include "../core/check.h"
#include "../core/layout.h"
#include "../core/stat.h"
#include "debugfs.h"
#include "per_order.h"
#include "vm.h"
#include "../instance/instance.h"
#include "../instance/params.h"

static bool page_owner;
module_param_cb(page_owner, &zb_bool_ops, &page_owner, 0644);
__MODULE_PARM_TYPE(page_owner, "bool");
MODULE_PARM_DESC(page_owner, "count mixed pageblocks in pagetypeinfo, which checks every frame (default N)");

static void nr_free_cell(struct seq_file *m, const struct zb_zone_stat *st,
			 unsigned int order)
{
	seq_printf(m, "%6lu ", zb_stat_nr_free(st, order));
}

static int buddyinfo_show(struct seq_file *m, void *unused)
{
	return zb_debugfs_per_order(m, nr_free_cell);
}
DEFINE_SHOW_ATTRIBUTE(buddyinfo);

static void show_free_by_type(struct seq_file *m, const struct zb_zone *zone,
			      const struct zb_zone_stat *st,
			      unsigned int max_order)
{
	unsigned int order, mt;

	for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++) {
		seq_printf(m, "Node %4d, zone %8s, type %12s ", zone->nid,
			   zb_zone_names[zone->type], zb_migratetype_names[mt]);
		for (order = 0; order <= max_order; order++)
			seq_printf(m, "%6lu ", st->nr_free_blocks[order][mt]);
		seq_putc(m, '\n');
	}
}

static void show_block_count(struct seq_file *m, const struct zb_zone *zone,
			     const struct zb_zone_stat *st)
{
	unsigned int mt;

	seq_printf(m, "Node %d, zone %8s ", zone->nid,
		   zb_zone_names[zone->type]);
	for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++)
		seq_printf(m, "%12lu ", st->nr_blocks[mt]);
	seq_putc(m, '\n');
}

static void zb_pagetypeinfo_show_node(struct seq_file *m, struct zb_pool *pool,
				      int nid, struct zb_zone_stat *st)
{
	struct zb_zone *zone;
	unsigned int i;

	seq_printf(m, "Page block order: %d\n", ZB_PAGEBLOCK_ORDER);
	seq_printf(m, "Pages per block:  %lu\n", ZB_PAGEBLOCK_NR);
	seq_putc(m, '\n');

	seq_printf(m, "%-43s ", "Free pages count per migrate type at order");
	for (i = 0; i <= pool->max_order; i++)
		seq_printf(m, "%6d ", i);
	seq_putc(m, '\n');
	zb_for_each_zone(zone, pool) {
		if (zone->nid != nid)
			continue;
		zb_zone_snapshot(zone, &st[zone - pool->zones]);
		show_free_by_type(m, zone, &st[zone - pool->zones],
				  pool->max_order);
	}

	seq_printf(m, "\n%-23s", "Number of blocks type ");
	for (i = 0; i < ZB_MIGRATE_TYPES; i++)
		seq_printf(m, "%12s ", zb_migratetype_names[i]);
	seq_putc(m, '\n');
	zb_for_each_zone(zone, pool)
		if (zone->nid == nid)
			show_block_count(m, zone, &st[zone - pool->zones]);
}

static void show_mixed_count(struct seq_file *m, struct zb_pool *pool, int nid)
{
	unsigned long nr[ZB_MIGRATE_TYPES];
	struct zb_zone *zone;
	unsigned int i;

	seq_printf(m, "\n%-23s", "Number of mixed blocks ");
	for (i = 0; i < ZB_MIGRATE_TYPES; i++)
		seq_printf(m, "%12s ", zb_migratetype_names[i]);
	seq_putc(m, '\n');
	zb_for_each_zone(zone, pool) {
		if (zone->nid != nid)
			continue;
		zb_zone_mixed_blocks(zone, nr);
		seq_printf(m, "Node %d, zone %8s ", zone->nid,
			   zb_zone_names[zone->type]);
		for (i = 0; i < ZB_MIGRATE_TYPES; i++)
			seq_printf(m, "%12lu ", nr[i]);
		seq_putc(m, '\n');
	}
}

static int zb_pagetypeinfo_show(struct seq_file *m, void *unused)
{
	struct zb_instance *inst = m->private;
	struct zb_zone_stat *st;
	unsigned int i;

	st = kvcalloc(inst->pool.nr_zones, sizeof(*st), GFP_KERNEL);
	if (!st)
		return -ENOMEM;
	for (i = 0; i < inst->pool.nr_nodes; i++) {
		int nid = inst->pool.nodes[i].nid;

		zb_pagetypeinfo_show_node(m, &inst->pool, nid, st);
		if (READ_ONCE(page_owner))
			show_mixed_count(m, &inst->pool, nid);
	}
	kvfree(st);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(zb_pagetypeinfo);

static int regions_show(struct seq_file *m, void *unused)
{
	/* The process that opened the file needs the capability, not the reader. */
	bool allowed = file_ns_capable(m->file, &init_user_ns, CAP_SYS_RAWIO);
	struct zb_instance *inst = m->private;
	const struct zb_region *region;
	phys_addr_t start, end;
	unsigned int i;

	for (i = 0; i < inst->nr_regions; i++) {
		region = &inst->regions[i];
		start = PFN_PHYS(region->start_pfn);
		end = PFN_PHYS(region->start_pfn + region->nr_pages) - 1;
		if (!allowed) {
			start = 0;
			end = 0;
		}
		seq_printf(m, "Node %d, backend %s, source %s, in_cma %d, pages %lu, range %pa-%pa\n",
			   region->nid, region->backend->name, region->source,
			   region->in_cma, region->nr_pages, &start, &end);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(regions);

static int check_show(struct seq_file *m, void *unused)
{
	struct zb_instance *inst = m->private;
	struct zb_violation v;

	if (zb_instance_check(inst, &v))
		seq_printf(m, "ok %u zones, %lu pages\n", inst->pool.nr_zones,
			   zb_instance_size(inst, NUMA_NO_NODE));
	else
		seq_printf(m, "invariant violated: %s (node %d, zone %s, frame %lu, found %lu, expected %lu)\n",
			   v.rule, v.zone->nid, zb_zone_names[v.zone->type],
			   v.pfn ? v.pfn - v.zone->start_pfn : 0, v.found,
			   v.expected);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(check);

static ssize_t drain_write(struct file *file, const char __user *text,
			   size_t count, loff_t *pos)
{
	struct zb_instance *inst = file->private_data;

	zb_instance_drain_all(inst);
	return count;
}

static const struct file_operations drain_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = drain_write,
};

static int holds_show(struct seq_file *m, void *unused)
{
	zb_holds_show(m);
	return 0;
}

static int holds_open(struct inode *inode, struct file *file)
{
	return single_open(file, holds_show, NULL);
}

static ssize_t holds_write(struct file *file, const char __user *text,
			   size_t count, loff_t *pos)
{
	static DEFINE_MUTEX(holds_lock);
	bool on;
	int err = kstrtobool_from_user(text, count, &on);

	if (err)
		return err;
	mutex_lock(&holds_lock);
	zb_holds_measure(on);
	mutex_unlock(&holds_lock);
	return count;
}

static const struct file_operations holds_fops = {
	.owner = THIS_MODULE,
	.open = holds_open,
	.read = seq_read,
	.write = holds_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/**
 * zb_debugfs_create() - create the debugfs directory and its files
 * @inst: the instance whose state the files show
 *
 * The module also works without debugfs, so errors are ignored.
 *
 * Context: may sleep.
 * Return: the directory, for zb_debugfs_remove().
 */
struct dentry *zb_debugfs_create(struct zb_instance *inst)
{
	struct dentry *root = debugfs_create_dir("zbuddy", NULL);

	debugfs_create_file("buddyinfo", 0444, root, inst, &buddyinfo_fops);
	debugfs_create_file("pagetypeinfo", 0400, root, inst, &zb_pagetypeinfo_fops);
	debugfs_create_file("regions", 0400, root, inst, &regions_fops);
	debugfs_create_file("check", 0400, root, inst, &check_fops);
	debugfs_create_file("drain", 0200, root, inst, &drain_fops);
	debugfs_create_file("holds", 0600, root, inst, &holds_fops);
	zb_debugfs_create_vm(root, inst);
	return root;
}

/**
 * zb_debugfs_remove() - remove the debugfs directory and its files
 * @root: as returned by zb_debugfs_create()
 *
 * Context: may sleep; waits for readers.
 */
void zb_debugfs_remove(struct dentry *root)
{
	debugfs_remove(root);
}
