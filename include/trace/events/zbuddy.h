/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of trace system zbuddy. They have the names and the fields of the
 * tracepoints of the page allocator, of compaction and of reclaim (trace systems kmem,
 * compaction and vmscan) where these exist, so that the same tools can read them.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM zbuddy

#if !defined(_TRACE_ZBUDDY_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_ZBUDDY_H

#include <linux/tracepoint.h>
#include <linux/types.h>
#include <trace/events/zbuddy_names.h>

#define zb_show_gfp(flags)						\
	((flags) ? __print_flags(flags, "|", zb_gfp_names) : "0")
#define zb_show_type(mt)						\
	__print_symbolic(mt, zb_migratetype_symbols)

TRACE_EVENT(mm_page_alloc,
	TP_PROTO(unsigned long pfn, unsigned int order, u32 gfp_flags,
		 int migratetype),
	TP_ARGS(pfn, order, gfp_flags, migratetype),
	TP_STRUCT__entry(
		__field(unsigned long, pfn)
		__field(unsigned int, order)
		__field(unsigned long, gfp_flags)
		__field(int, migratetype)
	),
	TP_fast_assign(
		__entry->pfn = pfn;
		__entry->order = order;
		__entry->gfp_flags = gfp_flags;
		__entry->migratetype = migratetype;
	),
	TP_printk("pfn=0x%lx order=%u migratetype=%s gfp_flags=%s",
		  __entry->pfn != -1UL ? __entry->pfn : 0, __entry->order,
		  zb_show_type(__entry->migratetype),
		  zb_show_gfp(__entry->gfp_flags))
);

TRACE_EVENT(mm_page_free,
	TP_PROTO(unsigned long pfn, unsigned int order),
	TP_ARGS(pfn, order),
	TP_STRUCT__entry(
		__field(unsigned long, pfn)
		__field(unsigned int, order)
	),
	TP_fast_assign(
		__entry->pfn = pfn;
		__entry->order = order;
	),
	TP_printk("pfn=0x%lx order=%u", __entry->pfn, __entry->order)
);

TRACE_EVENT(mm_page_free_batched,
	TP_PROTO(unsigned long pfn),
	TP_ARGS(pfn),
	TP_STRUCT__entry(
		__field(unsigned long, pfn)
	),
	TP_fast_assign(
		__entry->pfn = pfn;
	),
	TP_printk("pfn=0x%lx order=0", __entry->pfn)
);

TRACE_EVENT(mm_page_alloc_zone_locked,
	TP_PROTO(unsigned long pfn, unsigned int order, int migratetype,
		 int percpu_refill),
	TP_ARGS(pfn, order, migratetype, percpu_refill),
	TP_STRUCT__entry(
		__field(unsigned long, pfn)
		__field(unsigned int, order)
		__field(int, migratetype)
		__field(int, percpu_refill)
	),
	TP_fast_assign(
		__entry->pfn = pfn;
		__entry->order = order;
		__entry->migratetype = migratetype;
		__entry->percpu_refill = percpu_refill;
	),
	TP_printk("pfn=0x%lx order=%u migratetype=%s percpu_refill=%d",
		  __entry->pfn, __entry->order,
		  zb_show_type(__entry->migratetype), __entry->percpu_refill)
);

TRACE_EVENT(mm_page_pcpu_drain,
	TP_PROTO(unsigned long pfn, unsigned int order, int migratetype),
	TP_ARGS(pfn, order, migratetype),
	TP_STRUCT__entry(
		__field(unsigned long, pfn)
		__field(unsigned int, order)
		__field(int, migratetype)
	),
	TP_fast_assign(
		__entry->pfn = pfn;
		__entry->order = order;
		__entry->migratetype = migratetype;
	),
	TP_printk("pfn=0x%lx order=%u migratetype=%s", __entry->pfn,
		  __entry->order, zb_show_type(__entry->migratetype))
);

