// SPDX-License-Identifier: GPL-2.0
/*
 * The conventions that all ioctls follow: command numbers, pointers, sizes, flags
 * and reserved fields. Each test runs once for every command. fields_test.c tests
 * the meaning of the fields.
 */
#include "zbuddy_test.h"

#include <stddef.h>

#define BAD_KERNEL_POINTER	((void *)~0xfffffful)

/* Room for any structure, and for one that is longer than a page. */
#define ROOM			(4 * 65536)

FIXTURE(cmd) {
	FIXTURE_DATA(zbuddy) zb;
	__u32 handle;
	int file;	/* of the same buffer, for FROM_FILE */
	char *room;
	__u64 left;
	__u32 zone;	/* a type, for EMPTY */
};

FIXTURE_VARIANT(cmd) {
	unsigned long nr;
	size_t size;
	size_t reserved;	/* offset of __reserved */
	size_t handle;		/* offset of the handle that it takes */
	size_t needs;		/* least size that is accepted */
	__u32 good_flags;
	bool silent;		/* the command writes nothing to its argument */
};

/* The array that the bulk commands point to. */
static struct zb_bulk_buffer bufs[1];

/* The rows of the table of commands have these members, unless they are 0. */
#define COMMAND(cmd_name, cmd_nr)					\
	.nr = ZB_IOC_##cmd_nr, .size = sizeof(struct zb_ioc_##cmd_name)
#define AT(cmd_name, member)	offsetof(struct zb_ioc_##cmd_name, member)
#define RESERVED(cmd_name)	.reserved = AT(cmd_name, __reserved)
#define HANDLE(cmd_name)	.handle = AT(cmd_name, handle)
#define NEEDS(cmd_name, member, bytes)	.needs = AT(cmd_name, member) + (bytes)
#define NEEDS_ALL(cmd_name)	.needs = sizeof(struct zb_ioc_##cmd_name)

FIXTURE_VARIANT_ADD(cmd, info) { COMMAND(info, INFO), NEEDS(info, flags, 4) };
FIXTURE_VARIANT_ADD(cmd, zone) { COMMAND(zone, ZONE), NEEDS(zone, index, 4) };
FIXTURE_VARIANT_ADD(cmd, alloc) {
	COMMAND(alloc, ALLOC), NEEDS(alloc, deadline_ns, 8), RESERVED(alloc),
	.good_flags = ZB_BUF_LENGTH | ZB_BUF_WAIT,
};

FIXTURE_VARIANT_ADD(cmd, free) {
	COMMAND(free, FREE), NEEDS(free, handle, 4), RESERVED(free), HANDLE(free),
	.silent = true,
};

FIXTURE_VARIANT_ADD(cmd, query) {
	COMMAND(query, QUERY), NEEDS(query, handle, 4), RESERVED(query), HANDLE(query),
};

FIXTURE_VARIANT_ADD(cmd, bulk_alloc) {
	COMMAND(bulk_alloc, BULK_ALLOC), NEEDS(bulk_alloc, __reserved, 4), RESERVED(bulk_alloc),
	.good_flags = ZB_BUF_LENGTH | ZB_BUF_WAIT,
};

FIXTURE_VARIANT_ADD(cmd, bulk_free) {
	COMMAND(bulk_free, BULK_FREE), NEEDS_ALL(bulk_free),
};

FIXTURE_VARIANT_ADD(cmd, label) {
	COMMAND(label, LABEL), NEEDS(label, label, 1), RESERVED(label), HANDLE(label),
	.silent = true,
};

FIXTURE_VARIANT_ADD(cmd, phys) {
	COMMAND(phys, PHYS), NEEDS(phys, handle, 4), RESERVED(phys), HANDLE(phys),
};

FIXTURE_VARIANT_ADD(cmd, export) {
	COMMAND(export, EXPORT), NEEDS(export, handle, 4), HANDLE(export),
	.good_flags = ZB_EXPORT_CLOEXEC | ZB_EXPORT_RDWR,
};

FIXTURE_VARIANT_ADD(cmd, sync) {
	COMMAND(sync, SYNC), NEEDS(sync, length, 1), RESERVED(sync), HANDLE(sync),
	.silent = true,
};

