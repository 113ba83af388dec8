/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The n-th allocation of a system call fails: /proc/self/fail-nth, see
 * fault-injection.rst of the kernel's documentation.
 *
 * Counting tells little about which calls that were: something else wants memory at
 * times, and then the next n is another one. So each call of ours that needs memory
 * also fails by itself. Where that was goes to FAIL_SITES, as the kernel's log has it
 * (name+offset/size), and fail_sites_test.sh looks in the end which are missing.
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

/* Where modules are on x86-64, whatever their address is this time. */
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
	bool good;
	int fd;

	snprintf(path, sizeof(path), FAIL_DEBUGFS "%s/%s", what, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	good = fd >= 0 && write(fd, value, len) == (ssize_t)len;
	if (fd >= 0)
		close(fd);
	return good;
}

struct fail_symbol {
	unsigned long at;
	char name[64];
};

/* The next line of /proc/kallsyms; @ours says whether it is the module's. */
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
 * kmemleak notes each allocation, and does without if it has to: that is not counted.
 * 0 and 0 where there is none. Symbols of the kernel itself come by address.
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

/* Count allocations that sleep and single pages, too. */
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

/* The module's functions; read once, for the list of all symbols is long. */
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

/* The module has been loaded at another place. */
static inline void fail_forget_symbols(void)
{
	fail_symbols()->at = 0;
}

/* Where a function of the module is, which is loaded or has been. */
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

/* Where the module is now: mostly, but not always, the same place each time. */
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

/* Only what this part of the kernel asks for is to fail, itself or by others. */
static inline void fail_within(const char *what, unsigned long start, unsigned long end)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%lx", start);
	fail_set(what, "require-start", text);
	snprintf(text, sizeof(text), "0x%lx", end);
	fail_set(what, "require-end", text);
}

/*
 * One kind of allocation after the other: a slab that needs a page every now and
 * then moves all that is behind it by one, and the next n-th may be left out.
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

/* Of `prio,seq,time,-; zb_f+0x1/0x2 [zbuddy]` note the name and numbers. */
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
 * Allocations of this task fail, some times, or until it is told to stop; where, is
 * noted then.
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

/* Leaves only the call at @site, name+offset, able to fail; false if there is none. */
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
 * The calls that no failure was noted for, one after the other: leaves only that one
 * able to fail, whenever it is reached. @list is alloc_sites, opened; false at its
 * end.
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

/* False where the kernel has no such thing. */
static inline bool fail_init(struct fail_nth *f)
{
	char start[32], end[32];

	f->nth = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	f->kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	f->sites = open(FAIL_SITES, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (f->nth < 0 || f->kmsg < 0 || f->sites < 0)
		return false;
	fail_find_kmemleak(start, end, sizeof(start));
	fail_choose("fail_zbuddy", "0", "0"); /* not there before the module is */
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

/* Whether it came to the failure; then there may be another one after it. */
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
