// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults on purpose, as planted.c has them, for the tools that look at the core
 * and its tests as a program. Part of none.
 */
#include <stdlib.h>
#include <string.h>

int planted_leak(const char *text);
int planted_undefined(int n);
unsigned long planted_sizeof(const char *text);

/* gcc -fanalyzer, and clang's: nobody frees it */
int planted_leak(const char *text)
{
	char *copy = strdup(text);

	return copy && copy[0] == 'x';
}

/* clang's: nothing was written there if n is 0 */
int planted_undefined(int n)
{
	int value;

	if (n)
		value = n;
	return value;
}

/* clang-tidy: the size of a pointer */
unsigned long planted_sizeof(const char *text)
{
	return strlen(text + 1) + sizeof(sizeof(text));
}
