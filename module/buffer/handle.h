/* SPDX-License-Identifier: GPL-2.0-only */
/* The handles of an open file. */
#ifndef ZB_HANDLE_H
#define ZB_HANDLE_H

#include <linux/types.h>

struct zb_buffer;
struct zb_file;
struct zb_ioc_explain;

/**
 * struct zb_handle - a handle of an open file
 * @buf: (c) the buffer, on which the handle holds a reference
 * @nr: (w) number of the handle in the open file
 * @writable: (c) the buffer may be changed through the handle
 * @valid: (v) it can be looked up and freed
 * @next: (l) next handle of the same command
 *
 * The letters specify what protects each member:
 *
 *  - (c) constant from the creation on
 *  - (l) used only by the task that has created or hidden the handle
 *  - (v) set by the task that has created or hidden the handle, cleared with the lock of
 *        zb_file.handles held
 *  - (w) written by the task that reserves the handle, read by debugfs
 */
struct zb_handle {
	struct zb_buffer *buf;
	u32 nr;
	bool writable;
	bool valid;
	struct zb_handle *next;
};

/**
 * struct zb_handle_list - the handles of one command
 * @first: the first handle, or NULL
 * @end: where the next one is added
 * @nr: number of handles
 */
struct zb_handle_list {
	struct zb_handle *first, **end;
	unsigned int nr;
};

/*
 * The most handles that zb_handles_hide() looks up in one hold of the lock, and that BULK_ALLOC
 * reserves at once. It has more buffers than it returns only for a moment.
 */
#define ZB_HANDLE_BATCH	64u

static inline void zb_handle_list_init(struct zb_handle_list *list)
{
	list->first = NULL;
	list->end = &list->first;
	list->nr = 0;
}

static inline void zb_handle_list_add(struct zb_handle_list *list, struct zb_handle *handle)
{
	handle->next = NULL;
	*list->end = handle;
	list->end = &handle->next;
	list->nr++;
}

static inline void zb_handle_list_append(struct zb_handle_list *list,
					 const struct zb_handle_list *other)
{
	if (!other->nr)
		return;
	*list->end = other->first;
	list->end = other->end;
	list->nr += other->nr;
}

struct zb_handle *zb_handle_new(struct zb_buffer *buf, bool writable);
void zb_handle_destroy(struct zb_handle *handle);
int zb_handles_reserve(struct zb_file *file, struct zb_handle_list *list,
		       struct zb_ioc_explain *why);
void zb_handles_publish(struct zb_handle_list *list);
void zb_handles_cancel(struct zb_file *file, struct zb_handle_list *list, unsigned int keep);
struct zb_buffer *zb_file_get(struct zb_file *file, u32 nr, bool writable);
bool zb_file_free(struct zb_file *file, u32 nr);
void zb_file_free_all(struct zb_file *file);
unsigned int zb_handles_hide(struct zb_file *file, const u32 *nrs, unsigned int nr,
			     struct zb_handle_list *list);
void zb_handles_unhide(struct zb_handle_list *list);
void zb_handles_free(struct zb_file *file, struct zb_handle_list *list);

#endif /* ZB_HANDLE_H */
