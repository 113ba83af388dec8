// SPDX-License-Identifier: GPL-2.0
/*
 * Valid values of the ioctls' fields. Each test changes one field of a valid structure;
 * a refused command must not have allocated anything, and EXPLAIN names the field.
 */
#include "zbuddy_test.h"

#include <limits.h>
#include <stddef.h>

#define EXPECT_ALLOC(err, arg) do {					\
	struct zb_ioc_alloc __a = (arg);				\
	struct zb_ioc_alloc __was = __a;				\
	int __rc = zb_ioctl(self->fd, ZB_IOC_ALLOC, &__a);		\
									\
	EXPECT_EQ(-(err), __rc) {					\
		TH_LOG("flags %#x gfp %#x node %d order %u length %#llx", \
		       __was.flags, __was.gfp, __was.node, __was.order,	\
		       __was.length);					\
	}								\
	if (__rc) {							\
		EXPECT_EQ(0, memcmp(&__a, &__was, sizeof(__a)));	\
	} else {							\
		EXPECT_EQ(0, zb_free(self->fd, __a.handle));		\
	}								\
	EXPECT_EQ(self->free, zb_free_bytes(self->fd));			\
} while (0)

static struct zb_ioc_alloc good(void)
{
	return zb_want_order(0, ZB_GFP_ANYZONE);
}

/* True if there is a zone that is not above @highest. */
static bool have_zone(const FIXTURE_DATA(zbuddy) *self, unsigned int highest)
{
	struct zb_ioc_zone zone;
	__u32 i;

	for (i = 0; i < self->info.nr_zones; i++)
		if (!zb_zone(self->fd, i, &zone) && zone.type <= highest)
			return true;
	return false;
}

/* The kernel's gfp_zone(), as rules instead of a table; -1 for invalid combinations. */
static int highest_zone(__u32 gfp)
{
	bool dma = gfp & __ZB_GFP_DMA, dma32 = gfp & __ZB_GFP_DMA32;
	bool high = gfp & __ZB_GFP_HIGHMEM, movable = gfp & __ZB_GFP_MOVABLE;

	if (dma + dma32 + high > 1)
		return -1;
	if (dma)
		return ZB_ZONE_DMA;
	if (dma32)
		return ZB_ZONE_DMA32;
	if (high)
		return movable ? ZB_ZONE_MOVABLE : ZB_ZONE_HIGHMEM;
	return ZB_ZONE_NORMAL;
}

static int zones_errno(const FIXTURE_DATA(zbuddy) *self, __u32 gfp)
{
	int highest = highest_zone(gfp);

	if (highest < 0)
		return EINVAL;
	return have_zone(self, (unsigned int)highest) ? 0 : ENOMEM;
}

TEST_F(zbuddy, info_makes_sense)
{
	const struct zb_ioc_info *i = &self->info;

	EXPECT_EQ(sizeof(*i), i->size);
	EXPECT_EQ(0, i->flags);
	EXPECT_EQ(ZB_ABI_VERSION, i->version);
	EXPECT_EQ(sysconf(_SC_PAGESIZE), i->page_size);
	EXPECT_EQ(0, i->features & ~(ZB_FEATURE_DMABUF | ZB_FEATURE_MMAP_HUGE |
				     ZB_FEATURE_LONGTERM_PIN |
				     ZB_FEATURE_DMEM | ZB_FEATURE_MEMLOCK |
				     ZB_FEATURE_EXPLAIN | ZB_FEATURE_DISCARD |
				     ZB_FEATURE_FILES | ZB_FEATURE_RANGE |
				     ZB_FEATURE_RESIZE | ZB_FEATURE_EMPTY |
				     ZB_FEATURE_RANGE_WAIT | ZB_FEATURE_HUGE_PAGES |
				     ZB_FEATURE_BULK_RANGE));
	EXPECT_NE(0, i->features & ZB_FEATURE_FILES);
	EXPECT_NE(i->features & (ZB_FEATURE_DMEM | ZB_FEATURE_MEMLOCK),
		  ZB_FEATURE_DMEM | ZB_FEATURE_MEMLOCK);
	EXPECT_EQ(ZB_GFP_ZONEMASK, i->gfp_mask & ZB_GFP_ZONEMASK);
	EXPECT_EQ(ZB_GFP_KERNEL, i->gfp_mask & ZB_GFP_KERNEL);
	EXPECT_GE(i->max_order, i->block_order);
	EXPECT_LE(i->max_order, 30);
	EXPECT_GE(i->nr_nodes, 1);
	EXPECT_GE(i->nr_zones, i->nr_nodes);
	EXPECT_LE(i->nr_zones, i->nr_nodes * ZB_NR_ZONES);
	EXPECT_LE(i->free_bytes, i->total_bytes);
	EXPECT_EQ(0, i->total_bytes % ((__u64)i->page_size << i->block_order));
	EXPECT_NE(NULL, memchr(i->backend, 0, sizeof(i->backend)));
	EXPECT_TRUE(!strcmp(i->backend, "cma") || !strcmp(i->backend, "dma") ||
		    !strcmp(i->backend, "contig"));
}

