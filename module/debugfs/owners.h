/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_OWNERS_H
#define ZB_OWNERS_H

struct dentry;
struct zb_buffer_pool;

void zb_owners_create(struct dentry *root, struct zb_buffer_pool *bpool);

#endif /* ZB_OWNERS_H */
