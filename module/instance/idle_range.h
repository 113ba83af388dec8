/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_IDLE_RANGE_H
#define ZB_IDLE_RANGE_H

#include "instance.h"

bool zb_idle_range_could_ever(struct zb_instance *inst, const struct zb_alloc_request *req,
			      const struct zb_range *range, struct zb_range_failure *failure);
unsigned long zb_idle_alloc_range(struct zb_instance *inst, zb_gfp_t gfp,
				  const struct zb_range *range, int nid,
				  const unsigned long *nodemask, bool user,
				  struct zb_zero_map *map, struct zb_range_failure *failure);

#endif /* ZB_IDLE_RANGE_H */
