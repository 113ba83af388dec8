// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

/* Long enough for slow machines: it only serves to detect hangs. $UNIT_TIMEOUT overrides it. */
#define TIMEOUT_SECONDS	300

#define MAX_SHOWN	20	/* maximum number of failures printed per test */

_Thread_local unsigned int zb_env_cpu;
struct zb_env_grace zb_env_grace[ZB_ENV_MAX_CPUS];
_Thread_local int zb_env_node;
unsigned int zb_env_nr_cpus = 1;
_Thread_local zb_env_hook_fn zb_env_hook;
_Thread_local zb_env_trace_fn zb_env_trace_hook;
_Thread_local unsigned int zb_env_irqs_off;
_Thread_local unsigned long zb_env_rescheds;
_Thread_local unsigned int zb_env_pinned;

u64 unit_seed = 1;

/* Shared memory, by which the process of a test reports to the parent even if it crashes. */
static struct shared {
	unsigned long failures;
	u64 replay;
	bool has_replay;
	char skipped[100];
} unshared, *shared = &unshared;

static struct unit_test *first, **last = &first;
static const char *program;

/**
 * zb_env_synchronize() - wait for a grace period: all pinned CPUs have been unpinned
 *
 * Context: the calling CPU is not pinned.
 */
void zb_env_synchronize(void)
{
	unsigned long seq, *now;
	unsigned int cpu;

	for (cpu = 0; cpu < zb_env_nr_cpus; cpu++) {
		now = &zb_env_grace[cpu].seq;
		seq = __atomic_fetch_add(now, 0, __ATOMIC_ACQ_REL);
		while (seq % 2 && __atomic_load_n(now, __ATOMIC_ACQUIRE) == seq)
			sched_yield();
	}
}

/**
 * unit_register() - append a test to the list; called by TEST() before main()
 * @test: the test
 */
void unit_register(struct unit_test *test)
{
	*last = test;
	last = &test->next;
}

/**
 * unit_note() - print a diagnostic
 * @format: as for printf(), without a newline
 */
