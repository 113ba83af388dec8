// SPDX-License-Identifier: GPL-2.0
/*
 * numbers: for each line `FILE KEY` of standard input, print the sum of the numbers that follow
 * this key at the beginning of a line of the file, or an empty line if there are none. A shell
 * test starts it once and asks often: starting a process takes long in a kernel with KASAN, and
 * so does `read` of a shell, which makes two system calls for each byte.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char text[1 << 20];

/* Read a whole file; the text is empty if that fails. */
static void read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t nr = 0;

	while (fd >= 0 && (nr = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)nr;
	text[len] = '\0';
	if (fd >= 0)
		close(fd);
}

static void answer(const char *key)
{
	char *line, *rest = text, word[64];
	unsigned long sum = 0, number;
	int found = 0;

	while ((line = strsep(&rest, "\n")))
		if (sscanf(line, "%63s %lu", word, &number) == 2 && !strcmp(word, key)) {
			sum += number;
			found = 1;
		}
	if (found)
		printf("%lu", sum);
	putchar('\n');
	fflush(stdout);
}

int main(void)
{
	char line[512], path[256], key[64];

	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%255s %63s", path, key) != 2)
			return 2;
		read_file(path);
		answer(key);
	}
	return 0;
}
