// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "trace.h"

#define NOBODY		UINT32_MAX

struct slot {
	unsigned long frame;
	uint8_t order;
	uint8_t mobility;
};

static struct event *events;
static uint32_t *death;		/* of each event that allocates */
static unsigned long nr_events, nr_slots;
static bool zeroed[256];	/* by class */

static struct {
	struct slot *slots;
	const struct allocator *a;
	unsigned long nr_frames;
	unsigned long requests, too_small, missed, split;
	double sum, least;
	unsigned int nr_samples;
} run;

static void *must(void *memory)
{
	if (!memory)
		error(1, errno, "memory");
	return memory;
}

/*
 * An allocation dies when its last part is freed. What is not freed in the trace is treated as if
 * it died some time after its end.
 */
static void find_deaths(void)
{
	uint32_t never_freed = nr_events + nr_events / 3;
	uint32_t *owner = must(malloc(nr_slots * sizeof(*owner)));
	unsigned long i, pfn;

	memset(owner, 0xff, nr_slots * sizeof(*owner));
	for (i = 0; i < nr_events; i++) {
		unsigned long end = events[i].pfn + (1ul << (events[i].op & ~IS_FREE));

		for (pfn = events[i].pfn; pfn < end; pfn++) {
			if (!(events[i].op & IS_FREE)) {
				owner[pfn] = i;
			} else if (owner[pfn] != NOBODY) {
				death[owner[pfn]] = i;
				owner[pfn] = NOBODY;
			}
		}
	}
	for (pfn = 0; pfn < nr_slots; pfn++)
		if (owner[pfn] != NOBODY)
			death[owner[pfn]] = never_freed;
	free(owner);
}

/* Find out which combinations of flags include __GFP_ZERO. */
static void read_classes(const char *dir)
{
	char path[4096], line[512];
	unsigned int i;
	FILE *in;

	snprintf(path, sizeof(path), "%s/classes", dir);
	in = fopen(path, "r");
	for (i = 0; in && i < 256 && fgets(line, sizeof(line), in); i++)
		zeroed[i] = strstr(line, "__GFP_ZERO");
	if (!in || !i)
		error(1, errno, "cannot read %s", path);
	fclose(in);
}

/**
 * trace_read() - read a recorded trace
 * @dir: the folder that record prints
 */
void trace_read(const char *dir)
{
	char file[4096];
	FILE *in;
	unsigned long i, end;
	long size;

	read_classes(dir);
	snprintf(file, sizeof(file), "%s/events", dir);
	in = fopen(file, "rb");
	if (!in || fseek(in, 0, SEEK_END))
		error(1, errno, "cannot read %s", file);
	size = ftell(in);
	if (size < (long)sizeof(*events))
		error(1, 0, "%s is not a recorded trace", file);
	rewind(in);
	nr_events = size / sizeof(*events);
	events = must(calloc(nr_events, sizeof(*events)));
	death = must(calloc(nr_events, sizeof(*death)));
	if (fread(events, sizeof(*events), nr_events, in) != nr_events)
		error(1, errno, "cannot read %s", file);
	fclose(in);
	for (i = 0; i < nr_events; i++) {
		if ((events[i].op & ~IS_FREE) > MAX_ORDER_OF)
			error(1, 0, "%s is not a recorded trace", file);
		end = events[i].pfn + (1ul << MAX_ORDER_OF);
		if (end > nr_slots)
			nr_slots = end;
	}
	find_deaths();
}

static struct slot *find_slot(unsigned long pfn)
{
	unsigned int order;
	struct slot *slot;

	for (order = 0; order <= MAX_ORDER_OF; order++) {
		slot = &run.slots[pfn & ~((1ul << order) - 1)];
		if (slot->frame != NO_FRAME && slot->order >= order)
			return slot;
	}
	return NULL;
}

static void split(struct slot *slot)
{
	unsigned int i, order = slot->order;

	run.split++;
	for (i = 1; i < 1u << order; i++)
		slot[i] = (struct slot){ slot->frame + i, 0, slot->mobility };
	slot->order = 0;
}

static void give_range(unsigned long pfn, unsigned int order, unsigned int cpu)
{
	unsigned long at = pfn;
	struct slot *slot;

	while (at < pfn + (1ul << order)) {
		slot = find_slot(at);
		if (!slot) {
			at++;
			continue;
		}
		if (slot->order > order) {
			/* The allocator has to split the block before a part of it is freed. */
			run.a->give(slot->frame, slot->order | 0x80, cpu);
			split(slot);
		}
		slot = find_slot(at);
		at += 1ul << slot->order;
		run.a->give(slot->frame, slot->order, cpu);
		slot->frame = NO_FRAME;
	}
}

