// SPDX-License-Identifier: GPL-2.0
/*
 * The report in the kernel log about a failed request: the request, the cause of its
 * failure, and the state of each zone. Each test case loads zbuddy.ko with parameters that
 * allow it to provoke one cause.
 */
#define ZB_OWN_FIXTURE
#include "buffer_test.h"

#include <sys/prctl.h>

#define MAX_BUFS	20000
#define MAX_LINES	64
#define LINE_LEN	1024
#define QUIET		(__ZB_GFP_NOWARN | __ZB_GFP_NORETRY)
#define NO_RESERVES	" min_free_kbytes=0 lowmem_reserve_ratio=0,0,0,0,0"
#define COMM		"a report test"

FIXTURE(report) {
	int fd;
	int log;
	unsigned int nr_lines;
	char lines[MAX_LINES][LINE_LEN];
	unsigned int nr_bufs;
	__u32 bufs[MAX_BUFS];
};

FIXTURE_SETUP(report)
{
	if (geteuid() || access(ZB_MODULE, R_OK))
		SKIP(return, "no " ZB_MODULE ", or not root");
	ASSERT_NE(0, access("/sys/module/zbuddy", F_OK));
	self->fd = -1;
	self->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_GE(self->log, 0);
	prctl(PR_SET_NAME, COMM);
}

FIXTURE_TEARDOWN(report)
{
	if (self->fd >= 0)
		close(self->fd);
	zb_unload_soon();
	EXPECT_NE(0, access("/sys/module/zbuddy", F_OK));
}

static void load(struct __test_metadata *_metadata, FIXTURE_DATA(report) *self,
		 const char *params)
{
	ASSERT_EQ(0, zb_load(params));
	self->fd = zb_open();
	ASSERT_GE(self->fd, 0);
}

/* Allocate all memory that these flags allow, in blocks of @order. */
static void take(FIXTURE_DATA(report) *self, __u32 order, __u32 gfp)
{
	struct zb_ioc_alloc a;

	while (self->nr_bufs < MAX_BUFS &&
	       !zb_alloc_order(self->fd, order, gfp | QUIET, &a))
		self->bufs[self->nr_bufs++] = a.handle;
}

/*
 * Free every second frame of single frames that take all memory. The order in which
 * they were allocated does not tell which ones those are.
 */
static void free_every_other(struct __test_metadata *_metadata, FIXTURE_DATA(report) *self)
{
	struct zb_ioc_phys phys;
	unsigned int i;

	for (i = 0; i < self->nr_bufs; i++) {
		ASSERT_EQ(0, zb_phys(self->fd, self->bufs[i], &phys));
		if (phys.addr & phys.length)
			ASSERT_EQ(0, zb_free(self->fd, self->bufs[i]));
	}
}

/* Read the records of the log since the last call; the module's prefix is removed. */
static void read_log(FIXTURE_DATA(report) *self)
{
	char record[2 * LINE_LEN], *text;
	ssize_t len;

	self->nr_lines = 0;
	for (;;) {
		len = read(self->log, record, sizeof(record) - 1);
		if (len < 0 && errno == EPIPE)
			continue;
		if (len <= 0)
			return;
		record[len] = '\0';
		text = strchr(record, ';');
		text = text ? strstr(text, "zbuddy: ") : NULL;
		if (!text || self->nr_lines == MAX_LINES)
			continue;
		snprintf(self->lines[self->nr_lines++], LINE_LEN, "%.*s",
			 (int)strcspn(text + 8, "\n"), text + 8);
	}
}

/* Make a request that must fail; its report is in self->lines afterwards. */
static void fail(struct __test_metadata *_metadata, FIXTURE_DATA(report) *self,
		 __u32 order, __u32 gfp)
{
	struct zb_ioc_alloc a;

	lseek(self->log, 0, SEEK_END);
	ASSERT_EQ(-ENOMEM, zb_alloc_order(self->fd, order, gfp, &a));
	read_log(self);
}

static const char *find(const FIXTURE_DATA(report) *self, const char *text)
{
	unsigned int i;

	for (i = 0; i < self->nr_lines; i++)
		if (strstr(self->lines[i], text))
			return self->lines[i];
	return NULL;
}

/* The rest of the line that begins with @head. */
static const char *line_of(const FIXTURE_DATA(report) *self, const char *head)
{
	unsigned int i;

	for (i = 0; i < self->nr_lines; i++)
		if (!strncmp(self->lines[i], head, strlen(head)))
			return self->lines[i] + strlen(head);
	return NULL;
}

