/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Capturing: a large request that waits gets a range of pageblocks that nobody else allocates
 * from, until all of it is free.
 *
 *	zb_pool_capture
 *	  find_window			the range with the fewest frames in use
 *	  zb_pool_isolate_range		what is freed there stays free
 *	  zb_ops.move_out		movable allocations leave it
 *	  wait until it is free		others free what can't move
 *	  zb_take_isolated
 *
 * Without this, a request for several pageblocks never succeeds while other requests keep
 * taking parts of them, although a large part of the memory is free.
 *
 * A capture must not do harm to others: a request for a small block breaks it before it
 * fails, and so does everyone who needs the pageblocks isolated. It is at most a quarter of
 * a zone, leaves the zone above its watermark low and its reserve when it begins, and ends after
 * a limited time. After a failure it is another zone's turn, as long as there is one.
 */
#ifndef ZB_CORE_CAPTURE_H
#define ZB_CORE_CAPTURE_H

#include "alloc.h"

unsigned long zb_pool_capture(struct zb_pool *pool, const struct zb_alloc_request *req,
			      bool (*wanted)(void *data), void *data);

#endif /* ZB_CORE_CAPTURE_H */
