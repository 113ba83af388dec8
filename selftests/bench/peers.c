// SPDX-License-Identifier: GPL-2.0
/*
 * The cost of a buffer from creating it to freeing it, compared with other kinds of memory of
 * the kernel that programs can share: create, map, write to each page, unmap and free.
 *
 *	row             compared with
 *	peer.heap.K     the system dma-heap
 *	peer.hugetlb.K  a file of hugetlbfs
 *	peer.memfd.K    a memfd
 *	peer.memhuge.K  a memfd with huge pages of hugetlb
 *	peer.file.K     nothing: a file of zbuddy's file system
 *	ahead.peer...   as above with zeroed memory
 *
 * "ours" is a buffer of the device of K KiB. Memory that would be allocated at the first access
 * is populated by mmap() instead, which takes fewer page faults. What the kernel does not have is
 * left out.
 *
 * usage: bench_peers [ROUNDS]
 */
#define _GNU_SOURCE
#include <sys/mount.h>

#include "program.h"
#include "ahead.h"

#define HUGETLB_POOL	"/proc/sys/vm/nr_hugepages"
#define HUGE_PAGE	(2ul << 20)

static int heap;
static char hugetlbfs[64], zbuddyfs[64];	/* directories in which they are mounted */

/* Use new memory of an open file, or of the device, and close or free it afterwards. */
static void use(int fd, size_t size, int flags, off_t offset)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | flags, fd, offset);

	if (p == MAP_FAILED)
		fail("mmap");
	touch(p, size);
	munmap(p, size);
}

/* The functions below return the time that a turn took. */

static __u64 device(size_t size)
{
	struct zb_ioc_alloc a;
	__u64 start = now();

	if (zb_alloc_length(dev, size, ZB_GFP_ANYZONE, &a))
		fail("ALLOC");
	use(dev, size, 0, (off_t)a.mmap_offset);
	zb_free(dev, a.handle);
	return now() - start;
}

static __u64 dma_heap(size_t size)
{
	__u64 start = now();
	int fd = get_heap(heap, size);

	use(fd, size, 0, 0);
	close(fd);
	return now() - start;
}

static __u64 memfd(size_t size, unsigned int flags)
{
	__u64 start = now();
	int fd = memfd_create("bench", MFD_CLOEXEC | flags);

	if (fd < 0 || ftruncate(fd, (off_t)size))
		fail("memfd");
	use(fd, size, MAP_POPULATE, 0);
	close(fd);
	return now() - start;
}

static __u64 memfd_small(size_t size)
{
	return memfd(size, 0);
}

static __u64 memfd_huge(size_t size)
{
	return memfd(size, MFD_HUGETLB);
}

static __u64 file_in(const char *dir, size_t size, int flags)
{
	char path[80];
	__u64 start = now();
	int fd;

	snprintf(path, sizeof(path), "%s/file", dir);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)size))
		fail(path);
	use(fd, size, flags, 0);
	unlink(path);
	close(fd);
	return now() - start;
}

static __u64 file_of_hugetlbfs(size_t size)
{
	return file_in(hugetlbfs, size, MAP_POPULATE);
}

static __u64 file_of_zbuddyfs(size_t size)
{
	return file_in(zbuddyfs, size, 0);
}

static void measure_file(const char *row, size_t size)
{
	__u64 times[MAX_ROUNDS];
	int i;

	least_of(file_of_zbuddyfs, size);
	for (i = 0; i < rounds; i++)
		times[i] = least_of(file_of_zbuddyfs, size);
	say(row, "ours", times, 1);
	fflush(stdout);
}

/* Set the size of the hugetlb pool; returns whether it has this many pages now. */
static bool set_hugetlb_pool(unsigned long pages)
{
	FILE *f = fopen(HUGETLB_POOL, "r+");
	unsigned long real = 0;

	if (!f)
		return false;
	fprintf(f, "%lu", pages);
	fflush(f);
	rewind(f);
	if (fscanf(f, "%lu", &real) != 1)
		real = 0;
	fclose(f);
	return real == pages;
}

static bool mounted(char dir[64], const char *type)
{
	snprintf(dir, 64, "/tmp/bench_%s.XXXXXX", type);
	return mkdtemp(dir) && !mount("none", dir, type, 0, NULL);
}

static void compare_all(size_t size, bool have_hugetlb)
{
	const char *group = ahead ? "ahead.peer" : "peer";
	unsigned long kib = size >> 10;

	if (heap >= 0)
		compare(name("%s.heap.%lu", group, kib), dma_heap, device, size, 1);
	if (have_hugetlb) {
		compare(name("%s.hugetlb.%lu", group, kib), file_of_hugetlbfs, device, size, 1);
		compare(name("%s.memhuge.%lu", group, kib), memfd_huge, device, size, 1);
	}
	compare(name("%s.memfd.%lu", group, kib), memfd_small, device, size, 1);
	measure_file(name("%s.file.%lu", group, kib), size);
}

int main(int argc, char **argv)
{
	bool have_hugetlb;

	begin(argc, argv);
	heap = open(HEAP, O_RDWR | O_CLOEXEC);
	have_hugetlb = set_hugetlb_pool(LARGE / HUGE_PAGE) && mounted(hugetlbfs, "hugetlbfs");
	if (!mounted(zbuddyfs, "zbuddy"))
		fail("mount");
	compare_all(HUGE_PAGE, have_hugetlb);
	compare_all(LARGE, have_hugetlb);
	set_ahead("100");
	compare_all(HUGE_PAGE, have_hugetlb);
	compare_all(LARGE, have_hugetlb);
	set_ahead("0");
	umount(zbuddyfs);
	rmdir(zbuddyfs);
	umount(hugetlbfs);
	rmdir(hugetlbfs);
	set_hugetlb_pool(0);
	return 0;
}
