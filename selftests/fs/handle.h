/* SPDX-License-Identifier: GPL-2.0 */
/* Buffers that have both a handle and a descriptor. */
#ifndef HANDLE_H
#define HANDLE_H

#include "fs_mount.h"

#define LENGTH	(4 * 65536ul)

/* A buffer of LENGTH bytes, with a handle and a descriptor. */
struct both {
	struct zb_ioc_alloc a;
	int fd;
};

static inline struct both make_both(struct __test_metadata *_metadata, int dev, __u32 flags)
{
	struct both b;

	ASSERT_EQ(0, zb_alloc_length(dev, LENGTH, ZB_GFP_ANYZONE, &b.a)) return b;
	b.fd = zb_to_file(dev, b.a.handle, flags | ZB_FILE_CLOEXEC);
	ASSERT_GE(b.fd, 0);
	return b;
}

#define EXPECT_ALL_FREE() \
	EXPECT_EQ(self->zb.free, zb_await_free(self->zb.fd, self->zb.free))

#endif /* HANDLE_H */
