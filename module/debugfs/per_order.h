/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_DEBUGFS_PER_ORDER_H
#define ZB_DEBUGFS_PER_ORDER_H

#include <linux/seq_file.h>

#include "../core/stat.h"

int zb_debugfs_per_order(struct seq_file *m,
			 void (*cell)(struct seq_file *m,
				      const struct zb_zone_stat *st,
				      unsigned int order));

#endif /* ZB_DEBUGFS_PER_ORDER_H */
