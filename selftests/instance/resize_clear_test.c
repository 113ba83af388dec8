// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that is given back to the kernel has no contents of its former users. /proc/kcore shows
 * the physical memory. Loads zbuddy.ko itself.
 */
#define ZB_OWN_FIXTURE
#include "buffer_test.h"

#include <linux/elf.h>

#define KCORE	"/proc/kcore"
#define PATTERN	0x7a627564646e7a62ull
#define BYTES	(32ull << 20)
#define SMALL	(2ull << 20)

/* Returns the offset of a physical address in /proc/kcore, or 0. */
static __u64 offset_of(int kcore, __u64 addr)
{
	struct elf64_hdr head;
	struct elf64_phdr part;
	int i;

	if (pread(kcore, &head, sizeof(head), 0) != sizeof(head))
		return 0;
	for (i = 0; i < head.e_phnum; i++) {
		if (pread(kcore, &part, sizeof(part),
			  (off_t)(head.e_phoff + (__u64)i * sizeof(part))) != sizeof(part))
			return 0;
		if (part.p_type == PT_LOAD && part.p_paddr != ~0ull && addr >= part.p_paddr &&
		    addr < part.p_paddr + part.p_memsz && part.p_vaddr)
			return part.p_offset + (addr - part.p_paddr);
	}
	return 0;
}

/* Count the words of physical memory that have the pattern, or return -1. */
static long nr_words(__u64 addr, __u64 bytes)
{
	static __u64 words[8192];
	int kcore = open(KCORE, O_RDONLY | O_CLOEXEC);
	__u64 at, offset = kcore < 0 ? 0 : offset_of(kcore, addr);
	long found = offset ? 0 : -1;
	size_t i;

	for (at = 0; found >= 0 && at < bytes; at += sizeof(words)) {
		if (pread(kcore, words, sizeof(words), (off_t)(offset + at)) != sizeof(words))
			found = -1;
		for (i = 0; found >= 0 && i < ARRAY_SIZE(words); i++)
			found += words[i] == PATTERN;
	}
	if (kcore >= 0)
		close(kcore);
	return found;
}

static void fill(__u64 *p, __u64 bytes)
{
	__u64 i;

	for (i = 0; i < bytes / sizeof(*p); i++)
		p[i] = PATTERN;
}

FIXTURE(resize_clear) {
	int fd;
};

FIXTURE_SETUP(resize_clear)
{
	if (geteuid() || access(ZB_MODULE, R_OK))
		SKIP(return, "no " ZB_MODULE ", or not root");
	if (access(KCORE, R_OK))
		SKIP(return, "no " KCORE);
	ASSERT_EQ(0, zb_load("size=64M min_free_kbytes=0 lowmem_reserve_ratio=0,0,0,0,0"));
	self->fd = zb_open();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(resize_clear)
{
	close(self->fd);
	EXPECT_EQ(0, zb_unload_soon());
}

TEST_F(resize_clear, memory_is_cleared)
{
	struct zb_ioc_resize r = { .size = sizeof(r), .node = ZB_NODE_ANY, .bytes = SMALL };
	struct zb_ioc_phys phys;
	struct zb_ioc_alloc a;
	long words;
	char *p;

	ASSERT_EQ(0, zb_alloc_length(self->fd, BYTES, ZB_GFP_ANYZONE, &a));
	ASSERT_EQ(0, zb_phys(self->fd, a.handle, &phys));
	p = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)p);
	fill((void *)p, BYTES);
	words = nr_words(phys.addr, BYTES);
	if (words < 0)
		SKIP(return, "this kernel shows no physical memory in " KCORE);
	EXPECT_EQ(BYTES / 8, (__u64)words);
	munmap(p, a.length);
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	/* A free alone clears nothing, or this test would prove nothing. */
	EXPECT_LE(BYTES / 16, (__u64)nr_words(phys.addr, BYTES));
	ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_RESIZE, &r));
	EXPECT_EQ(0, r.error);
	EXPECT_EQ(SMALL, r.bytes);
	/* The pageblock that is left may be one of these. */
	words = nr_words(phys.addr, BYTES);
	EXPECT_LE(0, words);
	EXPECT_GE(SMALL / 8, (__u64)words);
	TH_LOG("words of a former user in 32 MiB: %ld", words);
}

/* Memory that was cleared in advance is not cleared again. */
TEST_F_TIMEOUT(resize_clear, known_to_be_zero, 300)
{
	struct zb_ioc_resize r = { .size = sizeof(r), .node = ZB_NODE_ANY, .bytes = SMALL };
	const long nr = (64ll << 20) / sysconf(_SC_PAGESIZE);
	const long given = nr - (long)(SMALL / (__u64)sysconf(_SC_PAGESIZE));

	if (zb_vmstat("zb_zeroed") < 0 ||
	    zb_write_file(ZB_PARAMETERS "zero_ahead", "100"))
		SKIP(return, "no debugfs, or free memory is poisoned");
	ASSERT_TRUE(ZB_AWAIT(zb_vmstat("zb_zeroed") == nr));
	ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_RESIZE, &r));
	EXPECT_EQ(0, r.error);
	EXPECT_EQ(given, zb_vmstat("zb_zero_hit"));
	EXPECT_EQ(0, zb_vmstat("zb_zero_miss"));
	r.bytes = 64ull << 20;
	ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_RESIZE, &r));
	/* What the kernel has had may not be zero any more. */
	ASSERT_TRUE(ZB_AWAIT(zb_vmstat("zb_zeroed") == nr));
	EXPECT_EQ(nr + given, zb_vmstat("zb_zero_ahead"));
}

TEST_HARNESS_MAIN
