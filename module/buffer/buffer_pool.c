// SPDX-License-Identifier: GPL-2.0-only
/* Initializes and destroys all parts of a buffer pool. */
#include <linux/atomic.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "huge.h"
#include "discard.h"

/**
 * zb_buffer_pool_init() - initialize an empty buffer pool
 * @bpool: the buffer pool
 * @inst: the instance to allocate from
 *
 * Context: may sleep.
 * Return: 0 or -errno.
 */
int zb_buffer_pool_init(struct zb_buffer_pool *bpool, struct zb_instance *inst)
{
	int err;

	bpool->inst = inst;
	atomic_set(&bpool->files, 0);
	zb_buffer_list_init(bpool);
	xa_init(&bpool->users);
	zb_deferred_free_init(bpool, zb_buffer_free);
	err = zb_lru_init(bpool);
	if (err)
		return err;
	err = zb_line_init(&bpool->line, inst);
	if (err)
		goto exit_lru;
	zb_watch_init(bpool);
	err = zb_sync_init(bpool);
	if (err)
		goto destroy_line;
	err = zb_limits_init(bpool);
	if (err)
		goto exit_sync;
	zb_huge_init();
	zb_memory_errors_init(bpool);
	return 0;

exit_sync:
	zb_sync_exit(bpool);
destroy_line:
	zb_line_destroy(&bpool->line);
exit_lru:
	zb_lru_exit(bpool);
	return err;
}

/**
 * zb_buffer_pool_destroy() - destroy an empty buffer pool
 * @bpool: the buffer pool, after zb_line_destroy(). It has no open files and no buffers whose
 *	release is deferred, because both hold the module.
 *
 * Context: may sleep.
 */
void zb_buffer_pool_destroy(struct zb_buffer_pool *bpool)
{
	zb_memory_errors_exit(bpool);
	cancel_delayed_work_sync(&bpool->deferred_work);
	zb_limits_exit(bpool);
	zb_sync_exit(bpool);
	zb_watch_exit(bpool);
	zb_lru_exit(bpool);
}
