/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * zb_api_test: what include/linux/zbuddy.h offers, used as another module would.
 *
 *	main.c        runs the tests, tells the results, and what tests share
 *	blocks.c      every way to allocate and to free
 *	flags.c       flags of requests
 *	bad_free.c    frees that must be refused
 *	pageblocks.c  migrate types, isolation, drains
 *	contexts.c    interrupts, several CPUs, waiting
 *	soak.c        threads that are busy until unload
 *	importer.c    an importer of dma-bufs, for dmabuf_test.c
 *	mappings.c    what mapping_test.c asks the kernel to do
 */
#ifndef ZB_API_TEST_H
#define ZB_API_TEST_H

#define pr_fmt(fmt) "zb_api_test: " fmt

#include <linux/completion.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/zbuddy.h>

/* As module/compat.h has it. */
#ifndef kzalloc_obj
#define kzalloc_obj(obj)	kzalloc(sizeof(obj), GFP_KERNEL)
#endif

/* From every zone there is. */
#define ZBT_ANY		(ZB_GFP_KERNEL | __ZB_GFP_HIGHMEM | __ZB_GFP_MOVABLE)
/* To exhaustion, without a report of it. */
#define ZBT_QUIET	(__ZB_GFP_NOWARN | __ZB_GFP_NORETRY)

/**
 * struct zbt_test - a test case
 * @name: one word
 * @run: tells what is wrong by ZBT_WANT(); has freed all when it returns
 */
struct zbt_test {
	const char *name;
	void (*run)(void);
};

/* Each ends with an entry without a name. */
extern const struct zbt_test zbt_block_tests[];
extern const struct zbt_test zbt_flag_tests[];
extern const struct zbt_test zbt_bad_free_tests[];
extern const struct zbt_test zbt_pageblock_tests[];
extern const struct zbt_test zbt_context_tests[];

/* Refused frees that a test has made, by the names they have in vmstat. */
enum zbt_bad {
	ZBT_OUTSIDE, ZBT_NOT_ALLOCATED, ZBT_WRONG_ORDER, ZBT_COMPOUND,
	ZBT_NR_BAD,
};

/* How zbuddy was loaded. */
extern bool zbt_cma, zbt_poison;
/* A page may be lost; and how many are. */
extern bool zbt_spoil;
extern unsigned long zbt_lost;

bool zbt_want(bool ok, const char *what, const char *where, int line);

/* Any context. True if it is so; else the test has failed, and goes on. */
#define ZBT_WANT(cond)	zbt_want(cond, #cond, __func__, __LINE__)

void zbt_skip(const char *why);
void zbt_count_bad(enum zbt_bad bad);

void zbt_stamp(struct page *page, unsigned int order, u64 seed);
bool zbt_stamped(struct page *page, unsigned int order, u64 seed);
u64 zbt_random(u64 *state);

bool zbt_run_on(int cpu, int (*fn)(void *arg), void *arg);

/**
 * struct zbt_member - a thread
 * @task: it
 * @fn: what it does
 * @arg: with what
 * @done: @fn has returned
 */
struct zbt_member {
	struct task_struct *task;
	int (*fn)(void *arg);
	void *arg;
	struct completion done;
};

/**
 * struct zbt_team - threads that are started, and waited for
 * @nr: how many
 * @member: each of them
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
