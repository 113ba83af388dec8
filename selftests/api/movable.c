// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks that zbuddy may move, with callbacks that refuse, fail, sleep and lie.
 *
 * A slot stands for the user of a block: it always knows where the block is.
 */
#include "zb_api_test.h"

#include <linux/delay.h>
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/mutex.h>

#define SLOTS		4096
#define GFP_BLOCK	(ZBT_ANY | ZBT_QUIET)

/* What the callbacks do. */
enum behaviour {
	MOVES, REFUSES, FAILS, FREES_IN_PUTBACK, ALLOCATES, SAYS_SO_ONLY, HANGS,
};

/**
 * struct slot - a block
 * @page: its first page, or NULL
 * @order: its order
 * @seed: what its contents were made from
 * @isolated: it is being moved
 */
struct slot {
	struct page *page;
	unsigned int order;
	u64 seed;
	bool isolated;
};

/**
 * struct store - an owner
 * @lock: protects the members; the callbacks take it
 * @slots: the blocks
 * @behaviour: what the callbacks do
 * @moved: number of blocks that were moved
 * @isolated: number of blocks that were isolated
 * @putbacks: number of calls of putback
 * @wrong: number of calls that should not have been made
 * @entered: completed when migrate begins to wait (HANGS)
 * @leave: completed to let migrate continue
 */
struct store {
	struct mutex lock;
	struct slot slots[SLOTS];
	enum behaviour behaviour;
	unsigned int moved;
	unsigned int isolated;
	unsigned int putbacks;
	unsigned int wrong;
	struct completion entered;
	struct completion leave;
};

static struct store the_store, *store;

/* Called with the lock held. */
static struct slot *slot_of(struct store *s, struct page *page)
{
	unsigned int i;

	for (i = 0; i < SLOTS; i++)
		if (s->slots[i].page == page)
			return &s->slots[i];
	s->wrong++;
	return NULL;
}

static bool isolate(void *data, struct page *page, unsigned int order)
{
	struct store *s = data;
	struct slot *slot;
	bool ok;

	if (!s) /* the page of the parameter movable */
		return false;
	mutex_lock(&s->lock);
	slot = slot_of(s, page);
	ok = slot && s->behaviour != REFUSES;
	if (ok) {
		s->wrong += slot->isolated || slot->order != order;
		slot->isolated = true;
		s->isolated++;
	}
	mutex_unlock(&s->lock);
	return ok;
}

static void copy_block(struct page *dst, struct page *src, unsigned int order)
{
	unsigned long i;

	for (i = 0; i < BIT(order); i++)
		copy_highpage(dst + i, src + i);
}

/* The stamp depends on the frame, so the block gets a new one. */
static int move_slot(struct store *s, struct slot *slot, struct page *dst)
{
	s->wrong += !zbt_stamped(slot->page, slot->order, slot->seed);
	copy_block(dst, slot->page, slot->order);
	slot->page = dst;
	slot->isolated = false;
	zbt_stamp(dst, slot->order, slot->seed);
	s->moved++;
	return 0;
}

static int migrate(void *data, struct page *dst, struct page *src, unsigned int order)
{
	struct store *s = data;
	struct slot *slot;
	struct page *page;
	int err = -EIO;

	if (s->behaviour == HANGS) {
		complete(&s->entered);
		wait_for_completion(&s->leave);
	}
	if (s->behaviour == ALLOCATES) {
		page = zb_alloc_pages(ZBT_ANY | ZBT_QUIET, 9);
		if (page)
			__zb_free_pages(page, 9);
	}
	mutex_lock(&s->lock);
	slot = slot_of(s, src);
	if (slot) {
		s->wrong += !slot->isolated;
		/* It is being moved, so it can't be withdrawn. */
		s->wrong += zb_clear_page_movable(src) != -EBUSY;
		if (s->behaviour == SAYS_SO_ONLY) {
			slot->isolated = false;
			err = 0;
		} else if (s->behaviour != FAILS && s->behaviour != FREES_IN_PUTBACK) {
			err = move_slot(s, slot, dst);
		}
	}
	mutex_unlock(&s->lock);
	return err;
}

static void putback(void *data, struct page *page, unsigned int order)
{
	struct store *s = data;
	struct slot *slot;

	mutex_lock(&s->lock);
	slot = slot_of(s, page);
	if (slot) {
		s->wrong += !slot->isolated;
		slot->isolated = false;
		s->putbacks++;
		if (s->behaviour == FREES_IN_PUTBACK) {
			s->wrong += !!zb_clear_page_movable(page);
			__zb_free_pages(page, order);
			slot->page = NULL;
		}
	}
	mutex_unlock(&s->lock);
}

static const struct zb_owner_ops store_ops = {
	.module = THIS_MODULE, .name = "store",
	.isolate = isolate, .migrate = migrate, .putback = putback,
};

