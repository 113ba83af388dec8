// SPDX-License-Identifier: GPL-2.0
/*
 * Random programs (fuzz_ops.h) use the device, in several processes that share an open
 * file; processes are killed at random times and restarted. At the end, all memory must
 * be free and the allocator's consistency check must pass.
 *
 *	fuzz_test [SECONDS [SEED]]
 *
 * If the kernel has KCOV and the module was built with it, programs that reach new code
 * are kept, and half of the further programs are variations of them.
 */
#include "fuzz_admin.h"
#include "fuzz_files.h"

#include <sys/prctl.h>
#include <sys/time.h>

#define NR_WORKERS	4u
#define MAX_CORPUS	256u
#define NR_COVER	(1u << 16)	/* program counters recorded per program */
#define NR_SEEN		(1u << 20)	/* bits, indexed by the low bits of the program counter */
#define STUCK_SECONDS	10
#define NOBODY		65534

/* <linux/kcov.h> is not always installed. */
#define FUZZ_KCOV_INIT		_IOR('c', 1, unsigned long)
#define FUZZ_KCOV_ENABLE	_IO('c', 100)
#define FUZZ_KCOV_DISABLE	_IO('c', 101)

static unsigned int seconds = 3;
static __u64 seed = 1;

/* In shared memory, because it outlives the process. */
struct worker {
	__u64 seed;
	unsigned long programs, ops, good, refused, kept;
	unsigned int nr_corpus;
	struct program corpus[MAX_CORPUS];
};

static struct shared {
	volatile bool stop;
	unsigned long seen_bits;
	unsigned char seen[NR_SEEN / 8];
	struct worker worker[NR_WORKERS];
} *shared;

/* --- coverage ----------------------------------------------------------------------- */

static struct {
	int fd;
	unsigned long *pc;	/* pc[0] is the number of entries */
} cover = { .fd = -1 };

static void cover_open(void)
{
	cover.fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (cover.fd < 0)
		return;
	if (ioctl(cover.fd, FUZZ_KCOV_INIT, NR_COVER))
		goto none;
	cover.pc = mmap(NULL, NR_COVER * sizeof(long), PROT_READ | PROT_WRITE,
			MAP_SHARED, cover.fd, 0);
	if ((void *)cover.pc == MAP_FAILED || ioctl(cover.fd, FUZZ_KCOV_ENABLE, 0))
		goto none;
	return;

none:
	close(cover.fd);
	cover.fd = -1;
}

static void cover_begin(void)
{
	if (cover.fd >= 0)
		__atomic_store_n(&cover.pc[0], 0, __ATOMIC_RELAXED);
}

/* True if the program reached code that no process had reached before. */
static bool cover_end(void)
{
	unsigned long i, nr, pc;
	unsigned char bit;
	bool is_new = false;

	if (cover.fd < 0)
		return false;
	nr = __atomic_load_n(&cover.pc[0], __ATOMIC_RELAXED);
	for (i = 1; i <= nr && i < NR_COVER; i++) {
		pc = cover.pc[i] % NR_SEEN;
		bit = (unsigned char)(1 << pc % 8);
		if (__atomic_fetch_or(&shared->seen[pc / 8], bit, __ATOMIC_RELAXED) & bit)
			continue;
		__atomic_fetch_add(&shared->seen_bits, 1, __ATOMIC_RELAXED);
		is_new = true;
	}
	return is_new;
}

/* --- programs ----------------------------------------------------------------------- */

static void make_program(struct worker *w, struct program *p)
{
	unsigned int i;

	p->len = 32 + (unsigned int)(zb_random(&w->seed) % (MAX_PROGRAM - 31));
	for (i = 0; i < p->len; i++)
		p->byte[i] = (unsigned char)(zb_random(&w->seed) >> 32);
}

