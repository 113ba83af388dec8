/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What module/core stands on, in the kernel. The file of the same name in
 * selftests/unit/env is what it stands on in a program; -I picks one.
 */
#ifndef ZB_ENV_H
#define ZB_ENV_H

#include <linux/bitops.h>
#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/types.h>
#include <uapi/linux/zbuddy.h>

typedef spinlock_t zb_lock_t;

#define zb_lock_init(lock)			spin_lock_init(lock)
#define zb_lock_irqsave(lock, flags)		spin_lock_irqsave(lock, flags)
#define zb_unlock_irqrestore(lock, flags)	spin_unlock_irqrestore(lock, flags)
#define zb_assert_held(lock)			lockdep_assert_held(lock)

/* Stay on this CPU; returns its number. */
#define zb_cpu_pin()				get_cpu()
#define zb_cpu_unpin()				put_cpu()
#define zb_per_cpu_ptr(ptr, cpu)		per_cpu_ptr(ptr, cpu)
#define zb_for_each_possible_cpu(cpu)		for_each_possible_cpu(cpu)

#endif /* ZB_ENV_H */