static const struct zb_owner_ops fs_store_ops = {
	.module = THIS_MODULE, .name = "fs_store", .needs = __ZB_GFP_FS,
	.isolate = isolate, .migrate = migrate, .putback = putback,
};

static void free_slot(struct slot *slot)
{
	unsigned int tries;
	int err = -EBUSY;

	for (tries = 0; slot->page && err == -EBUSY && tries < 1000; tries++) {
		mutex_lock(&store->lock);
		err = zb_clear_page_movable(slot->page);
		if (err != -EBUSY) {
			ZBT_WANT(zbt_stamped(slot->page, slot->order, slot->seed));
			__zb_free_pages(slot->page, slot->order);
			slot->page = NULL;
		}
		mutex_unlock(&store->lock);
		if (err == -EBUSY)
			msleep(20);
	}
	ZBT_WANT(!slot->page);
}

/* Allocate a block of its own, and every third one as a compound block. */
static bool fill_slot(struct zb_owner *owner, struct slot *slot, unsigned int order, u64 seed)
{
	zb_gfp_t gfp = seed % 3 ? GFP_BLOCK : GFP_BLOCK | __ZB_GFP_COMP;
	struct page *page = zb_alloc_pages(gfp, order);
	int err;

	if (!ZBT_WANT(page))
		return false;
	mutex_lock(&store->lock);
	slot->page = page;
	slot->order = order;
	slot->seed = seed;
	zbt_stamp(page, order, seed);
	err = zb_set_page_movable(owner, page, order, GFP_KERNEL);
	mutex_unlock(&store->lock);
	return ZBT_WANT(!err);
}

/*
 * Register a store, and allocate @nr blocks of orders 0 to @max_order, but keep only one in
 * @keep, so that there is free memory between them. Returns NULL if this fails.
 */
static struct zb_owner *set_up(const struct zb_owner_ops *ops, enum behaviour behaviour,
			       unsigned int nr, unsigned int max_order, unsigned int keep)
{
	struct zb_owner *owner;
	unsigned int i;

	store = &the_store;
	memset(store, 0, sizeof(*store));
	mutex_init(&store->lock);
	init_completion(&store->entered);
	init_completion(&store->leave);
	store->behaviour = behaviour;
	owner = zb_register_owner(ops, store);
	if (!ZBT_WANT(!IS_ERR(owner)))
		return NULL;
	zb_drain_all_pages();
	for (i = 0; i < nr; i++)
		if (!fill_slot(owner, &store->slots[i], i % (max_order + 1), i + 1))
			break;
	for (i = 0; i < nr; i++)
		if (i % keep)
			free_slot(&store->slots[i]);
	zb_drain_all_pages();
	return owner;
}

static struct zb_owner *set_up_mixed(const struct zb_owner_ops *ops, enum behaviour behaviour)
{
	return set_up(ops, behaviour, 256, 5, 2);
}

static void tear_down(struct zb_owner *owner)
{
	unsigned int i;

	if (!store)
		return;
	for (i = 0; i < SLOTS; i++)
		free_slot(&store->slots[i]);
	zb_unregister_owner(owner);
	ZBT_WANT(!store->wrong);
	store = NULL;
	zb_drain_all_pages();
}

/* Request the pageblock of the first block as a range, so that its blocks have to be moved. */
static bool want_range(zb_gfp_t gfp)
{
	unsigned long start, nr = BIT(ZBT_PAGEBLOCK_ORDER);
	struct page *page = NULL;
	unsigned int i;

	mutex_lock(&store->lock);
	for (i = 0; i < SLOTS && !page; i++)
		page = store->slots[i].page;
	start = page ? ALIGN_DOWN(page_to_pfn(page), nr) : 0;
	mutex_unlock(&store->lock);
	if (!page)
		return true;
	page = zb_alloc_page_range(nr, 0, start, start + nr, gfp, NUMA_NO_NODE, NULL);
	if (page)
		zb_free_page_range(start, nr);
	return page;
}

static void range(void)
{
	struct zb_owner *owner = set_up_mixed(&store_ops, MOVES);

	if (owner) {
		ZBT_WANT(want_range(GFP_BLOCK));
		ZBT_WANT(store->moved);
		ZBT_WANT(!store->putbacks);
	}
	tear_down(owner);
}

/* Requests that exclude file systems do not move blocks whose callbacks need them. */
static void io_context(void)
{
	struct zb_owner *owner = set_up_mixed(&fs_store_ops, MOVES);

	if (owner) {
		ZBT_WANT(!want_range(GFP_BLOCK & ~__ZB_GFP_FS));
		ZBT_WANT(!store->isolated);
		ZBT_WANT(want_range(GFP_BLOCK));
		ZBT_WANT(store->moved);
	}
	tear_down(owner);
}

