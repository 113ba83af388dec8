// SPDX-License-Identifier: GPL-2.0-only
/*
 * A cache of reclaimable pages, which zbuddy may take back: by direct reclaim and by kswapd,
 * with callbacks that need file systems, sleep, allocate memory and lie.
 *
 * Parameter registered: register and unregister an owner, for fail_test.c.
 */
#include "zb_api_test.h"

#include <linux/delay.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>

#define CACHE_PAGES	1000
#define GFP_CACHE	(__ZB_GFP_RECLAIMABLE | ZBT_QUIET)
/* Direct reclaim, but no kswapd, which would take as much as it can. */
#define GFP_DIRECT	((ZB_GFP_KERNEL & ~__ZB_GFP_KSWAPD_RECLAIM) | ZBT_QUIET)

/* What a callback does besides, or instead of, what it should do. */
enum behaviour {
	HONEST, SLEEPS, ALLOCATES, FREES_NOTHING, FREES_A_PART, STOPS, HANGS,
};

/**
 * struct cache - an owner
 * @lock: protects the members; the callbacks take it
 * @pages: the pages that can be taken back
 * @nr: number of @pages
 * @behaviour: of scan
 * @calls: number of calls of scan
 * @contexts: all flags that the callbacks were called with
 * @depth: number of calls in progress
 * @deepest: maximum of @depth
 * @entered: scan has been called and hangs
 * @leave: ends that
 */
struct cache {
	struct mutex lock;
	struct list_head pages;
	unsigned long nr;
	enum behaviour behaviour;
	unsigned long calls;
	zb_gfp_t contexts;
	atomic_t depth;
	int deepest;
	struct completion entered;
	struct completion leave;
};

static struct cache cache;
/* Memory that is not in the cache, so that nothing else is free. */
static LIST_HEAD(ballast);

static bool is_wanted(struct page *page, const struct zb_shrink_control *sc)
{
	return page_to_pfn(page) >= sc->start_pfn && page_to_pfn(page) < sc->end_pfn;
}

static unsigned long count_pages(void *data, const struct zb_shrink_control *sc)
{
	struct cache *c = data;
	unsigned long nr = 0;
	struct page *page;

	mutex_lock(&c->lock);
	c->contexts |= sc->gfp;
	list_for_each_entry(page, &c->pages, lru)
		nr += is_wanted(page, sc);
	mutex_unlock(&c->lock);
	return nr;
}

static unsigned long free_pages_of(struct cache *c, const struct zb_shrink_control *sc,
				   unsigned long most)
{
	struct page *page, *next;
	unsigned long nr = 0;

	mutex_lock(&c->lock);
	list_for_each_entry_safe(page, next, &c->pages, lru) {
		if (nr == most)
			break;
		if (!is_wanted(page, sc))
			continue;
		list_del(&page->lru);
		c->nr--;
		__zb_free_page(page);
		nr++;
	}
	mutex_unlock(&c->lock);
	return nr;
}

/* A request in a callback must not call the callback again, and may fail. */
static void allocate_in_callback(void)
{
	struct page *page = zb_alloc_page(GFP_DIRECT);

	if (page)
		__zb_free_page(page);
	kfree(kmalloc(64, GFP_KERNEL));
}

static unsigned long scan_pages(void *data, const struct zb_shrink_control *sc)
{
	struct cache *c = data;
	int depth = atomic_inc_return(&c->depth);
	unsigned long freed = 0;

	c->calls++;
	c->deepest = max(c->deepest, depth);
	c->contexts |= sc->gfp;
	switch (c->behaviour) {
	case SLEEPS:
		msleep(20);
		break;
	case ALLOCATES:
		allocate_in_callback();
		break;
	case HANGS:
		complete(&c->entered);
		wait_for_completion(&c->leave);
		break;
	default:
		break;
	}
	if (c->behaviour == FREES_A_PART)
		free_pages_of(c, sc, 1);
	else if (c->behaviour != FREES_NOTHING && c->behaviour != STOPS)
		freed = free_pages_of(c, sc, sc->nr_to_scan);
	atomic_dec(&c->depth);
	if (c->behaviour == STOPS)
		return ZB_SHRINK_STOP;
	return c->behaviour == FREES_NOTHING || c->behaviour == FREES_A_PART ? 100 : freed;
}

