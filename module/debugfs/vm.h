/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_DEBUGFS_VM_H
#define ZB_DEBUGFS_VM_H

struct dentry;
struct zb_instance;

void zb_debugfs_create_vm(struct dentry *root, struct zb_instance *inst);

#endif /* ZB_DEBUGFS_VM_H */