FIXTURE_VARIANT_ADD(cmd, advise) {
	COMMAND(advise, ADVISE), NEEDS(advise, advice, 4), RESERVED(advise), HANDLE(advise),
};

/* To the present size. */
FIXTURE_VARIANT_ADD(cmd, resize) { COMMAND(resize, RESIZE), NEEDS_ALL(resize) };

/* The first zone. */
FIXTURE_VARIANT_ADD(cmd, empty) { COMMAND(empty, EMPTY), NEEDS_ALL(empty) };

/* There has to be a failure that it can explain: see FIXTURE_SETUP. */
FIXTURE_VARIANT_ADD(cmd, explain) { COMMAND(explain, EXPLAIN), NEEDS_ALL(explain) };

FIXTURE_VARIANT_ADD(cmd, to_file) {
	COMMAND(to_file, TO_FILE), NEEDS(to_file, handle, 4), HANDLE(to_file),
	.good_flags = ZB_FILE_CLOEXEC | ZB_FILE_RDWR,
};

FIXTURE_VARIANT_ADD(cmd, from_file) {
	COMMAND(from_file, FROM_FILE), NEEDS(from_file, fd, 4),
};

FIXTURE_SETUP(cmd)
{
	struct zb_ioc_zone zone;
	struct zb_ioc_alloc a;

	if (zb_setup(_metadata, &self->zb))
		SKIP(return, "no " ZB_DEV ": insmod zbuddy.ko first");
	ASSERT_EQ(0, zb_zone(self->zb.fd, 0, &zone));
	self->zone = zone.type;
	if (variant->nr == ZB_IOC_EMPTY && self->zb.info.nr_zones == 1)
		SKIP(return, "only one zone");
	self->room = mmap(NULL, ROOM, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->room);
	ASSERT_EQ(0, zb_alloc_order(self->zb.fd, 0, ZB_GFP_TEMPORARY, &a));
	self->handle = a.handle;
	if (variant->nr == ZB_IOC_FROM_FILE)
		self->file = zb_to_file(self->zb.fd, a.handle, ZB_FILE_CLOEXEC);
	ASSERT_GE(self->file, 0);
	ASSERT_EQ(-ENOENT, zb_free(self->zb.fd, ~0u));
	self->left = zb_free_bytes(self->zb.fd);
}

FIXTURE_TEARDOWN_PARENT(cmd)
{
	zb_teardown(_metadata, &self->zb);
}

/* Any argument. */
union arg {
	char bytes[256];
	__u32 size;
	struct zb_ioc_alloc alloc;
	struct zb_ioc_bulk_alloc bulk_alloc;
	struct zb_ioc_bulk_free bulk_free;
	struct zb_ioc_sync sync;
	struct zb_ioc_export export;
	struct zb_ioc_to_file to_file;
	struct zb_ioc_from_file from_file;
	struct zb_ioc_advise advise;
	struct zb_ioc_resize resize;
	struct zb_ioc_empty empty;
};

/* Fill in the members of a valid argument other than size and handle. */
static void fill_members(const FIXTURE_DATA(cmd) *self,
			 const FIXTURE_VARIANT(cmd) *variant, union arg *arg)
{
	bufs[0].handle = self->handle;
	if (variant->nr == ZB_IOC_ALLOC)
		arg->alloc = zb_want_order(0, ZB_GFP_ANYZONE);
	if (variant->nr == ZB_IOC_BULK_ALLOC)
		arg->bulk_alloc = zb_want_bulk(0, bufs, 1);
	if (variant->nr == ZB_IOC_BULK_FREE)
		arg->bulk_free = zb_want_bulk_free(bufs, 1);
	if (variant->nr == ZB_IOC_FROM_FILE)
		arg->from_file.fd = self->file;
	if (variant->nr == ZB_IOC_ADVISE)
		arg->advise.advice = ZB_ADVISE_WILLNEED;
	if (variant->nr == ZB_IOC_RESIZE)
		arg->resize = (struct zb_ioc_resize){
			.node = ZB_NODE_ANY, .bytes = self->zb.info.total_bytes,
		};
	if (variant->nr == ZB_IOC_EMPTY)
		arg->empty = (struct zb_ioc_empty){ .node = ZB_NODE_ANY, .zone = self->zone };
	if (variant->nr == ZB_IOC_SYNC)
		arg->sync = (struct zb_ioc_sync){
			.flags = ZB_SYNC_FOR_DEVICE | ZB_SYNC_TO_DEVICE,
			.length = 1,
		};
}