static const struct zb_owner_ops plain_ops = {
	.module = THIS_MODULE,
	.name = "cache",
	.count = count_pages,
	.scan = scan_pages,
};

static const struct zb_owner_ops fs_ops = {
	.module = THIS_MODULE,
	.name = "fs_cache",
	.needs = __ZB_GFP_IO | __ZB_GFP_FS,
	.count = count_pages,
	.scan = scan_pages,
};

/* Fill the cache, and allocate everything else that requests for the kernel may use. */
static bool use_all_memory(void)
{
	struct page *page;

	while (cache.nr < CACHE_PAGES) {
		page = zb_alloc_page(GFP_CACHE);
		if (!ZBT_WANT(page))
			return false;
		list_add(&page->lru, &cache.pages);
		cache.nr++;
	}
	zbt_use_all(&ballast, ZB_GFP_KERNEL | ZBT_QUIET, 0);
	return true;
}

static void free_all(void)
{
	struct page *page, *next;

	zbt_free_all(&ballast);
	list_for_each_entry_safe(page, next, &cache.pages, lru) {
		list_del(&page->lru);
		__zb_free_page(page);
	}
	cache.nr = 0;
}

static void init_cache(enum behaviour behaviour)
{
	memset(&cache, 0, sizeof(cache));
	mutex_init(&cache.lock);
	INIT_LIST_HEAD(&cache.pages);
	init_completion(&cache.entered);
	init_completion(&cache.leave);
	cache.behaviour = behaviour;
}

/* Allocate up to @want pages for the ballast; returns how many. */
static unsigned int allocate(zb_gfp_t gfp, unsigned int want)
{
	struct page *page;
	unsigned int nr;

	for (nr = 0; nr < want; nr++) {
		page = zb_alloc_page(gfp);
		if (!page)
			break;
		list_add(&page->lru, &ballast);
	}
	return nr;
}

/* Register the cache when all memory is in use; NULL if this fails. */
static struct zb_owner *set_up(const struct zb_owner_ops *ops, enum behaviour behaviour)
{
	struct zb_owner *owner;

	init_cache(behaviour);
	if (!use_all_memory())
		return NULL;
	owner = zb_register_owner(ops, &cache);
	return ZBT_WANT(!IS_ERR(owner)) ? owner : NULL;
}

static void tear_down(struct zb_owner *owner)
{
	zb_unregister_owner(owner);
	free_all();
	zb_drain_all_pages();
}

/* Direct reclaim takes what a request needs, and at most a quarter more. */
static void direct_reclaim(void)
{
	struct zb_owner *owner = set_up(&plain_ops, HONEST);
	unsigned long before = cache.nr;

	if (owner) {
		ZBT_WANT(allocate(GFP_DIRECT, 400) == 400);
		ZBT_WANT(before - cache.nr >= 400);
		ZBT_WANT(before - cache.nr <= 500);
		ZBT_WANT(cache.calls);
		ZBT_WANT(cache.contexts == (__ZB_GFP_IO | __ZB_GFP_FS));
	}
	tear_down(owner);
}

static unsigned long oom(void *data, const struct zb_shrink_control *sc)
{
	struct cache *c = data;

	c->calls++;
	if (c->behaviour == FREES_NOTHING)
		return 1000;
	return free_pages_of(c, sc, sc->nr_to_scan);
}

static const struct zb_owner_ops oom_ops = {
	.module = THIS_MODULE,
	.name = "oom",
	.needs = __ZB_GFP_FS,
	.oom = oom,
};

