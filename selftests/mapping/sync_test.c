// SPDX-License-Identifier: GPL-2.0-only
/*
 * ZB_IOC_SYNC of large ranges and while another thread writes; and that zeroes are
 * written back from the caches before a buffer is handed out. ci/numa.sh boots with
 * swiotlb=force, so that streaming DMA mappings use bounce buffers.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/utsname.h>

#include "buffer_test.h"

#define LENGTH		(1ull << 20)
#define TRACING		"/sys/kernel/tracing"
#define DMA_EVENT	TRACING "/events/dma/dma_sync_single_for_device"

TEST_F(zbuddy, ranges_of_any_size)
{
	static const __u32 flags[] = {
		ZB_SYNC_FOR_DEVICE | ZB_SYNC_TO_DEVICE,
		ZB_SYNC_FOR_CPU | ZB_SYNC_FROM_DEVICE,
		ZB_SYNC_FOR_CPU | ZB_SYNC_TO_DEVICE | ZB_SYNC_FROM_DEVICE,
	};
	struct zb_ioc_alloc a;
	__u64 length;
	size_t i;

	ASSERT_EQ(0, zb_alloc_length(self->fd, 4 * LENGTH, ZB_GFP_ANYZONE, &a));
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		for (length = 1; length <= a.length; length *= 2) {
			EXPECT_EQ(0, zb_sync(self->fd, a.handle, flags[i], 0, length));
			EXPECT_EQ(0, zb_sync(self->fd, a.handle, flags[i],
					     a.length - length, length));
		}
	}
}

struct writer {
	volatile __u64 *word;
	unsigned long writes, lost;
	int stop;
};

static void *write_and_look(void *arg)
{
	struct writer *w = arg;
	unsigned int i;

	while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE)) {
		*w->word = ++w->writes;
		for (i = 0; i < 100; i++)
			__asm__ volatile("" : : : "memory");
		if (*w->word != w->writes)
			w->lost++;
	}
	return NULL;
}

/* SYNC must not undo concurrent writes by copying from a bounce buffer. */
TEST_F(zbuddy, concurrent_writes_persist)
{
	const __u32 flags = ZB_SYNC_FOR_CPU | ZB_SYNC_FROM_DEVICE;
	struct writer w = { 0 };
	struct zb_ioc_alloc a;
	pthread_t thread;
	unsigned int i;

	ASSERT_EQ(0, zb_alloc_length(self->fd, LENGTH, ZB_GFP_ANYZONE, &a));
	w.word = zb_map(self->fd, &a);
	ASSERT_NE(MAP_FAILED, (void *)w.word);
	ASSERT_EQ(0, pthread_create(&thread, NULL, write_and_look, &w));
	for (i = 0; i < 2000; i++) {
		EXPECT_EQ(0, zb_sync(self->fd, a.handle, flags, 0, LENGTH / 8));
		/* On a busy machine the thread begins late. */
		while (!__atomic_load_n(&w.writes, __ATOMIC_ACQUIRE))
			sched_yield();
	}
	__atomic_store_n(&w.stop, 1, __ATOMIC_RELEASE);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	TH_LOG("%lu writes, %lu lost", w.writes, w.lost);
	EXPECT_EQ(0, w.lost);
}

/* Number of bytes between @start and @end that were cleaned from the caches, by the trace. */
static __u64 cleaned(__u64 start, __u64 end)
{
	FILE *trace = fopen(TRACING "/trace", "r");
	unsigned long long addr, size;
	char line[512], *at;
	__u64 sum = 0;

	while (trace && fgets(line, sizeof(line), trace)) {
		at = strstr(line, "dma_addr=");
		if (!at || sscanf(at, "dma_addr=%llx size=%llu", &addr, &size) != 2)
			continue;
		if (strstr(line, "zbuddy-sync") && addr >= start && addr + size <= end)
			sum += size;
	}
	if (trace)
		fclose(trace);
	return sum;
}

/* On arm64, devices are not cache-coherent by default. */
TEST_F(zbuddy, zeroes_reach_the_memory)
{
	struct zb_ioc_alloc a;
	struct zb_ioc_phys p;
	struct utsname name;

	ASSERT_EQ(0, uname(&name));
	if (strcmp(name.machine, "aarch64"))
		SKIP(return, "DMA is cache-coherent on this machine");
	if (geteuid() || access(DMA_EVENT "/enable", W_OK))
		SKIP(return, "no trace events of the DMA API, or not root");
	ASSERT_EQ(0, zb_write_file(TRACING "/trace", "\n"));
	ASSERT_EQ(0, zb_write_file(DMA_EVENT "/enable", "1"));
	EXPECT_EQ(0, zb_alloc_length(self->fd, 3 * LENGTH + self->page, ZB_GFP_ANYZONE,
				     &a));
	EXPECT_EQ(0, zb_write_file(DMA_EVENT "/enable", "0"));
	ASSERT_EQ(0, zb_phys(self->fd, a.handle, &p));
	EXPECT_EQ(a.length, cleaned(p.addr, p.addr + p.length));
}

TEST_HARNESS_MAIN
