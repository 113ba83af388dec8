// SPDX-License-Identifier: GPL-2.0
/*
 * kernel_log skip|all|errors: read standard input, which is an open /dev/kmsg, up to its
 * end. `all` prints the messages of zbuddy, `errors` only those of level error and above
 * without repetitions, and `skip` nothing. The next call continues where this one ended, so
 * a test reads each record once; dmesg would print the whole log each time, which takes long
 * in a kernel with KASAN.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_KEPT	64
#define LEVEL_ERROR	3

/* True if @text was not passed before. */
static bool is_new(const char *text)
{
	static char *kept[MAX_KEPT];
	int i;

	for (i = 0; i < MAX_KEPT && kept[i]; i++)
		if (!strcmp(kept[i], text))
			return false;
	if (i < MAX_KEPT)
		kept[i] = strdup(text);
	return true;
}

/* @record is `PRIORITY,SEQUENCE,TIME,FLAGS;TEXT`, and further lines that begin with a blank. */
static void print_record(char *record, bool only_errors)
{
	char *text = strchr(record, ';');

	if (!text || strncmp(++text, "zbuddy: ", 8))
		return;
	text[strcspn(text, "\n")] = '\0';
	if (!only_errors || (strtoul(record, NULL, 10) <= LEVEL_ERROR && is_new(text)))
		puts(text);
}

int main(int argc, char **argv)
{
	bool errors = argc == 2 && !strcmp(argv[1], "errors");
	char record[8192];
	ssize_t length;

	if (argc == 2 && !strcmp(argv[1], "skip"))
		return lseek(0, 0, SEEK_END) < 0;
	if (!errors && (argc != 2 || strcmp(argv[1], "all"))) {
		fprintf(stderr, "usage: kernel_log skip|all|errors </dev/kmsg\n");
		return 2;
	}
	if (fcntl(0, F_SETFL, O_NONBLOCK) < 0)
		return 1;
	while ((length = read(0, record, sizeof(record) - 1)) > 0) {
		record[length] = '\0';
		print_record(record, errors);
	}
	return 0;
}