/* Only a request that may use the last resort is served, and a lie ends after one call. */
static void last_resort(void)
{
	const zb_gfp_t gfp = (GFP_DIRECT & ~__ZB_GFP_NORETRY) | __ZB_GFP_NOWARN;
	struct zb_owner *owner = set_up(&oom_ops, HONEST);
	unsigned int flags;

	if (owner) {
		ZBT_WANT(!allocate(gfp | __ZB_GFP_NORETRY, 1));
		ZBT_WANT(!allocate(gfp & ~__ZB_GFP_FS, 1));
		flags = memalloc_nofs_save();
		ZBT_WANT(!allocate(gfp, 1));
		memalloc_nofs_restore(flags);
		ZBT_WANT(!zb_alloc_pages(gfp, 4));
		ZBT_WANT(!cache.calls);
		ZBT_WANT(allocate(gfp, 100) == 100);
		ZBT_WANT(cache.calls <= 105);
		cache.calls = 0;
		cache.behaviour = FREES_NOTHING;
		while (allocate(gfp, 1))
			;
		ZBT_WANT(cache.calls == 1);
	}
	tear_down(owner);
}

/* Two owners of the same cache: each gives a part. */
static void shares(void)
{
	struct zb_owner *owner = set_up(&plain_ops, HONEST), *other;

	other = zb_register_owner(&fs_ops, &cache);
	if (owner && ZBT_WANT(!IS_ERR(other)))
		ZBT_WANT(allocate(GFP_DIRECT, 400) == 400);
	zb_unregister_owner(other);
	tear_down(owner);
}

/* Without an owner, or with one that the request may not call, it fails. */
static void io_context(void)
{
	struct zb_owner *owner = set_up(&fs_ops, HONEST);
	unsigned int flags;

	if (owner) {
		ZBT_WANT(!allocate(GFP_DIRECT & ~__ZB_GFP_FS, 1));
		ZBT_WANT(!allocate(GFP_DIRECT & ~__ZB_GFP_IO, 1));
		flags = memalloc_nofs_save();
		ZBT_WANT(!allocate(GFP_DIRECT, 1));
		memalloc_nofs_restore(flags);
		flags = memalloc_noio_save();
		ZBT_WANT(!allocate(GFP_DIRECT, 1));
		memalloc_noio_restore(flags);
		ZBT_WANT(!cache.calls);
		ZBT_WANT(!cache.contexts);
		ZBT_WANT(allocate(GFP_DIRECT, 1) == 1);
		ZBT_WANT(cache.calls);
	}
	tear_down(owner);
	owner = set_up(&plain_ops, HONEST);
	if (owner) {
		ZBT_WANT(allocate(GFP_DIRECT & ~__ZB_GFP_FS, 1) == 1);
		ZBT_WANT(cache.contexts == __ZB_GFP_IO);
	}
	zb_unregister_owner(owner);
	tear_down(NULL);
}

/* kswapd takes memory for a request that may not sleep, and the next ones are served. */
static void kswapd(void)
{
	struct zb_owner *owner = set_up(&plain_ops, HONEST);
	unsigned long deadline = jiffies + 30 * HZ, before = cache.nr;

	while (owner && READ_ONCE(cache.nr) == before && time_before(jiffies, deadline)) {
		allocate(ZB_GFP_ATOMIC | ZBT_QUIET, 1);
		msleep(20);
	}
	ZBT_WANT(!owner || cache.nr < before);
	tear_down(owner);
}

/* Callbacks sleep and allocate memory, and are not called again by what they allocate. */
static void sleeps_and_allocates(void)
{
	struct zb_owner *owner = set_up(&plain_ops, SLEEPS);

	if (owner) {
		ZBT_WANT(allocate(GFP_DIRECT, 3) == 3);
		cache.behaviour = ALLOCATES;
		ZBT_WANT(allocate(GFP_DIRECT, 100) == 100);
		ZBT_WANT(cache.deepest == 1);
	}
	tear_down(owner);
}

