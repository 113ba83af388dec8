// SPDX-License-Identifier: GPL-2.0
/*
 * Loading and unloading with the first, the second, ... of the allocations on the
 * way failing: the module loads or says ENOMEM, it always unloads, and no memory is
 * missing afterwards. Once all of the way is gone; with each backend there is that
 * part of it where the memory is taken. Loads zbuddy.ko itself.
 */
#define ZB_OWN_FIXTURE
#include "buffer_test.h"
#include "fail_nth.h"

#include <dirent.h>

#define MAX_NTH	1500
/* What MemFree may vary without a region having been lost. */
#define SLACK_KB	(12 * 1024)

FIXTURE(fail_load) {
	struct fail_nth nth;
	unsigned long cma;
	unsigned long free_kb;
	unsigned long start, end;	/* of the function that counts */
};

FIXTURE_VARIANT(fail_load) {
	const char *params;
	const char *function;
	int points;	/* so many there are at least */
};

FIXTURE_VARIANT_ADD(fail_load, all) {
	.params = "size=16M zones=DMA:4M,Normal:*,Movable:4M cma_pages=512 poison=1",
	.points = 40,
};

FIXTURE_VARIANT_ADD(fail_load, cma) {
	.params = "size=16M backend=cma", .function = "zb_region_acquire", .points = 0,
};

FIXTURE_VARIANT_ADD(fail_load, dma) {
	.params = "size=16M backend=dma", .function = "zb_region_acquire", .points = 3,
};

FIXTURE_VARIANT_ADD(fail_load, contig) {
	.params = "size=16M backend=contig", .function = "zb_region_acquire", .points = 0,
};

static unsigned long number_in(const char *path, const char *before)
{
	char text[8192], *p;

	if (zb_read_file(path, text, sizeof(text)) < 0)
		return 0;
	p = strstr(text, before);
	return p ? strtoul(p + strlen(before), NULL, 10) : 0;
}

/* What all CMA areas have left: not a figure that moves by itself, as CmaFree. */
static unsigned long cma_pages(void)
{
	DIR *dir = opendir("/sys/kernel/mm/cma");
	unsigned long nr = 0;
	struct dirent *entry;
	char path[512];

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/kernel/mm/cma/%s/available_pages",
			 entry->d_name);
		nr += number_in(path, "");
	}
	if (dir)
		closedir(dir);
	return nr;
}

static unsigned long free_kb(void)
{
	return number_in("/proc/meminfo", "MemFree:");
}

FIXTURE_SETUP(fail_load)
{
	int rc;

	if (geteuid() || access(ZB_MODULE, R_OK))
		SKIP(return, "no " ZB_MODULE ", or not root");
	if (!fail_init(&self->nth))
		SKIP(return, "no fault injection in this kernel, or no filter for it");
	ASSERT_NE(0, access("/sys/module/zbuddy", F_OK));
	self->cma = cma_pages();
	rc = zb_load(variant->params);
	if (rc == -ENODEV || rc == -ENOMEM)
		SKIP(return, "no such backend here");
	ASSERT_EQ(0, rc);
	self->start = FAIL_MODULES;
	self->end = FAIL_MODULES_END;
	if (variant->function)
		ASSERT_TRUE(fail_find(variant->function, &self->start, &self->end));
	ASSERT_EQ(0, zb_unload());
	ASSERT_EQ(self->cma, cma_pages());
	self->free_kb = free_kb();
}

FIXTURE_TEARDOWN_PARENT(fail_load)
{
	if (!access("/sys/module/zbuddy", F_OK))
		EXPECT_EQ(0, zb_unload());
}

/*
 * Use it a little: whatever it did without must not be missed by anybody. And is it
 * where it was before? It is, as long as nobody else loads modules.
 */
static int use(const FIXTURE_DATA(fail_load) *self, const char *function)
{
	unsigned long start, end;
	struct zb_ioc_alloc a;
	char text[16];
	int fd = zb_open();
	int rc = fd < 0 ? -errno : zb_alloc_order(fd, 3, ZB_GFP_ANYZONE, &a);

	if (fd >= 0)
		close(fd);
	zb_read_file(ZB_DEBUGFS "owners", text, sizeof(text));
	if (!rc && function && (!fail_find(function, &start, &end) || start != self->start))
		rc = -ESTALE;
	return rc;
}

static void as_before(struct __test_metadata *_metadata,
		      const FIXTURE_DATA(fail_load) *self, int n)
{
	EXPECT_EQ(self->cma, cma_pages()) TH_LOG("%d: CMA pages are missing", n);
	EXPECT_GT(free_kb() + SLACK_KB, self->free_kb) TH_LOG("%d: memory is missing", n);
}

static void load_failing(struct __test_metadata *_metadata,
			 FIXTURE_DATA(fail_load) *self,
			 const FIXTURE_VARIANT(fail_load) *variant, int points)
{
	int n, rc, failed = 0;
	bool hit = true;

	for (n = 1; hit && n < MAX_NTH; n++) {
		fail_arm(&self->nth, n);
		rc = zb_load(variant->params);
		hit = fail_disarm(&self->nth);
		failed += !!rc;
		EXPECT_TRUE(!rc || (rc == -ENOMEM && hit)) TH_LOG("failure %d: errno %d", n, -rc);
		if (!rc) {
			EXPECT_EQ(0, use(self, variant->function)) TH_LOG("failure %d", n);
			ASSERT_EQ(0, zb_unload()) TH_LOG("failure %d", n);
		}
		as_before(_metadata, self, n);
	}
	TH_LOG("%s: %d points of failure, %d failed", variant->params, n - 2, failed);
	EXPECT_FALSE(hit);
	EXPECT_GE(n - 2, points);
}

TEST_F_TIMEOUT(fail_load, load, 600)
{
	fail_choose_pass(FAIL_SLAB, self->start, self->end);
	load_failing(_metadata, self, variant, variant->points);
	fail_choose_pass(FAIL_PAGES, self->start, self->end);
	load_failing(_metadata, self, variant, 0);
}

TEST_F_TIMEOUT(fail_load, unload, 300)
{
	bool hit = true;
	int n;

	fail_choose_pass(FAIL_SLAB, self->start, self->end);
	for (n = 1; hit && n < MAX_NTH; n++) {
		ASSERT_EQ(0, zb_load(variant->params));
		EXPECT_EQ(0, use(self, variant->function));
		fail_arm(&self->nth, n);
		EXPECT_EQ(0, zb_unload());
		hit = fail_disarm(&self->nth);
		as_before(_metadata, self, n);
	}
	TH_LOG("%s: %d points of failure", variant->params, n - 2);
	EXPECT_FALSE(hit);
}

TEST_HARNESS_MAIN