/* Write a valid argument of @size bytes to @p; bytes beyond the structure are zero. */
static void *fill(const FIXTURE_DATA(cmd) *self,
		  const FIXTURE_VARIANT(cmd) *variant, void *p, size_t size)
{
	union arg arg = { .bytes = { 0 } };

	fill_members(self, variant, &arg);
	if (variant->handle)
		memcpy(arg.bytes + variant->handle, &self->handle, 4);
	arg.size = (__u32)size;
	memset(p, 0, size);
	memcpy(p, &arg, size < sizeof(arg) ? size : sizeof(arg));
	return p;
}

static void put_word(void *p, size_t at, __u32 word)
{
	memcpy((char *)p + at, &word, sizeof(word));
}

/* A refused command has changed nothing: same amount free, and the buffer still exists. */
#define EXPECT_UNCHANGED() do {						\
	struct zb_ioc_query __q;					\
									\
	EXPECT_EQ(self->left, zb_free_bytes(self->zb.fd));		\
	EXPECT_EQ(0, zb_query(self->zb.fd, self->handle, &__q));	\
} while (0)

#define EXPECT_REFUSED(err, arg) do {					\
	EXPECT_EQ(-(err), zb_ioctl(self->zb.fd, variant->nr, arg));	\
	EXPECT_UNCHANGED();						\
} while (0)

/* Undo a command that has succeeded; @p is its argument, at any address. */
static int undo(FIXTURE_DATA(cmd) *self, const FIXTURE_VARIANT(cmd) *variant,
		const void *p)
{
	struct zb_ioc_alloc a;
	union arg arg;

	memcpy(&arg, p, variant->size);
	switch (variant->nr) {
	case ZB_IOC_ALLOC:
		return zb_free(self->zb.fd, arg.alloc.handle);
	case ZB_IOC_BULK_ALLOC:
		return zb_free(self->zb.fd, bufs[0].handle);
	case ZB_IOC_EXPORT:
		return close(arg.export.fd);
	case ZB_IOC_TO_FILE:
		return close(arg.to_file.fd);
	case ZB_IOC_FROM_FILE:
		return zb_free(self->zb.fd, arg.from_file.handle);
	case ZB_IOC_FREE:
	case ZB_IOC_BULK_FREE:
		if (zb_free(self->zb.fd, self->handle) != -ENOENT)
			return -EBUSY;
		if (zb_alloc_order(self->zb.fd, 0, ZB_GFP_ANYZONE, &a))
			return -ENOMEM;
		self->handle = a.handle;
	}
	return 0;
}

#define EXPECT_WORKS(arg) do {						\
	void *__p = (arg);						\
									\
	EXPECT_EQ(0, zb_ioctl(self->zb.fd, variant->nr, __p));		\
	EXPECT_EQ(0, undo(self, variant, __p));				\
	EXPECT_UNCHANGED();						\
} while (0)

TEST_F(cmd, works)
{
	EXPECT_WORKS(fill(self, variant, self->room, variant->size));
}

TEST_F(cmd, works_at_any_address)
{
	int i;

	for (i = 1; i < 8; i++)
		EXPECT_WORKS(fill(self, variant, self->room + i, variant->size));
}

TEST_F(cmd, works_at_the_end_of_a_page)
{
	char *end = self->room + 65536;

	ASSERT_EQ(0, mprotect(end, 65536, PROT_NONE));
	EXPECT_WORKS(fill(self, variant, end - variant->size, variant->size));
}

TEST_F(cmd, bad_pointer)
{
	EXPECT_REFUSED(EFAULT, NULL);
	EXPECT_REFUSED(EFAULT, (void *)1);
	EXPECT_REFUSED(EFAULT, BAD_KERNEL_POINTER);
	EXPECT_REFUSED(EFAULT, (void *)-1l);
}

