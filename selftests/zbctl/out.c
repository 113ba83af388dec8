// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl: error lines, JSON, the size of the terminal.
 *
 * Every error is one line on stderr. The last one is remembered with its errno, which
 * "expect" in a script compares.
 */
#include "zbctl.h"

#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

static struct {
	char where[320];
	char text[1024];
	int err;
	bool mute;
} last;

/* Print the last error, which was recorded while muted. */
void err_print(void)
{
	/* earlier output must precede the error */
	fflush(stdout);
	fprintf(stderr, "zbctl: %s%s\n", last.where, last.text);
}

static void err_vprint(int err, const char *fmt, va_list ap)
{
	last.err = err;
	vsnprintf(last.text, sizeof(last.text), fmt, ap);
	if (!last.mute)
		err_print();
}

/* Returns the exit code, so that callers can "return zb_err(...)". */
int zb_err(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vprint(err, fmt, ap);
	va_end(ap);
	return ZBCTL_FAILED;
}

int usage_err(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vprint(0, fmt, ap);
	va_end(ap);
	return ZBCTL_USAGE;
}

/* Prefix further errors with this line of a script; no prefix if @file is NULL. */
void err_where(const char *file, unsigned long line)
{
	last.where[0] = '\0';
	if (file)
		snprintf(last.where, sizeof(last.where), "%.255s:%lu: ", file,
			 line);
}

/* Record errors without printing them; forget the previous one. */
void err_mute(bool mute)
{
	last.mute = mute;
	if (mute) {
		last.err = 0;
		last.text[0] = '\0';
	}
}

int err_last(void)
{
	return last.err;
}

/* Width of the terminal, 0 if stdout is not a terminal. */
unsigned int term_width(void)
{
	struct winsize ws;
	unsigned long cols;
	char *env;

	if (!isatty(STDOUT_FILENO))
		return 0;
	env = getenv("COLUMNS");
	cols = env ? strtoul(env, NULL, 10) : 0;
	if (cols >= 20 && cols <= 10000)
		return (unsigned int)cols;
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) && ws.ws_col)
		return ws.ws_col;
	return 80;
}

static struct {
	unsigned int depth;
	bool comma;
} js;

static void js_quote(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c == '\n')
			fputs("\\n", stdout);
		else if (c < 0x20 || c == 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void js_key(const char *key)
{
	if (js.comma)
		putchar(',');
	js.comma = true;
	if (!key)
		return;
	js_quote(key);
	putchar(':');
}

/* @key is NULL at the top level and in arrays. */
void js_open(const char *key, char bracket)
{
	js_key(key);
	putchar(bracket);
	js.depth++;
	js.comma = false;
}

void js_close(char bracket)
{
	putchar(bracket);
	js.comma = --js.depth > 0;
	if (!js.depth)
		putchar('\n');
}

void js_str(const char *key, const char *val)
{
	js_key(key);
	js_quote(val);
}

void js_u64(const char *key, __u64 val)
{
	js_key(key);
	printf("%llu", val);
}

void js_s64(const char *key, long long val)
{
	js_key(key);
	printf("%lld", val);
}

void js_bool(const char *key, bool val)
{
	js_key(key);
	fputs(val ? "true" : "false", stdout);
}

/* Print comma-separated names as an array of strings. */
void js_list(const char *key, const char *names)
{
	char name[64];
	size_t len;

	js_open(key, '[');
	for (; *names; names += len + (names[len] == ',')) {
		len = strcspn(names, ",");
		snprintf(name, sizeof(name), "%.*s", (int)len, names);
		js_str(NULL, name);
	}
	js_close(']');
}
