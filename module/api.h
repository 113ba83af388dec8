/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_API_H
#define ZB_API_H

#include <linux/wait.h>

#include "host.h"

/* There before anybody can call us, and until nobody can any more. */
extern struct zb_host *zb_api_host;

/* After every free of a block. */
static inline void zb_api_freed(void)
{
	bool sleeper;

	/* No barrier: who waits looks again before long, so a miss costs little. */
	sleeper = waitqueue_active(&zb_api_host->freed);
	if (unlikely(sleeper || atomic_read(&zb_api_host->nr_waiting)))
		zb_host_freed(zb_api_host);
}

void zb_api_attach(struct zb_host *host);
void zb_api_detach(void);

#endif /* ZB_API_H */