static void take(const struct event *event)
{
	struct slot *slot = &run.slots[event->pfn];
	struct request request = {
		.order = event->op,
		.mobility = event->mobility > RECLAIMABLE ? UNMOVABLE : event->mobility,
		.cpu = event->cpu,
		.class = event->class,
		.zeroed = zeroed[event->class],
		.now = event - events,
		.death = death[event - events],
	};
	unsigned int i, order = request.order;

	run.requests++;
	give_range(event->pfn, order, event->cpu);
	*slot = (struct slot){ run.a->take(&request), order, request.mobility };
	if (slot->frame != NO_FRAME)
		return;
	run.too_small += !!order;
	request.order = 0;
	for (i = 0; i < 1u << order; i++) {
		slot[i] = (struct slot){ run.a->take(&request), 0, request.mobility };
		run.missed += slot[i].frame == NO_FRAME;
	}
}

static unsigned int count_mixed(unsigned int *unmovable)
{
	uint8_t *map = must(calloc(run.nr_frames / HUGE_NR + 1, 1));
	unsigned long i, at;
	unsigned int mixed = 0;

	*unmovable = 0;
	for (i = 0; i < nr_slots; i++)
		if (run.slots[i].frame != NO_FRAME)
			map[run.slots[i].frame / HUGE_NR] |= 1u << run.slots[i].mobility;
	for (at = 0; at <= run.nr_frames / HUGE_NR; at++) {
		mixed += __builtin_popcount(map[at]) > 1;
		*unmovable += map[at] & 1;
	}
	free(map);
	return mixed;
}

static void count_free(unsigned long *nr_free, unsigned long *huge)
{
	unsigned long i, here = 0;

	*nr_free = *huge = 0;
	for (i = 0; i < run.nr_frames; i++) {
		here = i % HUGE_NR ? here : 0;
		here += run.a->is_free(i);
		*nr_free += run.a->is_free(i);
		*huge += i % HUGE_NR == HUGE_NR - 1 && here == HUGE_NR;
	}
}

static double r_now(unsigned long *nr_free, unsigned long *huge)
{
	count_free(nr_free, huge);
	return *nr_free < HUGE_NR ? 0 : *huge / (double)(*nr_free / HUGE_NR);
}

static void sample(unsigned long done, enum output how)
{
	unsigned long nr_free, huge;
	double r = r_now(&nr_free, &huge);
	unsigned int unmovable, mixed;

	run.sum += r;
	if (r < run.least)
		run.least = r;
	run.nr_samples++;
	if (how != WITH_SAMPLES)
		return;
	mixed = count_mixed(&unmovable);
	printf("# %-20s %7lu %7lu free %4lu huge  R %.2f  mixed %3u  unmovable %3u\n",
	       run.a->name, done, nr_free, huge, r, mixed, unmovable);
}

/* Prints a row of the benchmark. */
static void row(const char *name, double value)
{
	printf("replay.%s.%s,machine,1/1000,%.2f,%.2f,%.2f,1\n", run.a->name, name, 1000 * value,
	       1000 * value, 1000 * value);
}

static void say(enum output how)
{
	unsigned int unmovable, mixed = count_mixed(&unmovable);
	unsigned long nr_free, huge;
	double end;

	if (run.a->settle)
		run.a->settle();
	end = r_now(&nr_free, &huge);
	if (how == AS_ROWS) {
		row("mean", run.sum / run.nr_samples);
		row("least", run.least);
		row("end", end);
		return;
	}
	printf("%-14s %6.3f %6.3f %6.3f %6u %10u %10lu %7lu\n", run.a->name,
	       run.sum / run.nr_samples, run.least, end, mixed, unmovable, run.too_small,
	       run.missed);
}

/**
 * trace_play() - replay the trace, and print the results
 * @a: the allocator, whose memory is free
 * @nr_frames: number of its frames
 * @how: what to print
 */
void trace_play(const struct allocator *a, unsigned long nr_frames, enum output how)
{
	unsigned long i;

	free(run.slots);
	memset(&run, 0, sizeof(run));
	run.a = a;
	run.nr_frames = nr_frames;
	run.least = 1;
	run.slots = must(calloc(nr_slots, sizeof(*run.slots)));
	for (i = 0; i < nr_slots; i++)
		run.slots[i].frame = NO_FRAME;
	for (i = 0; i < nr_events; i++) {
		if (events[i].op & IS_FREE)
			give_range(events[i].pfn, events[i].op & ~IS_FREE, events[i].cpu);
		else
			take(&events[i]);
		if (run.nr_samples < SAMPLES &&
		    i + 1 == nr_events / SAMPLES * (run.nr_samples + 1))
			sample(i + 1, how);
	}
	say(how);
}
