/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_HOTPLUG_H
#define ZB_HOTPLUG_H

struct zb_instance;

int zb_hotplug_init(void);
void zb_hotplug_exit(void);
int zb_hotplug_add(struct zb_instance *inst);
void zb_hotplug_remove(struct zb_instance *inst);

#endif /* ZB_HOTPLUG_H */
