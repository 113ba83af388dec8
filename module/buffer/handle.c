// SPDX-License-Identifier: GPL-2.0-only
/*
 * The handles of an open file.
 *
 * A handle is an index into the file's xarray. A buffer may have several handles, in one or
 * several open files. The one that ALLOC or BULK_ALLOC makes is part of the buffer, so that it
 * needs no memory of its own; the others are made from descriptors.
 *
 * A command that makes a handle first reserves its number, which may fail. It publishes
 * the handle after its number has been copied to user space, which can't fail. Until then
 * the handle is not valid: it can be neither looked up nor freed.
 *
 * Numbers are allocated cyclically, so that a stale handle is not reused soon. This would be
 * expensive for a program that has few buffers and often frees and allocates one: the xarray
 * would free its nodes and allocate new ones each time. Therefore FREE parks the number, i.e.
 * keeps it reserved until it parks another one, or until no other number is left.
 */
#include <linux/err.h>
#include <linux/slab.h>

#include "batch.h"

/**
 * zb_handle_new() - create a handle for a buffer that exists already
 * @buf: the buffer, whose reference the handle takes over, unless this fails
 * @writable: the buffer may be changed through the handle
 *
 * Context: may sleep.
 * Return: the handle, which has to be reserved, or NULL if out of memory.
 */
struct zb_handle *zb_handle_new(struct zb_buffer *buf, bool writable)
{
	struct zb_handle *handle = kzalloc(sizeof(*handle), GFP_KERNEL_ACCOUNT);

	if (handle) {
		handle->buf = buf;
		handle->writable = writable;
	}
	return handle;
}

/* Returns the buffer, with the reference that the handle had. */
static struct zb_buffer *free_handle(struct zb_handle *handle)
{
	struct zb_buffer *buf = handle->buf;

	if (handle != &buf->first)
		kfree(handle);
	return buf;
}

/**
 * zb_handle_destroy() - free a handle that is not in an open file
 * @handle: the handle, whose reference on the buffer is dropped
 *
 * Context: may sleep.
 */
void zb_handle_destroy(struct zb_handle *handle)
{
	zb_buffer_put(free_handle(handle));
}

/* Destroy a handle that has been removed from its open file. */
static void drop_handle(struct zb_handle *handle)
{
	atomic_dec(&handle->buf->handles);
	zb_handle_destroy(handle);
}

/* Walk to the entry of @nr, which is one step if the last walk ended at the number before. */
static void *walk_to(struct xa_state *xas, u32 nr)
{
	if (xas->xa_node != XAS_RESTART && nr == xas->xa_index + 1)
		return xas_next(xas);
	xas_set(xas, nr);
	return xas_load(xas);
}

static struct zb_handle *if_valid(void *entry)
{
	struct zb_handle *handle = xa_is_zero(entry) ? NULL : entry;
	bool valid;

	if (!handle)
		return NULL;
	/* Pairs with set_valid(). */
	valid = smp_load_acquire(&handle->valid);
	return valid ? handle : NULL;
}

/* From now on, another thread may free the handle. */
static void set_valid(struct zb_handle *handle)
{
	/* Order all writes to the handle and its buffer before it becomes valid. */
	smp_store_release(&handle->valid, true);
}

/* Make the number that is parked available. Returns false if there is none. */
static bool unpark(struct zb_file *file)
{
	if (!file->parked)
		return false;
	__xa_erase(&file->handles, file->parked);
	file->parked = 0;
	return true;
}

/* Park a number that is in use. */
static void park(struct zb_file *file, u32 nr)
{
	__xa_store(&file->handles, nr, XA_ZERO_ENTRY, 0);
	unpark(file);
	file->parked = nr;
}

/* Reserve zb_file.next, unless it is in use or the xarray has no node for it yet. */
static bool reserve_next(struct zb_file *file, struct xa_state *xas, u32 max,
			 struct zb_handle *handle)
{
	if (!file->next || file->next > max || walk_to(xas, file->next) ||
	    xas_not_node(xas->xa_node) || xas->xa_node->shift)
		return false;
	xas_store(xas, handle);
	xas_clear_mark(xas, XA_FREE_MARK);
	/* debugfs reads it concurrently. */
	WRITE_ONCE(handle->nr, file->next++);
	return true;
}

