// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gives memory that nobody has used for some time to the kernel, and takes it again when it is
 * needed: the module parameters "idle" and "idle_floor".
 *
 * The free memory of each node is sampled NR_INTERVALS times in the time that "idle" sets. As
 * much as was free in all samples is idle, except for a small reserve. Of the idle memory, whole
 * free pageblocks are given back down to the floor. If there are too few of them, memory is
 * compacted for more. No buffer is purged.
 *
 * The memory is taken again
 *
 *  - in the background, when a zone becomes low or a first attempt to allocate has failed, a
 *    part of the limit at a time.
 *  - as much as is needed, when a request that may sleep would fail otherwise, or would purge
 *    buffers. It waits for the work item, but not longer than MAX_WAIT.
 *
 * If the kernel does not have the memory, this is not tried again for a time that doubles from
 * MIN_BACKOFF to MAX_BACKOFF. Both directions run in work items, so that a task which is
 * preempted or throttled does not hold resize_lock.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "../core/layout.h"
#include "../core/verdict.h"
#include "callback.h"
#include "idle.h"

#define PAGEBLOCK_BYTES	(PAGE_SIZE << ZB_PAGEBLOCK_ORDER)
#define MAX_SECONDS	604800u
#define NR_INTERVALS	8
#define NR_SAMPLES	(NR_INTERVALS + 1)
#define STEP_DIVISOR	8			/* part of the limit that is taken at a time */
#define MAX_PIECE	(64 * ZB_PAGEBLOCK_NR)	/* given back while resize_lock is held */
#define GIVE_DIVISOR	8			/* part of idle memory given at a time */
#define MIN_BACKOFF	(HZ / 10 ?: 1)
#define MAX_BACKOFF	(10 * HZ)
#define MAX_WAIT	(10 * HZ)

/**
 * struct idle_node - idle memory of a node
 * @nid: the node
 * @free: numbers of free frames, the oldest ones are overwritten; used by give_work only
 * @nr_samples: number of samples that were taken since the start
 * @restart: forget the samples, because memory was taken
 * @wanted: number of frames that take_work has to take
 * @taken: number of frames that it has taken so far
 * @retry_at: time in jiffies before which the kernel is not asked for memory
 * @backoff: time that was added to compute @retry_at, 0 after a success
 */
struct idle_node {
	int nid;
	unsigned long free[NR_SAMPLES];
	unsigned int nr_samples;
	bool restart;
	atomic_long_t wanted;
	atomic_long_t taken;
	unsigned long retry_at;
	unsigned long backoff;
};

/**
 * struct zb_idle - idle memory of an instance
 * @inst: the instance
 * @became_low: the callback of the core that ours replaces, and calls
 * @give_wq: workqueue of @give_work, which is freezable, because it may move buffers
 * @take_wq: workqueue of @take_work
 * @give_work: samples the free memory, and gives idle memory to the kernel
 * @take_work: takes memory again
 * @begun: number of times that @take_work has begun
 * @done: number of the last time that it has ended
 * @took: woken when @done changes
 * @nr: number of @nodes
 * @nodes: the nodes with a region
 */
struct zb_idle {
	struct zb_instance *inst;
	void (*became_low)(struct zb_pool *pool, struct zb_zone *zone);
	struct workqueue_struct *give_wq;
	struct workqueue_struct *take_wq;
	struct delayed_work give_work;
	struct work_struct take_work;
	atomic_t begun;
	int done;
	wait_queue_head_t took;
	unsigned int nr;
	struct idle_node nodes[];
};

static unsigned int idle_seconds;
static unsigned long idle_floor;	/* in pages */
static struct zb_idle *attached;	/* the parameters apply to it */
static DEFINE_MUTEX(idle_lock);		/* protects these against changes */

static struct idle_node *node_of(struct zb_idle *idle, int nid)
{
	unsigned int i;

	for (i = 0; i < idle->nr; i++)
		if (idle->nodes[i].nid == nid)
			return &idle->nodes[i];
	return NULL;
}

static unsigned long interval(void)
{
	return max(READ_ONCE(idle_seconds) * (unsigned long)HZ / NR_INTERVALS, 1ul);
}

/* --- giving ------------------------------------------------------------------------- */

