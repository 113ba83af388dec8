/* SPDX-License-Identifier: GPL-2.0 */
/* A recorded trace, as it is read by the kernel module and by programs. */
#ifndef ZB_REPLAY_EVENT_H
#define ZB_REPLAY_EVENT_H

#include <linux/types.h>

#define SAMPLES		32u	/* taken during a replay */
#define MAX_ORDER_OF	10u	/* of a recorded event */
#define IS_FREE		0x80	/* bit of event.op; the others are the order */

/* The format is described in record.pl. */
struct event {
	__le32 pfn;
	__u8 op;
	__u8 mobility;
	__u8 cpu;
	__u8 class;
};

#endif /* ZB_REPLAY_EVENT_H */
