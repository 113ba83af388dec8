// SPDX-License-Identifier: GPL-2.0
/*
 * Large allocations while 90 % of the memory is in use by a movable load: how many succeed, and
 * how long they take.
 *
 *	host	anonymous pages of one node; alloc_contig_pages(), and blocks as for a transparent
 *		huge page (contig.c)
 *	ours	buffers of orders 0 to 4; a range, and a block of the same order
 *	waits	requests that wait, while zbctl stress uses 70 % of the memory
 *
 * Before each attempt, the load grows to 97 % of the memory, so that what the last attempt has
 * made free is in use again, and shrinks to 90 % at random. Times are instructions under qemu's
 * icount; the requests clear the memory, the kernel's as well.
 *
 * usage: bench_ranges host|ours|waits TRIES
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"

#define PAGE		4096ul
#define RANGE		(32ul << 20)
#define HUGE_ORDER	9u
#define MAX_TRIES	10000u
#define NODE		1
#define PARAMETERS	"/sys/module/zb_bench/parameters/"
#define LOAD_GFP	((ZB_GFP_HIGHUSER_MOVABLE & ~__ZB_GFP_RECLAIM) | __ZB_GFP_NOWARN)
#define WANT_GFP	(ZB_GFP_HIGHUSER_MOVABLE | __ZB_GFP_NOWARN)
#define NR_ORDERS	5u
#define MPOL_BIND	2

static __u64 times[MAX_TRIES];
static unsigned int tries;
static __u64 seed = 1;

/* Lines for the success ratio and the percentiles of @nr attempts, of which @got succeeded. */
static void report(const char *row, const char *who, unsigned int nr, unsigned int got)
{
	static const struct { const char *name; double part; } points[] = {
		{ "p50", 0.50 }, { "p99", 0.99 }, { "max", 1 },
	};
	double percent = 100.0 * got / nr;

	qsort(times, nr, sizeof(*times), by_size);
	printf("%s.success,%s,percent,%.2f,%.2f,%.2f,%u\n", row, who, percent, percent, percent,
	       nr);
	for (unsigned int i = 0; i < 3; i++) {
		unsigned int at = (unsigned int)(points[i].part * (nr - 1));

		printf("%s.%s,%s,time,%llu,%llu,%llu,%u\n", row, points[i].name, who, times[at],
		       times[at], times[at], nr);
	}
	fflush(stdout);
}

/*
 * The load of the host: pages at @base, of which those with a byte in @present exist.
 */
struct pages {
	char *base;
	char *present;
	unsigned long nr;
	unsigned long used;
};

static unsigned long node_free_pages(void)
{
	FILE *f = fopen("/sys/devices/system/node/node1/meminfo", "r");
	unsigned long kib = 0;
	char line[128];

	if (!f)
		fail("node1/meminfo");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Node %*d MemFree: %lu", &kib) == 1)
			break;
	fclose(f);
	return kib / 4;
}

static void touch(struct pages *p, unsigned long page)
{
	p->used += !p->present[page];
	p->present[page] = 1;
	p->base[page * PAGE] = 1;
}

static void drop(struct pages *p, unsigned long page)
{
	if (!p->present[page])
		return;
	if (madvise(p->base + page * PAGE, PAGE, MADV_DONTNEED))
		fail("madvise");
	p->present[page] = 0;
	p->used--;
}

static void map_pages(struct pages *p)
{
	unsigned long mask = 1ul << NODE;

	*p = (struct pages){ .nr = node_free_pages() / 100 * 97 };
	p->present = calloc(p->nr, 1);
	p->base = mmap(NULL, p->nr * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p->base == MAP_FAILED || !p->present)
		fail("memory for the load");
	madvise(p->base, p->nr * PAGE, MADV_NOHUGEPAGE);
	if (syscall(SYS_mbind, p->base, p->nr * PAGE, MPOL_BIND, &mask, 8 * sizeof(mask), 0))
		fail("mbind");
}

/* Have @wanted pages; those that are dropped are chosen at random. */
static void adjust_pages(struct pages *p, unsigned long wanted)
{
	unsigned long i;

	while (p->used > wanted)
		drop(p, zb_random(&seed) % p->nr);
	for (i = 0; i < p->nr && p->used < wanted; i++)
		if (!p->present[i])
			touch(p, i);
}

static unsigned int ask_kernel(const char *parameter, const char *value, __u64 *took)
{
	char path[128], text[64] = "";
	unsigned int got;
	FILE *f;

	snprintf(path, sizeof(path), PARAMETERS "%s", parameter);
	f = fopen(path, "w");
	if (!f || fputs(value, f) < 0 || fclose(f))
		fail(path);
	f = fopen(path, "r");
	if (!f || !fgets(text, sizeof(text), f) || sscanf(text, "%u %llu", &got, took) != 2)
		fail(path);
	fclose(f);
	return got;
}

static void host(void)
{
	static const struct { const char *row, *parameter, *value; } what[] = {
		{ "range", "contig", "8192" }, { "huge", "huge", "9" },
	};
	unsigned long all, wanted;
	unsigned int i, k, got;
	struct pages p;

	map_pages(&p);
	all = p.nr * 100 / 97;
	wanted = all * 90 / 100;
	for (k = 0; k < 2; k++) {
		for (i = got = 0; i < tries; i++) {
			adjust_pages(&p, p.nr);
			adjust_pages(&p, wanted);
			got += ask_kernel(what[k].parameter, what[k].value, &times[i]);
		}
		report(what[k].row, "host", tries, got);
	}
	printf("# host: %lu of %lu pages in use\n", p.used, all);
}

/* The load of zbuddy. */
struct buffers {
	__u32 *handles;
	__u8 *orders;
	unsigned long nr;
	unsigned long room;
	unsigned long used;
};

