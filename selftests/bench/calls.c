// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measures the functions with which modules allocate, each with the flags that its callers
 * use: pairs of allocating and freeing, as in single.c. They are compared with the page
 * allocator's functions of the same names or, where it has none, with those that callers
 * use instead.
 *
 * Each row has a function of its own, so that its flags are constants as in most callers.
 */
#include <linux/irqflags.h>
#include <linux/list.h>

#include "zb_bench.h"

#define PAIRS		128u
#define BULK_PAGES	64u
#define BATCHES		4u

/* The bulk functions allocate many pages in each call. */
#define NR_PAIRS(call)	((call) < BULK_ARRAY ? PAIRS : PAIRS / 16)

enum call {
	ALLOC_PAGES,
	ALLOC_PAGES_ANY_FLAGS,	/* flags that the compiler does not know */
	ALLOC_PAGES_NODE,
	GET_FREE_PAGES,
	GET_ZEROED_PAGE,
	ALLOC_PAGES_EXACT,
	BULK_ARRAY,
	BULK_LIST,
};

static struct page *pages[BULK_PAGES];

/* Read and converted for each request, as by the few callers whose flags are an argument. */
static gfp_t variable_gfp = GFP_KERNEL;

static __always_inline bool free_call(enum who who, enum call call, void *got,
				      unsigned long size)
{
	if (!got)
		return false;
	switch (call) {
	case ALLOC_PAGES:
	case ALLOC_PAGES_ANY_FLAGS:
	case ALLOC_PAGES_NODE:
		bench_put(who, got, size);
		break;
	case GET_FREE_PAGES:
	case GET_ZEROED_PAGE:
		if (who == HOST)
			free_pages((unsigned long)got, size);
		else
			zb_free_pages((unsigned long)got, size);
		break;
	default:
		if (who == HOST)
			free_pages_exact(got, size);
		else
			zb_free_pages_exact(got, size);
	}
	return true;
}

/* @size is the order, or the number of bytes of an exact allocation. */
static __always_inline bool host_pair(enum call call, gfp_t gfp, int nid,
				      unsigned long size)
{
	void *got = NULL;

	switch (call) {
	case ALLOC_PAGES:
		got = alloc_pages(gfp, size);
		break;
	case ALLOC_PAGES_ANY_FLAGS:
		got = alloc_pages(READ_ONCE(variable_gfp), size);
		break;
	case ALLOC_PAGES_NODE:
		got = alloc_pages_node(nid, gfp, size);
		break;
	case GET_FREE_PAGES:
		got = (void *)__get_free_pages(gfp, size);
		break;
	case GET_ZEROED_PAGE:
		got = (void *)get_zeroed_page(gfp);
		break;
	case ALLOC_PAGES_EXACT:
		got = alloc_pages_exact(size, gfp);
		break;
	case BULK_ARRAY:
	case BULK_LIST:
		if (host_alloc_bulk(gfp, nid, BULK_PAGES, pages) != BULK_PAGES)
			return false;
		bench_put_bulk(HOST, BULK_PAGES, pages);
		return true;
	}
	return free_call(HOST, call, got, size);
}

static __always_inline bool our_pair(enum call call, zb_gfp_t gfp, int nid,
				     unsigned long size)
{
	void *got = NULL;
	LIST_HEAD(list);

	switch (call) {
	case ALLOC_PAGES:
		got = zb_alloc_pages(gfp, size);
		break;
	case ALLOC_PAGES_ANY_FLAGS:
		got = zb_alloc_pages(zb_gfp_from_kernel(READ_ONCE(variable_gfp)), size);
		break;
	case ALLOC_PAGES_NODE:
		got = zb_alloc_pages_node(nid, gfp, size);
		break;
	case GET_FREE_PAGES:
		got = (void *)zb_get_free_pages(gfp, size);
		break;
	case GET_ZEROED_PAGE:
		got = (void *)zb_get_zeroed_page(gfp);
		break;
	case ALLOC_PAGES_EXACT:
		got = zb_alloc_pages_exact(size, gfp);
		break;
	case BULK_ARRAY:
		if (zb_alloc_pages_bulk_array(gfp, BULK_PAGES, pages) != BULK_PAGES)
			return false;
		bench_put_bulk(OURS, BULK_PAGES, pages);
		return true;
	case BULK_LIST:
		if (zb_alloc_pages_bulk_list(gfp, BULK_PAGES, &list) != BULK_PAGES)
			return false;
		zb_free_pages_bulk_list(&list);
		return true;
	}
	return free_call(OURS, call, got, size);
}

static __always_inline u64 pairs(enum who who, enum call call, gfp_t host_gfp,
				 zb_gfp_t our_gfp, int nid, unsigned long size)
{
	u64 start = bench_clock();
	unsigned int i;

	for (i = 0; i < NR_PAIRS(call); i++)
		if (!(who == HOST ? host_pair(call, host_gfp, nid, size) :
				    our_pair(call, our_gfp, nid, size)))
			return BENCH_FAILED;
	return bench_clock() - start;
}

#define HERE	numa_mem_id()