/* An argument that extends beyond mapped memory, by every possible number of bytes. */
TEST_F(cmd, pointer_across_the_end)
{
	char *end = self->room + 65536, copy[256];
	size_t in;

	fill(self, variant, copy, variant->size);
	ASSERT_EQ(0, mprotect(end, 65536, PROT_NONE));
	for (in = 0; in < variant->size; in++) {
		memcpy(end - in, copy, in);
		EXPECT_REFUSED(EFAULT, end - in);
	}
}

/* The size field announces more bytes than are mapped. */
TEST_F(cmd, tail_not_mapped)
{
	char *end = self->room + 65536, *p = end - variant->size;

	fill(self, variant, p, variant->size);
	put_word(p, 0, (__u32)variant->size + 8);
	ASSERT_EQ(0, mprotect(end, 65536, PROT_NONE));
	EXPECT_REFUSED(EFAULT, p);
}

/* A command whose result can't be written must have no effect. Some write nothing. */
#define EXPECT_NOT_WRITTEN(arg) do {					\
	int __rc = zb_ioctl(self->zb.fd, variant->nr, arg);		\
									\
	if (variant->silent && !__rc) {					\
		EXPECT_EQ(0, undo(self, variant, arg));			\
	} else {							\
		EXPECT_EQ(-EFAULT, __rc);				\
		EXPECT_UNCHANGED();					\
	}								\
} while (0)

TEST_F(cmd, read_only)
{
	char *p = fill(self, variant, self->room, variant->size);

	ASSERT_EQ(0, mprotect(self->room, 65536, PROT_READ));
	EXPECT_NOT_WRITTEN(p);
}

/* Only the first half of the argument is writable. */
TEST_F(cmd, last_bytes_read_only)
{
	char *end = self->room + 65536, *p = end - variant->size / 2;

	fill(self, variant, p, variant->size);
	ASSERT_EQ(0, mprotect(end, 65536, PROT_READ));
	EXPECT_NOT_WRITTEN(p);
}

TEST_F(cmd, size_too_short)
{
	size_t size;

	for (size = 0; size < variant->needs; size++) {
		fill(self, variant, self->room, variant->size);
		put_word(self->room, 0, (__u32)size);
		EXPECT_REFUSED(EINVAL, self->room);
	}
}

/*
 * Every size from the shortest one accepted to the current one works, and nothing is
 * written beyond the size that the caller passed.
 */
TEST_F(cmd, size_of_an_older_version)
{
	bool taken = false;
	size_t size;
	int rc;

	for (size = variant->needs; size <= variant->size; size++) {
		memset(self->room, 0x5a, 512);
		fill(self, variant, self->room, size);
		rc = zb_ioctl(self->zb.fd, variant->nr, self->room);
		if (rc && !taken) {
			EXPECT_EQ(-EINVAL, rc);
			EXPECT_UNCHANGED();
			continue;
		}
		taken = true;
		EXPECT_EQ(0, rc) TH_LOG("size %zu", size);
		EXPECT_TRUE(zb_all_bytes(self->room + size, 0x5a, 512 - size));
		EXPECT_EQ(0, undo(self, variant, self->room));
		EXPECT_UNCHANGED();
	}
	EXPECT_TRUE(taken);
}

TEST_F(cmd, size_of_a_newer_version)
{
	size_t more;

	for (more = 1; more < 64; more++)
		EXPECT_WORKS(fill(self, variant, self->room, variant->size + more));
	EXPECT_WORKS(fill(self, variant, self->room, self->zb.page));
}

TEST_F(cmd, unknown_part_is_not_zero)
{
	size_t at, size = variant->size + 64;

	for (at = variant->size; at < size; at++) {
		fill(self, variant, self->room, size);
		self->room[at] = 1;
		EXPECT_REFUSED(E2BIG, self->room);
	}
	fill(self, variant, self->room, self->zb.page);
	self->room[self->zb.page - 1] = 1;
	EXPECT_REFUSED(E2BIG, self->room);
}

TEST_F(cmd, size_beyond_a_page)
{
	static const __u32 more[] = { 1, 4, 8, 4096 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(more); i++) {
		fill(self, variant, self->room, self->zb.page + more[i]);
		EXPECT_REFUSED(E2BIG, self->room);
	}
	fill(self, variant, self->room, variant->size);
	put_word(self->room, 0, 0x80000000u);
	EXPECT_REFUSED(E2BIG, self->room);
	put_word(self->room, 0, ~0u);
	EXPECT_REFUSED(E2BIG, self->room);
}