TRACE_EVENT(mm_page_alloc_extfrag,
	TP_PROTO(unsigned long pfn, int alloc_order, int fallback_order,
		 int alloc_migratetype, int fallback_migratetype,
		 int change_ownership),
	TP_ARGS(pfn, alloc_order, fallback_order, alloc_migratetype,
		fallback_migratetype, change_ownership),
	TP_STRUCT__entry(
		__field(unsigned long, pfn)
		__field(int, alloc_order)
		__field(int, fallback_order)
		__field(int, alloc_migratetype)
		__field(int, fallback_migratetype)
		__field(int, change_ownership)
	),
	TP_fast_assign(
		__entry->pfn = pfn;
		__entry->alloc_order = alloc_order;
		__entry->fallback_order = fallback_order;
		__entry->alloc_migratetype = alloc_migratetype;
		__entry->fallback_migratetype = fallback_migratetype;
		__entry->change_ownership = change_ownership;
	),
	TP_printk("pfn=0x%lx alloc_order=%d fallback_order=%d alloc_migratetype=%s fallback_migratetype=%s change_ownership=%d",
		  __entry->pfn, __entry->alloc_order, __entry->fallback_order,
		  zb_show_type(__entry->alloc_migratetype),
		  zb_show_type(__entry->fallback_migratetype),
		  __entry->change_ownership)
);

TRACE_EVENT(pageblock_migratetype,
	TP_PROTO(unsigned long pfn, int old_migratetype, int new_migratetype),
	TP_ARGS(pfn, old_migratetype, new_migratetype),
	TP_STRUCT__entry(
		__field(unsigned long, pfn)
		__field(int, old_migratetype)
		__field(int, new_migratetype)
	),
	TP_fast_assign(
		__entry->pfn = pfn;
		__entry->old_migratetype = old_migratetype;
		__entry->new_migratetype = new_migratetype;
	),
	TP_printk("pfn=0x%lx old_migratetype=%s new_migratetype=%s",
		  __entry->pfn, zb_show_type(__entry->old_migratetype),
		  zb_show_type(__entry->new_migratetype))
);

/*
 * The events of compaction are those of trace system compaction. There are no scanners, so
 * migrate_pfn and free_pfn are the ends of the zone, and compaction is always synchronous.
 */
TRACE_EVENT(mm_compaction_try_to_compact_pages,
	TP_PROTO(int order, u32 gfp_mask, int prio),
	TP_ARGS(order, gfp_mask, prio),
	TP_STRUCT__entry(
		__field(int, order)
		__field(unsigned long, gfp_mask)
		__field(int, prio)
	),
	TP_fast_assign(
		__entry->order = order;
		__entry->gfp_mask = gfp_mask;
		__entry->prio = prio;
	),
	TP_printk("order=%d gfp_mask=%s priority=%d",
		  __entry->order, zb_show_gfp(__entry->gfp_mask),
		  __entry->prio)
);

TRACE_EVENT(mm_compaction_begin,
	TP_PROTO(unsigned long zone_start, unsigned long zone_end),
	TP_ARGS(zone_start, zone_end),
	TP_STRUCT__entry(
		__field(unsigned long, zone_start)
		__field(unsigned long, migrate_pfn)
		__field(unsigned long, free_pfn)
		__field(unsigned long, zone_end)
		__field(bool, sync)
	),
	TP_fast_assign(
		__entry->zone_start = zone_start;
		__entry->migrate_pfn = zone_start;
		__entry->free_pfn = zone_end;
		__entry->zone_end = zone_end;
		__entry->sync = true;
	),
	TP_printk("zone_start=0x%lx migrate_pfn=0x%lx free_pfn=0x%lx zone_end=0x%lx, mode=%s",
		  __entry->zone_start, __entry->migrate_pfn,
		  __entry->free_pfn, __entry->zone_end,
		  __entry->sync ? "sync" : "async")
);