TEST_F(zbuddy, info_has_no_stale_bytes)
{
	struct zb_ioc_info a, b;
	size_t len;

	memset(&a, 0x11, sizeof(a));
	memset(&b, 0x22, sizeof(b));
	a.size = sizeof(a);
	b.size = sizeof(b);
	a.flags = 0;
	b.flags = 0;
	ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_INFO, &a));
	ASSERT_EQ(0, zb_ioctl(self->fd, ZB_IOC_INFO, &b));
	EXPECT_EQ(0, memcmp(&a, &b, sizeof(a)));
	len = strnlen(a.backend, sizeof(a.backend));
	EXPECT_TRUE(zb_all_bytes(a.backend + len, 0, sizeof(a.backend) - len));
}

TEST_F(zbuddy, zones_make_sense)
{
	__u64 total = 0, free = 0;
	struct zb_ioc_zone zone, last = { .node = -1 };
	__u32 i;

	for (i = 0; i < self->info.nr_zones; i++) {
		ASSERT_EQ(0, zb_zone(self->fd, i, &zone));
		EXPECT_EQ(sizeof(zone), zone.size);
		EXPECT_EQ(i, zone.index);
		EXPECT_LT(zone.type, ZB_NR_ZONES);
		EXPECT_GE(zone.node, 0);
		EXPECT_TRUE(zone.node > last.node || zone.type > last.type);
		EXPECT_GT(zone.total_bytes, 0);
		EXPECT_LE(zone.free_bytes + zone.cached_bytes, zone.total_bytes);
		EXPECT_GE(zone.largest_order, 0);
		EXPECT_LE(zone.largest_order, (int)self->info.max_order);
		total += zone.total_bytes;
		free += zone.free_bytes + zone.cached_bytes;
		last = zone;
	}
	EXPECT_EQ(self->info.total_bytes, total);
	EXPECT_EQ(self->info.free_bytes, free);
}

TEST_F(zbuddy, zone_index)
{
	const __u32 bad[] = {
		self->info.nr_zones, self->info.nr_zones + 1, 255, 256, 65536,
		INT_MAX, 1u << 31, ~0u,
	};
	struct zb_ioc_zone zone;
	size_t i;

	EXPECT_EQ(0, zb_zone(self->fd, self->info.nr_zones - 1, &zone));
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, zb_zone(self->fd, bad[i], &zone));
}

TEST_F(zbuddy, gfp_none)
{
	struct zb_ioc_alloc a = good();

	a.gfp = 0;
	EXPECT_ALLOC(zones_errno(self, 0), a);
}

TEST_F(zbuddy, gfp_each_bit)
{
	struct zb_ioc_alloc a = good();
	int bit;

	for (bit = 0; bit < 32; bit++) {
		a.gfp = 1u << bit;
		if (a.gfp & self->info.gfp_mask)
			EXPECT_ALLOC(zones_errno(self, a.gfp), a);
		else
			EXPECT_ALLOC(EINVAL, a);
	}
}

