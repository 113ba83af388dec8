/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_CHARDEV_H
#define ZB_CHARDEV_H

#include <linux/miscdevice.h>

#include "../buffer/buffer.h"

/**
 * struct zb_chardev - /dev/zbuddy
 * @misc: the misc device
 * @bpool: the buffers that it allocates
 */
struct zb_chardev {
	struct miscdevice misc;
	struct zb_buffer_pool bpool;
};

int zb_chardev_register(struct zb_chardev *dev, struct zb_instance *inst);
void zb_chardev_unregister(struct zb_chardev *dev);

#endif /* ZB_CHARDEV_H */