static bool says(const FIXTURE_DATA(report) *self, const char *text)
{
	return find(self, text);
}

static void show(const FIXTURE_DATA(report) *self)
{
	unsigned int i;

	for (i = 0; i < self->nr_lines; i++)
		printf("# log: %s\n", self->lines[i]);
}

/* Provoke a failure and check the lines about the request and the cause. */
static void expect_report(struct __test_metadata *_metadata,
			  FIXTURE_DATA(report) *self, __u32 order, __u32 gfp,
			  const char *names, const char *cause)
{
	char head[LINE_LEN];

	fail(_metadata, self, order, gfp);
	snprintf(head, sizeof(head),
		 COMM "[%d]: page allocation failure: order:%u, mode:%#x(%s), node:0, nodemask:any, cpuset:",
		 getpid(), order, gfp, names);
	EXPECT_TRUE(says(self, head)) {
		TH_LOG("missing in the report: %s", head);
		show(self);
	}
	EXPECT_TRUE(says(self, cause)) {
		TH_LOG("missing in the report: %s", cause);
		show(self);
	}
}

/* The amounts in "1*4kB (U) 3*8kB (UM) = 28kB" add up, and each order has its types. */
static void expect_blocks(struct __test_metadata *_metadata, const char *line,
			  unsigned long free_kb)
{
	unsigned long nr, kb, sum = 0, total = ~0ul;
	char types[16];
	int used;

	while (sscanf(line, " %lu*%lukB (%15[UMEHCI])%n", &nr, &kb, types,
		      &used) == 3) {
		sum += nr * kb;
		line += used;
	}
	EXPECT_EQ(1, sscanf(line, " = %lukB", &total));
	EXPECT_EQ(sum, total);
	EXPECT_EQ(free_kb, total);
}

/* Check the two lines about a zone: amounts and free blocks. */
static void expect_zone(struct __test_metadata *_metadata,
			FIXTURE_DATA(report) *self, const char *zone,
			unsigned long managed_kb)
{
	unsigned long free, min, low, high, keep[ZB_NR_ZONES], special[3], cached, bad, managed = 0;
	char head[64];
	const char *line;
	int nr;

	snprintf(head, sizeof(head), "Node 0 %s free:", zone);
	line = line_of(self, head);
	ASSERT_NE(NULL, line) show(self);
	nr = sscanf(line,
		    "%lukB min:%lukB low:%lukB high:%lukB protection:(%lu,%lu,%lu,%lu,%lu) highatomic:%lukB cma:%lukB isolated:%lukB cached:%lukB bad:%lukB managed:%lukB",
		    &free, &min, &low, &high, &keep[0], &keep[1], &keep[2],
		    &keep[3], &keep[4], &special[0], &special[1], &special[2],
		    &cached, &bad, &managed);
	ASSERT_EQ(15, nr) TH_LOG("%s", line);
	EXPECT_EQ(managed_kb, managed);
	EXPECT_LE(min, low);
	EXPECT_LE(low, high);
	snprintf(head, sizeof(head), "Node 0 %s:", zone);
	line = line_of(self, head);
	ASSERT_NE(NULL, line) show(self);
	expect_blocks(_metadata, line, free);
}

TEST_F(report, reserve)
{
	load(_metadata, self, "size=64M zones=DMA:8M,Normal:*,Movable:16M min_free_kbytes=12288");
	take(self, 9, ZB_GFP_KERNEL);
	expect_report(_metadata, self, 9, ZB_GFP_KERNEL, "ZB_GFP_KERNEL",
		      "cause: Node 0 Normal: all free memory is reserved for urgent requests: ");
	EXPECT_TRUE(says(self, "min_free_kbytes"));
	expect_zone(_metadata, self, "DMA", 8 << 10);
	expect_zone(_metadata, self, "Normal", 40 << 10);
	expect_zone(_metadata, self, "Movable", 16 << 10);
}

TEST_F(report, fragmentation)
{
	load(_metadata, self, "size=8M zones=Normal:*" NO_RESERVES);
	take(self, 0, ZB_GFP_KERNEL);
	ASSERT_GT(self->nr_bufs, 1000);
	free_every_other(_metadata, self);
	expect_report(_metadata, self, 4, ZB_GFP_USER | __ZB_GFP_NORETRY,
		      "ZB_GFP_USER|__ZB_GFP_NORETRY",
		      "cause: Node 0 Normal: enough memory is free, but no block of this order, because memory is fragmented: ");
	expect_zone(_metadata, self, "Normal", 8 << 10);
	EXPECT_TRUE(says(self, "*4kB ("));
}