/* Change some bytes of a kept program, or append the end of another one to its beginning. */
static void vary_program(struct worker *w, struct program *p)
{
	const struct program *other = &w->corpus[zb_random(&w->seed) % w->nr_corpus];
	unsigned int i, at, len, nr = 1 + (unsigned int)(zb_random(&w->seed) % 8);

	*p = w->corpus[zb_random(&w->seed) % w->nr_corpus];
	if (zb_random(&w->seed) % 3 == 0) {
		len = p->len < other->len ? p->len : other->len;
		at = (unsigned int)(zb_random(&w->seed) % len);
		memcpy(p->byte + at, other->byte + at, other->len - at);
		p->len = other->len;
	}
	for (i = 0; i < nr; i++)
		p->byte[zb_random(&w->seed) % p->len] = (unsigned char)(zb_random(&w->seed) >> 32);
}

static void keep_program(struct worker *w, const struct program *p)
{
	unsigned int i = w->nr_corpus;

	if (i == MAX_CORPUS)
		i = (unsigned int)(zb_random(&w->seed) % MAX_CORPUS);
	else
		w->nr_corpus++;
	w->corpus[i] = *p;
	w->kept++;
}

static void fuzz_fork(void);

static void fuzz_step(void)
{
	static const struct { void (*fn)(void); unsigned int often; } what[] = {
		{ fuzz_alloc, 20 }, { fuzz_free, 10 }, { fuzz_query, 4 }, { fuzz_bulk_alloc, 2 },
		{ fuzz_bulk_free, 2 },
		{ fuzz_info, 2 }, { fuzz_label, 2 }, { fuzz_phys, 1 }, { fuzz_sync, 2 },
		{ fuzz_discard, 6 }, { fuzz_resize, 1 }, { fuzz_empty, 1 },
		{ fuzz_explain, 2 }, { fuzz_export, 6 }, { fuzz_to_file, 4 },
		{ fuzz_from_file, 6 }, { fuzz_file_io, 4 }, { fuzz_any_ioctl, 2 }, { fuzz_open, 5 },
		{ fuzz_close, 3 }, { fuzz_dup, 3 }, { fuzz_poll, 1 }, { fuzz_dmabuf, 2 },
		{ fuzz_mmap, 14 }, { fuzz_munmap, 5 }, { fuzz_mremap, 3 },
		{ fuzz_advise, 4 }, { fuzz_protect, 4 }, { fuzz_touch, 6 }, { fuzz_pin, 4 },
		{ fuzz_debugfs, 2 }, { fuzz_param, 1 }, { fuzz_fork, 1 },
	};
	unsigned int i, dice, sum = 0;

	for (i = 0; i < ARRAY_SIZE(what); i++)
		sum += what[i].often;
	dice = pick(sum);
	for (i = 0; dice >= what[i].often; i++)
		dice -= what[i].often;
	what[i].fn();
}

/* Fork a child that continues the program for some steps; it exits, or is killed. */
static void fuzz_fork(void)
{
	unsigned int steps = pick(4);
	bool kill_it = pick(2);
	pid_t pid, parent = getpid();
	int status;

	pid = fork();
	if (counted(pid) < 0)
		return;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* exit if the parent was killed before this process could notice by a signal */
		if (getppid() != parent)
			_exit(0);
		while (steps-- || kill_it)
			fuzz_step();
		_exit(0);
	}
	if (kill_it)
		kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

/* A program begins with the shared file only. */
static void begin_program(const struct program *p)
{
	unsigned int i;

	z.program = p;
	z.used = 0;
	for (i = 1; i < NR_FDS; i++)
		z.fd[i] = -1;
	for (i = 0; i < NR_DMABUFS; i++)
		z.dmabuf[i] = -1;
	memset(z.map, 0, sizeof(z.map));
	memset(z.buf, 0, sizeof(z.buf));
	if (pipe2(z.pipe, O_CLOEXEC | O_NONBLOCK))
		_exit(3);
}

static char saved[ARRAY_SIZE(fuzz_params)][128];

