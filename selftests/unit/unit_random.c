// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where tests have their choices from: random numbers, or bytes that somebody has
 * thought of, such as a fuzzer.
 */
#include "unit.h"

static _Thread_local u64 random_state;
static const u8 *input;
static size_t input_left;

/**
 * unit_srandom() - begin a sequence of random numbers, for this thread
 * @seed: which one
 */
void unit_srandom(u64 seed)
{
	random_state = seed;
}

/* The next bytes of the input; zeroes behind its end. */
static u64 from_input(unsigned int nr)
{
	u64 value = 0;
	unsigned int i;

	for (i = 0; i < nr && input_left; i++, input_left--)
		value |= (u64)*input++ << (8 * i);
	return value;
}

/**
 * unit_random() - the next random number (splitmix64)
 *
 * Return: 64 random bits.
 */
u64 unit_random(void)
{
	u64 z;

	if (input)
		return from_input(8);
	z = (random_state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/**
 * unit_below() - one of some possibilities
 * @n: how many, at least 1
 *
 * Return: 0 .. @n - 1. Of an input no more bytes are used than that takes.
 */
unsigned long unit_below(unsigned long n)
{
	unsigned int bytes = 0;

	if (!input)
		return unit_random() % n;
	while (bytes < 8 && (n - 1) >> (8 * bytes))
		bytes++;
	return from_input(bytes) % n;
}

/**
 * unit_use_input() - have choices made by somebody else, in all threads
 * @data: bytes, or NULL for random numbers again
 * @size: how many
 */
void unit_use_input(const u8 *data, size_t size)
{
	input = data;
	input_left = size;
}

/**
 * unit_input_ended() - has an input been used up?
 *
 * Return: true for who would go on with zeroes.
 */
bool unit_input_ended(void)
{
	return input && !input_left;
}
