/* SPDX-License-Identifier: GPL-2.0 */
/* Helpers for tests of buffers, in addition to those of zbuddy_test.h. */
#ifndef BUFFER_TEST_H
#define BUFFER_TEST_H

#include "zbuddy_test.h"

#include <linux/io_uring.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define ZB_MODULE	"./zbuddy.ko"

static inline int zb_load(const char *params)
{
	int fd = open(ZB_MODULE, O_RDONLY | O_CLOEXEC);
	int rc = (int)syscall(SYS_finit_module, fd, params, 0);

	rc = rc ? -errno : 0;
	close(fd);
	return rc;
}

/* Unload like rmmod. A module in use gives -EAGAIN, not -EBUSY. */
static inline int zb_unload(void)
{
	int rc = (int)syscall(SYS_delete_module, "zbuddy", O_NONBLOCK);

	return rc ? -errno : 0;
}

/* Unload after waiting for a use that is about to end, such as a close() in progress. */
static inline int zb_unload_soon(void)
{
	int rc, ms;

	for (ms = 0; (rc = zb_unload()) == -EAGAIN && ms < ZB_PATIENCE_MS; ms += 20)
		zb_sleep_ms(20);
	return rc;
}

#define ZB_TEST_MODULE	"./zb_api_test.ko"

/* Load the test module for its parameters' side effects; "only=none" skips its tests. */
static inline int zb_load_test_module(void)
{
	int fd = open(ZB_TEST_MODULE, O_RDONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return -errno;
	rc = syscall(SYS_finit_module, fd, "only=none", 0) ? -errno : 0;
	close(fd);
	return rc;
}

static inline void zb_unload_test_module(void)
{
	syscall(SYS_delete_module, "zb_api_test", O_NONBLOCK);
}

/* Write a parameter of the test module; the result of the operation is 0 or -errno. */
static inline int zb_ask_test_module(const char *parameter, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/zb_api_test/parameters/%s", parameter);
	return zb_write_file(path, text);
}

/*
 * Older kernels refuse to register any file mapping with io_uring, even a private
 * mapping of /dev/zero, which is anonymous memory.
 */
static inline bool zb_ring_takes_files(int ring)
{
	int rc, err, zero = open("/dev/zero", O_RDWR | O_CLOEXEC);
	struct iovec iov = { .iov_len = (size_t)sysconf(_SC_PAGESIZE) };

	iov.iov_base = mmap(NULL, iov.iov_len, PROT_READ | PROT_WRITE, MAP_PRIVATE,
			    zero, 0);
	rc = (int)syscall(__NR_io_uring_register, ring, IORING_REGISTER_BUFFERS,
			  &iov, 1);
	err = errno;
	if (!rc)
		syscall(__NR_io_uring_register, ring, IORING_UNREGISTER_BUFFERS,
			NULL, 0);
	munmap(iov.iov_base, iov.iov_len);
	close(zero);
	return !rc || err != EOPNOTSUPP;
}

/* Copy the line of debugfs file owners for @handle of @pid to @line, "" if there is none. */
static inline void zb_owner_line(pid_t pid, __u32 handle, char *line, size_t size)
{
	FILE *f = fopen(ZB_DEBUGFS "owners", "re");
	char key[64];

	line[0] = '\0';
	if (!f)
		return;
	snprintf(key, sizeof(key), "handle %u pid %d ", handle, pid);
	while (fgets(line, (int)size, f)) {
		if (!strncmp(line, key, strlen(key))) {
			fclose(f);
			return;
		}
	}
	line[0] = '\0';
	fclose(f);
}

/* The visible state of the zones: migrate types of pageblocks and free blocks. */
static inline const char *zb_state_of_zones(void)
{
	static char text[2][1 << 15];
	static unsigned int i;
	ssize_t length;

	zb_drain();
	i = !i;
	length = zb_read_file(ZB_DEBUGFS "pagetypeinfo", text[i], sizeof(text[i]) / 2);
	if (length > 0)
		zb_read_file(ZB_DEBUGFS "buddyinfo", text[i] + length, sizeof(text[i]) / 2);
	return text[i];
}

/* The number of isolated pageblocks of all zones: the last column of the last table. */
static inline unsigned long zb_nr_isolated(void)
{
	static char text[1 << 15];
	unsigned long nr, sum = 0;
	char *line;

	zb_read_file(ZB_DEBUGFS "pagetypeinfo", text, sizeof(text));
	line = strstr(text, "Number of blocks type");
	while (line && (line = strstr(line, "zone "))) {
		if (sscanf(line, "zone %*s %*u %*u %*u %*u %*u %lu", &nr) == 1)
			sum += nr;
		line++;
	}
	return sum;
}

/* Reserve address space for a mapping at a fixed address. */
static inline char *zb_address_space(struct __test_metadata *_metadata, size_t len)
{
	char *p = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, (void *)p) return p;
	return p;
}

