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
#define NR_PINS		4096
#define PIN_ORDER	5
#define GFP_BLOCK	(ZBT_ANY | ZBT_QUIET)

/* What migrate does with its new page, in addition to using it. */
enum extra { REGISTERS, WITHDRAWS, FREES };

/**
 * struct table - pages that may be moved
 * @lock: protects the members; the callbacks take it, and it may be taken in interrupts
 * @page: the pages, or NULL
 * @extra: what migrate does in addition
 * @error: what migrate returns instead of moving the page, or 0
 * @isolated: number of pages that were isolated
 * @putbacks: number of those that were put back
 * @moved: number of pages that were moved
 * @freed: number of pages that migrate has freed
 * @wrong: number of unexpected results
 */
struct table {
	spinlock_t lock;
	struct page *page[NR_BLOCKS];
	enum extra extra;
	int error;
	unsigned int isolated;
	unsigned int putbacks;
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
	t->isolated += found;
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
	entry = t->error ? NULL : entry_of(t, src);
	if (entry) {
		t->wrong += zb_clear_page_movable(src) != -EBUSY;
		copy_highpage(dst, src);
		*entry = dst;
		t->moved++;
		do_extra(t, entry);
	}
	spin_unlock_irqrestore(&t->lock, flags);
	return entry ? 0 : t->error ?: -ENOENT;
}

