// SPDX-License-Identifier: GPL-2.0
/*
 * With dynamic debug enabled, the log names the field for which a structure was
 * refused. Needs a kernel with CONFIG_DYNAMIC_DEBUG.
 */
#include "buffer_test.h"

#define CONTROL		"/proc/dynamic_debug/control"

static struct zb_bulk_buffer bufs[2];
static int kmsg = -1;

/* The module's last message since the previous call, "" if there is none. */
static const char *said(void)
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

static bool debug_is_on(void)
{
	if (zb_write_file(CONTROL, "func zb_einval +p"))
		return false;
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return kmsg >= 0 && lseek(kmsg, 0, SEEK_END) >= 0;
}

#define REQUIRE_DEBUG() do {						\
	if (!debug_is_on())						\
		SKIP(return, "no dynamic debug in this kernel");	\
} while (0)

/* The log names the caller, the field and its value. */
#define EXPECT_NAMED(cmd, arg, field, value) do {			\
	char __want[128];						\
	const char *__text;						\
									\
	EXPECT_EQ(-EINVAL, zb_ioctl(self->fd, cmd, arg));		\
	snprintf(__want, sizeof(__want), "[%d]: EINVAL: %s is 0x%llx\n",	\
		 getpid(), field, (unsigned long long)(value));		\
	__text = said();						\
	EXPECT_NE(NULL, strstr(__text, __want)) {			\
		TH_LOG("expected '%s', found '%s'", __want, __text);	\
	}								\
} while (0)

/* A copy of @good with one member set to @value is refused, and the log names it. */
#define REFUSED(cmd, good, member, value) do {				\
	__typeof__(good) __arg = good;					\
									\
	__arg.member = (value);						\
	EXPECT_NAMED(cmd, &__arg, #member, value);			\
} while (0)

TEST_F(zbuddy, alloc)
{
	struct zb_ioc_alloc good = zb_want_order(0, ZB_GFP_ANYZONE);
	struct zb_ioc_alloc by_length = zb_want_length(1, ZB_GFP_ANYZONE);

	REQUIRE_DEBUG();
	REFUSED(ZB_IOC_ALLOC, good, size, sizeof(good) - 1);
	REFUSED(ZB_IOC_ALLOC, good, flags, 1u << 31);
	REFUSED(ZB_IOC_ALLOC, good, gfp, __ZB_GFP_NOFAIL | ZB_GFP_KERNEL);
	REFUSED(ZB_IOC_ALLOC, good, gfp, __ZB_GFP_DMA | __ZB_GFP_DMA32);
	REFUSED(ZB_IOC_ALLOC, good, node, 1000);
	REFUSED(ZB_IOC_ALLOC, good, order, 63);
	REFUSED(ZB_IOC_ALLOC, good, __reserved, 1);
	REFUSED(ZB_IOC_ALLOC, good, length, 4096);
	REFUSED(ZB_IOC_ALLOC, good, deadline_ns, 5);
	REFUSED(ZB_IOC_ALLOC, by_length, length, 0);
	REFUSED(ZB_IOC_ALLOC, by_length, length, 1ull << 60);
	REFUSED(ZB_IOC_ALLOC, by_length, order, 1);
}

TEST_F(zbuddy, bulk)
{
	struct zb_ioc_bulk_alloc good = zb_want_bulk(0, bufs, 2);
	struct zb_ioc_bulk_free away = {
		.size = sizeof(away), .nr = 1, .stride = 4,
		.handles = (unsigned long)&bufs[0].handle,
	};

	REQUIRE_DEBUG();
	REFUSED(ZB_IOC_BULK_ALLOC, good, nr, ZB_BULK_MAX + 1);
	REFUSED(ZB_IOC_BULK_ALLOC, good, buffer_size, 8);
	REFUSED(ZB_IOC_BULK_ALLOC, good, __reserved, 7);
	REFUSED(ZB_IOC_BULK_ALLOC, good, flags, 4);
	REFUSED(ZB_IOC_BULK_FREE, away, flags, 1);
	REFUSED(ZB_IOC_BULK_FREE, away, nr, 0);
	REFUSED(ZB_IOC_BULK_FREE, away, stride, 3);
}

TEST_F(zbuddy, others)
{
	struct zb_ioc_info info = { .size = sizeof(info) };
	struct zb_ioc_zone zone = { .size = sizeof(zone) };
	struct zb_ioc_free away = { .size = sizeof(away) };
	struct zb_ioc_query query = { .size = sizeof(query) };
	struct zb_ioc_label label = { .size = sizeof(label) };
	struct zb_ioc_phys phys = { .size = sizeof(phys) };
	struct zb_ioc_export export = { .size = sizeof(export) };
	struct zb_ioc_sync sync = {
		.size = sizeof(sync), .flags = ZB_SYNC_FOR_CPU | ZB_SYNC_FROM_DEVICE,
		.length = 1,
	};
	struct zb_ioc_alloc a;

	REQUIRE_DEBUG();
	ASSERT_EQ(0, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &a));
	sync.handle = a.handle;
	REFUSED(ZB_IOC_INFO, info, flags, 2);
	REFUSED(ZB_IOC_ZONE, zone, index, 999);
	REFUSED(ZB_IOC_FREE, away, __reserved, 1);
	REFUSED(ZB_IOC_QUERY, query, flags, 1);
	label.label[0] = '\n';
	EXPECT_NAMED(ZB_IOC_LABEL, &label, "label", 0);
	REFUSED(ZB_IOC_PHYS, phys, flags, 1);
	REFUSED(ZB_IOC_EXPORT, export, flags, 4);
	REFUSED(ZB_IOC_SYNC, sync, flags, 0);
	REFUSED(ZB_IOC_SYNC, sync, offset, a.length);
	REFUSED(ZB_IOC_SYNC, sync, length, a.length + 1);
}

/* Nothing is logged for valid structures, or with dynamic debug disabled. */
TEST_F(zbuddy, silent)
{
	struct zb_ioc_info info = { .size = sizeof(info) };

	REQUIRE_DEBUG();
	EXPECT_EQ(0, zb_ioctl(self->fd, ZB_IOC_INFO, &info));
	EXPECT_STREQ("", said());
	ASSERT_EQ(0, zb_write_file(CONTROL, "func zb_einval -p"));
	info.flags = 1;
	EXPECT_EQ(-EINVAL, zb_ioctl(self->fd, ZB_IOC_INFO, &info));
	EXPECT_STREQ("", said());
}

TEST_HARNESS_MAIN
