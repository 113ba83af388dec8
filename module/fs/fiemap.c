// SPDX-License-Identifier: GPL-2.0-only
/* FIEMAP: where the contents of a file are. */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/user_namespace.h>

#include "../core/layout.h"
#include "fs.h"

/*
 * Programs that copy files ask for their extents without using the addresses, so this must not
 * keep the buffer in its place, unlike the attribute system.zbuddy.address. For the same reason,
 * a missing capability is not reported to the audit system.
 */
static unsigned long present_pfn(struct zb_buffer *buf)
{
	unsigned long pfn;

	if (!ns_capable_noaudit(&init_user_ns, CAP_SYS_RAWIO))
		return ZB_NO_PFN;
	filemap_invalidate_lock_shared(&buf->mapping);
	pfn = buf->pfn;
	filemap_invalidate_unlock_shared(&buf->mapping);
	return pfn;
}

/**
 * zb_fs_fiemap() - report the extent of a file, if it has contents
 * @inode: the file
 * @info: filled in with the extent
 * @start: first byte of the range that the caller asks for
 * @len: length of the range in bytes
 *
 * Without CAP_SYS_RAWIO, the physical address is 0 and marked as unknown.
 *
 * Context: may sleep.
 * Return: 0, -EINVAL or -EFBIG if the range is invalid, -EBADR if a flag is not supported, or
 * -EFAULT.
 */
int zb_fs_fiemap(struct inode *inode, struct fiemap_extent_info *info, u64 start, u64 len)
{
	struct zb_buffer *buf;
	unsigned long pfn;
	int err = fiemap_prep(inode, info, start, &len, 0);

	if (err)
		return err;
	buf = zb_fs_get_buffer(inode, NULL);
	if (!buf)
		return 0;
	if (start < zb_buffer_bytes(buf)) {
		pfn = present_pfn(buf);
		err = fiemap_fill_next_extent(info, 0, pfn == ZB_NO_PFN ? 0 : PFN_PHYS(pfn),
					      zb_buffer_bytes(buf), FIEMAP_EXTENT_LAST |
					      (pfn == ZB_NO_PFN ? FIEMAP_EXTENT_UNKNOWN : 0));
	}
	zb_buffer_put(buf);
	/* 1 means that there is no room for another extent. */
	return min(err, 0);
}