TEST_F(zbuddy, gfp_each_unknown_bit_beside_good_ones)
{
	struct zb_ioc_alloc a = good();
	int bit;

	for (bit = 0; bit < 32; bit++) {
		if (self->info.gfp_mask & 1u << bit)
			continue;
		a.gfp = ZB_GFP_ANYZONE | 1u << bit;
		EXPECT_ALLOC(EINVAL, a);
	}
	a.gfp = ~self->info.gfp_mask;
	EXPECT_ALLOC(EINVAL, a);
	a.gfp = ~0u;
	EXPECT_ALLOC(EINVAL, a);
}

/* Flags that would have no effect or be harmful in a request of user space. */
TEST_F(zbuddy, gfp_for_the_kernel_alone)
{
	static const __u32 refused[] = {
		__ZB_GFP_NOFAIL, __ZB_GFP_ZERO, __ZB_GFP_COMP, __ZB_GFP_NOTRACK,
		__ZB_GFP_OTHER_NODE, __ZB_GFP_ACCOUNT,
	};
	struct zb_ioc_alloc a = good();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		EXPECT_EQ(0, self->info.gfp_mask & refused[i]);
		a.gfp = ZB_GFP_ANYZONE | refused[i];
		EXPECT_ALLOC(EINVAL, a);
		a.flags = ZB_BUF_WAIT;
		EXPECT_ALLOC(EINVAL, a);
		a.flags = 0;
	}
	a.gfp = ZB_GFP_TRANSHUGE;
	EXPECT_ALLOC(EINVAL, a);
	a.gfp = ZB_GFP_TRANSHUGE & self->info.gfp_mask;
	EXPECT_ALLOC(zones_errno(self, a.gfp & ZB_GFP_ZONEMASK), a);
}

TEST_F(zbuddy, gfp_zone_combinations)
{
	struct zb_ioc_alloc a = good();
	__u32 bits;

	ASSERT_EQ(0xf, ZB_GFP_ZONEMASK);
	for (bits = 0; bits <= ZB_GFP_ZONEMASK; bits++) {
		a.gfp = ZB_GFP_KERNEL | bits;
		EXPECT_ALLOC(zones_errno(self, bits), a);
	}
}

TEST_F(zbuddy, gfp_movable_and_reclaimable)
{
	struct zb_ioc_alloc a = good();

	a.gfp = ZB_GFP_KERNEL | __ZB_GFP_MOVABLE | __ZB_GFP_RECLAIMABLE;
	EXPECT_ALLOC(EINVAL, a);
	a.gfp |= __ZB_GFP_HIGHMEM;
	EXPECT_ALLOC(EINVAL, a);
}

TEST_F(zbuddy, gfp_groups)
{
	static const __u32 groups[] = {
		ZB_GFP_NOWAIT, ZB_GFP_NOIO, ZB_GFP_NOFS, ZB_GFP_KERNEL,
		ZB_GFP_TEMPORARY,
		ZB_GFP_KERNEL | __ZB_GFP_THISNODE,
	};
	struct zb_ioc_alloc a = good();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		a.gfp = groups[i] | __ZB_GFP_HIGHMEM;
		EXPECT_ALLOC(zones_errno(self, __ZB_GFP_HIGHMEM), a);
	}
}

TEST_F(zbuddy, order)
{
	const __u32 bad[] = {
		self->info.max_order + 1, self->info.max_order + 2, 19, 30, 31,
		32, 33, 63, 64, 64 + 1, 255, 256, 1u << 31, ~0u - 1, ~0u,
	};
	struct zb_ioc_alloc a = good();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		if (bad[i] <= self->info.max_order)
			continue;
		a.order = bad[i];
		EXPECT_ALLOC(EINVAL, a);
	}
}

/* Only another zone has blocks of this order: the order is valid, so ENOMEM. */
TEST_F(zbuddy, order_that_the_zone_cannot_hold)
{
	struct zb_ioc_alloc a = good();
	struct zb_ioc_zone zone;

	ASSERT_EQ(0, zb_zone(self->fd, 0, &zone));
	if (zone.type > ZB_ZONE_DMA32 || self->info.nr_zones < 2)
		SKIP(return, "no lower zone");
	a.gfp = ZB_GFP_KERNEL |
		(zone.type == ZB_ZONE_DMA ? __ZB_GFP_DMA : __ZB_GFP_DMA32);
	a.order = self->info.max_order;
	if (self->page << a.order <= zone.total_bytes)
		SKIP(return, "the zone is large");
	EXPECT_ALLOC(ENOMEM, a);
}