static void put_params_back(void)
{
	char path[128];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fuzz_params); i++) {
		snprintf(path, sizeof(path), ZB_PARAMETERS "%s", fuzz_params[i]);
		zb_write_file(path, saved[i]);
	}
}

static void save_params(void)
{
	char path[128];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fuzz_params); i++) {
		snprintf(path, sizeof(path), ZB_PARAMETERS "%s", fuzz_params[i]);
		zb_read_file(path, saved[i], sizeof(saved[i]));
	}
}

/* Close files and remove mappings in random order, including those not tracked any more. */
static void end_program(int first_free)
{
	unsigned int i, dice = pick(256);

	for (i = 0; i < NR_MAPS; i++)
		if (dice & 1)
			unmap(&z.map[(i + dice) % NR_MAPS]);
	syscall(SYS_close_range, first_free, ~0u, 0);
	for (i = 0; i < NR_MAPS; i++)
		unmap(&z.map[i]);
	if (z.tuned)
		put_params_back();
	z.tuned = false;
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* Interrupt all interruptible waits after 20 ms. */
static void tick(void)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval often = { { 0, 20000 }, { 0, 20000 } };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

static void make_places(void)
{
	struct zb_ioc_alloc good = zb_want_order(0, ZB_GFP_ANYZONE);

	z.room = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	z.readonly = mmap(NULL, 3 * z.page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if ((void *)z.room == MAP_FAILED || (void *)z.readonly == MAP_FAILED)
		_exit(3);
	memcpy(z.readonly, &good, sizeof(good));
	mprotect(z.readonly, z.page, PROT_READ);
	z.edge = z.readonly + 2 * z.page;
	munmap(z.edge, z.page);
}

static void work(struct worker *w, unsigned int number)
{
	struct program p;
	int first_free;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	make_places();
	cover_open();
	first_free = dup(0);
	close(first_free);
	/* one process is unprivileged: no reserves, no physical addresses, no debugfs */
	if (number == NR_WORKERS - 1 && setresuid(NOBODY, NOBODY, NOBODY))
		_exit(3);
	tick();
	while (!shared->stop) {
		if (w->nr_corpus && zb_random(&w->seed) % 2)
			vary_program(w, &p);
		else
			make_program(w, &p);
		cover_begin();
		begin_program(&p);
		while (z.used < p.len)
			fuzz_step();
		end_program(first_free);
		if (cover_end())
			keep_program(w, &p);
		w->ops += z.ops;
		w->good += z.good;
		w->refused += z.refused;
		z.ops = 0;
		z.good = 0;
		z.refused = 0;
		__atomic_fetch_add(&w->programs, 1, __ATOMIC_RELAXED);
	}
	_exit(0);
}

/* --- supervision ---------------------------------------------------------------------- */

/* A worker as its parent sees it: how many programs it had run, and since when. */
static struct guard {
	pid_t pid;
	unsigned long programs;
	__u64 since;
} guard[NR_WORKERS];

static unsigned long killed, stuck;

static void start(unsigned int i)
{
	fflush(stdout);
	guard[i].pid = fork();
	guard[i].programs = shared->worker[i].programs;
	guard[i].since = zb_now_ns();
	if (!guard[i].pid)
		work(&shared->worker[i], i);
}

/* A killed process must exit, whatever it was doing. */
static bool end_of(pid_t pid)
{
	int ms, status;

	for (ms = 0; ms < 30000; ms += 10) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return true;
		zb_sleep_ms(10);
	}
	return false;
}

/* The same for its children. */
static bool all_gone(void)
{
	int ms;

	for (ms = 0; ms < 30000; ms += 10) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (waitpid(-1, NULL, WNOHANG) < 0)
			return true;
		zb_sleep_ms(10);
	}
	return false;
}

static bool kill_and_restart(unsigned int i)
{
	kill(guard[i].pid, SIGKILL);
	if (!end_of(guard[i].pid))
		return false;
	start(i);
	return true;
}

