// SPDX-License-Identifier: GPL-2.0
/* A program built with the header that `make install` has installed. */
#include <fcntl.h>
#include <linux/zbuddy.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

int main(void)
{
	struct zb_ioc_alloc a = {
		.size = sizeof(a), .flags = ZB_BUF_LENGTH, .length = 5 << 20,
		.gfp = ZB_GFP_KERNEL, .node = ZB_NODE_ANY,
	};
	int fd = open("/dev/zbuddy", O_RDWR | O_CLOEXEC);
	char *p;

	if (fd < 0 || ioctl(fd, ZB_IOC_ALLOC, &a))
		return 1;
	p = mmap(NULL, a.length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, a.mmap_offset);
	if (p == MAP_FAILED || p[a.length - 1])
		return 2;
	memset(p, 1, a.length);
	return 0;
}