/* Reserve any number up to @max. The lock is dropped while memory is allocated. */
static int reserve_any(struct zb_file *file, u32 max, struct zb_handle *handle)
{
	u32 nr;
	int err;

	do {
		err = __xa_alloc_cyclic(&file->handles, &nr, handle, XA_LIMIT(1, max),
					&file->next, GFP_KERNEL_ACCOUNT);
	} while (err == -EBUSY && unpark(file));
	if (err < 0)
		return err;
	WRITE_ONCE(handle->nr, nr);
	return 0;
}

static void destroy_list(struct zb_handle_list *list)
{
	struct zb_handle *handle, *next;

	for (handle = list->first; handle; handle = next) {
		next = handle->next;
		zb_handle_destroy(handle);
		cond_resched();
	}
}

/* Move all handles but the first @keep ones to another list. */
static void split_list(struct zb_handle_list *list, unsigned int keep,
		       struct zb_handle_list *rest)
{
	struct zb_handle **at = &list->first;
	unsigned int i;

	for (i = 0; i < keep; i++)
		at = &(*at)->next;
	rest->first = *at;
	rest->nr = list->nr - keep;
	*at = NULL;
	list->end = at;
	list->nr = keep;
}

/**
 * zb_handles_reserve() - reserve numbers for new handles
 * @file: the open file
 * @list: the handles, whose numbers are set; if there are not enough, those handles that
 *	have none are removed from the list and destroyed
 * @why: filled in with the cause of a failure, or NULL
 *
 * zb_handles_publish() or zb_handles_cancel() has to follow.
 *
 * Context: may sleep.
 * Return: 0, -ENOSPC if all handles are in use, or -ENOMEM.
 */
int zb_handles_reserve(struct zb_file *file, struct zb_handle_list *list,
		       struct zb_ioc_explain *why)
{
	XA_STATE(xas, &file->handles, 0);
	u32 max = zb_file_max_handle(file);
	struct zb_handle_list rest;
	struct zb_handle *handle;
	unsigned int done = 0;
	int err = 0;

	xa_lock(&file->handles);
	for (handle = list->first; handle; handle = handle->next) {
		if (!reserve_next(file, &xas, max, handle)) {
			err = reserve_any(file, max, handle);
			if (err)
				break;
			xas_reset(&xas);
		}
		done++;
		if (cond_resched_lock(&file->handles.xa_lock))
			xas_reset(&xas);
	}
	xa_unlock(&file->handles);
	if (!err)
		return 0;
	split_list(list, done, &rest);
	destroy_list(&rest);
	zb_explain(why, err == -EBUSY ? ZB_CAUSE_HANDLES : ZB_CAUSE_KERNEL);
	return err == -EBUSY ? -ENOSPC : err;
}

/**
 * zb_handles_publish() - make reserved handles valid
 * @list: the handles, each of which another thread may free as soon as it is valid
 *
 * Context: any.
 */
void zb_handles_publish(struct zb_handle_list *list)
{
	struct zb_handle *handle, *next;

	for (handle = list->first; handle; handle = next) {
		next = handle->next;
		atomic_inc(&handle->buf->handles);
		set_valid(handle);
	}
}

/* Make the numbers of handles that are not valid available again. */
static void erase_numbers(struct zb_file *file, const struct zb_handle_list *list)
{
	XA_STATE(xas, &file->handles, 0);
	const struct zb_handle *handle;

	xa_lock(&file->handles);
	for (handle = list->first; handle; handle = handle->next) {
		walk_to(&xas, handle->nr);
		xas_store(&xas, NULL);
		if (cond_resched_lock(&file->handles.xa_lock))
			xas_reset(&xas);
	}
	xa_unlock(&file->handles);
}

/**
 * zb_handles_cancel() - undo zb_handles_reserve()
 * @file: the open file
 * @list: the handles
 * @keep: number of handles at the beginning of the list that stay on it; all others are
 *	destroyed
 *
 * Context: may sleep.
 */
