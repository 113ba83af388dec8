// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl stress: options, threads, summary.
 *
 * Each thread allocates, maps, verifies and frees independently; only the open file of an
 * even thread is also used by the next odd one. The operations of a thread depend only on
 * the seed and its number.
 */
#include "stress.h"

#include <assert.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_SECONDS	10

static const char * const op_names[NR_STRESS_OPS] = {
	[OP_ALLOC_ORDER]	= "alloc_order",
	[OP_ALLOC_LENGTH]	= "alloc_length",
	[OP_FREE]		= "free",
	[OP_QUERY]		= "query",
	[OP_MAP]		= "map",
	[OP_FREE_MAPPED]	= "free_mapped",
};

struct totals {
	__u64 by_op[NR_STRESS_OPS];
	__u64 ops;
	__u64 live;
	__u64 live_bytes;
	__u64 enomem;
	__u64 verified;
};

static double now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static struct totals add_up(struct stress_worker *w, unsigned int nr)
{
	struct totals t = { .ops = 0 };

	for (unsigned int i = 0; i < nr; i++) {
		for (unsigned int op = 0; op < NR_STRESS_OPS; op++) {
			t.by_op[op] += w[i].ops[op];
			t.ops += w[i].ops[op];
		}
		t.live += w[i].live;
		t.live_bytes += w[i].live_bytes;
		t.enomem += w[i].enomem;
		t.verified += w[i].verified;
	}
	return t;
}

/* Add flags to be used if there is a zone that can serve them. */
static void add_gfp(struct stress *s, int fd, const struct zb_ioc_info *info,
		    __u32 gfp, __u32 max_order)
{
	struct zb_ioc_zone zone;
	__u64 largest = 0;

	if (gfp & ~info->gfp_mask)
		return;
	for (__u32 i = 0; i < info->nr_zones; i++) {
		if (!dev_zone(fd, i, &zone) && zone.type <= gfp_zone(gfp) &&
		    zone.total_bytes > largest)
			largest = zone.total_bytes;
	}
	if (largest < info->page_size)
		return;
	while (max_order && (__u64)info->page_size << max_order > largest)
		max_order--;
	s->gfps[s->nr_gfps].gfp = gfp;
	s->gfps[s->nr_gfps].max_order = max_order;
	s->nr_gfps++;
}

static int pick_gfps(struct stress *s, int fd, const struct zb_ioc_info *info,
		     __u32 max_order)
{
	static const __u32 gfps[] = {
		ZB_GFP_KERNEL,
		ZB_GFP_KERNEL,
		ZB_GFP_TEMPORARY,
		ZB_GFP_KERNEL | __ZB_GFP_HIGHMEM | __ZB_GFP_MOVABLE,
		ZB_GFP_KERNEL | __ZB_GFP_HIGHMEM | __ZB_GFP_MOVABLE,
		ZB_GFP_KERNEL | ZB_GFP_DMA32,
		ZB_GFP_KERNEL | ZB_GFP_DMA,
		ZB_GFP_NOWAIT,
	};

	static_assert(ARRAY_SIZE(gfps) <= STRESS_GFPS, "gfps[] too short");
	for (size_t i = 0; i < ARRAY_SIZE(gfps); i++)
		add_gfp(s, fd, info, gfps[i], max_order);
	if (!s->nr_gfps)
		return zb_err("stress: no zone can serve any of the flags that stress uses: see zbctl info");
	return 0;
}

static int stress_init(struct stress *s, struct zbctl *z,
		       struct zb_ioc_info *info)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	long long max_order = z->max_order;
	int err;

	memset(s, 0, sizeof(*s));
	if (dev_get(z) < 0)
		return ZBCTL_FAILED;
	err = dev_info(z->fd, info);
	if (err)
		return info_err(z, -err);
	if (max_order > info->max_order && z->given & OPT(MAX_ORDER))
		return usage_err("--max-order %lld: the largest order of this region is %u",
				 max_order, info->max_order);
	if (max_order > info->max_order)
		max_order = info->max_order;
	s->nr_threads = (unsigned int)(cpus > 2 ? cpus : 2);
	if (z->given & OPT(THREADS))
		s->nr_threads = (unsigned int)z->threads;
	s->seed = z->given & OPT(SEED) ? (__u64)z->seed :
		  (__u64)time(NULL) ^ (__u64)getpid() << 32;
	s->seed &= __LONG_LONG_MAX__;
	s->page_size = info->page_size;
	s->max_ops = (__u64)z->ops;
	s->limit = info->total_bytes / 100 * (__u64)z->fill / s->nr_threads;
	pthread_mutex_init(&s->fail_lock, NULL);
	return pick_gfps(s, z->fd, info, (__u32)max_order);
}

static void close_workers(struct stress_worker *w, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		close(w[i].fds[0]);
	free(w);
}

static struct stress_worker *open_workers(struct stress *s, struct zbctl *z)
{
	struct stress_worker *w = calloc(s->nr_threads, sizeof(*w));

	if (!w) {
		zb_err("stress: out of memory");
		return NULL;
	}
	for (unsigned int i = 0; i < s->nr_threads; i++) {
		w[i].s = s;
		w[i].id = i;
		w[i].rng = stress_mix(s->seed ^ stress_mix(i));
		w[i].nr_fds = 1 + i % 2;
		w[i].fds[0] = dev_open(z);
		if (w[i].fds[0] < 0) {
			close_workers(w, i);
			return NULL;
		}
		if (i % 2)
			w[i].fds[1] = w[i - 1].fds[0];
	}
	return w;
}