static void take_sample(struct zb_idle *idle, struct idle_node *node)
{
	const struct zb_zone *zone;
	unsigned long nr = 0;

	zb_for_each_zone(zone, &idle->inst->pool)
		if (zone->nid == node->nid)
			nr += READ_ONCE(zone->nr_free) + zb_zone_nr_cached(zone);
	node->free[node->nr_samples++ % NR_SAMPLES] = nr;
}

/* Free frames to keep, so that the next requests do not make a zone low. */
static unsigned long reserve(const struct zb_idle *idle, const struct idle_node *node)
{
	unsigned long nr = ZB_PAGEBLOCK_NR;
	const struct zb_zone *zone;

	zb_for_each_zone(zone, &idle->inst->pool)
		if (zone->nid == node->nid)
			nr += READ_ONCE(zone->watermark[ZB_ALLOC_WMARK_HIGH]);
	return nr;
}

/* The number of frames to give back, a multiple of the pageblock size. */
static unsigned long nr_idle(const struct zb_idle *idle, const struct idle_node *node)
{
	unsigned long nr = node->free[0], kept = reserve(idle, node), has, floor;
	unsigned int i;

	if (node->nr_samples < NR_SAMPLES)
		return 0;
	for (i = 1; i < NR_SAMPLES; i++)
		nr = min(nr, node->free[i]);
	has = zb_instance_size(idle->inst, node->nid);
	floor = zb_instance_share(idle->inst, node->nid, READ_ONCE(idle_floor));
	if (nr <= kept || has <= floor)
		return 0;
	nr = min(nr - kept, has - floor);
	return nr / ZB_PAGEBLOCK_NR * ZB_PAGEBLOCK_NR;
}

/* Make a pageblock of the node free by moving buffers. */
static bool compact(struct zb_instance *inst, int nid)
{
	const struct zb_alloc_policy policy = { .queued = true };
	const struct zb_alloc_request req = {
		.gfp = ZB_GFP_HIGHUSER_MOVABLE, .nr_pages = ZB_PAGEBLOCK_NR, .nid = nid,
		.policy = &policy,
	};
	struct zb_pool *pool = &inst->pool;
	struct zb_alloc_context ac;
	struct zb_zone *zone;

	if (!zb_request_context(pool, &req, &ac))
		return false;
	zb_for_each_zone(zone, pool)
		if (zone->nid == nid &&
		    pool->ops->compact(pool, zone, req.gfp, ZB_PAGEBLOCK_ORDER,
				       ZB_COMPACT_LIGHT, &ac) == ZB_COMPACT_SUCCESS)
			return true;
	return false;
}

/*
 * What is being given is neither free, nor can it be taken again yet. It is so small a part that
 * a request is served with the rest, or with what was given before.
 */
static unsigned long next_piece(unsigned long left)
{
	unsigned long piece = min(left / GIVE_DIVISOR, MAX_PIECE);

	return max(piece / ZB_PAGEBLOCK_NR, 1ul) * ZB_PAGEBLOCK_NR;
}

static void give_idle(struct zb_idle *idle, struct idle_node *node)
{
	unsigned long left = nr_idle(idle, node), given;
	unsigned long tries = left / ZB_PAGEBLOCK_NR;

	while (left && !atomic_long_read(&node->wanted)) {
		given = zb_instance_lend(idle->inst, node->nid, next_piece(left));
		atomic_long_add(given, &idle->inst->idle_lent);
		left -= given;
		node->nr_samples = 0;
		/* Others may take what compaction has made free. */
		if (!given && (!tries-- || !compact(idle->inst, node->nid)))
			break;
		cond_resched();
	}
}

static void give_work(struct work_struct *work)
{
	struct zb_idle *idle = container_of(to_delayed_work(work), struct zb_idle, give_work);
	struct idle_node *node;

	if (!READ_ONCE(idle_seconds))
		return;
	for (node = idle->nodes; node < idle->nodes + idle->nr; node++) {
		if (xchg(&node->restart, false) || atomic_read(&idle->inst->wait.waiting))
			node->nr_samples = 0;
		take_sample(idle, node);
		give_idle(idle, node);
	}
	queue_delayed_work(idle->give_wq, &idle->give_work, interval());
}

/* --- taking ------------------------------------------------------------------------- */

