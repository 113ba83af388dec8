// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults on purpose, one for each tool that looks at the module: what does not
 * find the one that is meant for it finds nothing else either. Built by nobody
 * but style.sh.
 */
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>

static DEFINE_SPINLOCK(planted_lock);
static DEFINE_MUTEX(planted_mutex);

void planted_spin(bool early);
void planted_mutexes(bool early);
int planted_user(int __user *p);
unsigned long planted_null(bool some, unsigned long *p);
void planted_free(void *p);
int planted_prototype(void);

/* sparse: a lock that is kept */
void planted_spin(bool early)
{
	unsigned long flags;

	spin_lock_irqsave(&planted_lock, flags);
	if (early)
		return;
	spin_unlock_irqrestore(&planted_lock, flags);
}

/* sparse: another one */
void planted_mutexes(bool early)
{
	mutex_lock(&planted_mutex);
	if (early)
		return;
	mutex_unlock(&planted_mutex);
}

/* sparse: memory of a process, read like our own */
int planted_user(int __user *p)
{
	return *p;
}

/* gcc -fanalyzer: nothing is there */
unsigned long planted_null(bool some, unsigned long *p)
{
	if (some)
		p = NULL;
	return *p;
}

/* coccinelle: that is what kfree() does anyway */
void planted_free(void *p)
{
	if (p)
		kfree(p);
}

/* W=1: set and not used */
int planted_prototype(void)
{
	int unused;

	unused = 1;
	return 0;
}
