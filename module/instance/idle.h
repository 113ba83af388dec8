/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_IDLE_H
#define ZB_IDLE_H

#include "instance.h"

int zb_idle_attach(struct zb_instance *inst);
void zb_idle_start(struct zb_instance *inst);
void zb_idle_detach(struct zb_instance *inst);
void zb_idle_kick(struct zb_instance *inst, const struct zb_zone *zone, unsigned long nr_pages);
bool zb_idle_take(struct zb_instance *inst, const struct zb_zone *zone, unsigned long nr_pages,
		  zb_gfp_t gfp);
bool zb_idle_take_any(struct zb_instance *inst, unsigned long nr_pages, zb_gfp_t gfp);

#endif /* ZB_IDLE_H */
