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

/**
 * struct owners_reader - an open file owners
 * @iter: position in the list of all buffers
 * @line: number of the line for the buffer that was read last, or -1
 */
struct owners_reader {
	struct zb_buffer_iter iter;
	loff_t line;
};

/* Read the buffer of line @pos; returns NULL behind the last line. */
static void *go_to_line(struct owners_reader *reader, loff_t pos)
{
	if (pos < reader->line) {
		zb_buffer_iter_rewind(&reader->iter);
		reader->line = -1;
	}
	for (; reader->line < pos; reader->line++)
		if (!zb_buffer_iter_next(&reader->iter))
			return NULL;
	return reader;
}

static void *owners_start(struct seq_file *m, loff_t *pos)
{
	return go_to_line(m->private, *pos);
}

static void *owners_next(struct seq_file *m, void *v, loff_t *pos)
{
	return go_to_line(v, ++*pos);
}

static void owners_stop(struct seq_file *m, void *v)
{
}

static int owners_show(struct seq_file *m, void *v)
{
	const struct zb_buffer_info *info = &((struct owners_reader *)v)->iter.info;
	bool purged = info->discard == ZB_DISCARD_PURGED;
	const char *state = info->is_deferred ? "deferred" :
			    purged ? "purged" :
			    info->discard ? "discardable" :
			    info->handles ? "held" :
			    info->inodes ? "file" : "orphan";

	seq_printf(m, "handle %u pid %d comm %s label %s node %d zone %s order %u length %llu type %s age %lld mappings %d pins %lu exports %d state %s\n",
		   info->handle, info->pid, info->comm,
		   info->label[0] ? info->label : "-", info->nid,
		   zb_zone_names[info->zone], info->order,
		   (u64)info->nr_pages << PAGE_SHIFT,
		   zb_migratetype_names[zb_gfp_migratetype(info->gfp)],
		   ktime_get_boottime_seconds() - info->born, info->mappings,
		   info->was_mapped && !purged ? zb_nr_pins(info->pfn, info->nr_pages) : 0,
		   info->exports, state);
	return 0;
}

static const struct seq_operations owners_sops = {
	.start = owners_start,
	.next = owners_next,
	.stop = owners_stop,
	.show = owners_show,
};

static int owners_open(struct inode *inode, struct file *file)
{
	struct owners_reader *reader;

	reader = __seq_open_private(file, &owners_sops, sizeof(*reader));
	if (!reader)
		return -ENOMEM;
	zb_buffer_iter_begin(&reader->iter, inode->i_private);
	reader->line = -1;
	return 0;
}

static int owners_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;
	struct owners_reader *reader = m->private;

	zb_buffer_iter_end(&reader->iter);
	return seq_release_private(inode, file);
}

static const struct file_operations owners_fops = {
	.owner = THIS_MODULE,
	.open = owners_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = owners_release,
};

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

static int add_to_process(struct xarray *processes, const struct zb_buffer_info *info)
{
	struct process_usage *p = xa_load(processes, info->pid);
	int err;

	if (!p) {
		p = kzalloc_obj(*p);
		if (!p)
			return -ENOMEM;
		strscpy(p->comm, info->comm, sizeof(p->comm));
		err = xa_err(xa_store(processes, info->pid, p, GFP_KERNEL));
		if (err) {
			kfree(p);
			return err;
		}
	}
	p->nr++;
	p->bytes += (u64)info->nr_pages << PAGE_SHIFT;
	p->mappings += info->mappings;
	p->exports += info->exports;
	return 0;
}

static int processes_show(struct seq_file *m, void *unused)
{
	struct zb_buffer_iter iter;
	struct process_usage *p;
	struct xarray processes;
	unsigned long pid;
	int err = 0;

	xa_init(&processes);
	zb_buffer_iter_begin(&iter, m->private);
	while (!err && zb_buffer_iter_next(&iter))
		err = add_to_process(&processes, &iter.info);
	zb_buffer_iter_end(&iter);
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