TEST_F(zbuddy, length)
{
	const __u64 most = self->page << self->info.max_order;
	const __u64 bad[] = {
		0, most + 1, most + self->page, 2 * most, 1ull << 43,
		1ull << 44, 1ull << 52, 1ull << 63, (1ull << 63) + 1,
		-2ull * self->page, -self->page, 1 - self->page,
		~0ull - 1, ~0ull,
	};
	struct zb_ioc_alloc a = good();
	size_t i;

	a.flags = ZB_BUF_LENGTH;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		a.length = bad[i];
		EXPECT_ALLOC(EINVAL, a);
	}
	/* lengths whose low 32 bits alone would be valid */
	for (i = 36; i < 64; i++) {
		a.length = (1ull << i) + self->page;
		if (a.length > most)
			EXPECT_ALLOC(EINVAL, a);
	}
}

TEST_F(zbuddy, length_without_its_flag)
{
	struct zb_ioc_alloc a = good();

	a.length = self->page;
	EXPECT_ALLOC(EINVAL, a);
	a.length = 1ull << 32;
	EXPECT_ALLOC(EINVAL, a);
}

TEST_F(zbuddy, deadline_without_its_flag)
{
	struct zb_ioc_alloc a = good();

	a.deadline_ns = 1;
	EXPECT_ALLOC(EINVAL, a);
	a.deadline_ns = ZB_WAIT_FOREVER;
	EXPECT_ALLOC(EINVAL, a);
	a.flags = ZB_BUF_WAIT;
	EXPECT_ALLOC(0, a);
	a.deadline_ns = 0;
	EXPECT_ALLOC(0, a);
}

TEST_F(zbuddy, order_beside_a_length)
{
	struct zb_ioc_alloc a = zb_want_length(self->page, ZB_GFP_ANYZONE);

	EXPECT_ALLOC(0, a);
	a.order = 1;
	EXPECT_ALLOC(EINVAL, a);
	a.order = ~0u;
	EXPECT_ALLOC(EINVAL, a);
}

TEST_F(zbuddy, node_without_a_region)
{
	static const int bad[] = {
		-2, -3, INT_MIN, INT_MAX, 1 << 10, 1 << 20, 1 << 30,
	};
	struct zb_ioc_alloc a = good();
	struct zb_ioc_zone zone;
	__u32 i, n;
	int node;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		a.node = bad[i];
		EXPECT_ALLOC(EINVAL, a);
	}
	for (node = 0; node < 80; node++) {
		bool have = false;

		for (n = 0; n < self->info.nr_zones; n++)
			have |= !zb_zone(self->fd, n, &zone) && zone.node == node;
		a.node = node;
		EXPECT_ALLOC(have ? 0 : EINVAL, a);
	}
}