TEST_F(cmd, unknown_flags)
{
	int bit;

	for (bit = 0; bit < 32; bit++) {
		if (variant->good_flags & 1u << bit)
			continue;
		fill(self, variant, self->room, variant->size);
		put_word(self->room, offsetof(struct zb_ioc_info, flags),
			 1u << bit);
		EXPECT_REFUSED(EINVAL, self->room);
	}
}

TEST_F(cmd, reserved)
{
	int bit;

	if (!variant->reserved)
		SKIP(return, "this command has no reserved field");
	for (bit = 0; bit < 32; bit++) {
		fill(self, variant, self->room, variant->size);
		put_word(self->room, variant->reserved, 1u << bit);
		EXPECT_REFUSED(EINVAL, self->room);
	}
}

/* Output fields are ignored on input, so that a caller can reuse a structure. */
TEST_F(cmd, reused_structure)
{
	fill(self, variant, self->room, variant->size);
	ASSERT_EQ(0, zb_ioctl(self->zb.fd, variant->nr, self->room));
	ASSERT_EQ(0, undo(self, variant, self->room));
	if (variant->nr == ZB_IOC_ALLOC)
		put_word(self->room, offsetof(struct zb_ioc_alloc, length), 0);
	if (variant->handle)
		put_word(self->room, variant->handle, self->handle);
	bufs[0].handle = self->handle;
	EXPECT_WORKS(self->room);
}

/* The right command number, but with direction or size bits, or another type. */
TEST_F(cmd, wrong_encoding)
{
	unsigned int nr = _IOC_NR(variant->nr);
	unsigned int dir, type;

	fill(self, variant, self->room, variant->size);
	for (dir = 0; dir < 4; dir++) {
		unsigned int sized = _IOC(dir, ZB_IOC_TYPE, nr, variant->size);
		unsigned int unsized = _IOC(dir, ZB_IOC_TYPE, nr, 0);

		EXPECT_EQ(-ENOTTY, zb_ioctl(self->zb.fd, sized, self->room));
		if (dir)
			EXPECT_EQ(-ENOTTY, zb_ioctl(self->zb.fd, unsized, self->room));
	}
	for (type = 1; type < 256; type++) {
		if (type == ZB_IOC_TYPE || type == 'T')
			continue;
		EXPECT_EQ(-ENOTTY, zb_ioctl(self->zb.fd, _IO(type, nr), self->room));
	}
	EXPECT_UNCHANGED();
}

TEST_F(zbuddy, unknown_commands)
{
	char room[512] = { 0 };
	unsigned int nr;

	put_word(room, 0, sizeof(struct zb_ioc_info));
	for (nr = ZB_IOC_EMPTY + 1; nr <= _IO(ZB_IOC_TYPE, 255); nr++) {
		EXPECT_EQ(-ENOTTY, zb_ioctl(self->fd, nr, room));
		EXPECT_EQ(-ENOTTY, zb_ioctl(self->fd, nr, NULL));
	}
}

/*
 * Numbers, sizes and offsets are those of the ABI, with this compiler as well. A
 * structure may only have grown at its end.
 */
TEST(pinned)
{
#define VALUE(name, value, ...)						\
	{ EXPECT_EQ(value, (unsigned long long)(name)); }
#define SIZE(type, size, ...)						\
	{ EXPECT_LE(size, sizeof(struct type)); }
#define MEMBER(type, member, offset, size, ...) {			\
	EXPECT_EQ(offset, offsetof(struct type, member));		\
	EXPECT_EQ(size, sizeof(((struct type *)0)->member));		\
}

#include "abi_pinned.h"
#undef VALUE
#undef SIZE
#undef MEMBER
}

TEST_F(zbuddy, no_read_no_write)
{
	char byte = 0;

	EXPECT_EQ(-1, read(self->fd, &byte, 1));
	EXPECT_EQ(-1, write(self->fd, &byte, 1));
	EXPECT_EQ(-1, pread(self->fd, &byte, 1, 0));
	EXPECT_EQ(-1, pwrite(self->fd, &byte, 1, 0));
}

TEST_HARNESS_MAIN