#define DEFINE_CALL(id, ...)						\
static u64 call_##id(enum who who, unsigned int unused)		\
{									\
	unsigned long flags = 0;					\
	u64 time;							\
									\
	if (bench_mask)							\
		local_irq_save(flags);					\
	time = BENCH_EACH_WHO(who, pairs, __VA_ARGS__);			\
	if (bench_mask)							\
		local_irq_restore(flags);				\
	return time;							\
}							\
static_assert(true)

/* Name, function, flags of the page allocator and of zbuddy, node, and order or size. */
DEFINE_CALL(kernel_0, ALLOC_PAGES, GFP_KERNEL, ZB_GFP_KERNEL, 0, 0);
DEFINE_CALL(kernel_4, ALLOC_PAGES, GFP_KERNEL, ZB_GFP_KERNEL, 0, 4);
DEFINE_CALL(kernel_8, ALLOC_PAGES, GFP_KERNEL, ZB_GFP_KERNEL, 0, 8);
DEFINE_CALL(atomic_0, ALLOC_PAGES, GFP_ATOMIC, ZB_GFP_ATOMIC, 0, 0);
DEFINE_CALL(atomic_4, ALLOC_PAGES, GFP_ATOMIC, ZB_GFP_ATOMIC, 0, 4);
DEFINE_CALL(nowait_0, ALLOC_PAGES, GFP_NOWAIT, ZB_GFP_NOWAIT, 0, 0);
DEFINE_CALL(user_0, ALLOC_PAGES, GFP_USER, ZB_GFP_USER, 0, 0);
DEFINE_CALL(movable_0, ALLOC_PAGES, GFP_HIGHUSER_MOVABLE, ZB_GFP_HIGHUSER_MOVABLE, 0, 0);
DEFINE_CALL(comp_0, ALLOC_PAGES, GFP_KERNEL | __GFP_COMP,
	    ZB_GFP_KERNEL | __ZB_GFP_COMP, 0, 0);
DEFINE_CALL(comp_4, ALLOC_PAGES, GFP_KERNEL | __GFP_COMP,
	    ZB_GFP_KERNEL | __ZB_GFP_COMP, 0, 4);
DEFINE_CALL(zero_0, ALLOC_PAGES, GFP_KERNEL | __GFP_ZERO,
	    ZB_GFP_KERNEL | __ZB_GFP_ZERO, 0, 0);
DEFINE_CALL(zero_4, ALLOC_PAGES, GFP_KERNEL | __GFP_ZERO,
	    ZB_GFP_KERNEL | __ZB_GFP_ZERO, 0, 4);
DEFINE_CALL(account_0, ALLOC_PAGES, GFP_KERNEL_ACCOUNT, ZB_GFP_KERNEL_ACCOUNT, 0, 0);
DEFINE_CALL(write_0, ALLOC_PAGES, GFP_KERNEL | __GFP_WRITE,
	    ZB_GFP_KERNEL | __ZB_GFP_WRITE, 0, 0);
DEFINE_CALL(cold_0, ALLOC_PAGES, GFP_KERNEL, ZB_GFP_KERNEL | __ZB_GFP_COLD, 0, 0);
DEFINE_CALL(node_0, ALLOC_PAGES_NODE, GFP_KERNEL, ZB_GFP_KERNEL, HERE, 0);
DEFINE_CALL(node_4, ALLOC_PAGES_NODE, GFP_KERNEL, ZB_GFP_KERNEL, HERE, 4);
DEFINE_CALL(any_node_0, ALLOC_PAGES_NODE, GFP_KERNEL, ZB_GFP_KERNEL, NUMA_NO_NODE, 0);
DEFINE_CALL(other_node_0, ALLOC_PAGES_NODE, GFP_KERNEL, ZB_GFP_KERNEL,
	    READ_ONCE(bench_other_node), 0);
DEFINE_CALL(other_node_4, ALLOC_PAGES_NODE, GFP_KERNEL, ZB_GFP_KERNEL,
	    READ_ONCE(bench_other_node), 4);
DEFINE_CALL(node_comp_4, ALLOC_PAGES_NODE, GFP_KERNEL | __GFP_COMP,
	    ZB_GFP_KERNEL | __ZB_GFP_COMP, HERE, 4);
DEFINE_CALL(cold_8, ALLOC_PAGES, GFP_KERNEL, ZB_GFP_KERNEL | __ZB_GFP_COLD, 0, 8);
DEFINE_CALL(comp_8, ALLOC_PAGES, GFP_KERNEL | __GFP_COMP,
	    ZB_GFP_KERNEL | __ZB_GFP_COMP, 0, 8);
DEFINE_CALL(write_8, ALLOC_PAGES, GFP_KERNEL | __GFP_WRITE,
	    ZB_GFP_KERNEL | __ZB_GFP_WRITE, 0, 8);
