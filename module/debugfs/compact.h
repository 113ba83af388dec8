/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_DEBUGFS_COMPACT_H
#define ZB_DEBUGFS_COMPACT_H

struct dentry;
struct zb_reclaim;

void zb_debugfs_create_compact(struct dentry *root, struct zb_reclaim *reclaim);

#endif /* ZB_DEBUGFS_COMPACT_H */
