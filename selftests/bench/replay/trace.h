/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Replays a recorded trace in user space, with any allocator, by the same rules as ../replay.c.
 */
#ifndef ZB_REPLAY_TRACE_H
#define ZB_REPLAY_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#define HUGE_ORDER	9u
#define HUGE_NR		(1ul << HUGE_ORDER)
#define NO_FRAME	(~0ul)

enum { UNMOVABLE, MOVABLE, RECLAIMABLE };

/**
 * struct request - what an allocator may know about a request
 * @order: order of the block
 * @mobility: UNMOVABLE, MOVABLE or RECLAIMABLE
 * @cpu: CPU of the request
 * @class: number of its combination of GFP flags, see record.pl
 * @zeroed: the flags include __GFP_ZERO, which memory of processes has and the page cache has not
 * @now: number of the event
 * @death: number of the event that frees the block, which no real allocator knows
 */
struct request {
	unsigned int order;
	unsigned int mobility;
	unsigned int cpu;
	unsigned int class;
	bool zeroed;
	uint32_t now;
	uint32_t death;
};

/**
 * struct allocator - what is measured
 * @name: its name
 * @take: allocate a block; returns its first frame or NO_FRAME
 * @give: free a block that @take returned or, with bit 7 of the order set, split it into frames
 * @settle: free the frames on per-CPU lists, or NULL
 * @is_free: tell whether a frame is free
 */
struct allocator {
	const char *name;
	unsigned long (*take)(const struct request *request);
	void (*give)(unsigned long frame, unsigned int order, unsigned int cpu);
	void (*settle)(void);
	bool (*is_free)(unsigned long frame);
};

enum output { AS_TABLE, AS_ROWS, WITH_SAMPLES };

void trace_read(const char *dir);
void trace_play(const struct allocator *a, unsigned long nr_frames, enum output how);

/* core.c */
extern const struct allocator core_allocator;
void core_init(unsigned long nr_frames);

/* place.c */
void place_all(unsigned long nr_frames, enum output how);

#endif /* ZB_REPLAY_TRACE_H */
