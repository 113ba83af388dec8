// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl owners: which process holds which buffers, from debugfs. The files have a line of
 * names and values per buffer or process, which are shown in the same order.
 */
#include "zbctl.h"

#include <limits.h>

#define MAX_FIELDS	24

struct field {
	char *name;
	char *value;
};

/* Parse "name value name value ..."; returns the number of fields. */
static size_t parse_line(char *line, struct field fields[MAX_FIELDS])
{
	char *save = NULL;
	size_t nr = 0;
	char *name;

	for (name = strtok_r(line, " \t", &save); name && nr < MAX_FIELDS;
	     name = strtok_r(NULL, " \t", &save)) {
		fields[nr].name = name;
		fields[nr].value = strtok_r(NULL, " \t", &save);
		if (!fields[nr].value)
			break;
		nr++;
	}
	return nr;
}

static const char *value_of(const struct field *fields, size_t nr,
			    const char *name)
{
	for (size_t i = 0; i < nr; i++) {
		if (!strcmp(fields[i].name, name))
			return fields[i].value;
	}
	return "?";
}

static const char *value_size(const struct field *fields, size_t nr)
{
	const char *text = value_of(fields, nr, "length");
	long long bytes;

	return parse_num(text, 0, LLONG_MAX, &bytes) ? text :
	       size_text((__u64)bytes);
}

static void json_line(const struct field *fields, size_t nr)
{
	long long num;

	js_open(NULL, '{');
	for (size_t i = 0; i < nr; i++) {
		bool text = !strcmp(fields[i].name, "comm") ||
			    !strcmp(fields[i].name, "label");

		if (text || parse_num(fields[i].value, LLONG_MIN, LLONG_MAX, &num))
			js_str(fields[i].name, fields[i].value);
		else
			js_s64(fields[i].name, num);
	}
	js_close('}');
}

static void print_buffer(const struct field *f, size_t nr)
{
	printf("%7s %-15s %6s %-16s %4s %-8s %8s %-11s %5s %4s %4s %4s %s\n",
	       value_of(f, nr, "pid"), value_of(f, nr, "comm"),
	       value_of(f, nr, "handle"), value_of(f, nr, "label"),
	       value_of(f, nr, "node"), value_of(f, nr, "zone"),
	       value_size(f, nr), value_of(f, nr, "type"),
	       value_of(f, nr, "age"), value_of(f, nr, "mappings"),
	       value_of(f, nr, "pins"), value_of(f, nr, "exports"),
	       value_of(f, nr, "state"));
}

static void print_process(const struct field *f, size_t nr)
{
	printf("%7s %-15s %8s %8s %8s %8s\n", value_of(f, nr, "pid"),
	       value_of(f, nr, "comm"), value_of(f, nr, "buffers"),
	       value_size(f, nr), value_of(f, nr, "mappings"),
	       value_of(f, nr, "exports"));
}

static void print_head(const struct zbctl *z)
{
	if (z->processes)
		printf("%7s %-15s %8s %8s %8s %8s\n", "PID", "COMM", "BUFFERS",
		       "LENGTH", "MAPPINGS", "EXPORTS");
	else
		printf("%7s %-15s %6s %-16s %4s %-8s %8s %-11s %5s %4s %4s %4s %s\n",
		       "PID", "COMM", "HANDLE", "LABEL", "NODE", "ZONE",
		       "LENGTH", "TYPE", "AGE", "MAPS", "PINS", "EXPS",
		       "STATE");
}

static void show_line(const struct zbctl *z, char *line)
{
	struct field fields[MAX_FIELDS];
	size_t nr = parse_line(line, fields);

	if (!nr)
		return;
	if (z->json)
		json_line(fields, nr);
	else if (z->processes)
		print_process(fields, nr);
	else
		print_buffer(fields, nr);
}

/* The number of buffers; -1 without debugfs. */
long owners_count(const struct zbctl *z)
{
	char *text = debugfs_read(z, "owners");
	long nr = 0;

	if (!text)
		return -1;
	for (const char *p = text; *p; p++)
		nr += *p == '\n';
	free(text);
	return nr;
}

int cmd_owners(struct zbctl *z)
{
	char *text = debugfs_read(z, z->processes ? "processes" : "owners");
	char *save = NULL;

	if (!text)
		return ZBCTL_FAILED;
	if (z->json)
		js_open(NULL, '[');
	else if (*text)
		print_head(z);
	else
		printf("no buffers\n");
	for (char *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		show_line(z, line);
	if (z->json)
		js_close(']');
	free(text);
	return ZBCTL_OK;
}
