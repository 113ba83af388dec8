/* SPDX-License-Identifier: GPL-2.0 */
/* A file system on a RAM disk, for direct I/O that pins pages. */
#ifndef RAM_DISK_H
#define RAM_DISK_H

#include <errno.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define RAM_DISK	"/dev/ram0"
#define RAM_DISK_DIR	"/tmp/zbuddy_mnt"

/* Mount a new ext4 on the RAM disk. Returns NULL or the reason of a failure. */
static inline const char *mount_ram_disk(void)
{
	if (system("modprobe brd rd_nr=1 rd_size=65536 >/dev/null 2>&1") == -1 ||
	    access(RAM_DISK, R_OK | W_OK))
		return "no " RAM_DISK ": needs module brd";
	if (system("modprobe ext4 >/dev/null 2>&1; mke2fs " RAM_DISK " >/dev/null 2>&1"))
		return "no mke2fs";
	if (mkdir(RAM_DISK_DIR, 0755) && errno != EEXIST)
		return "can't create " RAM_DISK_DIR;
	return mount(RAM_DISK, RAM_DISK_DIR, "ext4", 0, NULL) ?
	       "can't mount the disk: needs module ext4" : NULL;
}

static inline void unmount_ram_disk(void)
{
	umount2(RAM_DISK_DIR, MNT_DETACH);
}

#endif /* RAM_DISK_H */
