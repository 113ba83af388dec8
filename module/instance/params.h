/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_PARAMS_H
#define ZB_PARAMS_H

#include <linux/moduleparam.h>

/**
 * struct zb_region_spec - node and size of a region to acquire
 * @nid: NUMA node, or NUMA_NO_NODE for any
 * @nr_pages: size in pages, a multiple of the pageblock size
 */
struct zb_region_spec {
	int nid;
	unsigned long nr_pages;
};

/**
 * struct zb_params - the parsed module parameters that are read only at load
 * @backend: text of the parameter
 * @zones: text of the parameter, whose meaning depends on the address of the region
 * @max_order: 9 .. 18
 * @max_order_given: fail if no zone has room for a block of @max_order
 * @cma_pages: number of pages to put in CMA pageblocks
 * @poison: fill free memory with a pattern and verify it
 * @regions: requested regions, sorted by node
 * @nr_regions: number of @regions
 */
struct zb_params {
	const char *backend;
	const char *zones;
	unsigned int max_order;
	bool max_order_given;
	unsigned long cma_pages;
	bool poison;
	struct zb_region_spec *regions;
	unsigned int nr_regions;
};

/*
 * For module_param_cb() and a bool, unsigned int or unsigned long. A value that is not
 * accepted is logged with the accepted values.
 */
extern const struct kernel_param_ops zb_bool_ops;
extern const struct kernel_param_ops zb_uint_ops;
extern const struct kernel_param_ops zb_ulong_ops;

int zb_params_parse(struct zb_params *params, const char *size,
		    const char *zones, const char *max_order,
		    const char *backend);
void zb_params_free(struct zb_params *params);

#endif /* ZB_PARAMS_H */
