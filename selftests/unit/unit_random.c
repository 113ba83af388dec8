// SPDX-License-Identifier: GPL-2.0-only
/*
 * The source of choices in tests: random numbers, or the bytes of an input of the fuzzer.
 */
#include "unit.h"

static _Thread_local u64 random_state;
static const u8 *input;
static size_t input_left;

/**
 * unit_srandom() - seed the random numbers of this thread
 * @seed: the seed
 */
void unit_srandom(u64 seed)
{
	random_state = seed;
}

/* The next bytes of the input, or zeroes after its end. */
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
 * unit_below() - choose a number
 * @n: number of possibilities, at least 1
 *
 * Consumes only as many bytes of an input as @n needs.
 *
 * Return: 0 .. @n - 1.
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
 * unit_use_input() - make all choices from an input, in all threads
 * @data: the input, or NULL to return to random numbers
 * @size: its size in bytes
 */
void unit_use_input(const u8 *data, size_t size)
{
	input = data;
	input_left = size;
}

/**
 * unit_input_ended() - check whether the input has been used up
 *
 * Return: true if further choices would be made from zeroes.
 */
bool unit_input_ended(void)
{
	return input && !input_left;
}