static void take_for_node(struct zb_idle *idle, struct idle_node *node)
{
	unsigned long wanted = atomic_long_xchg(&node->wanted, 0), taken;

	wanted = min(wanted, zb_instance_nr_lent(idle->inst, node->nid));
	if (!wanted || time_before(jiffies, READ_ONCE(node->retry_at)))
		return;
	taken = zb_instance_take_back(idle->inst, node->nid, wanted);
	atomic_long_add(taken, &node->taken);
	atomic_long_add(taken, &idle->inst->idle_taken);
	WRITE_ONCE(node->restart, true);
	if (taken >= wanted) {
		node->backoff = 0;
		return;
	}
	atomic_long_inc(&idle->inst->idle_failures);
	node->backoff = clamp_t(unsigned long, 2 * node->backoff, MIN_BACKOFF, MAX_BACKOFF);
	WRITE_ONCE(node->retry_at, jiffies + node->backoff);
}

static void take_work(struct work_struct *work)
{
	struct zb_idle *idle = container_of(work, struct zb_idle, take_work);
	int nr = atomic_inc_return(&idle->begun);
	struct idle_node *node;

	for (node = idle->nodes; node < idle->nodes + idle->nr; node++)
		take_for_node(idle, node);
	WRITE_ONCE(idle->done, nr);
	wake_up_all(&idle->took);
}

/* Returns the node if the kernel has idle memory of it, and may have it to spare. */
static struct idle_node *lent_node(struct zb_instance *inst, int nid)
{
	struct zb_idle *idle = READ_ONCE(inst->idle);
	struct idle_node *node;

	if (!idle || !zb_instance_nr_lent(inst, nid))
		return NULL;
	node = node_of(idle, nid);
	return node && time_after_eq(jiffies, READ_ONCE(node->retry_at)) ? node : NULL;
}

/* What is taken at least, so that not every request has to take some. */
static unsigned long step(const struct zb_instance *inst, int nid)
{
	unsigned long limit = zb_instance_size(inst, nid) + zb_instance_nr_lent(inst, nid);

	return max(limit / STEP_DIVISOR, ZB_PAGEBLOCK_NR);
}

/* Take memory in the background. */
static void kick(struct zb_instance *inst, int nid, unsigned long nr_pages)
{
	struct idle_node *node = lent_node(inst, nid);

	if (!node)
		return;
	nr_pages = max(nr_pages, step(inst, nid));
	/* Many requests may do this at the same time. */
	if (atomic_long_read(&node->wanted) < nr_pages)
		atomic_long_set(&node->wanted, nr_pages);
	queue_work(inst->idle->take_wq, &inst->idle->take_work);
}

/**
 * zb_idle_kick() - take memory that was idle again, in the background
 * @inst: the instance
 * @zone: the zone that lacks memory; nothing is done if the kernel has none of it
 * @nr_pages: number of frames that are needed, or 0
 *
 * Context: any but NMI.
 */
void zb_idle_kick(struct zb_instance *inst, const struct zb_zone *zone, unsigned long nr_pages)
{
	if (READ_ONCE(zone->nr_offline))
		kick(inst, zone->nid, nr_pages);
}

/* The kernel may have to move its own pages, for which it uses I/O and file systems. */
static bool may_wait(zb_gfp_t gfp)
{
	const zb_gfp_t needed = __ZB_GFP_DIRECT_RECLAIM | __ZB_GFP_IO | __ZB_GFP_FS;
	gfp_t context = current_gfp_context(GFP_KERNEL);

	return (gfp & needed) == needed && (context & GFP_KERNEL) == GFP_KERNEL && zb_may_reclaim();
}

/* As zb_idle_take(), of any zone of a node. */
static bool take(struct zb_instance *inst, int nid, unsigned long nr_pages, zb_gfp_t gfp)
{
	struct idle_node *node = lent_node(inst, nid);
	struct zb_idle *idle = inst->idle;
	long before;
	int target;

	if (!node)
		return false;
	if (!may_wait(gfp)) {
		kick(inst, nid, nr_pages);
		return false;
	}
	before = atomic_long_read(&node->taken);
	atomic_long_add(max(nr_pages, step(inst, nid)), &node->wanted);
	/* A run that begins after this has seen @wanted. */
	smp_mb__after_atomic();
	target = atomic_read(&idle->begun) + 1;
	queue_work(idle->take_wq, &idle->take_work);
	wait_event_killable_timeout(idle->took, READ_ONCE(idle->done) - target >= 0, MAX_WAIT);
	return atomic_long_read(&node->taken) != before;
}

