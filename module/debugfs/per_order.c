// SPDX-License-Identifier: GPL-2.0-only
/* Prints the table of zones and orders that several files in debugfs consist of. */
#include <linux/slab.h>

#include "../compat.h"
#include "../core/layout.h"
#include "../instance/instance.h"
#include "per_order.h"

/**
 * zb_debugfs_per_order() - print a line per zone with a column per order
 * @m: the file
 * @cell: prints one column
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int zb_debugfs_per_order(struct seq_file *m,
			 void (*cell)(struct seq_file *m,
				      const struct zb_zone_stat *st,
				      unsigned int order))
{
	struct zb_instance *inst = m->private;
	struct zb_zone_stat *st;
	struct zb_zone *zone;
	unsigned int order;

	st = kzalloc_obj(*st);
	if (!st)
		return -ENOMEM;
	zb_for_each_zone(zone, &inst->pool) {
		zb_zone_snapshot(zone, st);
		seq_printf(m, "Node %d, zone %8s ", zone->nid,
			   zb_zone_names[zone->type]);
		for (order = 0; order <= inst->pool.max_order; order++)
			cell(m, st, order);
		seq_putc(m, '\n');
	}
	kfree(st);
	return 0;
}
