// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading, writing and mapping files.
 *
 * read() and write() copy page by page. A reference on the page keeps its frame in place
 * meanwhile, and the invalidate_lock of the buffer's address space is held only while the
 * reference is taken. No lock is held while data is copied, because that may fault and
 * wait for other tasks.
 */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/falloc.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/splice.h>
#include <linux/uio.h>

#include "../compat.h"
#include "../buffer/discard.h"
#include "../buffer/zero.h"
#include "../core/layout.h"
#include "fs.h"

/* Get a page of a buffer with a reference, or NULL if it is purged or has a memory error. */
static struct page *get_buffer_page(struct zb_buffer *buf, unsigned long pgoff)
{
	struct page *page = NULL;

	zb_buffer_expose(buf);
	filemap_invalidate_lock_shared(&buf->mapping);
	if (buf->discard != ZB_DISCARD_PURGED && zb_buffer_nr_good(buf, pgoff, 1)) {
		page = pfn_to_page(buf->pfn + pgoff);
		get_page(page);
	}
	filemap_invalidate_unlock_shared(&buf->mapping);
	return page;
}

/*
 * Before Linux 6.5, copy_page_to_iter() puts the page itself into a pipe, which splice()
 * and sendfile() read through. The reader of the pipe would see later changes of the
 * buffer, and the reference would keep the buffer from being moved.
 */
static size_t copy_from_page(struct page *page, unsigned int offset, size_t nr,
			     struct iov_iter *iter)
{
	char *from = kmap_local_page(page);
	size_t done = copy_to_iter(from + offset, nr, iter);

	kunmap_local(from);
	return done;
}

/* Copy up to the end of a page; returns the number of bytes or -errno. */
static ssize_t copy_piece(struct zb_buffer *buf, loff_t pos, size_t length,
			  struct iov_iter *iter)
{
	struct page *page = get_buffer_page(buf, pos >> PAGE_SHIFT);
	unsigned int offset = offset_in_page(pos);
	size_t nr = min_t(size_t, length, PAGE_SIZE - offset), done;

	if (!page)
		return -EIO;
	if (iov_iter_rw(iter) == READ) {
		done = copy_from_page(page, offset, nr, iter);
	} else {
		done = copy_page_from_iter(page, offset, nr, iter);
		flush_dcache_page(page);
	}
	put_page(page);
	return done ?: -EFAULT;
}

/* Copy between the buffer and @iter, up to @end; advances the position. */
static ssize_t copy_range(struct zb_buffer *buf, struct kiocb *iocb, loff_t end,
			  struct iov_iter *iter)
{
	loff_t start = iocb->ki_pos;
	ssize_t nr = 0;

	while (iov_iter_count(iter) && iocb->ki_pos < end) {
		nr = fatal_signal_pending(current) ? -EINTR :
		     copy_piece(buf, iocb->ki_pos,
				min_t(u64, iov_iter_count(iter), end - iocb->ki_pos), iter);
		if (nr < 0)
			break;
		iocb->ki_pos += nr;
		cond_resched();
	}
	return iocb->ki_pos > start ? iocb->ki_pos - start : nr;
}

static ssize_t zb_fs_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	loff_t size;
	struct zb_buffer *buf = zb_fs_get_buffer(file_inode(file), &size);
	ssize_t nr;

	if (!buf)
		return 0;
	nr = copy_range(buf, iocb, size, to);
	zb_buffer_put(buf);
	file_accessed(file);
	return nr;
}

/* Check a write, and update the inode for it. Both need the lock of the inode. */
static ssize_t prepare_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t nr;

	inode_lock(inode);
	nr = generic_write_checks(iocb, from);
	if (nr > 0)
		nr = file_modified(iocb->ki_filp) ?: nr;
	inode_unlock(inode);
	return nr;
}

static ssize_t zb_fs_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct zb_buffer *buf;
	ssize_t nr = prepare_write(iocb, from);
	loff_t size;

	if (nr <= 0)
		return nr;
	buf = zb_fs_get_buffer(file_inode(iocb->ki_filp), &size);
	if (!buf)
		return -ENOSPC;
	nr = iocb->ki_pos < size ? copy_range(buf, iocb, size, from) : -ENOSPC;
	zb_buffer_put(buf);
	return nr;
}

static loff_t zb_fs_llseek(struct file *file, loff_t offset, int whence)
{
	struct inode *inode = file_inode(file);

	return generic_file_llseek_size(file, offset, whence, inode->i_sb->s_maxbytes,
					i_size_read(inode));
}

