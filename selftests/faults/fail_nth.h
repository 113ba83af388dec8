/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Let the n-th allocation of a system call fail, with /proc/self/fail-nth; see
 * Documentation/fault-injection/fault-injection.rst of the kernel.
 *
 * Counting alone does not guarantee that each call fails: other allocations happen at
 * times, which shifts the count. Therefore each call of the module that allocates memory
 * also fails separately. The location of each failure is appended to FAIL_SITES, as in
 * stack traces (name+offset/size), and fail_sites_test.sh reports which are missing.
 */
#ifndef FAIL_NTH_H
#define FAIL_NTH_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAIL_SITES	"/tmp/zbuddy_fail_sites"
#define FAIL_DEBUGFS	"/sys/kernel/debug/"

/* The address range of modules on x86-64. */
#define FAIL_MODULES	0xffffffffa0000000ul
#define FAIL_MODULES_END 0xffffffffff000000ul

struct fail_nth {
	int nth;
	int kmsg;
	int sites;
};

static inline bool fail_set(const char *what, const char *name, const char *value)
{
	char path[128];
	size_t len = strlen(value);
	bool success;
	int fd;

	snprintf(path, sizeof(path), FAIL_DEBUGFS "%s/%s", what, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	success = fd >= 0 && write(fd, value, len) == (ssize_t)len;
	if (fd >= 0)
		close(fd);
	return success;
}

struct fail_symbol {
	unsigned long at;
	char name[64];
};

/* Parse the next line of /proc/kallsyms; *@ours is set for symbols of the module. */
static inline bool fail_next_symbol(FILE *f, struct fail_symbol *s, bool *ours)
{
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx %*c %63s", &s->at, s->name) == 2) {
			*ours = strstr(line, "[zbuddy]");
			return true;
		}
	return false;
}

/*
 * The address range of kmemleak's allocation for each allocation, whose failure has no
 * visible effect and must not be counted; 0 and 0 without kmemleak. Symbols of the kernel
 * itself are sorted by address.
 */
static inline void fail_find_kmemleak(char *start, char *end, size_t size)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	bool ours, found = false;
	struct fail_symbol s;

	snprintf(start, size, "0");
	snprintf(end, size, "0");
	while (fail_next_symbol(f, &s, &ours)) {
		if (found) {
			snprintf(end, size, "0x%lx", s.at);
			break;
		}
		found = !strcmp(s.name, "__alloc_object");
		if (found)
			snprintf(start, size, "0x%lx", s.at);
	}
	if (f)
		fclose(f);
}

/* Include allocations that may sleep and those of single pages. */
static inline bool fail_choose(const char *what, const char *not, const char *end)
{
	fail_set(what, "reject-start", not);
	fail_set(what, "reject-end", end);
	fail_set(what, "ignore-gfp-wait", "N");
	fail_set(what, "min-order", "0");
	fail_set(what, "ignore-gfp-highmem", "N");
	fail_set(what, "verbose_ratelimit_interval_ms", "0");
	fail_set(what, "verbose", "0");
	return fail_set(what, "stacktrace-depth", "32") &&
	       fail_set(what, "require-start", "0");
}

/* The module's functions. They are read only once because /proc/kallsyms is long. */
static inline struct fail_symbol *fail_symbols(void)
{
	static struct fail_symbol symbols[4096];
	FILE *f = symbols[0].at ? NULL : fopen("/proc/kallsyms", "re");
	struct fail_symbol *s = symbols, next;
	bool ours;

	while (s < symbols + 4095 && fail_next_symbol(f, &next, &ours))
		if (ours)
			*s++ = next;
	if (f) {
		s->at = 0;
		fclose(f);
	}
	return symbols;
}

/* To be called when the module was loaded at another address. */
static inline void fail_forget_symbols(void)
{
	fail_symbols()->at = 0;
}

/* Find the address range of a function of the module, which may be unloaded again. */
static inline bool fail_find(const char *name, unsigned long *start, unsigned long *end)
{
	const struct fail_symbol *s, *symbols = fail_symbols();

	*start = *end = 0;
	for (s = symbols; s->at; s++)
		if (!strcmp(s->name, name))
			*start = s->at;
	for (s = symbols; s->at; s++)
		if (s->at > *start && (!*end || s->at < *end))
			*end = s->at;
	return *start;
}

/* The address of the loaded module, which usually does not change between two loads. */
static inline unsigned long fail_text(void)
{
	FILE *f = fopen("/sys/module/zbuddy/sections/.text", "re");
	unsigned long at = 0;

	if (f && fscanf(f, "%lx", &at) != 1)
		at = 0;
	if (f)
		fclose(f);
	return at;
}

/*
 * Restrict failures to allocations with an address of this range in their stack trace. With an
 * empty range the kernel makes no stack traces, which take long.
 */
static inline void fail_within(const char *what, unsigned long start, unsigned long end)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%lx", start);
	fail_set(what, "require-start", text);
	snprintf(text, sizeof(text), "0x%lx", end);
	fail_set(what, "require-end", text);
	fail_set(what, "stacktrace-depth", start < end ? "32" : "0");
}

