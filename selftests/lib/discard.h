/* SPDX-License-Identifier: GPL-2.0 */
/* Discardable buffers that fill the memory: helpers of their tests. */
#ifndef DISCARD_H
#define DISCARD_H

#include "buffer_test.h"

#define RECLAIMABLE	ZB_GFP_TEMPORARY
/* Neither reclaims nor wakes kswapd. */
#define FILL		(__ZB_GFP_RECLAIMABLE | __ZB_GFP_NOWARN)
#define DONTNEED	ZB_ADVISE_DONTNEED
#define WILLNEED	ZB_ADVISE_WILLNEED
#define MAX_BUFS	16384u

static struct zb_ioc_alloc bufs[MAX_BUFS];

static inline int dontneed(int fd, const struct zb_ioc_alloc *a)
{
	return zb_advise(fd, a->handle, DONTNEED, NULL);
}

/* Take back at least @bytes of discardable memory. */
static inline int reclaim(__u64 bytes)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", bytes);
	return zb_write_file(ZB_DEBUGFS "reclaim", text);
}

static inline __u32 discard_of(int fd, __u32 handle)
{
	struct zb_ioc_query q;

	return zb_query(fd, handle, &q) ? ~0u : q.discard;
}

static inline bool is_purged(int fd, const struct zb_ioc_alloc *a)
{
	return discard_of(fd, a->handle) == ZB_DISCARD_PURGED;
}

static inline unsigned int nr_purged(int fd, unsigned int nr)
{
	unsigned int i, sum = 0;

	for (i = 0; i < nr; i++)
		sum += is_purged(fd, &bufs[i]);
	return sum;
}

/*
 * Append buffers of @order to the first @nr elements of bufs, until no more can be allocated;
 * returns the number of all buffers. Drains the per-CPU lists, because a request cannot take
 * memory from the lists of another CPU.
 */
static inline unsigned int fill_behind(int fd, __u32 order, unsigned int nr)
{
	unsigned int before;

	do {
		before = nr;
		zb_drain();
		while (nr < MAX_BUFS && !zb_alloc_order(fd, order, FILL, &bufs[nr]))
			nr++;
	} while (nr > before);
	return nr;
}

static inline unsigned int fill(int fd, __u32 order)
{
	return fill_behind(fd, order, 0);
}

/* Occupy what is left in smaller blocks, so that only discardable memory can help. */
static inline unsigned int fill_rest(int fd, __u32 order, unsigned int nr)
{
	while (order--)
		nr = fill_behind(fd, order, nr);
	return nr;
}

#endif /* DISCARD_H */
