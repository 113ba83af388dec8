// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes memory back from other modules, as the kernel's shrinkers do. core/reclaim.h describes
 * how many pages each of them is asked for.
 */
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "../core/compact.h"
#include "../core/pcp.h"
#include "../core/reclaim.h"
#include "../core/stat.h"
#include "../instance/callback.h"
#include "reclaim.h"

#define BATCH		128ul	/* pages that an owner is asked for in one call */
#define BUSY_TIME	(HZ / 50 ?: 1)

static struct zb_shrink_control control_of(const struct zb_shrink *s)
{
	return (struct zb_shrink_control){
		.gfp = s->gfp,
		.nid = s->zone->nid,
		.start_pfn = s->zone->start_pfn,
		.end_pfn = zb_zone_end(s->zone),
	};
}

/*
 * Returns the number of frames that are still to be freed. If enough frames are free, but no
 * block of the order, these are the frames of one block.
 */
static unsigned long nr_wanted(const struct zb_shrink *s)
{
	unsigned long taken = s->purged + s->owner_freed, missing;

	if (s->target)
		return s->target > taken ? s->target - taken : 0;
	missing = zb_shrink_nr_missing(s);
	return missing || !zb_shrink_lacks_block(s) ? missing : BIT(s->order);
}

static bool may_scan(const struct zb_shrink *s, const struct zb_owner *owner)
{
	return owner->ops->scan && !s->queued && zb_owner_may_be_called(owner, s->gfp) &&
	       (s->kswapd || s->target ||
		!time_before(jiffies, READ_ONCE(owner->busy_until)));
}

/* Returns the number of frames that the owner says it can free, at most those of the zone. */
static unsigned long count_one(const struct zb_shrink *s, struct zb_owner *owner)
{
	const struct zb_shrink_control sc = control_of(s);
	struct zb_callback cb;
	unsigned long nr;

	zb_callback_begin(&cb, s->gfp, owner->ops->needs);
	nr = owner->ops->count(owner->data, &sc);
	zb_callback_end(&cb);
	return min(nr, s->zone->nr_pages);
}

/*
 * Call scan once; returns the number of frames that it has freed. Frames that others free in the
 * zone meanwhile can hide that scan has freed fewer than it says. The lists of this CPU are
 * drained, because frames on them do not count for the watermark.
 */
static unsigned long scan_once(struct zb_shrink *s, struct zb_owner *owner, unsigned long nr)
{
	struct zb_shrink_control sc = control_of(s);
	unsigned long before = zb_zone_events(s->zone, ZB_PGFREE), said, freed;
	struct zb_callback cb;

	sc.nr_to_scan = nr;
	zb_callback_begin(&cb, s->gfp, owner->ops->needs);
	said = owner->ops->scan(owner->data, &sc);
	zb_callback_end(&cb);
	if (said == ZB_SHRINK_STOP)
		said = 0;
	freed = min(said, zb_zone_events(s->zone, ZB_PGFREE) - before);
	if (freed < said)
		zb_owner_report(owner, ZB_OWNER_TOO_FEW, said, freed);
	zb_pcp_drain_own(s->zone);
	atomic_long_add(nr, &owner->scanned);
	atomic_long_add(freed, &owner->freed);
	s->owner_scanned += nr;
	s->owner_freed += freed;
	return freed;
}

/* Take up to @nr frames of one owner, in batches, because others may free memory meanwhile. */
static void scan_owner(struct zb_shrink *s, struct zb_owner *owner, unsigned long nr)
{
	unsigned long has = count_one(s, owner), freed, taken = 0, missing;

	trace_mm_shrink_slab_start(owner->name, s->zone->nid, nr, zb_gfp_bits(s->gfp), has);
	while (taken < nr && !fatal_signal_pending(current)) {
		missing = nr_wanted(s);
		if (!missing)
			break;
		freed = scan_once(s, owner, min3(nr - taken, missing, BATCH));
		if (!freed) {
			WRITE_ONCE(owner->busy_until, jiffies + BUSY_TIME);
			break;
		}
		taken += freed;
		cond_resched();
	}
	trace_mm_shrink_slab_end(owner->name, s->zone->nid, taken, nr);
}

/* Returns the owner after the one with this id; the first one follows the last one. */
static struct zb_owner *next_in_turn(struct zb_owners *owners, u64 id)
{
	return zb_owner_next(owners, id) ?: zb_owner_next(owners, 0);
}

/**
 * zb_owners_may_shrink() - check whether an owner may be asked to free memory
 * @s: what is missing
 *
 * Context: any but interrupts.
 * Return: true if so.
 */
bool zb_owners_may_shrink(const struct zb_shrink *s)
{
	struct zb_owners *owners = &s->reclaim->owners;
	struct zb_owner *owner;
	bool may = false;
	u64 id = 0;

	if (!READ_ONCE(owners->nr_scan))
		return false;
	while (!may && (owner = zb_owner_next(owners, id))) {
		id = owner->id;
		may = may_scan(s, owner);
		zb_owner_put(owner);
	}
	return may;
}

/**
 * zb_owners_count() - count the frames that owners say they can free
 * @s: what is missing
 *
 * Context: may sleep.
 * Return: the number.
 */