/*
 * Slab and page allocations fail in separate passes: a slab occasionally allocates a page,
 * which would shift the count of all later allocations and skip one of them.
 */
enum fail_pass { FAIL_SLAB, FAIL_PAGES, FAIL_NR_PASSES };

static inline void fail_choose_pass(enum fail_pass pass, unsigned long start,
				    unsigned long end)
{
	const char *what = pass == FAIL_SLAB ? "failslab" : "fail_page_alloc";
	const char *not = pass == FAIL_SLAB ? "fail_page_alloc" : "failslab";

	fail_within(what, start, end);
	fail_within(not, 1, 1);
	fail_within("fail_zbuddy", pass == FAIL_SLAB ? 0 : 1, pass == FAIL_SLAB ? ~0ul : 1);
}

/* Append the location in a line like `prio,seq,time,-; zb_f+0x1/0x2 [zbuddy]` to FAIL_SITES. */
static inline bool fail_note_line(const struct fail_nth *f, const char *line)
{
	const char *end = strstr(line, " [zbuddy]"), *start;

	if (!end || strstr(line, " ? "))
		return false;
	for (start = end; start > line && start[-1] != ' ' && start[-1] != ';'; start--)
		;
	dprintf(f->sites, "%.*s\n", (int)(end - start), start);
	return true;
}

static inline void fail_note(const struct fail_nth *f)
{
	char line[1024];
	bool in_dump = false, noted = false;
	ssize_t len;

	while ((len = read(f->kmsg, line, sizeof(line) - 1)) > 0) {
		line[len] = '\0';
		if (strstr(line, "FAULT_INJECTION: forcing a failure"))
			in_dump = true, noted = false;
		else if (in_dump && !noted)
			noted = fail_note_line(f, line);
	}
}

/*
 * Let allocations of this task fail, up to 20 of each kind, until this is switched off
 * again; the locations of the failures are noted then.
 */
static inline void fail_always(const struct fail_nth *f, bool on)
{
	static const char *const what[] = { "failslab", "fail_page_alloc", "fail_zbuddy" };
	int i, fd = open("/proc/self/make-it-fail", O_WRONLY | O_CLOEXEC);

	if (on)
		lseek(f->kmsg, 0, SEEK_END);
	for (i = 0; i < 3; i++) {
		fail_set(what[i], "verbose", on ? "2" : "0");
		fail_set(what[i], "task-filter", "Y");
		fail_set(what[i], "times", "20");
		fail_set(what[i], "probability", on ? "100" : "0");
	}
	if (fd < 0 || write(fd, on ? "1" : "0", 1) != 1)
		_exit(76);
	close(fd);
	if (!on)
		fail_note(f);
}

/* Restrict failures to the call at @site (name+offset); returns false if there is none. */
static inline bool fail_only_at(const char *site)
{
	const char *plus = strchr(site, '+');
	unsigned long start, end;
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(site, "+"), site);
	if (!plus || !fail_find(name, &start, &end))
		return false;
	start += strtoul(plus + 1, NULL, 0);
	fail_within("failslab", start, start + 1);
	fail_within("fail_page_alloc", start, start + 1);
	fail_within("fail_zbuddy", start, start + 1);
	return true;
}

static inline bool fail_was_noted(const char *site)
{
	FILE *f = fopen(FAIL_SITES, "re");
	size_t len = strlen(site);
	bool noted = false;
	char seen[256];

	while (f && !noted && fgets(seen, sizeof(seen), f))
		noted = !strncmp(seen, site, len) && seen[len] == '/';
	if (f)
		fclose(f);
	return noted;
}

/*
 * Find the next call in @list, the opened file alloc_sites, that has not failed yet, and
 * restrict failures to it. Returns false at the end of the list.
 */
static inline bool fail_next_site(FILE *list, char *site, size_t size)
{
	char line[256];

	while (fgets(line, sizeof(line), list)) {
		snprintf(site, size, "%.*s", (int)strcspn(line, "\n "), line);
		if (!fail_was_noted(site) && fail_only_at(site))
			return true;
	}
	return false;
}

/* Returns false without fault injection and stack trace filter in the kernel. */
static inline bool fail_init(struct fail_nth *f)
{
	char start[32], end[32];

	f->nth = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	f->kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	f->sites = open(FAIL_SITES, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (f->nth < 0 || f->kmsg < 0 || f->sites < 0)
		return false;
	fail_find_kmemleak(start, end, sizeof(start));
	fail_choose("fail_zbuddy", "0", "0"); /* exists only while the module is loaded */
	return fail_choose("failslab", start, end) &&
	       fail_choose("fail_page_alloc", start, end);
}

static inline void fail_arm(const struct fail_nth *f, int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	if (pwrite(f->nth, text, (size_t)len, 0) != len)
		_exit(77);
}

/* Returns true if the n-th allocation was reached, so that there may be another one. */
static inline bool fail_disarm(const struct fail_nth *f)
{
	char text[16] = "";

	if (pread(f->nth, text, sizeof(text) - 1, 0) <= 0)
		_exit(78);
	if (pwrite(f->nth, "0", 1, 0) != 1)
		_exit(79);
	return atoi(text) == 0;
}

#endif /* FAIL_NTH_H */
