// SPDX-License-Identifier: GPL-2.0-only
/*
 * The debugfs file pageblocks, with a line per pageblock.
 *
 * What the frames are used for is counted once, when the file is opened, because all buffers have
 * to be read for that. The rest is copied while the file is read, with the zone lock held, and
 * printed without it.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "../core/layout.h"
#include "../core/stat.h"
#include "../reclaim/reclaim.h"
#include "pageblocks.h"

#define BLOCKS_AT_ONCE	32	/* pageblocks copied under one hold of the zone lock */

/**
 * struct reader - an open file pageblocks
 * @pool: the allocator
 * @use: what the frames of each pageblock are used for
 */
struct reader {
	const struct zb_pool *pool;
	struct zb_block_use use[];
};

/*
 * The position in the file is the index of a pageblock over all zones, so that a large file can
 * be read in several parts.
 */
static struct zb_zone *locate_pageblock(const struct reader *reader, loff_t pos,
					unsigned long *block)
{
	struct zb_zone *zone;

	zb_for_each_zone(zone, reader->pool) {
		if (pos < zb_zone_nr_pageblocks(zone)) {
			*block = pos;
			return zone;
		}
		pos -= zb_zone_nr_pageblocks(zone);
	}
	return NULL;
}

static void *pageblocks_start(struct seq_file *m, loff_t *pos)
{
	unsigned long block;

	return locate_pageblock(m->private, *pos, &block) ? pos : NULL;
}

static void *pageblocks_next(struct seq_file *m, void *v, loff_t *pos)
{
	unsigned long block;
	struct zb_zone *zone = locate_pageblock(m->private, *pos, &block);

	*pos += min(zb_zone_nr_pageblocks(zone) - block,
		    (unsigned long)BLOCKS_AT_ONCE);
	return pageblocks_start(m, pos);
}

static void pageblocks_stop(struct seq_file *m, void *v)
{
}

static void show_pageblock(struct seq_file *m, const struct zb_zone *zone, unsigned long block,
			   const struct zb_pageblock_stat *st, const struct zb_block_use *use)
{
	seq_printf(m, "Node %d, zone %8s, block %6lu, type %12s, free %3u, largest %2d, order %2d, movable %3u, discardable %3u, pinned %3u%s\n",
		   zone->nid, zb_zone_names[zone->type], block,
		   zb_migratetype_names[st->migratetype], st->nr_free, st->largest,
		   st->whole_order, use->nr[ZB_USE_MOVABLE], use->nr[ZB_USE_DISCARDABLE],
		   use->nr[ZB_USE_PINNED], st->offline ? ", offline" : "");
}

static int pageblocks_show(struct seq_file *m, void *v)
{
	struct zb_pageblock_stat st[BLOCKS_AT_ONCE];
	const struct reader *reader = m->private;
	unsigned long i, nr, block;
	loff_t pos = *(loff_t *)v;
	struct zb_zone *zone = locate_pageblock(reader, pos, &block);

	nr = min(zb_zone_nr_pageblocks(zone) - block,
		 (unsigned long)BLOCKS_AT_ONCE);
	zb_pageblock_snapshot(zone, block, nr, st);
	for (i = 0; i < nr; i++)
		show_pageblock(m, zone, block + i, &st[i], &reader->use[pos + i]);
	return 0;
}

static const struct seq_operations pageblocks_sops = {
	.start = pageblocks_start,
	.next = pageblocks_next,
	.stop = pageblocks_stop,
	.show = pageblocks_show,
};

static int pageblocks_open(struct inode *inode, struct file *file)
{
	struct zb_reclaim *reclaim = inode->i_private;
	const struct zb_pool *pool = &reclaim->inst->pool;
	struct reader *reader;
	int err;

	reader = kvzalloc(struct_size(reader, use, zb_pool_nr_pageblocks(pool)), GFP_KERNEL);
	if (!reader)
		return -ENOMEM;
	err = seq_open(file, &pageblocks_sops);
	if (err) {
		kvfree(reader);
		return err;
	}
	reader->pool = pool;
	zb_count_block_use(reclaim, reader->use);
	((struct seq_file *)file->private_data)->private = reader;
	return 0;
}

static int pageblocks_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	kvfree(m->private);
	return seq_release(inode, file);
}

static const struct file_operations pageblocks_fops = {
	.owner = THIS_MODULE,
	.open = pageblocks_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = pageblocks_release,
};

/**
 * zb_debugfs_create_pageblocks() - create the debugfs file pageblocks
 * @root: the debugfs directory
 * @reclaim: reclaim and compaction
 *
 * Context: may sleep.
 */
void zb_debugfs_create_pageblocks(struct dentry *root, struct zb_reclaim *reclaim)
{
	debugfs_create_file("pageblocks", 0400, root, reclaim, &pageblocks_fops);
}
