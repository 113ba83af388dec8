/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_IOCTL_H
#define ZB_IOCTL_H

struct file;

long zb_ioctl(struct file *filp, unsigned int nr, unsigned long uarg);

#endif /* ZB_IOCTL_H */
