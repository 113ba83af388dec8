// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mmap() offsets of handles.
 *
 * A handle selects two windows of the file's mmap() offsets, one for each kind of mapping;
 * a window is as large as the largest buffer. An offset in pages is FIRST_PGOFF plus
 *
 *	handle | huge entries | page in the buffer
 *	       |    1 bit     |   page_bits()
 *
 * A 32-bit program can only express 32 bits of such an offset, so no bits are reserved
 * above the handle, and many handles fit. FIRST_PGOFF corresponds to 4 GiB: a program
 * that was built with a 32-bit off_t truncates every offset to one below it, where no
 * buffer is, instead of mapping another buffer. User space must not rely on this
 * encoding.
 */
#include <linux/compat.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include "buffer.h"

#define FIRST_PGOFF	BIT_ULL(32 - PAGE_SHIFT)

/* The largest buffer is a whole zone. */
static unsigned int page_bits(const struct zb_buffer_pool *bpool)
{
	return zb_exact_order(bpool->inst->pool.largest->nr_pages);
}

static unsigned int handle_shift(const struct zb_buffer_pool *bpool)
{
	return page_bits(bpool) + 1;
}

/**
 * zb_file_max_handle() - get the largest handle whose mmap() offset the caller can express
 * @file: the open file
 *
 * An offset is a positive number of bytes or, in a 32-bit program, a 32-bit number of pages.
 *
 * Context: process.
 * Return: the largest handle.
 */
u32 zb_file_max_handle(const struct zb_file *file)
{
	u64 nr_pgoff = BIT_ULL(63 - PAGE_SHIFT);

	if (in_compat_syscall() || BITS_PER_LONG == 32)
		nr_pgoff = BIT_ULL(32);
	nr_pgoff -= FIRST_PGOFF;
	return min_t(u64, (nr_pgoff >> handle_shift(file->bpool)) - 1, U32_MAX);
}

/**
 * zb_file_mmap_offset() - get the mmap() offset of a handle
 * @file: the open file
 * @nr: number of the handle
 * @huge: for a mapping with huge entries
 *
 * Return: offset in bytes; 0 if huge mappings are not supported.
 */
u64 zb_file_mmap_offset(const struct zb_file *file, u32 nr, bool huge)
{
	struct zb_instance *inst = file->bpool->inst;
	u64 pgoff = FIRST_PGOFF + ((u64)nr << handle_shift(file->bpool));

	if (huge && !(zb_mmap_features(inst) & ZB_FEATURE_MMAP_HUGE))
		return 0;
	if (huge)
		pgoff += BIT_ULL(page_bits(file->bpool));
	return pgoff << PAGE_SHIFT;
}

/**
 * zb_file_split_offset() - find the handle of an mmap() offset
 * @file: the open file
 * @pgoff: offset in pages; set to the offset within the buffer
 * @nr: set to the number of the handle
 * @huge: set if the offset is that for mappings with huge entries
 *
 * Return: false if the offset belongs to no handle.
 */
bool zb_file_split_offset(const struct zb_file *file, unsigned long *pgoff, u32 *nr,
			  bool *huge)
{
	struct zb_instance *inst = file->bpool->inst;
	u64 at = *pgoff - FIRST_PGOFF;

	*huge = at & BIT_ULL(page_bits(file->bpool));
	if (*pgoff < FIRST_PGOFF || at >> handle_shift(file->bpool) > U32_MAX ||
	    (*huge && !(zb_mmap_features(inst) & ZB_FEATURE_MMAP_HUGE)))
		return false;
	*nr = at >> handle_shift(file->bpool);
	*pgoff = at & (BIT_ULL(page_bits(file->bpool)) - 1);
	return true;
}