/* Number of page faults when @p is read. */
static inline long zb_page_faults(const volatile char *p)
{
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	(void)*p;
	getrusage(RUSAGE_SELF, &after);
	return after.ru_minflt - before.ru_minflt;
}

static sigjmp_buf zb_fault_jump;

static inline void zb_on_fault(int sig)
{
	siglongjmp(zb_fault_jump, sig);
}

/* Access @p; returns the signal that this raises, or 0. */
static inline int zb_touch(volatile char *p, bool write)
{
	struct sigaction new = { .sa_handler = zb_on_fault }, segv, bus;
	int sig;

	sigaction(SIGSEGV, &new, &segv);
	sigaction(SIGBUS, &new, &bus);
	sig = sigsetjmp(zb_fault_jump, 1);
	if (!sig) {
		if (write)
			*p = 1;
		else
			(void)*p;
	}
	sigaction(SIGSEGV, &segv, NULL);
	sigaction(SIGBUS, &bus, NULL);
	return sig;
}

/* Allocate all memory, overwrite and free it; returns the number of bytes. */
static inline __u64 zb_scribble(struct __test_metadata *_metadata, int fd)
{
	static struct zb_ioc_alloc all[8192];
	unsigned int nr, i;
	__u64 bytes;

	nr = zb_alloc_all(fd, 10, ZB_GFP_ANYZONE, all, ARRAY_SIZE(all), &bytes);
	for (i = 0; i < nr; i++) {
		char *p = zb_map(fd, &all[i]);

		ASSERT_NE(MAP_FAILED, (void *)p) return 0;
		memset(p, 0xee, all[i].length);
		munmap(p, all[i].length);
	}
	for (i = 0; i < nr; i++)
		EXPECT_EQ(0, zb_free(fd, all[i].handle));
	return bytes;
}

static inline int zb_send_fd(int sock, int fd)
{
	char byte = 0, room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = room, .msg_controllen = sizeof(room),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(sock, &msg, 0) == 1 ? 0 : -errno;
}

static inline int zb_recv_fd(int sock)
{
	char byte, room[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = room, .msg_controllen = sizeof(room),
	};
	struct cmsghdr *c;
	int fd;

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) != 1)
		return -errno;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_RIGHTS)
		return -ENOMSG;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* Open a device that can import dma-bufs (vgem); returns -1 if there is none. */
static inline int zb_importer(void)
{
	char name[32];
	int i, fd;

	if (system("modprobe vgem >/dev/null 2>&1") == -1)
		return -1;
	for (i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "/dev/dri/card%d", i);
		fd = open(name, O_RDWR | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

/*
 * DRM_IOCTL_PRIME_FD_TO_HANDLE and, below, DRM_IOCTL_GEM_CLOSE. They are defined here
 * because drm.h is not always installed.
 */
static inline int zb_import(int card, int dmabuf, __u32 *handle)
{
	struct { __u32 handle, flags; __s32 fd; } prime = { .fd = dmabuf };
	int rc = zb_ioctl(card, _IOWR('d', 0x2e, prime), &prime);

	*handle = prime.handle;
	return rc;
}

static inline int zb_unimport(int card, __u32 handle)
{
	struct { __u32 handle, pad; } gem = { .handle = handle };

	return zb_ioctl(card, _IOW('d', 0x09, gem), &gem);
}

#define ZB_HEAP		"/dev/dma_heap/zbuddy"

/*
 * DMA_HEAP_IOCTL_ALLOC, defined here because linux/dma-heap.h is not always installed.
 * Returns the file descriptor of a new dma-buf, or -errno.
 */
static inline int zb_heap_alloc(int heap, __u64 bytes)
{
	struct { __u64 len; __u32 fd, fd_flags; __u64 heap_flags; } a = {
		.len = bytes, .fd_flags = O_RDWR | O_CLOEXEC,
	};
	int rc = zb_ioctl(heap, _IOWR('H', 0x0, a), &a);

	return rc ? rc : (int)a.fd;
}

/* Number of open file descriptors of this process. */
static inline unsigned int zb_nr_open(void)
{
	unsigned int nr = 0;
	int fd;

	for (fd = 0; fd < 1024; fd++)
		nr += fcntl(fd, F_GETFD) >= 0;
	return nr;
}

#endif /* BUFFER_TEST_H */