static bool add_buffer(struct buffers *b)
{
	__u32 order = zb_random(&seed) % NR_ORDERS;
	struct zb_ioc_alloc a;

	while (zb_alloc_order(dev, order, LOAD_GFP, &a))
		if (!order--)
			return false;
	if (b->nr == b->room)
		fail("too many buffers");
	b->handles[b->nr] = a.handle;
	b->orders[b->nr++] = (__u8)order;
	b->used += 1ul << order;
	return true;
}

static void free_buffer(struct buffers *b, unsigned long i)
{
	if (zb_free(dev, b->handles[i]))
		fail("FREE");
	b->used -= 1ul << b->orders[i];
	b->nr--;
	b->handles[i] = b->handles[b->nr];
	b->orders[i] = b->orders[b->nr];
}

static void adjust_buffers(struct buffers *b, unsigned long wanted)
{
	while (b->used > wanted)
		free_buffer(b, zb_random(&seed) % b->nr);
	while (b->used < wanted)
		if (!add_buffer(b))
			fail("the load does not fit");
}

static unsigned int request(bool range, __u64 *took)
{
	struct zb_ioc_alloc a = range ? zb_want_length(RANGE, WANT_GFP) :
					zb_want_order(HUGE_ORDER, WANT_GFP);
	__u64 begun;
	int rc;

	if (range)
		a.flags |= ZB_BUF_RANGE;
	begun = now();
	rc = zb_ioctl(dev, ZB_IOC_ALLOC, &a);
	*took = now() - begun;
	if (!rc && zb_free(dev, a.handle))
		fail("FREE");
	return !rc;
}

static void ours(void)
{
	struct zb_ioc_info info;
	unsigned int i, k, got;
	unsigned long all, wanted;
	struct buffers b = {};

	if (zb_info(dev, &info))
		fail("INFO");
	all = info.total_bytes / PAGE;
	b.room = all;
	b.handles = calloc(b.room, sizeof(*b.handles));
	b.orders = calloc(b.room, 1);
	if (!b.handles || !b.orders)
		fail("memory for a list of buffers");
	wanted = all * 90 / 100;
	for (k = 0; k < 2; k++) {
		for (i = got = 0; i < tries; i++) {
			adjust_buffers(&b, all / 100 * 97);
			adjust_buffers(&b, wanted);
			got += request(!k, &times[i]);
		}
		report(k ? "huge" : "range", "ours", tries, got);
	}
	printf("# ours: %lu of %lu pages in use, in %lu buffers\n", b.used, all, b.nr);
}

static volatile bool done;
static __u64 slowest;

/* Small requests that wait, and the longest of these waits. */
static void *small_ones(void *unused)
{
	int fd = zb_open();

	(void)unused;
	while (!done) {
		struct zb_ioc_alloc a;
		__u64 begun = zb_now_ns();

		if (!zb_alloc_until(fd, 0, ZB_GFP_USER, zb_deadline(20000000000ull), &a))
			zb_free(fd, a.handle);
		if (zb_now_ns() - begun > slowest)
			slowest = zb_now_ns() - begun;
		usleep(1000);
	}
	close(fd);
	return NULL;
}

static pid_t start_stress(void)
{
	pid_t pid = fork();

	if (!pid) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, 1);
		dup2(null, 2);
		execlp("zbctl", "zbctl", "stress", "--fill", "70", "--seconds", "3600",
		       "--threads", "2", NULL);
		_exit(1);
	}
	if (pid < 0)
		fail("fork");
	return pid;
}

static void say_ms(const char *row, __u64 ns)
{
	printf("%s,ours,ms,%.2f,%.2f,%.2f,%u\n", row, (double)ns / 1e6, (double)ns / 1e6,
	       (double)ns / 1e6, tries);
	fflush(stdout);
}

static void waits(void)
{
	pid_t stress = start_stress();
	unsigned int i, got;
	pthread_t thread;
	char row[32];
	__u32 order;

	sleep(5);
	if (pthread_create(&thread, NULL, small_ones, NULL))
		fail("a thread");
	for (order = 10; order <= 11; order++) {
		for (i = got = 0; i < tries; i++) {
			struct zb_ioc_alloc a;
			__u64 begun = zb_now_ns();

			if (!zb_alloc_until(dev, order, ZB_GFP_USER, zb_deadline(20000000000ull),
					    &a)) {
				got++;
				zb_free(dev, a.handle);
			}
			times[i] = zb_now_ns() - begun;
		}
		qsort(times, tries, sizeof(*times), by_size);
		printf("wait.%u.success,ours,percent,%.2f,%.2f,%.2f,%u\n", order,
		       100.0 * got / tries, 100.0 * got / tries, 100.0 * got / tries, tries);
		snprintf(row, sizeof(row), "wait.%u.p50", order);
		say_ms(row, times[tries / 2]);
		snprintf(row, sizeof(row), "wait.%u.max", order);
		say_ms(row, times[tries - 1]);
	}
	done = true;
	pthread_join(thread, NULL);
	say_ms("wait.small.max", slowest);
	kill(stress, SIGKILL);
	waitpid(stress, NULL, 0);
}

int main(int argc, char **argv)
{
	if (argc == 3)
		tries = (unsigned int)atoi(argv[2]);
	if (!tries || tries > MAX_TRIES) {
		fprintf(stderr, "usage: %s host|ours|waits TRIES   1 to %u\n", argv[0], MAX_TRIES);
		return 2;
	}
	dev = zb_open();
	if (dev < 0)
		fail(ZB_DEV);
	if (!strcmp(argv[1], "host"))
		host();
	else if (!strcmp(argv[1], "ours"))
		ours();
	else
		waits();
	return 0;
}
