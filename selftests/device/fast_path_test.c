// SPDX-License-Identifier: GPL-2.0
/*
 * A request by ioctl takes the per-CPU fast path. Probes count the calls of functions that
 * are called only outside of it, while pages are allocated and freed one by one.
 */
#include "zbuddy_test.h"

#include <sched.h>
#include <sys/mount.h>

#define TRACEFS		"/sys/kernel/tracing/"
#define PAIRS		1000

/* The function that allocates outside of the fast path, and those that free to a zone. */
static const char *const slow[] = {
	"zb_instance_alloc", "zb_free_one_page", "zb_free_pcppages_bulk",
};

#define NR_SLOW		(sizeof(slow) / sizeof(*slow))

static int set_probe(const char *function, bool on)
{
	char text[128], path[128];
	int err;

	snprintf(path, sizeof(path), TRACEFS "events/kprobes/fast_path_%s/enable", function);
	if (!on)
		zb_write_file(path, "0");
	snprintf(text, sizeof(text), on ? "p:fast_path_%s zbuddy:%s\n" : "-:fast_path_%s\n",
		 function, function);
	err = zb_write_file(TRACEFS "kprobe_events", text);
	return err || !on ? err : zb_write_file(path, "1");
}

static void remove_probes(void)
{
	unsigned int i;

	for (i = 0; i < NR_SLOW; i++)
		set_probe(slow[i], false);
}

/* Returns the number of calls of a function, or -1 if it has no probe. */
static long calls_of(const char *function)
{
	static char text[1 << 14];
	char name[64], *at;
	long nr;

	snprintf(name, sizeof(name), "fast_path_%s ", function);
	if (zb_read_file(TRACEFS "kprobe_profile", text, sizeof(text)) <= 0)
		return -1;
	at = strstr(text, name);
	return at && sscanf(at + strlen(name), "%ld", &nr) == 1 ? nr : -1;
}

TEST_F(zbuddy, ioctls_take_the_fast_path)
{
	struct zb_ioc_alloc a;
	long before[NR_SLOW];
	unsigned int i;
	char poison[8] = "";

	zb_read_file(ZB_PARAMETERS "poison", poison, sizeof(poison));
	if (*poison == 'Y')
		SKIP(return, "poison=1 disables the fast path");
	if (!access("/sys/kernel/debug/fail_zbuddy", F_OK))
		SKIP(return, "this kernel can inject faults, which disables the fast path");
	if (access(TRACEFS "kprobe_events", F_OK))
		mount("tracefs", TRACEFS, "tracefs", 0, NULL);
	if (access(TRACEFS "kprobe_events", F_OK))
		SKIP(return, "this kernel has no kprobe events");
	remove_probes();
	for (i = 0; i < NR_SLOW; i++)
		if (set_probe(slow[i], true)) {
			remove_probes();
			SKIP(return, "a probe of the module cannot be set");
		}
	ASSERT_EQ(0, zb_run_on((unsigned int)sched_getcpu()));
	/* the probes work: this order has no list */
	ASSERT_EQ(0, zb_alloc_order(self->fd, self->info.block_order + 1, ZB_GFP_KERNEL, &a));
	EXPECT_EQ(0, zb_free(self->fd, a.handle));
	EXPECT_EQ(1, calls_of("zb_instance_alloc"));
	EXPECT_LE(1, calls_of("zb_free_one_page"));
	for (i = 0; i < NR_SLOW; i++)
		before[i] = calls_of(slow[i]);
	for (i = 0; i < PAIRS; i++) {
		ASSERT_EQ(0, zb_alloc_order(self->fd, 0, ZB_GFP_KERNEL, &a));
		ASSERT_EQ(0, zb_free(self->fd, a.handle));
	}
	/* few, because the lists are drained now and then */
	for (i = 0; i < NR_SLOW; i++) {
		EXPECT_GT(PAIRS / 10, calls_of(slow[i]) - before[i])
			TH_LOG("%s was called %ld times in %d pairs", slow[i],
			       calls_of(slow[i]) - before[i], PAIRS);
		printf("# %s: %ld of %d\n", slow[i], calls_of(slow[i]) - before[i], PAIRS);
	}
	remove_probes();
}

TEST_HARNESS_MAIN