/* A request for a large block compacts memory in which only single pages are free. */
static void compaction(void)
{
	struct zb_owner *owner = set_up(&store_ops, MOVES, SLOTS, 0, 2);
	struct page *page = NULL;
	LIST_HEAD(ballast);
	unsigned int i;

	if (owner) {
		zbt_use_all(&ballast, GFP_BLOCK & ~__ZB_GFP_RECLAIM, 1);
		/* After failures, compaction is deferred for up to 64 requests. */
		for (i = 0; i <= 64 && !page; i++)
			page = zb_alloc_pages(ZBT_ANY | __ZB_GFP_NOWARN, ZBT_PAGEBLOCK_ORDER);
		ZBT_WANT(page && store->moved);
		if (page)
			__zb_free_pages(page, ZBT_PAGEBLOCK_ORDER);
		zbt_free_all(&ballast);
	}
	tear_down(owner);
}

/* The blocks stay where they are, with their contents, which tear_down() checks. */
static void refuses_and_fails(void)
{
	struct zb_owner *owner = set_up_mixed(&store_ops, REFUSES);

	if (owner) {
		ZBT_WANT(!want_range(GFP_BLOCK));
		ZBT_WANT(!store->isolated);
		store->behaviour = FAILS;
		ZBT_WANT(!want_range(GFP_BLOCK));
		ZBT_WANT(store->isolated);
		ZBT_WANT(store->isolated == store->putbacks);
		ZBT_WANT(!store->moved);
		store->behaviour = MOVES;
		ZBT_WANT(want_range(GFP_BLOCK));
	}
	tear_down(owner);
}

/* A module frees a block that can't be moved now when it is put back. */
static void frees_in_putback(void)
{
	struct zb_owner *owner = set_up_mixed(&store_ops, FREES_IN_PUTBACK);
	unsigned int tries;

	if (owner) {
		for (tries = 0; tries < SLOTS && !want_range(GFP_BLOCK); tries++)
			;
		ZBT_WANT(tries < SLOTS);
		ZBT_WANT(store->putbacks);
	}
	tear_down(owner);
}

/* A request in a callback does not compact, and the move succeeds. */
static void allocates(void)
{
	struct zb_owner *owner = set_up_mixed(&store_ops, ALLOCATES);

	if (owner) {
		ZBT_WANT(want_range(GFP_BLOCK));
		ZBT_WANT(store->moved);
	}
	tear_down(owner);
}

/* A block that was not moved is not lost, and no other block of the owner is moved. */
static void lies(void)
{
	struct zb_owner *owner = set_up_mixed(&store_ops, SAYS_SO_ONLY);

	if (owner) {
		ZBT_WANT(!want_range(GFP_BLOCK));
		ZBT_WANT(store->isolated == 1);
		ZBT_WANT(!want_range(GFP_BLOCK));
		ZBT_WANT(store->isolated == 1);
	}
	tear_down(owner);
}

/* A block is freed while it is registered, and others are left when the owner is unregistered. */
static void stale_and_left(void)
{
	struct zb_owner *owner = set_up_mixed(&store_ops, MOVES);
	struct slot *slot = &the_store.slots[0];
	struct page *page;
	unsigned int i;

	if (owner && slot->page) {
		page = slot->page;
		slot->page = NULL;
		__zb_free_pages(page, slot->order);
		ZBT_WANT(want_range(GFP_BLOCK));
		zb_unregister_owner(owner);
		for (i = 0; i < SLOTS; i++)
			if (store->slots[i].page)
				ZBT_WANT(zb_clear_page_movable(store->slots[i].page) == -ENOENT);
	}
	tear_down(NULL);
}

static int unregister(void *owner)
{
	zb_unregister_owner(owner);
	return 0;
}

static int want_range_in_thread(void *unused)
{
	want_range(GFP_BLOCK);
	return 0;
}

/* While a block is being moved, it can't be withdrawn, and unregistering waits. */
static void waits(void)
{
	struct zb_owner *owner = set_up_mixed(&store_ops, HANGS);
	struct zbt_team *request, *end;
	unsigned int i, busy = 0;

	request = kzalloc_obj(*request);
	end = kzalloc_obj(*end);
	if (owner && ZBT_WANT(request && end) &&
	    zbt_team_add(request, -1, want_range_in_thread, NULL)) {
		wait_for_completion(&store->entered);
		for (i = 0; i < SLOTS; i++)
			busy += store->slots[i].page &&
				zb_clear_page_movable(store->slots[i].page) == -EBUSY;
		ZBT_WANT(busy == 1);
		zbt_team_add(end, -1, unregister, owner);
		ZBT_WANT(!wait_for_completion_timeout(&end->member[0].done, HZ / 5));
		complete_all(&store->leave);
		zbt_team_wait(end);
		zbt_team_wait(request);
		owner = NULL;
	}
	kfree(request);
	kfree(end);
	tear_down(owner);
}