/* True if a process makes no progress, e.g. because of a request with ZB_WAIT_FOREVER. */
static bool is_stuck(unsigned int i)
{
	unsigned long programs = __atomic_load_n(&shared->worker[i].programs, __ATOMIC_RELAXED);

	if (programs != guard[i].programs) {
		guard[i].programs = programs;
		guard[i].since = zb_now_ns();
	}
	return zb_now_ns() - guard[i].since > STUCK_SECONDS * zb_time_scale() * 1000000000ull;
}

static void look_after(struct __test_metadata *_metadata, __u64 *random)
{
	unsigned int i = (unsigned int)(zb_random(random) % NR_WORKERS), k;
	int status;

	zb_sleep_ms((long)(zb_random(random) % 50));
	if (zb_random(random) % 8 == 0) {
		killed++;
		ASSERT_TRUE(kill_and_restart(i));
	}
	for (k = 0; k < NR_WORKERS; k++) {
		if (waitpid(guard[k].pid, &status, WNOHANG) == guard[k].pid) {
			ASSERT_EQ(0, status);
			start(k);
		} else if (is_stuck(k)) {
			stuck++;
			ASSERT_TRUE(kill_and_restart(k));
		}
	}
	if (zb_random(random) % 32 == 0)
		EXPECT_TRUE(zb_check_ok());
}

static bool all_at_work(void)
{
	unsigned int i;

	for (i = 0; i < NR_WORKERS; i++)
		if (!__atomic_load_n(&shared->worker[i].programs, __ATOMIC_RELAXED))
			return false;
	return true;
}

static void report(struct __test_metadata *_metadata)
{
	struct worker sum = { .programs = 0 };
	unsigned int i;

	for (i = 0; i < NR_WORKERS; i++) {
		sum.programs += shared->worker[i].programs;
		sum.ops += shared->worker[i].ops;
		sum.good += shared->worker[i].good;
		sum.refused += shared->worker[i].refused;
		sum.kept += shared->worker[i].kept;
	}
	EXPECT_GT(sum.good, 0);
	TH_LOG("seed %llu: %lu programs, %lu operations (%lu failed); %lu processes killed, %lu of them stuck",
	       seed, sum.programs, sum.ops, sum.refused, killed + stuck, stuck);
	if (shared->seen_bits)
		TH_LOG("%lu basic blocks of the module reached, %lu programs kept",
		       shared->seen_bits, sum.kept);
	else
		TH_LOG("no coverage: no KCOV in the kernel, or the module was built without it");
}

TEST_F_TIMEOUT(zbuddy, random_programs, 100000)
{
	__u64 random = seed, end;
	unsigned int i;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)shared);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	z.page = self->page;
	z.fd[0] = zb_open();
	ASSERT_GE(z.fd[0], 0);
	save_params();
	TH_LOG("to reproduce: fuzz_test %u %llu", seconds, seed);
	for (i = 0; i < NR_WORKERS; i++) {
		shared->worker[i].seed = (seed + 1) * 1000003 + i;
		start(i);
	}
	/* continue a little longer on slow machines until each process has run a program */
	for (end = zb_now_ns() + seconds * 1000000000ull; zb_now_ns() < end ||
	     (!all_at_work() && zb_now_ns() < end + 60000000000ull);)
		look_after(_metadata, &random);
	EXPECT_TRUE(all_at_work());
	shared->stop = true;
	zb_sleep_ms(200);
	for (i = 0; i < NR_WORKERS; i++) {
		kill(guard[i].pid, SIGKILL);
		EXPECT_TRUE(end_of(guard[i].pid));
	}
	EXPECT_TRUE(all_gone());
	put_params_back();
	close(z.fd[0]);
	report(_metadata);
	EXPECT_EQ(self->free, zb_await_free(self->fd, self->free));
	EXPECT_TRUE(zb_check_ok());
}

int main(int argc, char **argv)
{
	if (argc > 1 && atoi(argv[1]) > 0)
		seconds = (unsigned int)atoi(argv[1]);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 0);
	return test_harness_run(1, argv);
}
