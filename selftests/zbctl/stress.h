/* SPDX-License-Identifier: GPL-2.0 */
/*
 * zbctl stress: definitions shared by the main thread and the workers.
 */
#ifndef ZBCTL_STRESS_H
#define ZBCTL_STRESS_H

#include "zbctl.h"

#include <pthread.h>
#include <stdatomic.h>

/* A buffer is written to and verified at no more than this many pages. */
#define STRESS_SAMPLES	64
/* Larger buffers are mapped in parts, because mmap() populates all pages. */
#define STRESS_WINDOW	2048
#define STRESS_GFPS	8

enum stress_op {
	OP_ALLOC_ORDER,
	OP_ALLOC_LENGTH,
	OP_FREE,
	OP_QUERY,
	OP_MAP,
	OP_FREE_MAPPED,
	NR_STRESS_OPS,
};

enum stress_state {
	STRESS_RUN,
	STRESS_END,	/* verify and free the remaining buffers, then exit */
	STRESS_ABORT,	/* exit at once */
};

/**
 * struct stress_gfp - flags that some zone of this region can serve
 * @gfp: the flags
 * @max_order: largest order that fits the largest of these zones
 */
struct stress_gfp {
	__u32 gfp;
	__u32 max_order;
};

/**
 * struct stress_buf - a live buffer
 * @fd: the open file its handle belongs to
 * @key: seed of its pattern
 * @written: the samples that hold the pattern; the others still hold zeroes
 */
struct stress_buf {
	int fd;
	__u32 handle;
	__u32 gfp;
	__u32 order;
	__u32 zone;
	__s32 node;
	__u64 length;
	__u64 offset;
	__u64 key;
	__u64 written;
};

struct stress {
	__u64 seed;
	__u64 page_size;
	__u64 limit;
	__u64 max_ops;
	unsigned int nr_threads;
	unsigned int nr_gfps;
	struct stress_gfp gfps[STRESS_GFPS];
	atomic_int state;
	atomic_bool failed;
	atomic_uint running;
	pthread_mutex_t fail_lock;
};

/**
 * struct stress_worker - one thread
 * @fds: its open file; odd threads also use that of the previous thread
 * @bufs: its live buffers
 * @op: number of the operation, for failure lines
 *
 * The main thread reads the counters while the worker runs.
 */
struct stress_worker {
	struct stress *s;
	pthread_t thread;
	unsigned int id;
	unsigned int nr_fds;
	int fds[2];
	__u64 rng;
	__u64 op;
	struct stress_buf *bufs;
	size_t room;
	atomic_size_t live;
	atomic_ullong live_bytes;
	atomic_ullong ops[NR_STRESS_OPS];
	atomic_ullong enomem;
	atomic_ullong verified;
};

void *stress_worker(void *arg);
void stress_fault(int sig);
int stress_fail(struct stress_worker *w, const struct stress_buf *b,
		const char *fmt, ...) __printf(3, 4);
int stress_visit(struct stress_worker *w, struct stress_buf *b);
int stress_visit_all(struct stress_worker *w, struct stress_buf *b);
int stress_free_mapped(struct stress_worker *w, struct stress_buf *b);
__u64 stress_mix(__u64 x);
__u64 stress_rnd(struct stress_worker *w, __u64 below);

#endif /* ZBCTL_STRESS_H */
