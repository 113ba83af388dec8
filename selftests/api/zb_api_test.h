/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * zb_api_test: a module that uses and tests all functions of include/linux/zbuddy.h.
 *
 *	main.c        runs the tests and logs the results
 *	harness.c     helpers that the tests share
 *	blocks.c      all functions that allocate and free
 *	flags.c       flags of requests
 *	bad_free.c    frees that must be refused
 *	pageblocks.c  migrate types, isolation, drains
 *	frames.c      pages that are freed while somebody uses them
 *	contexts.c    interrupts, several CPUs, waiting
 *	shrinker.c    memory that zbuddy takes back from the module
 *	movable.c     memory of the module that zbuddy moves
 *	owners.c      easy mistakes of modules that register callbacks
 *	soak.c        threads that allocate and free until unload
 *	importer.c    an importer of dma-bufs, for dmabuf_test.c
 *	mappings.c    operations on user space mappings, for mapping_test.c
 *	isolate.c     pageblocks that stay isolated, for zbctl_why_test.sh
 *	victim.c      an allocation by a task that is being killed, for numa_test.c
 */
#ifndef ZB_API_TEST_H
#define ZB_API_TEST_H

#define pr_fmt(fmt) "zb_api_test: " fmt

#include <linux/completion.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/zbuddy.h>

/* As in module/compat.h. */
#ifndef kzalloc_obj
#define kzalloc_obj(obj)	kzalloc(sizeof(obj), GFP_KERNEL)
#endif

/* Allows allocation from every zone. */
#define ZBT_ANY		(ZB_GFP_KERNEL | __ZB_GFP_HIGHMEM | __ZB_GFP_MOVABLE)
#define ZBT_PAGEBLOCK_ORDER	9
/* For requests that are expected to fail: no retries, no report. */
#define ZBT_QUIET	(__ZB_GFP_NOWARN | __ZB_GFP_NORETRY)

/**
 * struct zbt_test - a test case
 * @name: one word
 * @run: reports failures by ZBT_WANT(); must free everything before it returns
 */
struct zbt_test {
	const char *name;
	void (*run)(void);
};

/* Each array ends with an entry without a name. */
extern const struct zbt_test zbt_block_tests[];
extern const struct zbt_test zbt_flag_tests[];
extern const struct zbt_test zbt_bad_free_tests[];
extern const struct zbt_test zbt_pageblock_tests[];
extern const struct zbt_test zbt_frame_tests[];
extern const struct zbt_test zbt_context_tests[];
extern const struct zbt_test zbt_shrinker_tests[];
extern const struct zbt_test zbt_movable_tests[];
extern const struct zbt_test zbt_owner_tests[];

/* Reasons for refused frees, with the names of the counters in vmstat. */
enum zbt_bad {
	ZBT_OUTSIDE, ZBT_NOT_ALLOCATED, ZBT_WRONG_ORDER, ZBT_COMPOUND,
	ZBT_NR_BAD,
};

/* Parameters with which zbuddy was loaded. */
extern bool zbt_cma, zbt_poison;
/* Whether a test may damage a free page, and how many pages are out of use because of that. */
extern bool zbt_spoil;
extern unsigned long zbt_lost;

void zbt_begin(void);
bool zbt_end(const char **why_skipped);
bool zbt_want(bool ok, const char *what, const char *where, int line);

/* Any context. Returns whether @cond is true; if not, the test fails but continues. */
#define ZBT_WANT(cond)	zbt_want(cond, #cond, __func__, __LINE__)

void zbt_skip(const char *why);
void zbt_count_bad(enum zbt_bad bad);
unsigned long zbt_nr_bad(enum zbt_bad bad);

void zbt_stamp(struct page *page, unsigned int order, u64 seed);
bool zbt_stamped(struct page *page, unsigned int order, u64 seed);
u64 zbt_random(u64 *state);

void zbt_use_all(struct list_head *list, zb_gfp_t gfp, unsigned int lowest_order);
void zbt_free_all(struct list_head *list);

bool zbt_run_on(int cpu, int (*fn)(void *arg), void *arg);

/**
 * struct zbt_member - a thread
 * @task: its task
 * @fn: function that it runs
 * @arg: argument of @fn
 * @done: @fn has returned
 */
struct zbt_member {
	struct task_struct *task;
	int (*fn)(void *arg);
	void *arg;
	struct completion done;
};

/**
 * struct zbt_team - threads that are started and waited for together
 * @nr: number of threads
 * @member: the threads
 */
struct zbt_team {
	unsigned int nr;
	struct zbt_member member[32];
};

bool zbt_team_add(struct zbt_team *team, int cpu, int (*fn)(void *arg),
		  void *arg);
void zbt_team_wait(struct zbt_team *team);

int zbt_soak_start(unsigned int nr, u64 seed);
void zbt_soak_stop(void);
void zbt_mappings_exit(void);
void zbt_isolate_exit(void);
void zbt_movable_exit(void);

#if IS_ENABLED(CONFIG_DMA_SHARED_BUFFER)
int zbt_importer_init(void);
void zbt_importer_exit(void);
#else
static inline int zbt_importer_init(void)
{
	return 0;
}

static inline void zbt_importer_exit(void)
{
}
#endif

#endif /* ZB_API_TEST_H */
