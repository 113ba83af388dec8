/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests that wait in line: may a later one be served first? */
#ifndef ZB_CORE_OVERTAKE_H
#define ZB_CORE_OVERTAKE_H

#include "alloc.h"

/* What it would cost the first request in line to serve a later one first. */
enum zb_overtake {
	ZB_OVERTAKE_NOT_NOW,	/* the later one can't be served now */
	ZB_OVERTAKE_COSTS,	/* it would take what the first one needs */
	ZB_OVERTAKE_ROOM,	/* as many frames as the first one needs are left */
	ZB_OVERTAKE_APART,	/* its zone can never serve the first one */
};

struct zb_zone *zb_pool_serves_now(struct zb_pool *pool,
				   const struct zb_alloc_request *req);
enum zb_overtake zb_pool_overtake(struct zb_pool *pool,
				  const struct zb_alloc_request *first,
				  const struct zb_alloc_request *later);

#endif /* ZB_CORE_OVERTAKE_H */
