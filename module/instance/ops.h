/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_OPS_H
#define ZB_OPS_H

#include "../core/alloc.h"

void zb_ops_init(struct zb_ops *ops, bool poison);
void zb_poison(unsigned long pfn, unsigned long nr_pages);

#endif /* ZB_OPS_H */
