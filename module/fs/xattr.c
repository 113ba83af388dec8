// SPDX-License-Identifier: GPL-2.0-only
/* Extended attributes that describe the buffer of a file. They are read-only. */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/xattr.h>

#include "../buffer/discard.h"
#include "../compat.h"
#include "../core/layout.h"
#include "fs.h"

enum buffer_attribute { ATTRIBUTE_NODE, ATTRIBUTE_ZONE, ATTRIBUTE_LABEL, ATTRIBUTE_ADDRESS };

/*
 * Once the address has been read, the buffer is never moved again. Programs that copy all
 * attributes of a file must not read it by accident.
 */
static bool never_list(struct dentry *dentry)
{
	return false;
}

static int print_attribute(struct zb_buffer *buf, enum buffer_attribute attribute,
			   char *text, size_t size, bool only_size)
{
	unsigned long pfn;
	u32 zone;
	s32 nid;

	zb_buffer_get_place(buf, &nid, &zone, NULL);
	switch (attribute) {
	case ATTRIBUTE_NODE:
		return scnprintf(text, size, "%d", nid);
	case ATTRIBUTE_ZONE:
		return scnprintf(text, size, "%s", zb_zone_names[zone]);
	case ATTRIBUTE_LABEL:
		zb_buffer_get_label(buf, text);
		return strlen(text);
	default:
		if (only_size)
			return size;
		/* From now on, the buffer is not moved. */
		pfn = zb_buffer_phys_pfn(buf);
		return pfn == ZB_NO_PFN ? -EBUSY :
		       scnprintf(text, size, "%#llx", (u64)PFN_PHYS(pfn));
	}
}

static int get_attribute(const struct xattr_handler *handler, struct dentry *dentry,
			 struct inode *inode, const char *name, void *value, size_t size)
{
	char text[ZB_LABEL_LEN];
	struct zb_buffer *buf;
	int length;

	if (!S_ISREG(inode->i_mode))
		return -ENODATA;
	if (handler->flags == ATTRIBUTE_ADDRESS && !capable(CAP_SYS_RAWIO))
		return -EPERM;
	buf = zb_fs_get_buffer(inode, NULL);
	if (!buf)
		return -ENODATA;
	length = print_attribute(buf, handler->flags, text, sizeof(text), !size);
	zb_buffer_put(buf);
	if (length < 0 || !size)
		return length;
	if (length > size)
		return -ERANGE;
	memcpy(value, text, length);
	return length;
}

static const struct xattr_handler node_handler = {
	.name = XATTR_SYSTEM_PREFIX "zbuddy.node",
	.flags = ATTRIBUTE_NODE,
	.get = get_attribute,
};

static const struct xattr_handler zone_handler = {
	.name = XATTR_SYSTEM_PREFIX "zbuddy.zone",
	.flags = ATTRIBUTE_ZONE,
	.get = get_attribute,
};

static const struct xattr_handler label_handler = {
	.name = XATTR_SYSTEM_PREFIX "zbuddy.label",
	.flags = ATTRIBUTE_LABEL,
	.get = get_attribute,
};

static const struct xattr_handler address_handler = {
	.name = XATTR_SYSTEM_PREFIX "zbuddy.address",
	.flags = ATTRIBUTE_ADDRESS,
	.list = never_list,
	.get = get_attribute,
};

const struct xattr_handler *zb_fs_xattr_handlers[] = {
	&node_handler,
	&zone_handler,
	&label_handler,
	&address_handler,
	NULL
};

/**
 * zb_fs_listxattr() - list the extended attributes of a file
 * @dentry: the file
 * @list: filled in with their names, or NULL
 * @size: size of @list
 *
 * A file without a buffer has none.
 *
 * Return: size of the names, or -ERANGE if @list is too small.
 */
ssize_t zb_fs_listxattr(struct dentry *dentry, char *list, size_t size)
{
	if (!i_size_read(d_inode(dentry)))
		return 0;
	return generic_listxattr(dentry, list, size);
}
