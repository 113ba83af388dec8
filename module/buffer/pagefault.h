/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page table entries of buffers (pagefault.c).
 */
#ifndef ZB_PAGEFAULT_H
#define ZB_PAGEFAULT_H

#include <linux/errno.h>

struct vm_area_struct;
struct zb_buffer;

int zb_map_pages(struct vm_area_struct *vma, struct zb_buffer *buf);

#ifdef ZB_HAVE_PMD_PFNMAP
int zb_map_huge(struct vm_area_struct *vma);
#else
static inline int zb_map_huge(struct vm_area_struct *vma)
{
	return -EOPNOTSUPP;
}
#endif

#endif /* ZB_PAGEFAULT_H */