/**
 * zb_idle_take() - take memory that was idle again, for a request
 * @inst: the instance
 * @zone: the zone that lacks memory; nothing is done if the kernel has none of it
 * @nr_pages: number of frames that are needed
 * @gfp: flags of the request
 *
 * If the flags do not permit to wait for file systems, the memory is taken in the background.
 *
 * Context: may sleep with __ZB_GFP_DIRECT_RECLAIM, otherwise any but NMI; ends early if the
 * task is being killed.
 * Return: true if memory of the node has become free. Others may take it before the caller does.
 */
bool zb_idle_take(struct zb_instance *inst, const struct zb_zone *zone, unsigned long nr_pages,
		  zb_gfp_t gfp)
{
	return READ_ONCE(zone->nr_offline) && take(inst, zone->nid, nr_pages, gfp);
}

/**
 * zb_idle_take_any() - as zb_idle_take(), from all nodes
 * @inst: the instance
 * @nr_pages: number of frames that are needed
 * @gfp: flags of the request
 *
 * Context: as zb_idle_take().
 * Return: true if memory has become free.
 */
bool zb_idle_take_any(struct zb_instance *inst, unsigned long nr_pages, zb_gfp_t gfp)
{
	bool taken = false;
	unsigned int i;

	for (i = 0; i < inst->nr_regions; i++)
		taken |= take(inst, inst->regions[i].nid, nr_pages, gfp);
	return taken;
}

/* As zb_ops.became_low. */
static void became_low(struct zb_pool *pool, struct zb_zone *zone)
{
	struct zb_instance *inst = container_of(pool, struct zb_instance, pool);

	inst->idle->became_low(pool, zone);
	zb_idle_kick(inst, zone, 0);
}

/* --- parameters --------------------------------------------------------------------- */

/* Take everything again, also what is being given at the moment. */
static void stop(struct zb_idle *idle)
{
	struct idle_node *node;

	cancel_delayed_work_sync(&idle->give_work);
	for (node = idle->nodes; node < idle->nodes + idle->nr; node++) {
		WRITE_ONCE(node->retry_at, jiffies);
		kick(idle->inst, node->nid, LONG_MAX / 2);
	}
}

static int check(struct zb_idle *idle, unsigned int seconds)
{
	const char *why;
	int err;

	if (!seconds)
		return 0;
	err = zb_instance_may_lend(idle->inst, &why);
	if (err == -EOPNOTSUPP)
		pr_err("idle=%u: memory can't be given back: %s, or omit idle=\n", seconds, why);
	return err;
}

static int apply(struct zb_idle *idle, unsigned int seconds)
{
	unsigned int i;
	int err;

	lockdep_assert_held(&idle_lock);
	err = check(idle, seconds);
	if (err)
		return err;
	WRITE_ONCE(idle_seconds, seconds);
	for (i = 0; i < idle->nr; i++)
		WRITE_ONCE(idle->nodes[i].restart, true);
	if (seconds)
		mod_delayed_work(idle->give_wq, &idle->give_work, interval());
	else
		stop(idle);
	return 0;
}

static int set_idle(const char *text, const struct kernel_param *kp)
{
	unsigned int n;
	int err = 0;

	if (kstrtouint(text, 0, &n) || n > MAX_SECONDS) {
		pr_err("%s=%.*s: must be a number of seconds from 1 to %u, or 0 to keep idle memory\n",
		       kp->name, (int)min_t(size_t, strcspn(text, "\n"), 40), text, MAX_SECONDS);
		return -EINVAL;
	}
	mutex_lock(&idle_lock);
	if (attached)
		err = apply(attached, n);
	else
		idle_seconds = n;
	mutex_unlock(&idle_lock);
	return err;
}

static const struct kernel_param_ops idle_ops = {
	.set = set_idle,
	.get = param_get_uint,
};
module_param_cb(idle, &idle_ops, &idle_seconds, 0644);
__MODULE_PARM_TYPE(idle, "uint");
MODULE_PARM_DESC(idle, "seconds after which free memory that nobody has used is given back to the kernel until it is needed, 0 to keep it (default 0)");

