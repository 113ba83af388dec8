/* SPDX-License-Identifier: GPL-2.0 */
/* Operations that need CAP_SYS_ADMIN. Included after fuzz_ops.h. */
#ifndef FUZZ_ADMIN_H
#define FUZZ_ADMIN_H

#include "fuzz_ops.h"

/* Only the present size is valid, because the test expects all memory to be free at its end. */
static void fuzz_resize(void)
{
	struct zb_ioc_info info = { .size = sizeof(info) };
	struct zb_ioc_resize r = {
		.size = sizeof(r), .node = pick(8) ? ZB_NODE_ANY : (__s32)pick(3),
		.bytes = fuzz_bytes(8) | 1,
	};

	if (pick(2) && !try_ioctl(ZB_IOC_INFO, &info, sizeof(info)))
		r.bytes = info.total_bytes;
	try_ioctl(ZB_IOC_RESIZE, &r, sizeof(r));
}

static void fuzz_empty(void)
{
	struct zb_ioc_empty e = {
		.size = sizeof(e), .node = pick(4) ? ZB_NODE_ANY : (__s32)pick(3) - 1,
		.zone = pick(4) ? pick(ZB_NR_ZONES + 1) : ZB_ZONE_ANY,
	};

	try_ioctl(ZB_IOC_EMPTY, &e, sizeof(e));
}

#endif /* FUZZ_ADMIN_H */
