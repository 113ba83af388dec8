// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE	/* REG_EFL */
#include <signal.h>

#include "unit.h"
#include "unit_step.h"

#define TRAP_FLAG	0x100u

static bool (*each_step)(void);
static volatile sig_atomic_t steps;

#ifdef __x86_64__
void unit_step_on(void)
{
	__asm__ __volatile__("pushfq; orq %0, (%%rsp); popfq"
			     : : "i"(TRAP_FLAG) : "memory", "cc");
}

void unit_step_off(void)
{
	__asm__ __volatile__("pushfq; andq %0, (%%rsp); popfq"
			     : : "i"(~TRAP_FLAG) : "memory", "cc");
}

static void end_steps(void *context)
{
	ucontext_t *uc = context;

	uc->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
}
#else
void unit_step_on(void)
{
}

void unit_step_off(void)
{
}

static void end_steps(void *context)
{
	(void)context;
}
#endif

static void on_step(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	steps++;
	if (each_step && !each_step())
		end_steps(context);
}

/**
 * unit_step_start() - prepare single-stepping
 * @each: called after each instruction between unit_step_on() and unit_step_off();
 *	returns false to end single-stepping
 *
 * Return: false if single-stepping is not possible: not every processor supports it, and
 * not every sandbox allows it.
 */
bool unit_step_start(bool (*each)(void))
{
	struct sigaction action = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };

	sigaction(SIGTRAP, &action, NULL);
	each_step = NULL;
	unit_step_on();
	barrier();
	unit_step_off();
	each_step = each;
	return steps > 0;
}
