/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_REPORT_H
#define ZB_REPORT_H

#include "../core/alloc.h"

void zb_report_failure(struct zb_pool *pool, zb_gfp_t gfp, unsigned int order,
		       unsigned int alloc_flags,
		       const struct zb_alloc_context *ac);

#endif /* ZB_REPORT_H */