TRACE_EVENT(mm_compaction_end,
	TP_PROTO(unsigned long zone_start, unsigned long zone_end, int status),
	TP_ARGS(zone_start, zone_end, status),
	TP_STRUCT__entry(
		__field(unsigned long, zone_start)
		__field(unsigned long, migrate_pfn)
		__field(unsigned long, free_pfn)
		__field(unsigned long, zone_end)
		__field(bool, sync)
		__field(int, status)
	),
	TP_fast_assign(
		__entry->zone_start = zone_start;
		__entry->migrate_pfn = zone_start;
		__entry->free_pfn = zone_end;
		__entry->zone_end = zone_end;
		__entry->sync = true;
		__entry->status = status;
	),
	TP_printk("zone_start=0x%lx migrate_pfn=0x%lx free_pfn=0x%lx zone_end=0x%lx, mode=%s status=%s",
		  __entry->zone_start, __entry->migrate_pfn,
		  __entry->free_pfn, __entry->zone_end,
		  __entry->sync ? "sync" : "async",
		  __print_symbolic(__entry->status, zb_compact_symbols))
);

TRACE_EVENT(mm_compaction_migratepages,
	TP_PROTO(unsigned long nr_migrated, unsigned long nr_failed),
	TP_ARGS(nr_migrated, nr_failed),
	TP_STRUCT__entry(
		__field(unsigned long, nr_migrated)
		__field(unsigned long, nr_failed)
	),
	TP_fast_assign(
		__entry->nr_migrated = nr_migrated;
		__entry->nr_failed = nr_failed;
	),
	TP_printk("nr_migrated=%lu nr_failed=%lu",
		  __entry->nr_migrated, __entry->nr_failed)
);

/*
 * The events of reclaim are those of trace system vmscan. Memory is taken back from one zone
 * at a time, so a request that reclaims in several zones emits direct_reclaim_begin and
 * direct_reclaim_end for each of them. There is no memcg_id, because memory is not charged to
 * memory cgroups.
 */
TRACE_EVENT(mm_vmscan_wakeup_kswapd,
	TP_PROTO(int nid, int zid, int order, u32 gfp_flags),
	TP_ARGS(nid, zid, order, gfp_flags),
	TP_STRUCT__entry(
		__field(int, nid)
		__field(int, zid)
		__field(int, order)
		__field(unsigned long, gfp_flags)
	),
	TP_fast_assign(
		__entry->nid = nid;
		__entry->zid = zid;
		__entry->order = order;
		__entry->gfp_flags = gfp_flags;
	),
	TP_printk("nid=%d order=%d gfp_flags=%s", __entry->nid, __entry->order,
		  zb_show_gfp(__entry->gfp_flags))
);

TRACE_EVENT(mm_vmscan_kswapd_wake,
	TP_PROTO(int nid, int zid, int order),
	TP_ARGS(nid, zid, order),
	TP_STRUCT__entry(
		__field(int, nid)
		__field(int, zid)
		__field(int, order)
	),
	TP_fast_assign(
		__entry->nid = nid;
		__entry->zid = zid;
		__entry->order = order;
	),
	TP_printk("nid=%d order=%d", __entry->nid, __entry->order)
);

TRACE_EVENT(mm_vmscan_kswapd_sleep,
	TP_PROTO(int nid),
	TP_ARGS(nid),
	TP_STRUCT__entry(
		__field(int, nid)
	),
	TP_fast_assign(
		__entry->nid = nid;
	),
	TP_printk("nid=%d", __entry->nid)
);

TRACE_EVENT(mm_vmscan_direct_reclaim_begin,
	TP_PROTO(u32 gfp_flags, int order),
	TP_ARGS(gfp_flags, order),
	TP_STRUCT__entry(
		__field(unsigned long, gfp_flags)
		__field(int, order)
	),
	TP_fast_assign(
		__entry->gfp_flags = gfp_flags;
		__entry->order = order;
	),
	TP_printk("order=%d gfp_flags=%s", __entry->order,
		  zb_show_gfp(__entry->gfp_flags))
);

