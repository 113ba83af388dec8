/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fail_zbuddy and fail_zbuddy_copy: fault injection for allocations, and for the copies of
 * pages that are moved, on kernels with CONFIG_FAULT_INJECTION. See
 * Documentation/fault-injection/ of the kernel.
 */
#ifndef ZB_FAULT_H
#define ZB_FAULT_H

#include <linux/types.h>
#include <uapi/linux/zbuddy.h>

#ifdef CONFIG_FAULT_INJECTION
void zb_fault_init(void);
void zb_fault_exit(void);
bool zb_should_fail(zb_gfp_t gfp, unsigned int order);
bool zb_should_fail_copy(void);
#else
static inline void zb_fault_init(void) { }
static inline void zb_fault_exit(void) { }
static inline bool zb_should_fail(zb_gfp_t gfp, unsigned int order)
{
	return false;
}

static inline bool zb_should_fail_copy(void)
{
	return false;
}
#endif

#endif /* ZB_FAULT_H */
