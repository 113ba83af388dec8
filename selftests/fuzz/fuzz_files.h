/* SPDX-License-Identifier: GPL-2.0 */
/* Operations of fuzz_test on buffers as files, debugfs files and parameters. */
#ifndef FUZZ_FILES_H
#define FUZZ_FILES_H

#include "fuzz_ops.h"

/* The file takes the place of a dma-buf, so that all operations on those are tried on it. */
static void fuzz_to_file(void)
{
	struct zb_ioc_to_file to = {
		.size = sizeof(to), .handle = a_handle(), .flags = pick(8) ? 3 : pick(8),
	};
	int *slot = &z.dmabuf[pick(NR_DMABUFS)];

	to.fd = -1;
	if (try_ioctl(ZB_IOC_TO_FILE, &to, sizeof(to)) || to.fd <= 2)
		return;
	if (*slot >= 0)
		close(*slot);
	*slot = to.fd;
}

static void fuzz_from_file(void)
{
	struct zb_ioc_from_file from = {
		.size = sizeof(from), .fd = one_in(16) ? (int)pick(64) - 1 : a_dmabuf(),
	};

	if (!try_ioctl(ZB_IOC_FROM_FILE, &from, sizeof(from)))
		z.buf[pick(NR_HANDLES)] = (struct zb_ioc_alloc){
			.handle = from.handle, .length = from.length,
			.mmap_offset = from.mmap_offset,
			.mmap_huge_offset = from.mmap_huge_offset,
		};
}

static void fuzz_file_io(void)
{
	off_t at = one_in(8) ? (off_t)fuzz_bytes(8) : (off_t)pick(65536);
	int fd = a_dmabuf();

	switch (pick(5)) {
	case 0:
		counted(pread(fd, z.room, pick(8192), at));
		break;
	case 1:
		counted(pwrite(fd, z.room, pick(8192), at));
		break;
	case 2:
		counted(ftruncate(fd, at));
		break;
	case 3:
		counted(fallocate(fd, (int)pick(4), at, (off_t)pick(65536)));
		break;
	case 4:
		counted(fcntl(fd, F_SETFL, pick(2) ? O_NONBLOCK : O_APPEND));
	}
}

static void fuzz_debugfs(void)
{
	static const char * const names[] = {
		"buddyinfo", "pagetypeinfo", "zoneinfo", "vmstat", "extfrag_index",
		"unusable_index", "fallbacks", "pageblocks", "owners", "processes",
		"regions", "check", "drain", "holds",
	};
	static char text[65536];
	char path[128];
	bool write_it;
	int fd;

	snprintf(path, sizeof(path), ZB_DEBUGFS "%s", names[pick(ARRAY_SIZE(names))]);
	write_it = one_in(3);
	fd = open(path, (write_it ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
	if (counted(fd) < 0)
		return;
	if (one_in(4))
		lseek(fd, (off_t)fuzz_bytes(one_in(4) ? 8 : 2), SEEK_SET);
	counted(write_it ? write(fd, "1\n", pick(3)) :
			read(fd, one_in(16) ? NULL : text, one_in(3) ? pick(200) : sizeof(text)));
	close(fd);
}

static const char * const fuzz_params[] = {
	"min_free_kbytes", "watermark_scale_factor", "watermark_boost_factor",
	"lowmem_reserve_ratio", "dirty_ratio",
	"percpu_pagelist_high_fraction", "max_bytes_per_open", "max_bytes_per_user",
	"page_owner",
};

static void fuzz_param(void)
{
	static const char * const values[] = {
		"0", "1", "8", "10", "100", "3000", "1000000", "4294967295", "4294967296",
		"18446744073709551616", "-1", "", "Y", "N", "64M", "1G", "nonsense",
		"256,256,32,0,0", "0 0 0 0 0", "1,1,1,1,1", "1,2,3", "99999999999,1,1,1,1",
	};
	char path[128];

	snprintf(path, sizeof(path), ZB_PARAMETERS "%s",
		 fuzz_params[pick(ARRAY_SIZE(fuzz_params))]);
	counted(zb_write_file(path, values[pick(ARRAY_SIZE(values))]));
	z.tuned = true;
}

#endif /* FUZZ_FILES_H */
