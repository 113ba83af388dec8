// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl: error lines, JSON, the size of the terminal.
 *
 * Every error is one line on stderr.
 */
#include "zbctl.h"

#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void err_vprint(const char *fmt, va_list ap)
{
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, ap);
	/* earlier output must precede the error */
	fflush(stdout);
	fprintf(stderr, "zbctl: %s\n", text);
}

/* Returns the exit code, so that callers can "return zb_err(...)". */
int zb_err(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vprint(fmt, ap);
	va_end(ap);
	return ZBCTL_FAILED;
}

int usage_err(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vprint(fmt, ap);
	va_end(ap);
	return ZBCTL_USAGE;
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