static int set_floor(const char *text, const struct kernel_param *kp)
{
	const char *end;
	u64 bytes;

	end = zb_parse_size(text, &bytes);
	if (!end || (*end && *end != '\n') || (bytes && bytes < PAGEBLOCK_BYTES)) {
		pr_err("%s=%.*s: must be a size such as 16M, at least %lu KiB, or 0\n", kp->name,
		       (int)min_t(size_t, strcspn(text, "\n"), 40), text,
		       PAGEBLOCK_BYTES >> 10);
		return -EINVAL;
	}
	bytes = min_t(u64, bytes, (u64)U32_MAX << PAGE_SHIFT);
	bytes = DIV_ROUND_UP_ULL(bytes, PAGEBLOCK_BYTES);
	WRITE_ONCE(idle_floor, min_t(u64, bytes, U32_MAX / ZB_PAGEBLOCK_NR) * ZB_PAGEBLOCK_NR);
	return 0;
}

static int get_floor(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%luM\n", zb_pages_to_mib(idle_floor));
}

static const struct kernel_param_ops floor_ops = {
	.set = set_floor,
	.get = get_floor,
};
module_param_cb(idle_floor, &floor_ops, NULL, 0644);
__MODULE_PARM_TYPE(idle_floor, "charp");
MODULE_PARM_DESC(idle_floor, "size down to which the parameter idle gives memory back, distributed over the nodes like size, at least a pageblock on each (default 0)");

static void init_nodes(struct zb_idle *idle)
{
	unsigned int i;

	for (i = 0; i < idle->nr; i++) {
		idle->nodes[i].nid = idle->inst->regions[i].nid;
		idle->nodes[i].retry_at = jiffies;
	}
}

static int create_queues(struct zb_idle *idle)
{
	idle->give_wq = alloc_workqueue("zbuddy_idle", WQ_UNBOUND | WQ_FREEZABLE, 0);
	if (!idle->give_wq)
		return -ENOMEM;
	idle->take_wq = alloc_workqueue("zbuddy_take", WQ_UNBOUND, 0);
	if (idle->take_wq)
		return 0;
	destroy_workqueue(idle->give_wq);
	return -ENOMEM;
}

static void destroy_queues(struct zb_idle *idle)
{
	destroy_workqueue(idle->take_wq);
	destroy_workqueue(idle->give_wq);
}

/**
 * zb_idle_attach() - prepare for giving idle memory of an instance back
 * @inst: the instance, whose callbacks for compaction are set
 *
 * Context: may sleep; before the first request.
 * Return: 0, -ENOMEM, or -EOPNOTSUPP after a log message if the backend can't do it.
 */
int zb_idle_attach(struct zb_instance *inst)
{
	struct zb_idle *idle;
	int err;

	idle = kzalloc(struct_size(idle, nodes, inst->nr_regions), GFP_KERNEL);
	if (!idle)
		return -ENOMEM;
	idle->inst = inst;
	idle->nr = inst->nr_regions;
	init_nodes(idle);
	init_waitqueue_head(&idle->took);
	INIT_DELAYED_WORK(&idle->give_work, give_work);
	INIT_WORK(&idle->take_work, take_work);
	err = create_queues(idle);
	if (err)
		goto free_idle;
	mutex_lock(&idle_lock);
	err = check(idle, idle_seconds);
	mutex_unlock(&idle_lock);
	if (err)
		goto destroy_queues;
	inst->idle = idle;
	idle->became_low = inst->ops.became_low;
	inst->ops.became_low = became_low;
	return 0;

destroy_queues:
	destroy_queues(idle);
free_idle:
	kfree(idle);
	return err;
}

/**
 * zb_idle_start() - give idle memory of an instance back from now on, if idle is set
 * @inst: the instance; its buffers can be moved
 *
 * Context: may sleep.
 */
void zb_idle_start(struct zb_instance *inst)
{
	mutex_lock(&idle_lock);
	attached = inst->idle;
	/* The parameter may have been written since zb_idle_attach(). */
	if (apply(attached, idle_seconds))
		idle_seconds = 0;
	mutex_unlock(&idle_lock);
}

/**
 * zb_idle_detach() - undo zb_idle_attach() and zb_idle_start()
 * @inst: the instance; there are no requests any more
 *
 * Context: may sleep; before the callbacks for compaction become invalid.
 */
void zb_idle_detach(struct zb_instance *inst)
{
	struct zb_idle *idle = inst->idle;

	mutex_lock(&idle_lock);
	attached = NULL;
	mutex_unlock(&idle_lock);
	inst->ops.became_low = idle->became_low;
	cancel_delayed_work_sync(&idle->give_work);
	cancel_work_sync(&idle->take_work);
	destroy_queues(idle);
	inst->idle = NULL;
	kfree(idle);
}
