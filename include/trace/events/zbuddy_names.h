/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names of allocation flags and migrate types, for tracepoints and the log.
 *
 * Flags are decoded in the order of this list, so each group must precede the groups
 * and bits that it contains. The list must have every bit of ZB_GFP_BITS_MASK.
 */
#ifndef _TRACE_ZBUDDY_NAMES_H
#define _TRACE_ZBUDDY_NAMES_H

#include <uapi/linux/zbuddy.h>

#define ZB_NAMED(flag)	{ (__force unsigned long)(flag), #flag }

#define zb_gfp_names						\
	ZB_NAMED(ZB_GFP_TRANSHUGE),				\
	ZB_NAMED(ZB_GFP_HIGHUSER_MOVABLE),			\
	ZB_NAMED(ZB_GFP_HIGHUSER),				\
	ZB_NAMED(ZB_GFP_USER),					\
	ZB_NAMED(ZB_GFP_KERNEL_ACCOUNT),			\
	ZB_NAMED(ZB_GFP_TEMPORARY),				\
	ZB_NAMED(ZB_GFP_KERNEL),				\
	ZB_NAMED(ZB_GFP_NOFS),					\
	ZB_NAMED(ZB_GFP_NOIO),					\
	ZB_NAMED(ZB_GFP_ATOMIC),				\
	ZB_NAMED(ZB_GFP_NOWAIT),				\
	ZB_NAMED(__ZB_GFP_DMA),					\
	ZB_NAMED(__ZB_GFP_HIGHMEM),				\
	ZB_NAMED(__ZB_GFP_DMA32),				\
	ZB_NAMED(__ZB_GFP_MOVABLE),				\
	ZB_NAMED(__ZB_GFP_RECLAIMABLE),				\
	ZB_NAMED(__ZB_GFP_HIGH),				\
	ZB_NAMED(__ZB_GFP_IO),					\
	ZB_NAMED(__ZB_GFP_FS),					\
	ZB_NAMED(__ZB_GFP_COLD),				\
	ZB_NAMED(__ZB_GFP_NOWARN),				\
	ZB_NAMED(__ZB_GFP_REPEAT),				\
	ZB_NAMED(__ZB_GFP_NOFAIL),				\
	ZB_NAMED(__ZB_GFP_NORETRY),				\
	ZB_NAMED(__ZB_GFP_MEMALLOC),				\
	ZB_NAMED(__ZB_GFP_COMP),				\
	ZB_NAMED(__ZB_GFP_ZERO),				\
	ZB_NAMED(__ZB_GFP_NOMEMALLOC),				\
	ZB_NAMED(__ZB_GFP_HARDWALL),				\
	ZB_NAMED(__ZB_GFP_THISNODE),				\
	ZB_NAMED(__ZB_GFP_ATOMIC),				\
	ZB_NAMED(__ZB_GFP_ACCOUNT),				\
	ZB_NAMED(__ZB_GFP_NOTRACK),				\
	ZB_NAMED(__ZB_GFP_DIRECT_RECLAIM),			\
	ZB_NAMED(__ZB_GFP_OTHER_NODE),				\
	ZB_NAMED(__ZB_GFP_WRITE),				\
	ZB_NAMED(__ZB_GFP_KSWAPD_RECLAIM)

#define zb_migratetype_symbols					\
	{ ZB_MIGRATE_UNMOVABLE, "Unmovable" },			\
	{ ZB_MIGRATE_MOVABLE, "Movable" },			\
	{ ZB_MIGRATE_RECLAIMABLE, "Reclaimable" },		\
	{ ZB_MIGRATE_HIGHATOMIC, "HighAtomic" },		\
	{ ZB_MIGRATE_CMA, "CMA" },				\
	{ ZB_MIGRATE_ISOLATE, "Isolate" }

/* By enum zb_compact_result. "complete" means that all of the zone was scanned without success. */
#define zb_compact_symbols					\
	{ 0, "skipped" },					\
	{ 1, "deferred" },					\
	{ 2, "complete" },					\
	{ 3, "success" }

#endif /* _TRACE_ZBUDDY_NAMES_H */
