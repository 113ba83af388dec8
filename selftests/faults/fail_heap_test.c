// SPDX-License-Identifier: GPL-2.0
/*
 * The dma-heap with failing kernel allocations: when it is created, and when it allocates
 * dma-bufs, where the first, the second, ... kernel allocation fails in turn. Loads
 * zbuddy.ko itself and leaves it loaded because the kernel can't remove a heap: see
 * ci/heap.sh.
 */
#define ZB_OWN_FIXTURE
#include "buffer_test.h"
#include "fail_nth.h"

#define MAX_NTH	300

/*
 * When dma_heap_add() fails, the module works without a heap and can be unloaded. All
 * allocations fail here, not the n-th one: a failure late in dma_heap_add() leaves a heap
 * without a device node, which can't be removed.
 */
TEST(dma_heap_add)
{
	unsigned long start, end, text;
	struct fail_nth nth;

	if (geteuid() || access(ZB_MODULE, R_OK))
		SKIP(return, "no " ZB_MODULE ", or not root");
	if (!fail_init(&nth))
		SKIP(return, "no fault injection with stack trace filter in this kernel");
	ASSERT_EQ(0, zb_load("size=64M"));
	fail_find("zb_heap_add", &start, &end);
	text = fail_text();
	ASSERT_EQ(0, zb_unload());
	if (!start)
		SKIP(return, "modules can't add a dma-heap in this kernel");
	fail_within("failslab", start, end);
	fail_within("fail_page_alloc", start, end);
	fail_always(&nth, true);
	EXPECT_EQ(0, zb_load("size=64M heap=1"));
	fail_always(&nth, false);
	if (text != fail_text())
		SKIP(return, "the module was loaded at another address");
	EXPECT_NE(0, access(ZB_HEAP, F_OK));
	ASSERT_EQ(0, zb_unload());
	EXPECT_EQ(0, zb_load("size=64M heap=1"));
	EXPECT_EQ(0, access(ZB_HEAP, F_OK));
}

TEST(allocate)
{
	int heap = open(ZB_HEAP, O_RDWR | O_CLOEXEC), zb = zb_open(), n, rc, failed = 0;
	struct fail_nth nth;
	bool hit = true;
	__u64 left;

	if (heap < 0 || !fail_init(&nth))
		SKIP(return, "no " ZB_HEAP ", or no fault injection");
	ASSERT_GE(zb, 0);
	fail_choose_pass(FAIL_SLAB, 0, ~0ul);
	left = zb_free_bytes(zb);
	for (n = 1; hit && n < MAX_NTH; n++) {
		fail_arm(&nth, n);
		rc = zb_heap_alloc(heap, 300000);
		hit = fail_disarm(&nth);
		failed += rc < 0;
		EXPECT_TRUE(rc >= 0 || rc == -ENOMEM) TH_LOG("failure %d: errno %d", n, -rc);
		if (rc >= 0)
			close(rc);
		EXPECT_EQ(left, zb_await_free(zb, left)) TH_LOG("failure %d", n);
		EXPECT_TRUE(zb_check_ok());
	}
	TH_LOG("%d kernel allocations, %d failures", n - 2, failed);
	EXPECT_FALSE(hit);
	EXPECT_GT(failed, 5);
	close(heap);
	close(zb);
}

TEST_HARNESS_MAIN
