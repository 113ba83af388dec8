/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fail_zbuddy: allocations that fail on purpose, by the kernel's own fault
 * injection (see its documentation), where the kernel has it.
 */
#ifndef ZB_FAULT_H
#define ZB_FAULT_H

#include <linux/types.h>
#include <uapi/linux/zbuddy.h>

#ifdef CONFIG_FAULT_INJECTION
void zb_fault_init(void);
void zb_fault_exit(void);
bool zb_should_fail(zb_gfp_t gfp, unsigned int order);
#else
static inline void zb_fault_init(void) { }
static inline void zb_fault_exit(void) { }
static inline bool zb_should_fail(zb_gfp_t gfp, unsigned int order)
{
	return false;
}
#endif

#endif /* ZB_FAULT_H */
