// SPDX-License-Identifier: GPL-2.0-only
/*
 * The debugfs files owners (a line per buffer) and processes (a line per process).
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "../compat.h"
#include "../buffer/buffer.h"
#include "../core/layout.h"
#include "owners.h"

/* Count the pages that have references besides those of the region and the mappings. */
static unsigned long nr_pins(const struct zb_buffer *buf)
{
	unsigned long i, nr = 0;
	struct page *page;
	int extra;

	if (!READ_ONCE(buf->was_mapped))
		return 0;
	for (i = 0; i < buf->nr_pages; i++) {
		page = pfn_to_page(buf->pfn + i);
		extra = page_ref_count(page) - 1 - zb_page_mapcount(page);
		nr += extra > 0;
	}
	return nr;
}

static const char *state_of(const struct zb_buffer *buf)
{
	if (READ_ONCE(buf->is_deferred))
		return "deferred";
	return READ_ONCE(buf->has_handle) ? "held" : "orphan";
}

static void *owners_start(struct seq_file *m, loff_t *pos)
	__acquires(&((struct zb_buffer_pool *)m->private)->lock)
{
	struct zb_buffer_pool *bpool = m->private;

	mutex_lock(&bpool->lock);
	return seq_list_start(&bpool->buffers, *pos);
}

static void *owners_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct zb_buffer_pool *bpool = m->private;

	return seq_list_next(v, &bpool->buffers, pos);
}

static void owners_stop(struct seq_file *m, void *v)
	__releases(&((struct zb_buffer_pool *)m->private)->lock)
{
	struct zb_buffer_pool *bpool = m->private;

	mutex_unlock(&bpool->lock);
}

static int owners_show(struct seq_file *m, void *v)
{
	const struct zb_buffer *buf = list_entry(v, struct zb_buffer, link);

	seq_printf(m, "handle %u pid %d comm %s label %s node %d zone %s order %u length %llu type %s age %lld mappings %d pins %lu exports %d state %s\n",
		   READ_ONCE(buf->handle), buf->pid, buf->comm,
		   buf->label[0] ? buf->label : "-", buf->nid,
		   zb_zone_names[buf->zone], buf->order, zb_buffer_bytes(buf),
		   zb_migratetype_names[zb_gfp_migratetype(buf->gfp)],
		   ktime_get_boottime_seconds() - buf->born,
		   atomic_read(&buf->mappings), nr_pins(buf),
		   atomic_read(&buf->exports), state_of(buf));
	return 0;
}

static const struct seq_operations owners_sops = {
	.start = owners_start,
	.next = owners_next,
	.stop = owners_stop,
	.show = owners_show,
};
DEFINE_SEQ_ATTRIBUTE(owners);

/**
 * struct process_usage - the buffers that one process has allocated
 * @comm: name of the process
 * @nr: number of its buffers
 * @bytes: size of all its buffers
 * @mappings: number of mappings of all its buffers
 * @exports: number of dma-bufs of all its buffers
 */
struct process_usage {
	char comm[TASK_COMM_LEN];
	unsigned long nr;
	u64 bytes;
	unsigned long mappings;
	unsigned long exports;
};

static int add_to_process(struct xarray *processes, const struct zb_buffer *buf)
{
	struct process_usage *p = xa_load(processes, buf->pid);
	int err;

	if (!p) {
		p = kzalloc_obj(*p);
		if (!p)
			return -ENOMEM;
		strscpy(p->comm, buf->comm, sizeof(p->comm));
		err = xa_err(xa_store(processes, buf->pid, p, GFP_KERNEL));
		if (err) {
			kfree(p);
			return err;
		}
	}
	p->nr++;
	p->bytes += zb_buffer_bytes(buf);
	p->mappings += atomic_read(&buf->mappings);
	p->exports += atomic_read(&buf->exports);
	return 0;
}

static int processes_show(struct seq_file *m, void *unused)
{
	struct zb_buffer_pool *bpool = m->private;
	struct zb_buffer *buf;
	struct process_usage *p;
	struct xarray processes;
	unsigned long pid;
	int err = 0;

	xa_init(&processes);
	mutex_lock(&bpool->lock);
	list_for_each_entry(buf, &bpool->buffers, link) {
		err = add_to_process(&processes, buf);
		if (err)
			break;
	}
	mutex_unlock(&bpool->lock);
	xa_for_each(&processes, pid, p) {
		if (!err)
			seq_printf(m, "pid %lu comm %s buffers %lu length %llu mappings %lu exports %lu\n",
				   pid, p->comm, p->nr, p->bytes, p->mappings,
				   p->exports);
		kfree(p);
	}
	xa_destroy(&processes);
	return err;
}
DEFINE_SHOW_ATTRIBUTE(processes);

/**
 * zb_owners_create() - create the debugfs files owners and processes
 * @root: the debugfs directory
 * @bpool: the buffer pool whose buffers the files show
 *
 * Context: may sleep.
 */
void zb_owners_create(struct dentry *root, struct zb_buffer_pool *bpool)
{
	debugfs_create_file("owners", 0400, root, bpool, &owners_fops);
	debugfs_create_file("processes", 0400, root, bpool, &processes_fops);
}