static long zb_fs_fallocate(struct file *file, int mode, loff_t offset, loff_t length)
{
	struct inode *inode = file_inode(file);
	loff_t end = offset + length;
	int err;

	if (mode)
		return -EOPNOTSUPP;
	inode_lock(inode);
	if (inode->i_private)
		err = end <= i_size_read(inode) ? 0 : -ENOSPC;
	else
		err = inode_newsize_ok(inode, end) ?:
		      file_modified(file) ?:
		      zb_fs_set_length(file->f_path.dentry, end);
	inode_unlock(inode);
	return err;
}

/*
 * The address space of the buffer has to contain the mapping, but the file may have been
 * opened before the buffer existed. Therefore each mapping gets an open file of its own,
 * with the same path. It holds the mount, the inode and the buffer, and its private_data
 * is the buffer; no descriptor refers to it. The type of the file system has
 * FS_DISALLOW_NOTIFY_PERM, so that opening it does not wait for a listener, and files can't
 * have leases (zb_nosetlease), so that it does not wait until one is given up.
 */
static struct file *open_for_mapping(const struct file *file)
{
	int flags = file->f_mode & FMODE_WRITE ? O_RDWR : O_RDONLY;

	return dentry_open(&file->f_path, flags | O_LARGEFILE, file->f_cred);
}

static int zb_fs_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct zb_buffer *buf;
	struct file *mapped;
	int err;

	/* remap_file_pages() maps the file of a mapping once more. */
	if (file->private_data)
		return zb_buffer_remap(file, vma);
	buf = zb_fs_get_buffer(file_inode(file), NULL);
	if (!buf)
		return -EINVAL;
	mapped = open_for_mapping(file);
	err = PTR_ERR_OR_ZERO(mapped);
	if (!err) {
		err = zb_buffer_mmap_file(buf, vma, mapped);
		fput(mapped);
	}
	zb_buffer_put(buf);
	return err;
}

static int zb_fs_release(struct inode *inode, struct file *file)
{
	if (file->private_data)
		zb_buffer_put(file->private_data);
	return 0;
}

static unsigned long count_pins(struct zb_buffer *buf)
{
	unsigned long nr = 0;

	if (!READ_ONCE(buf->was_mapped))
		return 0;
	filemap_invalidate_lock_shared(&buf->mapping);
	if (buf->discard != ZB_DISCARD_PURGED)
		nr = zb_nr_pins(buf->pfn, buf->nr_pages);
	filemap_invalidate_unlock_shared(&buf->mapping);
	return nr;
}

static void zb_fs_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct zb_buffer *buf = zb_fs_get_buffer(file_inode(file), NULL);
	u32 zone;
	s32 nid;

	if (!buf)
		return;
	zb_buffer_get_place(buf, &nid, &zone, NULL);
	seq_printf(m, "zbuddy-length:\t%llu\nzbuddy-node:\t%d\nzbuddy-zone:\t%s\n",
		   zb_buffer_bytes(buf), nid, zb_zone_names[zone]);
	seq_printf(m, "zbuddy-handles:\t%d\nzbuddy-mappings:\t%d\nzbuddy-exports:\t%d\nzbuddy-pins:\t%lu\n",
		   atomic_read(&buf->handles), atomic_read(&buf->mappings),
		   atomic_read(&buf->exports), count_pins(buf));
	zb_buffer_put(buf);
}

const struct file_operations zb_fs_file_ops = {
	.owner = THIS_MODULE,
	.open = generic_file_open,
	.release = zb_fs_release,
	.read_iter = zb_fs_read_iter,
	.write_iter = zb_fs_write_iter,
	.splice_read = zb_splice_read,
	.splice_write = iter_file_splice_write,
	.llseek = zb_fs_llseek,
	.fallocate = zb_fs_fallocate,
	.mmap = zb_fs_mmap,
	.get_unmapped_area = thp_get_unmapped_area,
	.fsync = noop_fsync,
	.setlease = zb_nosetlease,
	.show_fdinfo = zb_fs_show_fdinfo,
};

/**
 * zb_fs_file_buffer() - get the buffer of an open file
 * @file: any open file
 *
 * Context: any but interrupts.
 * Return: the buffer with a reference for the caller, or NULL if the file is not in a file
 * system of this type, or has no length.
 */
struct zb_buffer *zb_fs_file_buffer(const struct file *file)
{
	return file->f_op == &zb_fs_file_ops ? zb_fs_get_buffer(file_inode(file), NULL) : NULL;
}