static void putback(void *data, struct page *page, unsigned int order)
{
	struct table *t = data;
	unsigned long flags;

	spin_lock_irqsave(&t->lock, flags);
	t->putbacks++;
	t->wrong += !entry_of(t, page) || !t->error;
	spin_unlock_irqrestore(&t->lock, flags);
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

/* Let zbuddy move pages out of the pageblock of the first one; returns whether it succeeds. */
static bool empty_pageblock(void)
{
	unsigned long nr = BIT(ZBT_PAGEBLOCK_ORDER);
	unsigned long start = ALIGN_DOWN(page_to_pfn(table.page[0]), nr);
	struct page *page;

	page = zb_alloc_page_range(nr, 0, start, start + nr, GFP_BLOCK, NUMA_NO_NODE, NULL);
	if (page)
		zb_free_page_range(start, nr);
	return page;
}

static void move_some(void)
{
	ZBT_WANT(empty_pageblock());
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

/* Whatever error migrate returns, the page is put back, and is not taken for a free one. */
static void fails_with(int error)
{
	if (set_up(REGISTERS)) {
		table.error = error;
		ZBT_WANT(!empty_pageblock());
		ZBT_WANT(table.isolated && table.isolated == table.putbacks);
	}
	ZBT_WANT(tear_down() == NR_BLOCKS);
}

static void fails(void)
{
	fails_with(-EPROTO);
	fails_with(-ENOENT);
	fails_with(-EBUSY);
	fails_with(1);
}

static void is_refused(const struct zb_owner_ops *ops)
{
	struct zb_owner *other = zb_register_owner(ops, NULL);

	ZBT_WANT(other == ERR_PTR(-EINVAL));
	zb_unregister_owner(other);
}

/* Without its module, an owner could be called after the module was unloaded. */
static void without_module(void)
{
	struct zb_owner_ops ops = table_ops;

	ops.module = NULL;
	is_refused(&ops);
}

/* The file modules in debugfs shows names as words. */
static void with_two_words(void)
{
	struct zb_owner_ops ops = table_ops;

	ops.name = "two words";
	is_refused(&ops);
}

/**
 * struct pins - blocks of which some refuse to move
 * @lock: protects the members
 * @page: the blocks
 * @pinned: whether they refuse
 * @nr: their number
 * @moved: number of blocks that were moved
 */
struct pins {
	spinlock_t lock;
	struct page *page[NR_PINS];
	bool pinned[NR_PINS];
	unsigned int nr;
	unsigned int moved;
};

static struct pins pins;

/* Called with the lock held. */
static unsigned int pin_of(const struct page *page)
{
	unsigned int i;

	for (i = 0; i < pins.nr && pins.page[i] != page; i++)
		;
	return i;
}

static bool pin_isolate(void *data, struct page *page, unsigned int order)
{
	unsigned int i;
	bool ok;

	spin_lock(&pins.lock);
	i = pin_of(page);
	ok = i < pins.nr && !pins.pinned[i];
	spin_unlock(&pins.lock);
	return ok;
}

static int pin_migrate(void *data, struct page *dst, struct page *src, unsigned int order)
{
	unsigned int k, i;

	for (k = 0; k < BIT(order); k++)
		copy_highpage(dst + k, src + k);
	spin_lock(&pins.lock);
	i = pin_of(src);
	pins.page[i] = dst;
	pins.moved++;
	spin_unlock(&pins.lock);
	return 0;
}

static void pin_putback(void *data, struct page *page, unsigned int order)
{
}

static const struct zb_owner_ops pin_ops = {
	.module = THIS_MODULE, .name = "pins",
	.isolate = pin_isolate, .migrate = pin_migrate, .putback = pin_putback,
};

/*
 * Fill half of all memory with blocks that can be moved, every second block of each pageblock.
 * The last one of each pageblock refuses to move, except in one pageblock in the middle, whose
 * first frame is returned.
 */
static unsigned long set_up_pins(struct list_head *ballast)
{
	const unsigned long last = BIT(ZBT_PAGEBLOCK_ORDER) - BIT(PIN_ORDER);
	unsigned long mask = BIT(ZBT_PAGEBLOCK_ORDER) - 1, pfn, keep;
	unsigned int nr = 0, i;
	struct page *page;

	while (nr < NR_PINS) {
		page = zb_alloc_pages(GFP_BLOCK & ~__ZB_GFP_RECLAIM, PIN_ORDER);
		if (!page)
			break;
		pins.page[nr++] = page;
	}
	zbt_use_all(ballast, GFP_BLOCK, 0);
	keep = nr ? page_to_pfn(pins.page[nr / 2]) & ~mask : 0;
	for (i = 0; i < nr; i++) {
		pfn = page_to_pfn(pins.page[i]);
		if (!((pfn >> PIN_ORDER) & 1)) {
			__zb_free_pages(pins.page[i], PIN_ORDER);
			continue;
		}
		pins.pinned[pins.nr] = (pfn & mask) == last && (pfn & ~mask) != keep;
		pins.page[pins.nr++] = pins.page[i];
	}
	zb_drain_all_pages();
	return keep;
}

/*
 * If a range could not be emptied, the blocks that were moved out of it can be moved once more,
 * so they do not spoil the only range that can become free. It is among the first 64 ranges,
 * because no more are tried.
 */
static void moves_again(void)
{
	struct zb_owner *pin_owner = zb_register_owner(&pin_ops, NULL);
	const unsigned long some = 16ul << ZBT_PAGEBLOCK_ORDER;
	struct page *page = NULL;
	LIST_HEAD(ballast);
	unsigned long keep;
	unsigned int i;

	memset(&pins, 0, sizeof(pins));
	if (ZBT_WANT(!IS_ERR(pin_owner))) {
		spin_lock_init(&pins.lock);
		keep = set_up_pins(&ballast);
		for (i = 0; i < pins.nr; i++)
			ZBT_WANT(!zb_set_page_movable(pin_owner, pins.page[i], PIN_ORDER,
						      GFP_KERNEL));
		page = zb_alloc_page_range(BIT(ZBT_PAGEBLOCK_ORDER), ZBT_PAGEBLOCK_ORDER,
					   keep - some, keep + some, GFP_BLOCK, NUMA_NO_NODE,
					   NULL);
		pr_info("%u blocks, %u moved\n", pins.nr, pins.moved);
		ZBT_WANT(page);
		if (page)
			zb_free_page_range(page_to_pfn(page), BIT(ZBT_PAGEBLOCK_ORDER));
		for (i = 0; i < pins.nr; i++) {
			ZBT_WANT(!zb_clear_page_movable(pins.page[i]));
			__zb_free_pages(pins.page[i], PIN_ORDER);
		}
		zbt_free_all(&ballast);
		zb_drain_all_pages();
	}
	zb_unregister_owner(pin_owner);
}

const struct zbt_test zbt_owner_tests[] = {
	{ "owner_registers_in_migrate", registers_in_migrate },
	{ "owner_withdraws_in_migrate", withdraws_in_migrate },
	{ "owner_frees_in_migrate", frees_in_migrate },
	{ "owner_fails", fails },
	{ "owner_without_module", without_module },
	{ "owner_with_two_words", with_two_words },
	{ "owner_moves_again", moves_again },
	{ }
};
