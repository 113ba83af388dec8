/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_IDLE_RANGE_H
#define ZB_IDLE_RANGE_H

#include "instance.h"

unsigned long zb_idle_alloc_range(struct zb_instance *inst, zb_gfp_t gfp,
				  const struct zb_range *range, int nid,
				  const unsigned long *nodemask, bool user,
				  struct zb_zero_map *map, struct zb_range_failure *failure);

#endif /* ZB_IDLE_RANGE_H */
