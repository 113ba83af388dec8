// SPDX-License-Identifier: GPL-2.0
/*
 * Loading and unloading while the first, the second, ... kernel allocation fails in turn:
 * loading succeeds or fails with ENOMEM, unloading always succeeds, and no memory leaks.
 * One variant lets all allocations of loading fail; the others, one per backend, only
 * those of acquiring the region. Loads zbuddy.ko itself.
 */
#define ZB_OWN_FIXTURE
#include "buffer_test.h"
#include "fail_nth.h"

#include <dirent.h>

#define MAX_NTH	1500
#define MAX_MOVES	50
/*
 * MemFree may vary by this much between two rounds; a leaked region is larger. KASAN
 * delays the reuse of freed memory, which makes MemFree decrease slowly all the time.
 */
#define SLACK_KB	(12 * 1024)

FIXTURE(fail_load) {
	struct fail_nth nth;
	unsigned long cma;
	unsigned long free_kb;		/* MemFree after the previous round */
	unsigned long start, end;	/* address range in which allocations fail */
	unsigned long text;		/* address of the module when it was last loaded */
	int moves;
};

FIXTURE_VARIANT(fail_load) {
	const char *params;
	const char *function;
	const char *sites;	/* prefix of the functions whose calls this variant tests */
	int points;	/* minimum number of allocations */
};

FIXTURE_VARIANT_ADD(fail_load, all) {
	.params = "size=16M zones=DMA:4M,Normal:*,Movable:4M cma_pages=512 poison=1",
	.sites = "zb_", .points = 40,
};

FIXTURE_VARIANT_ADD(fail_load, cma) {
	.params = "size=16M backend=cma", .function = "zb_region_acquire",
	.sites = "zb_cma_", .points = 0,
};

FIXTURE_VARIANT_ADD(fail_load, dma) {
	.params = "size=16M backend=dma", .function = "zb_region_acquire",
	.sites = "zb_dma_", .points = 3,
};

FIXTURE_VARIANT_ADD(fail_load, contig) {
	.params = "size=16M backend=contig", .function = "zb_region_acquire",
	.sites = "zb_contig_", .points = 0,
};

static unsigned long number_in(const char *path, const char *before)
{
	char text[8192], *p;

	if (zb_read_file(path, text, sizeof(text)) < 0)
		return 0;
	p = strstr(text, before);
	return p ? strtoul(p + strlen(before), NULL, 10) : 0;
}

/* Free pages of all CMA areas. In contrast to CmaFree, other memory use does not change it. */
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

/*
 * True if the module, which is loaded now, has another address than last time. Then the
 * injected failures were in the wrong address range, and the round has to be repeated.
 */
static bool has_moved(FIXTURE_DATA(fail_load) *self, const FIXTURE_VARIANT(fail_load) *variant)
{
	if (self->text == fail_text())
		return false;
	if (self->text)
		fail_forget_symbols();
	self->text = fail_text();
	self->moves++;
	self->start = FAIL_MODULES;
	self->end = FAIL_MODULES_END;
	if (variant->function)
		fail_find(variant->function, &self->start, &self->end);
	fail_symbols(); /* read them while the module is loaded */
	return true;
}

FIXTURE_SETUP(fail_load)
{
	int rc;

	if (geteuid() || access(ZB_MODULE, R_OK))
		SKIP(return, "no " ZB_MODULE ", or not root");
	if (!fail_init(&self->nth))
		SKIP(return, "no fault injection with stack trace filter in this kernel");
	ASSERT_NE(0, access("/sys/module/zbuddy", F_OK));
	self->cma = cma_pages();
	rc = zb_load(variant->params);
	if (rc == -ENODEV || rc == -ENOMEM)
		SKIP(return, "this backend is not available here");
	ASSERT_EQ(0, rc);
	ASSERT_TRUE(has_moved(self, variant));
	ASSERT_NE(0, self->start);
	ASSERT_EQ(0, zb_unload());
	ASSERT_EQ(self->cma, cma_pages());
	self->free_kb = free_kb();
}

FIXTURE_TEARDOWN_PARENT(fail_load)
{
	if (!access("/sys/module/zbuddy", F_OK))
		EXPECT_EQ(0, zb_unload());
}

/* Use the module: optional parts that could not be allocated must not be needed. */
static int use_module(void)
{
	struct zb_ioc_alloc a;
	char text[16];
	int fd = zb_open();
	int rc = fd < 0 ? -errno : zb_alloc_order(fd, 3, ZB_GFP_ANYZONE, &a);

	if (fd >= 0)
		close(fd);
	zb_read_file(ZB_DEBUGFS "owners", text, sizeof(text));
	return rc;
}

