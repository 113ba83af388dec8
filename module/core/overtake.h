/* SPDX-License-Identifier: GPL-2.0-only */
/* Predicts the effect of serving a waiting request before the first one in the queue. */
#ifndef ZB_CORE_OVERTAKE_H
#define ZB_CORE_OVERTAKE_H

#include "verdict.h"

/* The effect that serving a later request has on the first request in the queue. */
enum zb_overtake {
	ZB_OVERTAKE_NOT_NOW,	/* the later request can't be served now */
	ZB_OVERTAKE_COSTS,	/* it would take frames that the first one needs */
	ZB_OVERTAKE_ROOM,	/* enough frames for the first one are left */
	ZB_OVERTAKE_APART,	/* the zone can never serve the first one */
};

struct zb_zone *zb_pool_predict_zone(struct zb_pool *pool,
				     const struct zb_alloc_request *req);
enum zb_overtake zb_pool_overtake(struct zb_pool *pool,
				  const struct zb_alloc_request *first,
				  const struct zb_alloc_request *later);

#endif /* ZB_CORE_OVERTAKE_H */
