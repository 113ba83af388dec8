// SPDX-License-Identifier: GPL-2.0-only
/*
 * Uncorrected memory errors in mapped buffers.
 *
 * The kernel marks the page of such an error, but can't unmap a page of a module. It
 * reports each error by the tracepoint memory_failure_event, where this code learns of
 * it, and removes the page from all mappings of the buffer. The next access faults, and
 * the task gets SIGBUS instead of wrong data. Without that tracepoint
 * (CONFIG_MEMORY_FAILURE or CONFIG_RAS is not set), marked pages are not unmapped, but
 * are not mapped again either.
 *
 * The frames of a marked page are not allocated again (core/unfit.h).
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/tracepoint.h>

#include "../compat.h"
#include "buffer.h"

/**
 * zb_buffer_nr_good() - count pages without an uncorrected memory error
 * @buf: the buffer
 * @pgoff: number of the first page
 * @nr: number of pages
 *
 * If errors are reported by the tracepoint, no page is examined before the first report.
 * An error can occur right after this check. To insert the pages into a mapping that
 * unmap_page() can find, hold the invalidate_lock of zb_buffer.mapping during the check
 * and the insertion, so that unmap_page() removes the page afterwards.
 *
 * Context: any.
 * Return: number of pages from @pgoff on before the first one with an error, up to @nr.
 */
unsigned long zb_buffer_nr_good(const struct zb_buffer *buf, unsigned long pgoff,
				unsigned long nr)
{
	const struct zb_memory_errors *errors = &buf->bpool->errors;
	unsigned long i;

	if (errors->tp && !READ_ONCE(errors->seen))
		return nr;
	for (i = 0; i < nr; i++)
		if (PageHWPoison(pfn_to_page(buf->pfn + pgoff + i)))
			break;
	return i;
}

/*
 * Remove a page from all mappings of its buffer. This misses a mapping that mmap() is
 * still creating. If a task accesses the page there, the kernel reports the error again.
 */
static void unmap_page(struct zb_buffer_pool *bpool, unsigned long pfn)
{
	struct zb_buffer *buf = zb_buffer_find(bpool, pfn);
	bool found;

	if (!buf)
		return;
	filemap_invalidate_lock(&buf->mapping);
	/* The buffer may have been moved or purged before the page was marked. */
	found = buf->discard != ZB_DISCARD_PURGED && pfn - buf->pfn < buf->nr_pages;
	if (found)
		unmap_mapping_range(&buf->mapping,
				    (loff_t)(pfn - buf->pfn) << PAGE_SHIFT, PAGE_SIZE, 1);
	filemap_invalidate_unlock(&buf->mapping);
	if (found)
		pr_err_ratelimited("uncorrected memory error in a buffer of %s[%d]: access to this page of the buffer now raises SIGBUS\n",
				   buf->comm, buf->pid);
	zb_buffer_put(buf);
}

static void unmap_work(struct work_struct *work)
{
	struct zb_memory_errors *errors = container_of(work, struct zb_memory_errors, work);
	struct zb_buffer_pool *bpool = container_of(errors, struct zb_buffer_pool, errors);
	unsigned long pfn;
	bool found;

	do {
		spin_lock_irq(&errors->lock);
		found = errors->nr;
		if (found)
			pfn = errors->pfns[--errors->nr];
		spin_unlock_irq(&errors->lock);
		if (found)
			unmap_page(bpool, pfn);
	} while (found);
}

/* Called for each error, after its page has been marked. */
static void memory_failure_probe(void *data, unsigned long pfn, int type, int result)
{
	struct zb_buffer_pool *bpool = data;
	struct zb_memory_errors *errors = &bpool->errors;
	unsigned long flags;
	bool full;

	if (!zb_pfn_zone(&bpool->inst->pool, pfn))
		return;
	WRITE_ONCE(errors->seen, true);
	spin_lock_irqsave(&errors->lock, flags);
	full = errors->nr == ARRAY_SIZE(errors->pfns);
	if (!full)
		errors->pfns[errors->nr++] = pfn;
	spin_unlock_irqrestore(&errors->lock, flags);
	if (full)
		pr_err_ratelimited("too many memory errors at once: a page stays mapped\n");
	queue_work(ZB_WQ_UNBOUND, &errors->work);
}

static void find_tracepoint(struct tracepoint *tp, void *found)
{
	if (!strcmp(tp->name, "memory_failure_event"))
		*(struct tracepoint **)found = tp;
}

/**
 * zb_memory_errors_init() - start to unmap pages with memory errors
 * @bpool: the buffer pool
 *
 * Context: may sleep.
 */
void zb_memory_errors_init(struct zb_buffer_pool *bpool)
{
	struct zb_memory_errors *errors = &bpool->errors;

	spin_lock_init(&errors->lock);
	INIT_WORK(&errors->work, unmap_work);
	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		return;
	for_each_kernel_tracepoint(find_tracepoint, &errors->tp);
	if (errors->tp &&
	    tracepoint_probe_register(errors->tp, memory_failure_probe, bpool))
		errors->tp = NULL;
}

/**
 * zb_memory_errors_exit() - stop unmapping pages with memory errors
 * @bpool: the buffer pool
 *
 * Context: may sleep.
 */
void zb_memory_errors_exit(struct zb_buffer_pool *bpool)
{
	struct zb_memory_errors *errors = &bpool->errors;

	if (IS_ENABLED(CONFIG_TRACEPOINTS) && errors->tp) {
		tracepoint_probe_unregister(errors->tp, memory_failure_probe, bpool);
		tracepoint_synchronize_unregister();
	}
	cancel_work_sync(&errors->work);
}