void zb_handles_cancel(struct zb_file *file, struct zb_handle_list *list, unsigned int keep)
{
	struct zb_handle_list rest;

	split_list(list, keep, &rest);
	erase_numbers(file, &rest);
	destroy_list(&rest);
}

/**
 * zb_file_get() - look up a handle
 * @file: the open file
 * @nr: any number
 * @writable: the caller changes the buffer, or lets others change it
 *
 * Return: the buffer with a reference for the caller, -ENOENT, or -EACCES if @writable is set
 * and the handle was made from a descriptor that is open for reading only.
 */
struct zb_buffer *zb_file_get(struct zb_file *file, u32 nr, bool writable)
{
	struct zb_buffer *buf = ERR_PTR(-ENOENT);
	struct zb_handle *handle;

	xa_lock(&file->handles);
	handle = if_valid(xa_load(&file->handles, nr));
	if (handle && writable && !handle->writable) {
		buf = ERR_PTR(-EACCES);
	} else if (handle) {
		buf = handle->buf;
		kref_get(&buf->ref);
	}
	xa_unlock(&file->handles);
	return buf;
}

/**
 * zb_file_free() - free a handle
 * @file: the open file
 * @nr: any number
 *
 * Context: may sleep.
 * Return: false if the open file has no such handle.
 */
bool zb_file_free(struct zb_file *file, u32 nr)
{
	struct zb_handle *handle;

	xa_lock(&file->handles);
	handle = if_valid(xa_load(&file->handles, nr));
	if (handle)
		park(file, nr);
	xa_unlock(&file->handles);
	if (!handle)
		return false;
	drop_handle(handle);
	return true;
}

/**
 * zb_file_free_all() - free all handles of an open file that no descriptor refers to
 * @file: the open file
 *
 * Context: may sleep.
 */
void zb_file_free_all(struct zb_file *file)
{
	struct zb_handle *handle;
	unsigned long nr;

	xa_for_each(&file->handles, nr, handle) {
		drop_handle(handle);
		cond_resched();
	}
	xa_destroy(&file->handles);
}

/**
 * zb_handles_hide() - make handles invalid in a way that can be undone
 * @file: the open file
 * @nrs: any numbers, at most ZB_HANDLE_BATCH
 * @nr: how many
 * @list: the handles are added here
 *
 * The handles can neither be looked up nor freed, and their numbers stay reserved. The caller
 * has to call zb_handles_free() or zb_handles_unhide() afterwards, neither of which can fail.
 *
 * Return: how many handles were hidden; fewer than @nr if the next one does not exist.
 */
unsigned int zb_handles_hide(struct zb_file *file, const u32 *nrs, unsigned int nr,
			     struct zb_handle_list *list)
{
	XA_STATE(xas, &file->handles, 0);
	struct zb_handle *handle;
	unsigned int i;

	xa_lock(&file->handles);
	for (i = 0; i < nr; i++) {
		handle = if_valid(walk_to(&xas, nrs[i]));
		if (!handle)
			break;
		WRITE_ONCE(handle->valid, false);
		zb_handle_list_add(list, handle);
	}
	xa_unlock(&file->handles);
	return i;
}

/**
 * zb_handles_unhide() - undo zb_handles_hide()
 * @list: the handles
 *
 * Context: any.
 */
void zb_handles_unhide(struct zb_handle_list *list)
{
	struct zb_handle *handle, *next;

	for (handle = list->first; handle; handle = next) {
		next = handle->next;
		set_valid(handle);
	}
}

/**
 * zb_handles_free() - free hidden handles
 * @file: the open file
 * @list: the handles
 *
 * Context: may sleep.
 */
void zb_handles_free(struct zb_file *file, struct zb_handle_list *list)
{
	bool together = READ_ONCE(file->bpool->inst->zero_ahead);
	struct zb_released released = { .nr = 0 };
	struct zb_handle *handle, *next;

	erase_numbers(file, list);
	for (handle = list->first; handle; handle = next) {
		next = handle->next;
		if (together) {
			atomic_dec(&handle->buf->handles);
			zb_buffer_put_together(free_handle(handle), &released);
		} else {
			drop_handle(handle);
		}
		cond_resched();
	}
	zb_released_free(&released);
}