TEST_F(report, only_cma)
{
	load(_metadata, self, "size=32M zones=Normal:* cma_pages=4096" NO_RESERVES);
	take(self, 9, ZB_GFP_KERNEL);
	expect_report(_metadata, self, 9, ZB_GFP_KERNEL, "ZB_GFP_KERNEL",
		      "cause: Node 0 Normal: all free memory is in CMA pageblocks: ");
	EXPECT_TRUE(says(self, " cma:16384kB "));
	EXPECT_TRUE(says(self, "kB (C)"));
}

TEST_F(report, lowmem_reserve)
{
	load(_metadata, self, "size=64M zones=DMA:16M,Normal:* min_free_kbytes=0 lowmem_reserve_ratio=1,0,0,0,0");
	take(self, 9, ZB_GFP_KERNEL);
	expect_report(_metadata, self, 9, ZB_GFP_KERNEL | __ZB_GFP_COLD,
		      "ZB_GFP_KERNEL|__ZB_GFP_COLD",
		      "cause: Node 0 DMA: all free memory is reserved for requests that can't use a higher zone: ");
	EXPECT_TRUE(says(self, "protection:(0,0,12288,12288,12288)"));
}

TEST_F(report, all_memory_in_use)
{
	load(_metadata, self, "size=8M zones=Normal:*" NO_RESERVES);
	take(self, 9, ZB_GFP_KERNEL);
	expect_report(_metadata, self, 0, ZB_GFP_NOIO, "ZB_GFP_NOIO",
		      "cause: Node 0 Normal: all memory is in use: ");
}

TEST_F(report, other_zone)
{
	load(_metadata, self, "size=16M zones=Normal:8M,Movable:8M" NO_RESERVES);
	take(self, 9, ZB_GFP_KERNEL);
	expect_report(_metadata, self, 0, ZB_GFP_KERNEL, "ZB_GFP_KERNEL",
		      "cause: Node 0 Movable: all free memory is in zones that the flags exclude: ");
}

/* If a request can never be served, the report does not suggest to free memory. */
TEST_F(report, never)
{
	load(_metadata, self, "size=8M zones=Normal:* min_free_kbytes=2048");
	expect_report(_metadata, self, 11, ZB_GFP_KERNEL, "ZB_GFP_KERNEL",
		      "cause: this request can never be served: even an unused zone ");
	EXPECT_TRUE(says(self, "lower min_free_kbytes"));
	EXPECT_FALSE(says(self, "free some memory"));
	expect_report(_metadata, self, 11, ZB_GFP_DMA, "__ZB_GFP_DMA",
		      "cause: this request can never be served: there is no zone of a type that the flags allow: ");
}

/* Reports are limited to one per cause in ten seconds, independently for each cause. */
TEST_F(report, rate_limit_per_cause)
{
	load(_metadata, self, "size=8M zones=Normal:*" NO_RESERVES);
	take(self, 0, ZB_GFP_KERNEL);
	ASSERT_GT(self->nr_bufs, 1000);
	expect_report(_metadata, self, 0, ZB_GFP_KERNEL, "ZB_GFP_KERNEL",
		      "all memory is in use");
	fail(_metadata, self, 0, ZB_GFP_KERNEL);
	EXPECT_FALSE(says(self, "page allocation failure")) show(self);
	free_every_other(_metadata, self);
	expect_report(_metadata, self, 1, ZB_GFP_KERNEL, "ZB_GFP_KERNEL",
		      "no block of this order");
	fail(_metadata, self, 1, ZB_GFP_KERNEL);
	EXPECT_FALSE(says(self, "page allocation failure")) show(self);
}

TEST_F(report, nowarn_is_silent)
{
	load(_metadata, self, "size=8M zones=Normal:*" NO_RESERVES);
	take(self, 9, ZB_GFP_KERNEL);
	fail(_metadata, self, 0, ZB_GFP_KERNEL | __ZB_GFP_NOWARN);
	EXPECT_EQ(0, self->nr_lines) show(self);
}

TEST_HARNESS_MAIN
