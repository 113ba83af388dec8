/* SPDX-License-Identifier: GPL-2.0 */
/* Reading the messages of zbuddy from an open /dev/kmsg. */
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_MAX_KEPT	64
#define LOG_LEVEL_ERROR	3

/* True if @text was not passed before. */
static inline bool log_is_new(const char *text)
{
	static char *kept[LOG_MAX_KEPT];
	int i;

	for (i = 0; i < LOG_MAX_KEPT && kept[i]; i++)
		if (!strcmp(kept[i], text))
			return false;
	if (i < LOG_MAX_KEPT)
		kept[i] = strdup(text);
	return true;
}

/* @record is `PRIORITY,SEQUENCE,TIME,FLAGS;TEXT`, and further lines that begin with a blank. */
static inline void log_print_record(char *record, bool only_errors)
{
	char *text = strchr(record, ';');

	if (!text || strncmp(++text, "zbuddy: ", 8))
		return;
	text[strcspn(text, "\n")] = '\0';
	if (!only_errors || (strtoul(record, NULL, 10) <= LOG_LEVEL_ERROR && log_is_new(text)))
		puts(text);
}

/*
 * Print what was logged since the last call or since @fd was set to the end; error messages
 * without repetitions. Returns an exit status.
 */
static inline int log_print(int fd, bool only_errors)
{
	char record[8192];
	ssize_t length;

	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return 1;
	while ((length = read(fd, record, sizeof(record) - 1)) > 0) {
		record[length] = '\0';
		log_print_record(record, only_errors);
	}
	return 0;
}

static inline int log_skip(int fd)
{
	return lseek(fd, 0, SEEK_END) < 0;
}

#endif /* KERNEL_LOG_H */
