// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults on purpose, one for each tool that looks at the module: what does not
 * find the one that is meant for it finds nothing else either. Built by nobody
 * but style.sh.
 */
#include <linux/gfp.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>
#include <linux/zbuddy.h>

static DEFINE_SPINLOCK(planted_lock);
static DEFINE_MUTEX(planted_mutex);

void planted_spin(bool early);
void planted_mutexes(bool early);
int planted_user(int __user *p);
unsigned long planted_null(bool some, unsigned long *p);
void planted_free(void *p);
int planted_prototype(void);
struct page *planted_gfp(void);
bool planted_gfp_number(zb_gfp_t gfp);

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

/* sparse: flags of the kernel's page allocator, given to ours */
struct page *planted_gfp(void)
{
	return zb_alloc_page(GFP_KERNEL);
}

/* sparse: flags taken for a number */
bool planted_gfp_number(zb_gfp_t gfp)
{
	return gfp > 0xcc0;
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
