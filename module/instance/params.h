/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_PARAMS_H
#define ZB_PARAMS_H

/**
 * struct zb_request - a region that is wanted
 * @nid: NUMA node, or NUMA_NO_NODE for any
 * @nr_pages: how large, whole pageblocks
 */
struct zb_request {
	int nid;
	unsigned long nr_pages;
};

/**
 * struct zb_params - the module parameters that count at load, understood
 * @backend: as given
 * @zones: as given; what it means depends on where the region is
 * @max_order: 9 .. 18
 * @max_order_given: the user insists on it
 * @cma_pages: frames to mark as CMA pageblocks
 * @poison: fill free memory with a pattern and check it
 * @requests: regions that are wanted
 * @nr_requests: how many
 */
struct zb_params {
	const char *backend;
	const char *zones;
	unsigned int max_order;
	bool max_order_given;
	unsigned long cma_pages;
	bool poison;
	struct zb_request *requests;
	unsigned int nr_requests;
};

int zb_params_parse(struct zb_params *params, const char *size,
		    const char *zones, const char *max_order,
		    const char *backend);
void zb_params_free(struct zb_params *params);

#endif /* ZB_PARAMS_H */
