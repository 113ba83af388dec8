// SPDX-License-Identifier: GPL-2.0
/*
 * Replays a recorded trace (see replay/record) with buffers of the device while proactive
 * compaction is active: movable allocations are movable buffers, all others are not movable.
 *
 * The replay is faster than the recording was, but compaction runs at fixed intervals. Therefore
 * the replay pauses from time to time until compaction has nothing to do. A buffer can't be freed
 * in parts, so it is freed together with its last frame.
 *
 * usage: bench_replay_movable EVENTS
 */
#include <unistd.h>

#include "program.h"
#include "replay/event.h"

#define MOVABLE		1
#define HUGE_ORDER	9u
#define DEBUGFS		"/sys/kernel/debug/zbuddy/"
#define PROACTIVENESS	"/sys/module/zbuddy/parameters/compaction_proactiveness"
#define QUIET_US	700000	/* longer than the interval of proactive compaction */

struct buffer {
	__u32 handle;
	__u32 left;		/* frames that are not freed yet */
};

static struct buffer *buffers;	/* by the first recorded frame */
static __u32 *head;		/* of each recorded frame: its first frame plus 1, or 0 */
static unsigned long missed;

static unsigned long moved(void)
{
	unsigned long value = 0;
	FILE *f = fopen(DEBUGFS "vmstat", "r");
	char line[128];

	if (!f)
		fail(DEBUGFS "vmstat");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "pgmigrate_success %lu", &value) == 1)
			break;
	fclose(f);
	return value;
}

/* Let compaction do its work now. */
static void settle(void)
{
	FILE *f = fopen(PROACTIVENESS, "w");
	unsigned long before;

	if (!f || fputs("100", f) < 0 || fclose(f))
		fail(PROACTIVENESS);
	do {
		before = moved();
		usleep(QUIET_US);
	} while (moved() != before);
}

/* Free blocks of 2 MiB relative to the largest possible number. */
static double r_now(void)
{
	FILE *f = fopen(DEBUGFS "buddyinfo", "r");
	unsigned long nr, frames = 0, huge = 0;
	char line[1024], *at;
	unsigned int order;
	int n;

	if (!f)
		fail(DEBUGFS "buddyinfo");
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Node %*d, zone %*s%n", &n) < 0)
			continue;
		for (order = 0, at = line + n; sscanf(at, "%lu%n", &nr, &n) == 1; order++) {
			at += n;
			frames += nr << order;
			huge += order < HUGE_ORDER ? 0 : nr << (order - HUGE_ORDER);
		}
	}
	fclose(f);
	return frames >> HUGE_ORDER ? huge / (double)(frames >> HUGE_ORDER) : 0;
}

static void give(unsigned long pfn, unsigned int order)
{
	unsigned long at, end = pfn + (1ul << order);
	struct buffer *b;

	for (at = pfn; at < end; at++) {
		if (!head[at])
			continue;
		b = &buffers[head[at] - 1];
		head[at] = 0;
		if (!--b->left && zb_free(dev, b->handle))
			fail("FREE");
	}
}

static bool take_one(unsigned long pfn, unsigned int order, bool movable)
{
	__u32 gfp = (movable ? ZB_GFP_HIGHUSER_MOVABLE : ZB_GFP_KERNEL) &
		    ~__ZB_GFP_DIRECT_RECLAIM;
	struct zb_ioc_alloc a;
	unsigned long at;

	if (zb_alloc_order(dev, order, gfp, &a))
		return false;
	buffers[pfn] = (struct buffer){ a.handle, 1u << order };
	for (at = pfn; at < pfn + (1ul << order); at++)
		head[at] = pfn + 1;
	return true;
}

static void take(unsigned long pfn, unsigned int order, bool movable)
{
	unsigned long at;

	give(pfn, order);
	if (take_one(pfn, order, movable))
		return;
	for (at = pfn; at < pfn + (1ul << order); at++)
		missed += !order || !take_one(at, 0, movable);
}

static struct event *read_events(const char *file, unsigned long *nr)
{
	unsigned long i, end, nr_slots = 0;
	struct event *events;
	FILE *f = fopen(file, "rb");
	long size;

	if (!f || fseek(f, 0, SEEK_END))
		fail(file);
	size = ftell(f);
	if (size < 0)
		fail(file);
	rewind(f);
	*nr = size / sizeof(*events);
	events = malloc(size);
	if (!events || fread(events, sizeof(*events), *nr, f) != *nr)
		fail(file);
	fclose(f);
	for (i = 0; i < *nr; i++) {
		end = events[i].pfn + (1ul << MAX_ORDER_OF);
		if (end > nr_slots)
			nr_slots = end;
	}
	buffers = calloc(nr_slots, sizeof(*buffers));
	head = calloc(nr_slots, sizeof(*head));
	if (!buffers || !head)
		fail("memory");
	return events;
}

static void row(const char *name, double value)
{
	printf("replay.%s,ours,1/1000,%.2f,%.2f,%.2f,1\n", name, 1000 * value, 1000 * value,
	       1000 * value);
}

/* Replay the trace; samples are taken after compaction has done its work. */
static void replay(const struct event *events, unsigned long nr)
{
	double r = 0, sum = 0, least = 1;
	unsigned long i, sampled = 0, before = moved();

	settle();
	for (i = 0; i < nr; i++) {
		const struct event *e = &events[i];

		if (e->op & IS_FREE)
			give(e->pfn, e->op & ~IS_FREE);
		else
			take(e->pfn, e->op, e->mobility == MOVABLE);
		if (sampled == SAMPLES || i + 1 != nr / SAMPLES * (sampled + 1))
			continue;
		settle();
		r = r_now();
		printf("# replay compacted: after %lu events R %.2f, %lu frames moved\n", i + 1,
		       r, moved() - before);
		sum += r;
		if (r < least)
			least = r;
		sampled++;
	}
	row("compacted.mean", sum / SAMPLES);
	row("compacted.least", least);
	row("compacted.end", r);
	row("compacted.moved", (moved() - before) / (double)nr);
	row("compacted.missed", missed);
}

int main(int argc, char **argv)
{
	struct event *events;
	unsigned long nr;

	if (argc != 2) {
		fprintf(stderr, "usage: %s EVENTS\n", argv[0]);
		return 2;
	}
	events = read_events(argv[1], &nr);
	dev = zb_open();
	if (dev < 0)
		fail(ZB_DEV);
	replay(events, nr);
	return 0;
}