static unsigned int start_workers(struct stress *s, struct stress_worker *w)
{
	unsigned int i;
	int err;

	for (i = 0; i < s->nr_threads; i++) {
		s->running++;
		err = pthread_create(&w[i].thread, NULL, stress_worker, &w[i]);
		if (!err)
			continue;
		s->running--;
		s->failed = true;
		s->state = STRESS_ABORT;
		zb_err("stress: cannot start thread %u: %s: try fewer --threads",
		       i, strerror(err));
		break;
	}
	return i;
}

static void progress(const struct stress *s, struct stress_worker *w,
		     double seconds)
{
	struct totals t = add_up(w, s->nr_threads);

	fprintf(stderr, "\rstress: %.0f s, %llu ops, %.0f ops/s, %llu buffers, %s \033[K",
		seconds, t.ops, seconds > 0 ? (double)t.ops / seconds : 0,
		t.live, size_text(t.live_bytes));
}

/* Wait until all workers have ended; ask them to at the time limit and at Ctrl-C. */
static void watch(struct stress *s, struct stress_worker *w,
		  const sigset_t *signals, double seconds)
{
	struct timespec tick = { .tv_nsec = 50000000 };
	bool tty = isatty(STDERR_FILENO);
	double start = now_seconds();
	double shown = start, now;

	while (s->running) {
		if (sigtimedwait(signals, NULL, &tick) > 0)
			s->state += s->state != STRESS_ABORT;
		now = now_seconds();
		if (seconds >= 0 && now - start >= seconds &&
		    s->state == STRESS_RUN)
			s->state = STRESS_END;
		if (tty && now - shown >= 1 && s->running) {
			progress(s, w, now - start);
			shown = now;
		}
	}
	if (tty && shown > start)
		fprintf(stderr, "\r\033[K");
}

static void print_summary(const struct stress *s, const struct totals *t,
			  double seconds, __u64 before, __u64 after)
{
	printf("seed %llu, %u threads, %.1f s: %llu ops, %.0f ops/s\n",
	       s->seed, s->nr_threads, seconds, t->ops,
	       seconds > 0 ? (double)t->ops / seconds : 0);
	for (unsigned int i = 0; i < NR_STRESS_OPS; i++)
		printf("  %-13s %12llu\n", op_names[i], t->by_op[i]);
	printf("  %-13s %12llu\n", "ENOMEM", t->enomem);
	printf("  %-13s %12llu  (%s)\n", "verified", t->verified,
	       size_text(t->verified));
	printf("  %-13s %12s  before %s\n", "free now", size_text(after),
	       size_text(before));
	printf("stress: %s\n", s->failed ? "FAILED" : "ok");
}

static void json_summary(const struct stress *s, const struct totals *t,
			 double seconds, __u64 before, __u64 after)
{
	js_open(NULL, '{');
	js_bool("ok", !s->failed);
	js_u64("seed", s->seed);
	js_u64("threads", s->nr_threads);
	js_u64("milliseconds", (__u64)(seconds * 1000));
	js_u64("ops", t->ops);
	for (unsigned int i = 0; i < NR_STRESS_OPS; i++)
		js_u64(op_names[i], t->by_op[i]);
	js_u64("enomem", t->enomem);
	js_u64("bytes_verified", t->verified);
	js_u64("free_bytes_before", before);
	js_u64("free_bytes_after", after);
	js_close('}');
}

/* With --ops and without --seconds, there is no time limit. */
static double time_limit(const struct zbctl *z)
{
	if (z->given & OPT(SECONDS))
		return (double)z->seconds;
	return z->given & OPT(OPS) ? -1 : DEFAULT_SECONDS;
}

static void block_for_watch(sigset_t *set)
{
	struct sigaction fault = { .sa_handler = stress_fault };

	sigaction(SIGBUS, &fault, NULL);
	sigaction(SIGSEGV, &fault, NULL);
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, set, NULL);
}

static void run_all(struct stress *s, struct stress_worker *w, double limit)
{
	unsigned int started;
	sigset_t signals;

	block_for_watch(&signals);
	started = start_workers(s, w);
	watch(s, w, &signals, limit);
	for (unsigned int i = 0; i < started; i++)
		pthread_join(w[i].thread, NULL);
}

int cmd_stress(struct zbctl *z)
{
	struct zb_ioc_info before, after;
	struct stress_worker *w;
	struct totals t;
	struct stress s;
	double start;
	int rc, err;

	rc = stress_init(&s, z, &before);
	if (rc)
		return rc;
	w = open_workers(&s, z);
	if (!w)
		return ZBCTL_FAILED;
	start = now_seconds();
	run_all(&s, w, time_limit(z));
	start = now_seconds() - start;
	t = add_up(w, s.nr_threads);
	close_workers(w, s.nr_threads);
	err = dev_info(z->fd, &after);
	if (err)
		return info_err(z, -err);
	if (z->json)
		json_summary(&s, &t, start, before.free_bytes, after.free_bytes);
	else
		print_summary(&s, &t, start, before.free_bytes,
			      after.free_bytes);
	return s.failed ? ZBCTL_FAILED : ZBCTL_OK;
}