TRACE_EVENT(mm_vmscan_direct_reclaim_end,
	TP_PROTO(unsigned long nr_reclaimed),
	TP_ARGS(nr_reclaimed),
	TP_STRUCT__entry(
		__field(unsigned long, nr_reclaimed)
	),
	TP_fast_assign(
		__entry->nr_reclaimed = nr_reclaimed;
	),
	TP_printk("nr_reclaimed=%lu", __entry->nr_reclaimed)
);

/* Only those fields of the kernel's events that have a meaning here. */
TRACE_EVENT(mm_shrink_slab_start,
	TP_PROTO(const char *shrink, int nid, unsigned long nr_objects_to_shrink, u32 gfp_flags,
		 unsigned long cache_items),
	TP_ARGS(shrink, nid, nr_objects_to_shrink, gfp_flags, cache_items),
	TP_STRUCT__entry(
		__array(char, shrink, 96)
		__field(int, nid)
		__field(unsigned long, nr_objects_to_shrink)
		__field(unsigned long, gfp_flags)
		__field(unsigned long, cache_items)
	),
	TP_fast_assign(
		strscpy(__entry->shrink, shrink, sizeof(__entry->shrink));
		__entry->nid = nid;
		__entry->nr_objects_to_shrink = nr_objects_to_shrink;
		__entry->gfp_flags = gfp_flags;
		__entry->cache_items = cache_items;
	),
	TP_printk("%s: nid: %d objects to shrink %lu gfp_flags %s cache items %lu",
		  __entry->shrink, __entry->nid, __entry->nr_objects_to_shrink,
		  zb_show_gfp(__entry->gfp_flags), __entry->cache_items)
);

TRACE_EVENT(mm_shrink_slab_end,
	TP_PROTO(const char *shrink, int nid, unsigned long retval, unsigned long total_scan),
	TP_ARGS(shrink, nid, retval, total_scan),
	TP_STRUCT__entry(
		__array(char, shrink, 96)
		__field(int, nid)
		__field(unsigned long, retval)
		__field(unsigned long, total_scan)
	),
	TP_fast_assign(
		strscpy(__entry->shrink, shrink, sizeof(__entry->shrink));
		__entry->nid = nid;
		__entry->retval = retval;
		__entry->total_scan = total_scan;
	),
	TP_printk("%s: nid: %d total_scan %lu last shrinker return val %lu",
		  __entry->shrink, __entry->nid, __entry->total_scan, __entry->retval)
);

/* Pageblocks that the kernel gets, and that are taken from it again. */
DECLARE_EVENT_CLASS(region_part,
	TP_PROTO(int nid, unsigned long pfn, unsigned long nr_pages),
	TP_ARGS(nid, pfn, nr_pages),
	TP_STRUCT__entry(
		__field(int, nid)
		__field(unsigned long, pfn)
		__field(unsigned long, nr_pages)
	),
	TP_fast_assign(
		__entry->nid = nid;
		__entry->pfn = pfn;
		__entry->nr_pages = nr_pages;
	),
	TP_printk("nid=%d pfn=0x%lx nr_pages=%lu", __entry->nid, __entry->pfn,
		  __entry->nr_pages)
);

DEFINE_EVENT(region_part, region_give_back,
	TP_PROTO(int nid, unsigned long pfn, unsigned long nr_pages),
	TP_ARGS(nid, pfn, nr_pages)
);

DEFINE_EVENT(region_part, region_take_back,
	TP_PROTO(int nid, unsigned long pfn, unsigned long nr_pages),
	TP_ARGS(nid, pfn, nr_pages)
);

#endif /* _TRACE_ZBUDDY_H */

#include <trace/define_trace.h>
