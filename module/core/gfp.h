/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Allocation flags: how they select a zone and a mobility.
 *
 * The low four bits of the flags select the highest zone that may be used. They are
 * an index into a table of 16 entries of three bits, which fits in one word, so that
 * a lookup takes a shift and a mask:
 *
 *	bits  meaning               zone     bits  meaning                zone
 *	0x0   -                     NORMAL   0x8   MOVABLE                NORMAL
 *	0x1   DMA                   DMA      0x9   MOVABLE+DMA            DMA
 *	0x2   HIGHMEM               HIGHMEM  0xa   MOVABLE+HIGHMEM        MOVABLE
 *	0x3   DMA+HIGHMEM           bad      0xb   MOVABLE+DMA+HIGHMEM    bad
 *	0x4   DMA32                 DMA32    0xc   MOVABLE+DMA32          DMA32
 *	0x5   DMA+DMA32             bad      0xd   MOVABLE+DMA+DMA32      bad
 *	0x6   HIGHMEM+DMA32         bad      0xe   MOVABLE+HIGHMEM+DMA32  bad
 *	0x7   DMA+HIGHMEM+DMA32     bad      0xf   all                    bad
 *
 * MOVABLE alone describes the mobility of the memory and does not select a zone. The
 * Movable zone requires HIGHMEM as well.
 */
#ifndef ZB_CORE_GFP_H
#define ZB_CORE_GFP_H

#include <zb_env.h>

/*
 * zb_gfp_t is a bitwise type, so that sparse finds flags of the kernel that are passed
 * to this allocator. These two convert flags to and from a plain number.
 */
#define zb_gfp_bits(gfp)	((__force u32)(gfp))
#define zb_gfp_from_bits(bits)	((__force zb_gfp_t)(bits))

#define ZB_GFP_ZONES_SHIFT	3
#define ZB_GFP_ZONE_ENTRY(gfp, zone)					\
	((u64)(zone) << (zb_gfp_bits(gfp) * ZB_GFP_ZONES_SHIFT))

#define ZB_GFP_ZONE_TABLE						\
	(ZB_GFP_ZONE_ENTRY(0u, ZB_ZONE_NORMAL) |				\
	 ZB_GFP_ZONE_ENTRY(__ZB_GFP_DMA, ZB_ZONE_DMA) |			\
	 ZB_GFP_ZONE_ENTRY(__ZB_GFP_HIGHMEM, ZB_ZONE_HIGHMEM) |		\
	 ZB_GFP_ZONE_ENTRY(__ZB_GFP_DMA32, ZB_ZONE_DMA32) |		\
	 ZB_GFP_ZONE_ENTRY(__ZB_GFP_MOVABLE, ZB_ZONE_NORMAL) |		\
	 ZB_GFP_ZONE_ENTRY(__ZB_GFP_MOVABLE | __ZB_GFP_DMA, ZB_ZONE_DMA) | \
	 ZB_GFP_ZONE_ENTRY(__ZB_GFP_MOVABLE | __ZB_GFP_HIGHMEM, ZB_ZONE_MOVABLE) | \
	 ZB_GFP_ZONE_ENTRY(__ZB_GFP_MOVABLE | __ZB_GFP_DMA32, ZB_ZONE_DMA32))

#define ZB_GFP_ZONE_BIT(gfp)	BIT(zb_gfp_bits(gfp))
#define ZB_GFP_ZONE_BAD							\
	(ZB_GFP_ZONE_BIT(__ZB_GFP_DMA | __ZB_GFP_HIGHMEM) |				\
	 ZB_GFP_ZONE_BIT(__ZB_GFP_DMA | __ZB_GFP_DMA32) |				\
	 ZB_GFP_ZONE_BIT(__ZB_GFP_DMA32 | __ZB_GFP_HIGHMEM) |			\
	 ZB_GFP_ZONE_BIT(__ZB_GFP_DMA | __ZB_GFP_DMA32 | __ZB_GFP_HIGHMEM) |	\
	 ZB_GFP_ZONE_BIT(__ZB_GFP_MOVABLE | __ZB_GFP_HIGHMEM | __ZB_GFP_DMA) |	\
	 ZB_GFP_ZONE_BIT(__ZB_GFP_MOVABLE | __ZB_GFP_DMA32 | __ZB_GFP_DMA) |	\
	 ZB_GFP_ZONE_BIT(__ZB_GFP_MOVABLE | __ZB_GFP_DMA32 | __ZB_GFP_HIGHMEM) |	\
	 ZB_GFP_ZONE_BIT(__ZB_GFP_MOVABLE | __ZB_GFP_DMA32 | __ZB_GFP_DMA | __ZB_GFP_HIGHMEM))

/* Returns the highest zone type that @gfp allows; requires zb_gfp_valid(@gfp). */
static inline unsigned int zb_gfp_zone(zb_gfp_t gfp)
{
	unsigned int bits = zb_gfp_bits(gfp & ZB_GFP_ZONEMASK);

	return (ZB_GFP_ZONE_TABLE >> (bits * ZB_GFP_ZONES_SHIFT)) &
	       (BIT(ZB_GFP_ZONES_SHIFT) - 1);
}

/* Returns the migrate type that @gfp selects; requires zb_gfp_valid(@gfp). */
static inline unsigned int zb_gfp_migratetype(zb_gfp_t gfp)
{
	return zb_gfp_bits(gfp & ZB_GFP_MOVABLE_MASK) / zb_gfp_bits(__ZB_GFP_MOVABLE);
}

bool zb_gfp_valid(zb_gfp_t gfp);

#endif /* ZB_CORE_GFP_H */
