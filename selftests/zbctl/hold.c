// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl alloc, hold: buffers that are held by a process.
 *
 * Handles belong to the open file, so alloc leaves a background process behind (the holder)
 * that keeps only this file open. It is started in two steps: a child allocates and prints;
 * then it executes zbctl again, so that its command line shows what it holds, and
 * reports to its parent through a pipe when it is ready.
 */
#include "zbctl.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The open files of a holder, besides /dev/null as its standard files. */
#define HOLDER_PIPE	3
#define HOLDER_DEV	4

static void end_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
}

/* Block the signals for wait_end(), including those that a shell ignores for "&". */
static void block_signals(void)
{
	sigset_t set;

	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	end_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Wait for a signal, at most @seconds unless that is negative. */
static void wait_end(long long seconds)
{
	struct timespec end, now, left = { 0 };
	sigset_t set;

	end_signals(&set);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	for (;;) {
		if (seconds < 0) {
			if (sigwaitinfo(&set, NULL) > 0)
				return;
			continue;
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
		left.tv_sec = end.tv_sec - now.tv_sec;
		left.tv_nsec = end.tv_nsec - now.tv_nsec;
		if (left.tv_nsec < 0) {
			left.tv_sec--;
			left.tv_nsec += 1000000000;
		}
		if (left.tv_sec < 0 || sigtimedwait(&set, NULL, &left) > 0)
			return;
	}
}

static int null_std_files(void)
{
	int fd = open("/dev/null", O_RDWR);
	int rc = 0;

	if (fd < 0)
		return -1;
	for (int i = 0; i <= STDERR_FILENO; i++) {
		if (dup2(fd, i) < 0)
			rc = -1;
	}
	if (fd > STDERR_FILENO)
		close(fd);
	return rc;
}

/* The holder after its exec. Without the pipe, i.e. if started manually, it exits. */
int holder_main(void)
{
	char done = 1;

	if (fcntl(HOLDER_PIPE, F_GETFD) < 0 || fcntl(HOLDER_DEV, F_GETFD) < 0)
		return ZBCTL_USAGE;
	prctl(PR_SET_NAME, HOLDER_COMM);
	block_signals();
	signal(SIGPIPE, SIG_IGN);
	/* a holder must not keep a pipe, a terminal or a mount busy */
	if (null_std_files() || chdir("/"))
		return zb_err("alloc: /dev/null: %s: no buffer is held",
			      strerror(errno));
	/*
	 * The parent may exit from here on. If it was killed before this, the pipe has no
	 * reader, and the holder must not stay because its ID is unknown.
	 */
	prctl(PR_SET_PDEATHSIG, 0);
	if (write(HOLDER_PIPE, &done, 1) != 1)
		return ZBCTL_FAILED;
	close(HOLDER_PIPE);
	wait_end(-1);
	return ZBCTL_OK;
}

static void close_from(unsigned int first)
{
	long max = sysconf(_SC_OPEN_MAX);

#ifdef SYS_close_range
	if (!syscall(SYS_close_range, first, ~0u, 0))
		return;
#endif
	for (long fd = first; fd < max && fd < 65536; fd++)
		close((int)fd);
}

/* Close all files except the standard files and @pipe_fd, which becomes HOLDER_PIPE. */
static int child_files(int pipe_fd)
{
	if (pipe_fd != HOLDER_PIPE && dup2(pipe_fd, HOLDER_PIPE) < 0)
		return zb_err("alloc: dup2: %s", strerror(errno));
	close_from(HOLDER_PIPE + 1);
	return 0;
}

static int child_open(struct zbctl *z)
{
	int fd = dev_open(z);

	if (fd < 0)
		return ZBCTL_FAILED;
	if (fd != HOLDER_DEV) {
		if (dup2(fd, HOLDER_DEV) < 0)
			return zb_err("alloc: dup2: %s",
				      strerror(errno));
		close(fd);
	}
	z->fd = HOLDER_DEV;
	if (fcntl(HOLDER_DEV, F_SETFD, 0) < 0)
		return zb_err("alloc: fcntl: %s", strerror(errno));
	return 0;
}

static int print_held(const struct zbctl *z, const struct zb_req *req,
		      const struct zb_ioc_alloc *bufs, bool id)
{
	if (z->json) {
		js_open(NULL, '{');
		js_u64("id", (__u64)getpid());
		js_open("buffers", '[');
		for (unsigned long i = 0; i < req->count; i++)
			json_buf(&bufs[i]);
		js_close(']');
		js_close('}');
	} else {
		if (id)
			printf(z->quiet ? "%ld\n" : "id %ld\n", (long)getpid());
		for (unsigned long i = 0; i < req->count && !z->quiet; i++)
			print_buf(&bufs[i]);
	}
	if (fflush(stdout))
		return zb_err("cannot print: %s: no buffer is held",
			      strerror(errno));
	return 0;
}

static const char *zones_text(const struct zb_req *req,
			      const struct zb_ioc_alloc *bufs, char buf[64])
{
	bool seen[ZB_NR_ZONES] = { false };
	size_t len = 0;

	for (unsigned long i = 0; i < req->count; i++) {
		if (bufs[i].zone < ZB_NR_ZONES)
			seen[bufs[i].zone] = true;
	}
	buf[0] = '\0';
	for (unsigned int i = 0; i < ZB_NR_ZONES; i++) {
		if (seen[i])
			len += (size_t)snprintf(buf + len, 64 - len, "%s%s",
						len ? "," : "", zone_name(i));
	}
	return buf;
}

/*
 * Become the holder, with a command line of words like "count=3". Returns only if /proc is
 * missing; then the process continues with its old command line.
 */
static void exec_holder(const struct zbctl *z, const struct zb_req *req,
			const struct zb_ioc_alloc *bufs)
{
	char count[32], order[32], length[48], total[48], dev[512];
	char gfp[GFP_TEXT + 8], zones[GFP_TEXT + 8], buf[GFP_TEXT];
	char name[] = HOLDER_COMM;
	char *argv[9] = {
		name, count, order, length, total, gfp, zones, dev,
	};

	snprintf(count, sizeof(count), "count=%lu", req->count);
	snprintf(order, sizeof(order), "order=%u", bufs[0].order);
	snprintf(length, sizeof(length), "length=%llu", bufs[0].length);
	snprintf(total, sizeof(total), "total=%llu",
		 bufs[0].length * req->count);
	snprintf(gfp, sizeof(gfp), "gfp=%s", gfp_text(req->gfp, buf));
	snprintf(zones, sizeof(zones), "zones=%s",
		 zones_text(req, bufs, buf));
	snprintf(dev, sizeof(dev), "device=%.500s", z->device);
	execv("/proc/self/exe", argv);
}

/*
 * Its own session protects the holder from signals of the terminal. While it waits
 * for memory, it must therefore exit together with its parent, for whatever reason.
 */
static int child_signals(pid_t parent)
{
	setsid();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return zb_err("alloc: prctl: %s", strerror(errno));
	return getppid() == parent ? 0 : ZBCTL_FAILED;
}

static int child_main(struct zbctl *z, const struct zb_req *req, int pipe_fd,
		      pid_t parent)
{
	struct zb_ioc_alloc *bufs;
	int rc = child_signals(parent);

	if (!rc)
		rc = child_files(pipe_fd);
	if (!rc)
		rc = child_open(z);
	if (rc)
		return rc;
	rc = alloc_many(z->fd, req, &bufs);
	if (rc)
		return rc;
	/* once the ID has been printed, a signal is a request to free the buffers */
	block_signals();
	rc = print_held(z, req, bufs, true);
	if (!rc) {
		exec_holder(z, req, bufs);
		rc = holder_main();
	}
	free(bufs);
	return rc;
}

/* Wait until the holder has all buffers, or has printed an error. */
static int wait_holder(pid_t pid, int fd)
{
	ssize_t nr;
	char done;
	int status;

	do {
		nr = read(fd, &done, 1);
	} while (nr < 0 && errno == EINTR);
	if (nr == 1)
		return ZBCTL_OK;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return zb_err("alloc: waitpid: %s",
				      strerror(errno));
	}
	if (WIFEXITED(status) && WEXITSTATUS(status))
		return WEXITSTATUS(status);
	return zb_err("alloc: the holder was killed by signal %d: no buffer is held",
		      WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

int cmd_alloc(struct zbctl *z)
{
	struct zb_req req;
	pid_t pid, parent;
	int fds[2];
	int rc;

	rc = parse_req(z, &req);
	if (rc)
		return rc;
	if (pipe(fds))
		return zb_err("alloc: pipe: %s", strerror(errno));
	fflush(stdout);
	parent = getpid();
	pid = fork();
	if (!pid) {
		close(fds[0]);
		return child_main(z, &req, fds[1], parent);
	}
	rc = pid < 0 ? zb_err("alloc: fork: %s", strerror(errno)) : 0;
	close(fds[1]);
	if (!rc)
		rc = wait_holder(pid, fds[0]);
	close(fds[0]);
	return rc;
}

/* Map a buffer and write to every page of it; the mapping stays. */
static int touch(int fd, const struct zb_ioc_alloc *a)
{
	long page = sysconf(_SC_PAGESIZE);
	char *p = dev_mmap(fd, a->mmap_offset, a->length);

	if (p == MAP_FAILED)
		return zb_err("hold: handle %u cannot be mapped: %s",
			      a->handle, strerror(errno));
	for (__u64 at = 0; at < a->length; at += (__u64)page) {
		if (p[at])
			return zb_err("hold: handle %u: byte %#llx of fresh memory is not zero",
				      a->handle, at);
		p[at] = 1;
	}
	return 0;
}

int cmd_hold(struct zbctl *z)
{
	struct zb_ioc_alloc *bufs;
	struct zb_req req;
	int rc;

	rc = parse_req(z, &req);
	if (rc)
		return rc;
	if (dev_get(z) < 0)
		return ZBCTL_FAILED;
	/* a signal ends the wait for memory and this process, which frees its buffers */
	rc = alloc_many(z->fd, &req, &bufs);
	if (rc)
		return rc;
	block_signals();
	for (unsigned long i = 0; i < req.count && z->map && !rc; i++)
		rc = touch(z->fd, &bufs[i]);
	if (!rc)
		rc = print_held(z, &req, bufs, false);
	if (!rc && !z->json && !z->quiet) {
		printf("holding %s%s until Ctrl-C or SIGTERM",
		       size_text(bufs[0].length * req.count),
		       z->map ? ", mapped," : "");
		if (z->given & OPT(SECONDS))
			printf(", for %lld seconds at most", z->seconds);
		putchar('\n');
		fflush(stdout);
	}
	if (!rc)
		wait_end(z->given & OPT(SECONDS) ? z->seconds : -1);
	free(bufs);
	return rc;
}