/* misc_register() returns EBUSY also when it can't allocate a minor number. */
static bool is_expected(int rc)
{
	return !rc || rc == -ENOMEM || rc == -EBUSY;
}

static void as_before(struct __test_metadata *_metadata,
		      FIXTURE_DATA(fail_load) *self, int n)
{
	unsigned long now = free_kb();

	EXPECT_EQ(self->cma, cma_pages()) TH_LOG("failure %d: CMA pages leaked", n);
	EXPECT_GT(now + SLACK_KB, self->free_kb) TH_LOG("failure %d: memory leaked", n);
	self->free_kb = now;
}

static void load_failing(struct __test_metadata *_metadata,
			 FIXTURE_DATA(fail_load) *self,
			 const FIXTURE_VARIANT(fail_load) *variant,
			 enum fail_pass pass, int points)
{
	int n, rc, failed = 0;
	bool hit = true;

	fail_choose_pass(pass, self->start, self->end);
	for (n = 1; hit && n < MAX_NTH; n++) {
		fail_arm(&self->nth, n);
		rc = zb_load(variant->params);
		hit = fail_disarm(&self->nth);
		failed += !!rc;
		EXPECT_TRUE(!rc || (is_expected(rc) && hit)) TH_LOG("failure %d: errno %d", n, -rc);
		if (!rc) {
			EXPECT_EQ(0, use_module()) TH_LOG("failure %d", n);
			if (has_moved(self, variant) && self->moves < MAX_MOVES) {
				fail_choose_pass(pass, self->start, self->end);
				hit = true;
				n--;
			}
			ASSERT_EQ(0, zb_unload()) TH_LOG("failure %d", n);
		}
		as_before(_metadata, self, n);
	}
	TH_LOG("%s: %d kernel allocations, %d failures, %d changes of address",
	       variant->params, n - 2, failed, self->moves - 1);
	EXPECT_FALSE(hit);
	EXPECT_GE(n - 2, points);
}

TEST_F_TIMEOUT(fail_load, load, 600)
{
	load_failing(_metadata, self, variant, FAIL_SLAB, variant->points);
	load_failing(_metadata, self, variant, FAIL_PAGES, 0);
	EXPECT_LT(self->moves, MAX_MOVES);
}

/* Let each call that allocates memory fail separately, independent of counting. */
TEST_F_TIMEOUT(fail_load, sites, 300)
{
	FILE *list = fopen("alloc_sites", "re");
	char site[128];
	int n = 0, rc;
	bool again;

	if (!list)
		SKIP(return, "no file alloc_sites, which make stage creates");
	while (fail_next_site(list, site, sizeof(site))) {
		if (strncmp(site, variant->sites, strlen(variant->sites)) ||
		    strstr(site, "_open+") || strstr(site, "_show+"))
			continue;
		do {
			again = false;
			EXPECT_TRUE(fail_only_at(site)) TH_LOG("%s", site);
			fail_always(&self->nth, true);
			rc = zb_load(variant->params);
			fail_always(&self->nth, false);
			EXPECT_TRUE(is_expected(rc)) TH_LOG("%s: errno %d", site, -rc);
			if (!rc) {
				EXPECT_EQ(0, use_module());
				again = has_moved(self, variant);
				EXPECT_EQ(0, zb_unload());
			}
			as_before(_metadata, self, n);
		} while (again && self->moves < MAX_MOVES);
		n++;
	}
	TH_LOG("%d calls that allocate memory", n);
	EXPECT_LT(self->moves, MAX_MOVES);
	fclose(list);
}

TEST_F_TIMEOUT(fail_load, unload, 300)
{
	bool hit = true;
	int n;

	fail_choose_pass(FAIL_SLAB, self->start, self->end);
	for (n = 1; hit && n < MAX_NTH; n++) {
		ASSERT_EQ(0, zb_load(variant->params));
		EXPECT_EQ(0, use_module());
		if (has_moved(self, variant))
			fail_choose_pass(FAIL_SLAB, self->start, self->end);
		fail_arm(&self->nth, n);
		EXPECT_EQ(0, zb_unload());
		hit = fail_disarm(&self->nth);
		as_before(_metadata, self, n);
	}
	TH_LOG("%s: %d kernel allocations", variant->params, n - 2);
	EXPECT_FALSE(hit);
}

TEST_HARNESS_MAIN
