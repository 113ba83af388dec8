// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deliberate faults, one for each tool that checks the module. A tool that misses
 * the fault planted for it does not work, and its check fails. Only style.sh builds
 * this file.
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

/* sparse: a spinlock that is not released */
void planted_spin(bool early)
{
	unsigned long flags;

	spin_lock_irqsave(&planted_lock, flags);
	if (early)
		return;
	spin_unlock_irqrestore(&planted_lock, flags);
}

/* sparse: another lock that is not released */
void planted_mutexes(bool early)
{
	mutex_lock(&planted_mutex);
	if (early)
		return;
	mutex_unlock(&planted_mutex);
}

/* sparse: a user-space pointer that is dereferenced */
int planted_user(int __user *p)
{
	return *p;
}

/* sparse: GFP flags of the kernel passed to our allocator */
struct page *planted_gfp(void)
{
	return zb_alloc_page(GFP_KERNEL);
}

/* sparse: flags used as a number */
bool planted_gfp_number(zb_gfp_t gfp)
{
	return gfp > 0xcc0;
}

/* gcc -fanalyzer: a NULL pointer that is dereferenced */
unsigned long planted_null(bool some, unsigned long *p)
{
	if (some)
		p = NULL;
	return *p;
}

/* coccinelle: a NULL check that kfree() makes redundant */
void planted_free(void *p)
{
	if (p)
		kfree(p);
}

/* W=1: a variable that is set but not used */
int planted_prototype(void)
{
	int unused;

	unused = 1;
	return 0;
}
