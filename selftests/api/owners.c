// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owners as another author may write them: what the descriptions in zbuddy.h permit, and
 * mistakes that are easily made.
 */
#include "zb_api_test.h"

#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/module.h>
#include <linux/spinlock.h>

#define NR_BLOCKS	64
#define GFP_BLOCK	(ZBT_ANY | ZBT_QUIET)

/* What migrate does with its new page, in addition to using it. */
enum extra { REGISTERS, WITHDRAWS, FREES };

/**
 * struct table - pages that may be moved
 * @lock: protects the members; the callbacks take it, and it may be taken in interrupts
 * @page: the pages, or NULL
 * @extra: what migrate does in addition
 * @moved: number of pages that were moved
 * @freed: number of pages that migrate has freed
 * @wrong: number of unexpected results
 */
struct table {
	spinlock_t lock;
	struct page *page[NR_BLOCKS];
	enum extra extra;
	unsigned int moved;
	unsigned int freed;
	unsigned int wrong;
};

static struct table table;
static struct zb_owner *owner;

static struct page **entry_of(struct table *t, const struct page *page)
{
	unsigned int i;

	for (i = 0; i < NR_BLOCKS; i++)
		if (t->page[i] == page)
			return &t->page[i];
	return NULL;
}

static bool isolate(void *data, struct page *page, unsigned int order)
{
	struct table *t = data;
	unsigned long flags;
	bool found;

	spin_lock_irqsave(&t->lock, flags);
	found = entry_of(t, page);
	spin_unlock_irqrestore(&t->lock, flags);
	return found;
}

/* Called with the lock held. */
static void do_extra(struct table *t, struct page **entry)
{
	struct page *dst = *entry;

	if (t->extra == REGISTERS)
		t->wrong += zb_set_page_movable(owner, dst, 0, GFP_ATOMIC) != -EEXIST;
	else
		t->wrong += !!zb_clear_page_movable(dst);
	t->wrong += t->extra != REGISTERS && zb_clear_page_movable(dst) != -ENOENT;
	if (t->extra == FREES) {
		*entry = NULL;
		t->freed++;
		__zb_free_page(dst);
	}
}

static int migrate(void *data, struct page *dst, struct page *src, unsigned int order)
{
	struct table *t = data;
	struct page **entry;
	unsigned long flags;

	spin_lock_irqsave(&t->lock, flags);
	entry = entry_of(t, src);
	if (entry) {
		t->wrong += zb_clear_page_movable(src) != -EBUSY;
		copy_highpage(dst, src);
		*entry = dst;
		t->moved++;
		do_extra(t, entry);
	}
	spin_unlock_irqrestore(&t->lock, flags);
	return entry ? 0 : -ENOENT;
}

static void putback(void *data, struct page *page, unsigned int order)
{
	struct table *t = data;

	t->wrong++;
}

static const struct zb_owner_ops table_ops = {
	.module = THIS_MODULE, .name = "table",
	.isolate = isolate, .migrate = migrate, .putback = putback,
};

static bool set_up(enum extra extra)
{
	unsigned int i;
	bool ok = true;

	memset(&table, 0, sizeof(table));
	spin_lock_init(&table.lock);
	table.extra = extra;
	owner = zb_register_owner(&table_ops, &table);
	if (!ZBT_WANT(!IS_ERR(owner)))
		return false;
	for (i = 0; ok && i < NR_BLOCKS; i++) {
		table.page[i] = zb_alloc_page(GFP_BLOCK);
		ok = ZBT_WANT(table.page[i]);
		if (ok)
			zbt_stamp(table.page[i], 0, i);
		ok = ok && ZBT_WANT(!zb_set_page_movable(owner, table.page[i], 0, GFP_KERNEL));
	}
	return ok;
}

/* Let zbuddy move pages out of the pageblock of the first one. */
static void move_some(void)
{
	unsigned long nr = BIT(ZBT_PAGEBLOCK_ORDER);
	unsigned long start = ALIGN_DOWN(page_to_pfn(table.page[0]), nr);
	struct page *page;

	page = zb_alloc_page_range(nr, 0, start, start + nr, GFP_BLOCK, NUMA_NO_NODE, NULL);
	if (ZBT_WANT(page))
		zb_free_page_range(start, nr);
	ZBT_WANT(table.moved);
}

/* Returns the number of pages that were still registered. */
static unsigned int tear_down(void)
{
	unsigned int i, nr = 0;

	for (i = 0; i < NR_BLOCKS; i++) {
		if (!table.page[i])
			continue;
		nr += !zb_clear_page_movable(table.page[i]);
		__zb_free_page(table.page[i]);
	}
	zb_unregister_owner(owner);
	ZBT_WANT(!table.wrong);
	zb_drain_all_pages();
	return nr;
}

/* The new page is registered in place of the old one, so it must not be registered again. */
static void registers_in_migrate(void)
{
	if (set_up(REGISTERS))
		move_some();
	ZBT_WANT(tear_down() == NR_BLOCKS);
}

/* As soon as migrate knows the new page, the page can be withdrawn, and stays allocated. */
static void withdraws_in_migrate(void)
{
	if (set_up(WITHDRAWS))
		move_some();
	ZBT_WANT(tear_down() + table.moved == NR_BLOCKS);
}

/* So it can be freed as well. */
static void frees_in_migrate(void)
{
	if (set_up(FREES))
		move_some();
	ZBT_WANT(table.freed && table.freed == table.moved);
	ZBT_WANT(tear_down() + table.freed == NR_BLOCKS);
}

/* Without its module, an owner could be called after the module was unloaded. */
static void without_module(void)
{
	struct zb_owner_ops ops = table_ops;
	struct zb_owner *other;

	ops.module = NULL;
	other = zb_register_owner(&ops, NULL);
	ZBT_WANT(other == ERR_PTR(-EINVAL));
	zb_unregister_owner(other);
}

const struct zbt_test zbt_owner_tests[] = {
	{ "owner_registers_in_migrate", registers_in_migrate },
	{ "owner_withdraws_in_migrate", withdraws_in_migrate },
	{ "owner_frees_in_migrate", frees_in_migrate },
	{ "owner_without_module", without_module },
	{ }
};