void unit_note(const char *format, ...)
{
	va_list args;

	flockfile(stdout);
	va_start(args, format);
	printf("# ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
	funlockfile(stdout);
	fflush(stdout);
}

/**
 * unit_fail() - record a failure
 * @file: source file
 * @line: line number
 * @format: message; as for printf(), without a newline
 */
void unit_fail(const char *file, int line, const char *format, ...)
{
	char text[512];
	va_list args;

	if (__atomic_add_fetch(&shared->failures, 1, __ATOMIC_RELAXED) > MAX_SHOWN)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	unit_note("%s:%d: %s", file, line, text);
}

/**
 * unit_equal() - implementation of EXPECT_EQ()
 * @file: source file
 * @line: line number
 * @text: source text of the comparison
 * @found: actual value
 * @expected: expected value
 *
 * Return: true if they are equal.
 */
bool unit_equal(const char *file, int line, const char *text,
		unsigned long long found, unsigned long long expected)
{
	if (found != expected)
		unit_fail(file, line, "%s: found %lld (0x%llx), expected %lld (0x%llx)",
			  text, (long long)found, found, (long long)expected,
			  expected);
	return found == expected;
}

/**
 * unit_give_up() - abort the test
 *
 * Uses _exit() because memory allocated in the middle of a test is not a leak. The fuzzer
 * has its own version (../fuzz/core/core_fuzz.c).
 */
void __attribute__((weak)) unit_give_up(void)
{
	fflush(stdout);
	_exit(1);
}

/**
 * unit_skip() - end a test that can't run here
 * @why: the reason, which the report shows
 */
void unit_skip(const char *why)
{
	if (unit_failures())
		unit_give_up();
	snprintf(shared->skipped, sizeof(shared->skipped), "%s", why);
	fflush(stdout);
	_exit(0);
}

/**
 * unit_failures() - count the failures of this test so far
 *
 * Return: number of failures.
 */
unsigned long unit_failures(void)
{
	return __atomic_load_n(&shared->failures, __ATOMIC_RELAXED);
}

/**
 * unit_replay_with() - set the seed that reproduces the following operations
 * @seed: printed if the test fails or crashes
 */
void unit_replay_with(u64 seed)
{
	shared->replay = seed;
	shared->has_replay = true;
}

/* Make a title like "pageblock: give merges to the top". */
static void title(const struct unit_test *test, char *text, size_t size)
{
	const char *slash = strrchr(test->file, '/');
	const char *file = slash ? slash + 1 : test->file;
	const char *end = strstr(file, "_test");
	char *c;

	snprintf(text, size, "%.*s: %s", end ? (int)(end - file) : 0, file,
		 test->name);
	for (c = text; *c; c++)
		if (*c == '_')
			*c = ' ';
}

static void run_child(const struct unit_test *test)
{
	const char *timeout = getenv("UNIT_TIMEOUT");

	alarm(timeout ? (unsigned int)strtoul(timeout, NULL, 10) : TIMEOUT_SECONDS);
	unit_srandom(unit_seed);
	test->fn();
	fflush(stdout);
	/* not _exit(), because sanitizers check for leaks and gcov writes its counters */
	exit(unit_failures() ? 1 : 0);
}

static bool run(const struct unit_test *test, unsigned int number)
{
	char text[256];
	int status;
	pid_t pid;

	title(test, text, sizeof(text));
	*shared = (struct shared){ .failures = 0 };
	fflush(stdout);
	pid = fork();
	if (!pid)
		run_child(test);
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		unit_note("can't run the test: %s", strerror(errno));
		status = -1;
	}
	if (status == 0) {
		printf("ok %u - %s%s%s\n", number, text, *shared->skipped ? " # SKIP " : "",
		       shared->skipped);
		return true;
	}
	if (pid > 0 && WIFSIGNALED(status))
		unit_note("killed by signal %d (%s)", WTERMSIG(status),
			  strsignal(WTERMSIG(status)));
	else if (pid > 0)
		unit_note("exit status %d, %lu failures", WEXITSTATUS(status),
			  shared->failures);
	if (shared->has_replay)
		unit_note("to reproduce: ZB_PROPERTY_RUNS=1 %s --filter '%s' --seed %llu",
			  program, text, (unsigned long long)shared->replay);
	else
		unit_note("to reproduce: %s --filter '%s' --seed %llu", program,
			  text, (unsigned long long)unit_seed);
	printf("not ok %u - %s\n", number, text);
	return false;
}

static bool wanted(const struct unit_test *test, const char *filter)
{
	char text[256];

	title(test, text, sizeof(text));
	return !filter || strstr(text, filter);
}

static void list(const char *filter)
{
	const struct unit_test *test;
	char text[256];

	for (test = first; test; test = test->next) {
		title(test, text, sizeof(text));
		if (wanted(test, filter))
			puts(text);
	}
}

static int run_all(const char *filter)
{
	unsigned int nr = 0, good = 0, skipped = 0, number = 0;
	const struct unit_test *test;

	for (test = first; test; test = test->next)
		nr += wanted(test, filter);
	printf("TAP version 13\n1..%u\n", nr);
	unit_note("seed %llu", (unsigned long long)unit_seed);
	for (test = first; test; test = test->next)
		if (wanted(test, filter)) {
			good += run(test, ++number);
			skipped += *shared->skipped != 0;
		}
	if (skipped)
		unit_note("%u passed, %u failed, %u skipped", good - skipped, nr - good, skipped);
	else
		unit_note("%u passed, %u failed", good, nr - good);
	return good == nr && nr ? 0 : 1;
}

static int usage(void)
{
	fprintf(stderr, "usage: %s [--list] [--filter SUBSTR] [--seed N]\n",
		program);
	return 2;
}

int main(int argc, char **argv)
{
	const char *filter = NULL;
	bool only_list = false;
	int i;

	program = argv[0];
	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--list"))
			only_list = true;
		else if (!strcmp(argv[i], "--filter") && i + 1 < argc)
			filter = argv[++i];
		else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
			unit_seed = strtoull(argv[++i], NULL, 0);
		else
			return usage();
	}
	if (only_list) {
		list(filter);
		return 0;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		perror("mmap");
		return 2;
	}
	return run_all(filter);
}
