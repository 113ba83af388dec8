/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_DEBUGFS_H
#define ZB_DEBUGFS_H

struct dentry;
struct seq_file;
struct zb_instance;
struct zb_zone_stat;

struct dentry *zb_debugfs_create(struct zb_instance *inst);
void zb_debugfs_create_vm(struct dentry *root, struct zb_instance *inst);
int zb_debugfs_per_order(struct seq_file *m,
			 void (*cell)(struct seq_file *m,
				      const struct zb_zone_stat *st,
				      unsigned int order));
void zb_debugfs_remove(struct dentry *root);

#endif /* ZB_DEBUGFS_H */
