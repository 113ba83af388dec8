// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deliberate faults, like those in planted.c, for the tools that check the core and its
 * unit tests. No program includes this file.
 */
#include <stdlib.h>
#include <string.h>

int planted_leak(const char *text);
int planted_undefined(int n);
unsigned long planted_sizeof(const char *text);

/* gcc's and clang's analyzer: memory that is never freed */
int planted_leak(const char *text)
{
	char *copy = strdup(text);

	return copy && copy[0] == 'x';
}

/* clang's analyzer: memory that is not initialized if n is 0 */
int planted_undefined(int n)
{
	int value;

	if (n)
		value = n;
	return value;
}

/* clang-tidy: sizeof applied to a pointer */
unsigned long planted_sizeof(const char *text)
{
	return strlen(text + 1) + sizeof(sizeof(text));
}