static void refused(void)
{
	struct zb_owner_ops ops = store_ops;
	struct page *page = zb_alloc_pages(ZB_GFP_KERNEL, 1);
	struct zb_owner *owner = zb_register_owner(&store_ops, NULL);

	if (ZBT_WANT(page && !IS_ERR(owner))) {
		ZBT_WANT(zb_set_page_movable(owner, page, 1, GFP_KERNEL) == -EINVAL);
		__zb_free_pages(page, 1);
		page = zb_alloc_pages(GFP_BLOCK, 1);
		ZBT_WANT(page);
	}
	if (page && !IS_ERR(owner)) {
		ZBT_WANT(zb_set_page_movable(owner, page + 1, 0, GFP_KERNEL) == -EINVAL);
		ZBT_WANT(zb_clear_page_movable(page) == -ENOENT);
		ZBT_WANT(!zb_set_page_movable(owner, page, 1, GFP_KERNEL));
		ZBT_WANT(zb_set_page_movable(owner, page, 1, GFP_KERNEL) == -EEXIST);
		ZBT_WANT(!zb_clear_page_movable(page));
		ZBT_WANT(zb_clear_page_movable(page) == -ENOENT);
	}
	if (page)
		__zb_free_pages(page, 1);
	zb_unregister_owner(owner);
	ops.putback = NULL;
	ZBT_WANT(zb_register_owner(&ops, NULL) == ERR_PTR(-EINVAL));
}

static int move_until_done(void *done)
{
	while (!READ_ONCE(*(bool *)done)) {
		want_range(GFP_BLOCK);
		cond_resched();
	}
	return 0;
}

/* Blocks are freed and allocated while they are moved. */
static void race(void)
{
	struct zb_owner *owner = set_up_mixed(&store_ops, MOVES);
	unsigned long deadline = jiffies + 3 * HZ;
	struct zbt_team *team;
	u64 random = 1, nr = 0;
	bool done = false;
	struct slot *slot;

	team = kzalloc_obj(*team);
	if (owner && ZBT_WANT(team) && zbt_team_add(team, -1, move_until_done, &done)) {
		while (time_before(jiffies, deadline)) {
			slot = &store->slots[zbt_random(&random) % 256];
			if (slot->page)
				free_slot(slot);
			else
				fill_slot(owner, slot, zbt_random(&random) % 6, ++nr);
			cond_resched();
		}
		WRITE_ONCE(done, true);
		zbt_team_wait(team);
		ZBT_WANT(store->moved);
	}
	kfree(team);
	tear_down(owner);
}

const struct zbt_test zbt_movable_tests[] = {
	{ "movable_range", range },
	{ "movable_io_context", io_context },
	{ "movable_compaction", compaction },
	{ "movable_refuses_and_fails", refuses_and_fails },
	{ "movable_frees_in_putback", frees_in_putback },
	{ "movable_allocates", allocates },
	{ "movable_lies", lies },
	{ "movable_stale_and_left", stale_and_left },
	{ "movable_waits", waits },
	{ "movable_refused", refused },
	{ "movable_race", race },
	{ }
};

/* Parameter movable: register a block and withdraw it again, for fail_test.c. */
static struct zb_owner *movable_owner;
static struct page *movable_page;

static int make_movable_page(void)
{
	struct zb_owner *owner = zb_register_owner(&store_ops, NULL);
	struct page *page = zb_alloc_page(GFP_BLOCK);

	if (IS_ERR(owner) || !page) {
		zb_unregister_owner(owner);
		if (page)
			__zb_free_page(page);
		return -ENOMEM;
	}
	movable_owner = owner;
	movable_page = page;
	return 0;
}

static int set_movable(const char *text, const struct kernel_param *kp)
{
	bool on;
	int err = kstrtobool(text, &on);

	if (!err && !movable_page)
		err = make_movable_page();
	if (err)
		return err;
	return on ? zb_set_page_movable(movable_owner, movable_page, 0, GFP_KERNEL) :
		    zb_clear_page_movable(movable_page);
}

/**
 * zbt_movable_exit() - free what the parameter movable has left
 */
void zbt_movable_exit(void)
{
	if (!movable_page)
		return;
	zb_clear_page_movable(movable_page);
	zb_unregister_owner(movable_owner);
	__zb_free_page(movable_page);
}

static const struct kernel_param_ops movable_ops = { .set = set_movable };
module_param_cb(movable, &movable_ops, NULL, 0200);
MODULE_PARM_DESC(movable, "register a page that can be moved (1), or withdraw it (0)");
