/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small test harness: tests register themselves, each runs in a process of its own, and
 * the output is TAP version 13.
 *
 *	TEST(give_merges_to_the_top)		in pageblock_test.c is reported as
 *	ok 7 - pageblock: give merges to the top
 *
 * EXPECT macros record a failure and continue; ASSERT macros end the test.
 */
#ifndef UNIT_H
#define UNIT_H

#include <zb_env.h>

/**
 * struct unit_test - a test
 * @file: its source file
 * @name: its name
 * @fn: its function
 * @next: the test that was registered next
 */
struct unit_test {
	const char *file;
	const char *name;
	void (*fn)(void);
	struct unit_test *next;
};

void unit_register(struct unit_test *test);
void unit_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void unit_note(const char *format, ...)
	__attribute__((format(printf, 1, 2)));
void unit_give_up(void) __attribute__((noreturn));
void unit_skip(const char *why) __attribute__((noreturn));
unsigned long unit_failures(void);

/* The seed of this run, and a function to set the seed that reproduces the current test. */
extern u64 unit_seed;
void unit_replay_with(u64 seed);

/* unit_random.c */
void unit_srandom(u64 seed);
u64 unit_random(void);
unsigned long unit_below(unsigned long n);
void unit_use_input(const u8 *data, size_t size);
bool unit_input_ended(void);

/* Implementation of EXPECT(), inline so that static analyzers understand ASSERT(). */
static inline bool unit_true(const char *file, int line, const char *text,
			     bool cond)
{
	if (!cond)
		unit_fail(file, line, "%s", text);
	return cond;
}

bool unit_equal(const char *file, int line, const char *text,
		unsigned long long found, unsigned long long expected);

#define TEST(name)							\
	static void name(void);						\
	static struct unit_test name##_test = {				\
		__FILE__, #name, name, NULL				\
	};								\
	static void __attribute__((constructor)) name##_register(void)	\
	{								\
		unit_register(&name##_test);				\
	}								\
	static void name(void)

#define EXPECT(cond)							\
	unit_true(__FILE__, __LINE__, #cond, cond)
#define EXPECT_EQ(found, expected)					\
	unit_equal(__FILE__, __LINE__, #found " == " #expected,		\
		   (unsigned long long)(found),				\
		   (unsigned long long)(expected))
#define ASSERT(cond)							\
	do {								\
		if (!EXPECT(cond))					\
			unit_give_up();					\
	} while (0)
#define ASSERT_EQ(found, expected)					\
	do {								\
		if (!EXPECT_EQ(found, expected))			\
			unit_give_up();					\
	} while (0)

#endif /* UNIT_H */