/* An invalid node is EINVAL even when no memory is free. */
TEST_F(zbuddy, errors_come_before_enomem)
{
	struct zb_ioc_alloc *bufs = calloc(4096, sizeof(*bufs));
	struct zb_ioc_alloc a = good();
	__u64 bytes;

	ASSERT_NE(NULL, bufs);
	zb_alloc_all(self->fd, self->info.max_order, ZB_GFP_ANYZONE, bufs, 4096,
		     &bytes);
	ASSERT_EQ(0, zb_free_bytes(self->fd));
	EXPECT_EQ(-ENOMEM, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
	a = good();
	a.node = -2;
	EXPECT_EQ(-EINVAL, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
	a = good();
	a.gfp = __ZB_GFP_DMA | __ZB_GFP_HIGHMEM;
	EXPECT_EQ(-EINVAL, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
	a = good();
	a.order = self->info.max_order + 1;
	EXPECT_EQ(-EINVAL, zb_ioctl(self->fd, ZB_IOC_ALLOC, &a));
	free(bufs);
}

#define CONTROL		"/proc/dynamic_debug/control"

static int kmsg = -1;

/* With dynamic debug, the log names the field as well. Returns false without it. */
static bool log_einval(void)
{
	if (zb_write_file(CONTROL, "func zb_einval +p"))
		return false;
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return kmsg >= 0 && lseek(kmsg, 0, SEEK_END) >= 0;
}

/* The module's last message since the previous call, "" if there is none. */
static const char *last_message(void)
{
	static char text[4096];
	char record[4096], *line;
	ssize_t nr;

	text[0] = '\0';
	while ((nr = read(kmsg, record, sizeof(record) - 1)) > 0 ||
	       (nr < 0 && errno == EPIPE)) {
		if (nr < 0)
			continue;
		record[nr] = '\0';
		line = strstr(record, ";zbuddy: ");
		if (line && strstr(line, "EINVAL"))
			snprintf(text, sizeof(text), "%s", line + 1);
	}
	return text;
}

/* EXPLAIN names the field and its value, and the log names the caller as well. */
#define EXPECT_NAMED(cmd, arg, name, wrong) do {			\
	struct zb_ioc_explain __e;					\
	char __want[128];						\
	const char *__text;						\
									\
	EXPECT_EQ(-EINVAL, zb_ioctl(self->fd, cmd, arg));		\
	ASSERT_EQ(0, zb_explain(self->fd, &__e));			\
	EXPECT_EQ(EINVAL, __e.error);					\
	EXPECT_EQ(ZB_CAUSE_FIELD, __e.cause);				\
	EXPECT_STREQ(name, __e.field);					\
	EXPECT_EQ((__u64)(wrong), __e.value);				\
	snprintf(__want, sizeof(__want), "[%d]: EINVAL: %s is 0x%llx\n",	\
		 getpid(), name, (unsigned long long)(wrong));		\
	__text = kmsg < 0 ? __want : last_message();				\
	EXPECT_NE(NULL, strstr(__text, __want)) {			\
		TH_LOG("expected '%s', found '%s'", __want, __text);	\
	}								\
} while (0)

/* A row of a table: a copy of @valid with one member set to @wrong is refused. */
#define REFUSED(cmd, valid, member, wrong) do {				\
	__typeof__(valid) __arg = valid;				\
									\
	__arg.member = (wrong);						\
	EXPECT_NAMED(cmd, &__arg, #member, wrong);			\
} while (0)

TEST_F(zbuddy, explained_fields_of_alloc)
{
	struct zb_ioc_alloc by_length = zb_want_length(1, ZB_GFP_ANYZONE);

	log_einval();
	REFUSED(ZB_IOC_ALLOC, good(), size, offsetof(struct zb_ioc_alloc, align) - 1);
	REFUSED(ZB_IOC_ALLOC, good(), flags, 1u << 31);
	REFUSED(ZB_IOC_ALLOC, good(), gfp, __ZB_GFP_NOFAIL | ZB_GFP_KERNEL);
	REFUSED(ZB_IOC_ALLOC, good(), gfp, __ZB_GFP_DMA | __ZB_GFP_DMA32);
	REFUSED(ZB_IOC_ALLOC, good(), node, 1000);
	REFUSED(ZB_IOC_ALLOC, good(), order, 63);
	REFUSED(ZB_IOC_ALLOC, good(), __reserved, 1);
	REFUSED(ZB_IOC_ALLOC, good(), length, 4096);
	REFUSED(ZB_IOC_ALLOC, good(), deadline_ns, 5);
	REFUSED(ZB_IOC_ALLOC, good(), align, 4096);
	REFUSED(ZB_IOC_ALLOC, good(), min_addr, 4096);
	REFUSED(ZB_IOC_ALLOC, good(), max_addr, 4096);
	REFUSED(ZB_IOC_ALLOC, by_length, length, 0);
	REFUSED(ZB_IOC_ALLOC, by_length, length, 1ull << 60);
	REFUSED(ZB_IOC_ALLOC, by_length, order, 1);
}

TEST_F(zbuddy, explained_fields_of_bulk)
{
	struct zb_bulk_buffer bufs[2];
	struct zb_ioc_bulk_alloc bulk = zb_want_bulk(0, bufs, 2);
	struct zb_ioc_bulk_free away = {
		.size = sizeof(away), .nr = 1, .stride = 4,
		.handles = (unsigned long)&bufs[0].handle,
	};

	log_einval();
	REFUSED(ZB_IOC_BULK_ALLOC, bulk, nr, ZB_BULK_MAX + 1);
	REFUSED(ZB_IOC_BULK_ALLOC, bulk, buffer_size, 8);
	REFUSED(ZB_IOC_BULK_ALLOC, bulk, __reserved, 7);
	REFUSED(ZB_IOC_BULK_ALLOC, bulk, flags, 4);
	REFUSED(ZB_IOC_BULK_ALLOC, bulk, order, 63);
	REFUSED(ZB_IOC_BULK_FREE, away, flags, 1);
	REFUSED(ZB_IOC_BULK_FREE, away, nr, 0);
	REFUSED(ZB_IOC_BULK_FREE, away, stride, 3);
}

TEST_F(zbuddy, explained_fields_of_others)
{
	struct zb_ioc_info info = { .size = sizeof(info) };
	struct zb_ioc_zone zone = { .size = sizeof(zone) };
	struct zb_ioc_free away = { .size = sizeof(away) };
	struct zb_ioc_query query = { .size = sizeof(query) };
	struct zb_ioc_label label = { .size = sizeof(label) };
	struct zb_ioc_phys phys = { .size = sizeof(phys) };
	struct zb_ioc_export export = { .size = sizeof(export) };
	struct zb_ioc_to_file to = { .size = sizeof(to) };
	struct zb_ioc_from_file from = { .size = sizeof(from) };
	struct zb_ioc_sync sync = {
		.size = sizeof(sync), .flags = ZB_SYNC_FOR_CPU | ZB_SYNC_FROM_DEVICE,
		.length = 1,
	};
	struct zb_ioc_alloc a;

	log_einval();
	ASSERT_EQ(0, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &a));
	label.handle = a.handle;
	export.handle = a.handle;
	to.handle = a.handle;
	sync.handle = a.handle;
	REFUSED(ZB_IOC_INFO, info, flags, 2);
	REFUSED(ZB_IOC_INFO, info, size, 8);
	REFUSED(ZB_IOC_ZONE, zone, index, 999);
	REFUSED(ZB_IOC_FREE, away, __reserved, 1);
	REFUSED(ZB_IOC_QUERY, query, flags, 1);
	label.label[0] = '\n';
	EXPECT_NAMED(ZB_IOC_LABEL, &label, "label", 0);
	snprintf(label.label, sizeof(label.label), "two words");
	EXPECT_NAMED(ZB_IOC_LABEL, &label, "label", 0);
	REFUSED(ZB_IOC_PHYS, phys, flags, 1);
	REFUSED(ZB_IOC_EXPORT, export, flags, 4);
	REFUSED(ZB_IOC_EXPORT, export, flags, 1u << 31);
	REFUSED(ZB_IOC_TO_FILE, to, flags, 4);
	REFUSED(ZB_IOC_FROM_FILE, from, flags, 1);
	REFUSED(ZB_IOC_FROM_FILE, from, fd, self->fd);
	REFUSED(ZB_IOC_SYNC, sync, flags, 0);
	REFUSED(ZB_IOC_SYNC, sync, offset, a.length);
	REFUSED(ZB_IOC_SYNC, sync, length, a.length + 1);
}

/* Nothing is logged for valid structures, or with dynamic debug disabled. */
TEST_F(zbuddy, nothing_is_logged)
{
	struct zb_ioc_info info = { .size = sizeof(info) };

	if (!log_einval())
		SKIP(return, "no dynamic debug in this kernel");
	EXPECT_EQ(0, zb_ioctl(self->fd, ZB_IOC_INFO, &info));
	EXPECT_STREQ("", last_message());
	ASSERT_EQ(0, zb_write_file(CONTROL, "func zb_einval -p"));
	info.flags = 1;
	EXPECT_EQ(-EINVAL, zb_ioctl(self->fd, ZB_IOC_INFO, &info));
	EXPECT_STREQ("", last_message());
}

TEST_HARNESS_MAIN