DEFINE_CALL(free_pages_0, GET_FREE_PAGES, GFP_KERNEL, ZB_GFP_KERNEL, 0, 0);
DEFINE_CALL(zeroed_page, GET_ZEROED_PAGE, GFP_KERNEL, ZB_GFP_KERNEL, 0, 0);
DEFINE_CALL(exact_3, ALLOC_PAGES_EXACT, GFP_KERNEL, ZB_GFP_KERNEL, 0, 3 * PAGE_SIZE);
DEFINE_CALL(exact_25, ALLOC_PAGES_EXACT, GFP_KERNEL, ZB_GFP_KERNEL, 0, 25 * PAGE_SIZE);
DEFINE_CALL(bulk_array, BULK_ARRAY, GFP_KERNEL, ZB_GFP_KERNEL, HERE, 0);
DEFINE_CALL(bulk_list, BULK_LIST, GFP_KERNEL, ZB_GFP_KERNEL, HERE, 0);
DEFINE_CALL(bulk_zero, BULK_ARRAY, GFP_KERNEL | __GFP_ZERO,
	    ZB_GFP_KERNEL | __ZB_GFP_ZERO, HERE, 0);
DEFINE_CALL(bulk_cold, BULK_ARRAY, GFP_KERNEL, ZB_GFP_KERNEL | __ZB_GFP_COLD, HERE, 0);
DEFINE_CALL(bulk_write, BULK_ARRAY, GFP_KERNEL | __GFP_WRITE,
	    ZB_GFP_KERNEL | __ZB_GFP_WRITE, HERE, 0);
DEFINE_CALL(kernel_flags, ALLOC_PAGES, GFP_KERNEL, zb_gfp_from_kernel(GFP_KERNEL), 0, 0);
DEFINE_CALL(any_flags, ALLOC_PAGES_ANY_FLAGS, 0, 0, 0, 0);

#define CALL_ROW(id, call)	GROUP_ROW("call.", id, call)
#define GROUP_ROW(group, id, call)					\
	{								\
		.name = group #id, .unit = "time/pair",		\
		.run = call_##id, .batches = BATCHES,			\
		.per = NR_PAIRS(call) * ((call) < BULK_ARRAY ? 1 : BULK_PAGES), \
	}

static const struct bench_row rows[] = {
	CALL_ROW(kernel_0, ALLOC_PAGES),
	CALL_ROW(kernel_4, ALLOC_PAGES),
	CALL_ROW(kernel_8, ALLOC_PAGES),
	CALL_ROW(atomic_0, ALLOC_PAGES),
	CALL_ROW(atomic_4, ALLOC_PAGES),
	CALL_ROW(nowait_0, ALLOC_PAGES),
	CALL_ROW(user_0, ALLOC_PAGES),
	CALL_ROW(movable_0, ALLOC_PAGES),
	CALL_ROW(comp_0, ALLOC_PAGES),
	CALL_ROW(comp_4, ALLOC_PAGES),
	CALL_ROW(zero_0, ALLOC_PAGES),
	CALL_ROW(zero_4, ALLOC_PAGES),
	CALL_ROW(account_0, ALLOC_PAGES),
	CALL_ROW(write_0, ALLOC_PAGES),
	CALL_ROW(cold_0, ALLOC_PAGES),
	CALL_ROW(node_0, ALLOC_PAGES_NODE),
	CALL_ROW(node_4, ALLOC_PAGES_NODE),
	CALL_ROW(any_node_0, ALLOC_PAGES_NODE),
	CALL_ROW(node_comp_4, ALLOC_PAGES_NODE),
	CALL_ROW(cold_8, ALLOC_PAGES),
	CALL_ROW(comp_8, ALLOC_PAGES),
	CALL_ROW(write_8, ALLOC_PAGES),
	CALL_ROW(free_pages_0, GET_FREE_PAGES),
	CALL_ROW(zeroed_page, GET_ZEROED_PAGE),
	CALL_ROW(exact_3, ALLOC_PAGES_EXACT),
	CALL_ROW(exact_25, ALLOC_PAGES_EXACT),
	CALL_ROW(bulk_array, BULK_ARRAY),
	CALL_ROW(bulk_list, BULK_LIST),
	CALL_ROW(bulk_zero, BULK_ARRAY),
	CALL_ROW(bulk_cold, BULK_ARRAY),
	CALL_ROW(bulk_write, BULK_ARRAY),
	CALL_ROW(kernel_flags, ALLOC_PAGES),
	CALL_ROW(any_flags, ALLOC_PAGES_ANY_FLAGS),
};

static const struct bench_row node_rows[] = {
	GROUP_ROW("node.", node_0, ALLOC_PAGES_NODE),
	GROUP_ROW("node.", any_node_0, ALLOC_PAGES_NODE),
	GROUP_ROW("node.", other_node_0, ALLOC_PAGES_NODE),
	GROUP_ROW("node.", other_node_4, ALLOC_PAGES_NODE),
};

/**
 * bench_calls() - measure all rows about the functions that modules call
 */
void bench_calls(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (bench_wanted(rows[i].name, false))
			bench_measure(&rows[i]);
	if (bench_other_node == NUMA_NO_NODE)
		return;
	for (i = 0; i < ARRAY_SIZE(node_rows); i++)
		if (bench_wanted(node_rows[i].name, false))
			bench_measure(&node_rows[i]);
}