unsigned long zb_owners_count(const struct zb_shrink *s)
{
	struct zb_owners *owners = &s->reclaim->owners;
	struct zb_owner *owner;
	unsigned long nr = 0;
	u64 id = 0;

	if (!READ_ONCE(owners->nr_scan))
		return 0;
	while ((owner = zb_owner_next(owners, id))) {
		id = owner->id;
		if (may_scan(s, owner))
			nr += count_one(s, owner);
		zb_owner_put(owner);
	}
	return nr;
}

/* Ask all owners once, each for its share of what is missing, or for all of it if @all is 0. */
static void shrink_pass(struct zb_shrink *s, unsigned long most, unsigned long all)
{
	struct zb_owners *owners = &s->reclaim->owners;
	unsigned int left = READ_ONCE(owners->nr);
	unsigned long missing = most, nr;
	u64 id = READ_ONCE(owners->turn);
	struct zb_owner *owner;

	while (left-- && nr_wanted(s) && s->owner_freed < most &&
	       (owner = next_in_turn(owners, id))) {
		id = owner->id;
		if (may_scan(s, owner)) {
			WRITE_ONCE(owners->turn, id);
			nr = all ? zb_reclaim_share(missing, count_one(s, owner), all) : missing;
			scan_owner(s, owner, min(nr, most - s->owner_freed));
		}
		zb_owner_put(owner);
	}
}

/**
 * zb_owners_shrink() - take memory back from owners
 * @s: what is missing; @owner_freed is set to the number of frames that were freed
 * @all: the result of zb_owners_count()
 *
 * Owners are asked for what discardable buffers could not give. In the first pass, each is asked
 * for its share; in the second one, for all that is still missing.
 *
 * Context: may sleep.
 */
void zb_owners_shrink(struct zb_shrink *s, unsigned long all)
{
	unsigned long most = nr_wanted(s);

	s->owner_scanned = 0;
	s->owner_freed = 0;
	if (!all || !most)
		return;
	/* Do not take anything for a request if it is not enough. */
	if (!s->kswapd && !s->target && most > all)
		return;
	shrink_pass(s, most, all);
	shrink_pass(s, most, 0);
	zb_zone_count_event(s->zone, ZB_OWNER_SCAN, s->owner_scanned);
	zb_zone_count_event(s->zone, ZB_OWNER_FREE, s->owner_freed);
	s->purged += s->owner_freed;
	/* Blocks on per-CPU lists are not merged. */
	if (s->order && s->owner_freed && zb_zone_nr_cached(s->zone))
		s->reclaim->inst->ops.drain_all(&s->reclaim->inst->pool);
	if (s->owner_freed)
		zb_instance_wake_waiters(s->reclaim->inst);
}

static unsigned long nr_freed(struct zb_pool *pool)
{
	unsigned long nr = 0;
	struct zb_zone *zone;

	zb_for_each_zone(zone, pool)
		nr += zb_zone_events(zone, ZB_PGFREE);
	return nr;
}

/* Returns the number of frames that the owner has freed. */
static unsigned long oom_one(struct zb_pool *pool, struct zb_owner *owner,
			     const struct zb_shrink_control *sc)
{
	unsigned long before = nr_freed(pool), said, freed;
	struct zb_callback cb;

	zb_callback_begin(&cb, sc->gfp, owner->ops->needs);
	said = owner->ops->oom(owner->data, sc);
	zb_callback_end(&cb);
	freed = min(said, nr_freed(pool) - before);
	if (freed < said)
		zb_owner_report(owner, ZB_OWNER_OOM_TOO_FEW, said, freed);
	atomic_long_add(freed, &owner->freed);
	return freed;
}

/**
 * zb_owners_oom() - ask other modules to free memory, as zb_ops.oom
 * @pool: the allocator
 * @gfp: flags of the request
 * @order: order of the block
 * @ac: the request
 *
 * They are asked in the order of their registration, until enough has been freed. They are not
 * asked for requests of the queue, which can wait.
 *
 * Context: may sleep.
 * Return: true if memory was freed.
 */
bool zb_owners_oom(struct zb_pool *pool, zb_gfp_t gfp, unsigned int order,
		   const struct zb_alloc_context *ac)
{
	struct zb_reclaim *reclaim = container_of(pool, struct zb_instance, pool)->reclaim;
	const struct zb_shrink_control sc = {
		.gfp = zb_io_context(gfp),
		.nid = ac->preferred->nid,
		.end_pfn = ZB_NO_PFN,
		.nr_to_scan = BIT(order),
	};
	unsigned long freed = 0;
	struct zb_owner *owner;
	u64 id = 0;

	if (ac->policy->queued || !READ_ONCE(reclaim->owners.nr) || !(sc.gfp & __ZB_GFP_FS) ||
	    !zb_may_reclaim())
		return false;
	while (freed < BIT(order) && !fatal_signal_pending(current) &&
	       (owner = zb_owner_next(&reclaim->owners, id))) {
		id = owner->id;
		if (owner->ops->oom && zb_owner_may_be_called(owner, sc.gfp))
			freed += oom_one(pool, owner, &sc);
		zb_owner_put(owner);
	}
	zb_zone_count_event(ac->preferred, ZB_OWNER_OOM, freed);
	return freed;
}
