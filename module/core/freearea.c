// SPDX-License-Identifier: GPL-2.0-only
#include "freearea.h"

/**
 * zb_free_area_init() - make all lists empty
 * @areas: ZB_NR_ORDERS of them
 */
void zb_free_area_init(struct zb_free_area *areas)
{
	unsigned int order, mt;

	memset(areas, 0, ZB_NR_ORDERS * sizeof(*areas));
	for (order = 0; order < ZB_NR_ORDERS; order++)
		for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++)
			INIT_LIST_HEAD(&areas[order].free_list[mt]);
}

/**
 * zb_free_area_rekey() - move a pageblock to the list of its largest free run
 * @areas: free areas of its zone
 * @pb: a pageblock whose runs have changed, and which is not wholly free
 *
 * Context: zone lock held.
 */
void zb_free_area_rekey(struct zb_free_area *areas, struct zb_pageblock *pb)
{
	unsigned int largest = zb_pageblock_largest(pb);

	if (pb->largest_free == largest)
		return;
	if (zb_free_area_listed(pb))
		zb_free_area_del(pb, ZB_LIST_NONE);
	if (largest != ZB_LIST_NONE)
		zb_free_area_add(areas, pb, largest);
	else
		pb->largest_free = ZB_LIST_NONE;
}

/**
 * zb_free_area_move() - move a pageblock to the lists of another migrate type
 * @areas: free areas of its zone
 * @pb: a pageblock that is not wholly free
 * @mt: the new migrate type
 *
 * The cost does not depend on the number of free runs in the pageblock.
 *
 * Context: zone lock held.
 */
void zb_free_area_move(struct zb_free_area *areas, struct zb_pageblock *pb,
		       unsigned int mt)
{
	unsigned int k, key = pb->largest_free;

	if (zb_free_area_listed(pb))
		zb_free_area_del(pb, ZB_LIST_NONE);
	for (k = 0; k < ZB_PAGEBLOCK_ORDER; k++) {
		zb_free_area_count(areas, k, pb->migratetype, -(long)pb->nr[k]);
		zb_free_area_count(areas, k, mt, pb->nr[k]);
	}
	/* A free on another CPU may be reading it to choose a list. */
	WRITE_ONCE(pb->migratetype, mt);
	if (key <= ZB_MAX_ORDER)
		zb_free_area_add(areas, pb, key);
}