/* A request ends, whatever scan returns, and nothing is lost: zbt_run() counts free pages. */
static void lies(void)
{
	static const enum behaviour behaviours[] = { FREES_NOTHING, FREES_A_PART, STOPS };
	struct zb_owner *owner;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(behaviours); i++) {
		owner = set_up(&plain_ops, behaviours[i]);
		if (owner) {
			allocate(GFP_DIRECT, 10);
			ZBT_WANT(cache.calls);
			ZBT_WANT(cache.calls < 1000);
		}
		tear_down(owner);
	}
}

static int unregister(void *owner)
{
	zb_unregister_owner(owner);
	return 0;
}

static int allocate_one(void *unused)
{
	allocate(GFP_DIRECT, 1);
	return 0;
}

/* Unregistering waits for a callback in progress. */
static void unregister_waits(void)
{
	struct zb_owner *owner = set_up(&plain_ops, HANGS);
	struct zbt_team *request, *end;

	request = kzalloc_obj(*request);
	end = kzalloc_obj(*end);
	if (owner && ZBT_WANT(request && end) && zbt_team_add(request, -1, allocate_one, NULL)) {
		wait_for_completion(&cache.entered);
		zbt_team_add(end, -1, unregister, owner);
		ZBT_WANT(!wait_for_completion_timeout(&end->member[0].done, HZ / 5));
		complete_all(&cache.leave);
		zbt_team_wait(end);
		ZBT_WANT(!atomic_read(&cache.depth));
		zbt_team_wait(request);
		owner = NULL;
	}
	kfree(request);
	kfree(end);
	tear_down(owner);
}

/* Registrations that are refused. */
static void refused(void)
{
	struct zb_owner_ops ops = plain_ops;

	ops.name = NULL;
	ZBT_WANT(zb_register_owner(&ops, NULL) == ERR_PTR(-EINVAL));
	ops = plain_ops;
	ops.count = NULL;
	ZBT_WANT(zb_register_owner(&ops, NULL) == ERR_PTR(-EINVAL));
	ops.scan = NULL;
	ZBT_WANT(zb_register_owner(&ops, NULL) == ERR_PTR(-EINVAL));
	ops = plain_ops;
	ops.needs = ZB_GFP_KERNEL;
	ZBT_WANT(zb_register_owner(&ops, NULL) == ERR_PTR(-EINVAL));
	zb_unregister_owner(ERR_PTR(-EINVAL));
	zb_unregister_owner(NULL);
}

const struct zbt_test zbt_shrinker_tests[] = {
	{ "shrinker_direct_reclaim", direct_reclaim },
	{ "shrinker_last_resort", last_resort },
	{ "shrinker_shares", shares },
	{ "shrinker_io_context", io_context },
	{ "shrinker_kswapd", kswapd },
	{ "shrinker_sleeps_and_allocates", sleeps_and_allocates },
	{ "shrinker_lies", lies },
	{ "shrinker_unregister_waits", unregister_waits },
	{ "shrinker_refused", refused },
	{ }
};

static struct zb_owner *registered;

static int set_registered(const char *text, const struct kernel_param *kp)
{
	static DEFINE_MUTEX(registered_lock);
	int err;
	bool on;

	err = kstrtobool(text, &on);
	if (err)
		return err;
	mutex_lock(&registered_lock);
	if (on && !registered) {
		init_cache(HONEST);
		registered = zb_register_owner(&plain_ops, &cache);
		err = PTR_ERR_OR_ZERO(registered);
		if (err)
			registered = NULL;
	} else if (!on) {
		zb_unregister_owner(registered);
		registered = NULL;
	}
	mutex_unlock(&registered_lock);
	return err;
}

static int get_registered(char *text, const struct kernel_param *kp)
{
	return sysfs_emit(text, "%d\n", !!registered);
}

static const struct kernel_param_ops registered_ops = {
	.set = set_registered,
	.get = get_registered,
};
module_param_cb(registered, &registered_ops, NULL, 0644);
MODULE_PARM_DESC(registered, "register an owner without pages; it stays registered when the module is unloaded, as that of a faulty module");
