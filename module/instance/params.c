// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parses and checks the parameters that are read only at load.
 *
 * An invalid parameter is logged in one line that names it and the valid values.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/kernel.h>
#include <linux/nodemask.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "../core/layout.h"
#include "params.h"
#include "../region/region.h"

#define PAGEBLOCK_BYTES		(PAGE_SIZE << ZB_PAGEBLOCK_ORDER)

/* Log that parameter @kp does not accept @text, without the newline of sysfs. */
static int refuse(const struct kernel_param *kp, const char *text, const char *accepted)
{
	pr_err("%s=%.*s: must be %s\n", kp->name,
	       (int)min_t(size_t, strcspn(text, "\n"), 40), text, accepted);
	return -EINVAL;
}

/* Without "=VALUE", @text is NULL and means Y. */
static int set_bool(const char *text, const struct kernel_param *kp)
{
	return param_set_bool(text, kp) ? refuse(kp, text, "Y or N") : 0;
}

const struct kernel_param_ops zb_bool_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = set_bool,
	.get = param_get_bool,
};

static int set_uint(const char *text, const struct kernel_param *kp)
{
	return param_set_uint(text, kp) ?
	       refuse(kp, text, "a number from 0 to 4294967295") : 0;
}

const struct kernel_param_ops zb_uint_ops = {
	.set = set_uint,
	.get = param_get_uint,
};

static int set_ulong(const char *text, const struct kernel_param *kp)
{
	return param_set_ulong(text, kp) ? refuse(kp, text, "a number, at least 0") : 0;
}

const struct kernel_param_ops zb_ulong_ops = {
	.set = set_ulong,
	.get = param_get_ulong,
};

static int parse_max_order(struct zb_params *params, const char *text)
{
	params->max_order = ZB_MAX_ORDER;
	params->max_order_given = *text;
	if (!*text)
		return 0;
	if (kstrtouint(text, 10, &params->max_order) ||
	    params->max_order < ZB_PAGEBLOCK_ORDER ||
	    params->max_order > ZB_MAX_ORDER) {
		pr_err("max_order=%s: must be a number from %u to %u, or omitted\n",
		       text, ZB_PAGEBLOCK_ORDER, ZB_MAX_ORDER);
		return -EINVAL;
	}
	return 0;
}

/* Parse an optional "NODE:" in front of a size, and advance *text behind it. */
static int parse_node(const char **text, int *nid)
{
	const char *digits = *text;
	const char *colon;
	u64 number;

	*nid = NUMA_NO_NODE;
	colon = zb_parse_size(digits, &number);
	if (!colon || *colon != ':')
		return 0;
	*text = colon + 1;
	if (number >= MAX_NUMNODES || !node_online(number)) {
		pr_err("size=%s: node %llu does not exist or is offline\n", digits, number);
		return -EINVAL;
	}
	*nid = number;
	return 0;
}

/* A size below that of a pageblock and without a unit, such as 256, probably lacks it. */
static bool forgot_unit(const char *end, u64 bytes)
{
	return end[-1] >= '0' && end[-1] <= '9' && bytes &&
	       bytes < PAGEBLOCK_BYTES;
}

static int parse_region(const char *all, const char **text,
			struct zb_region_spec *spec)
{
	u64 bytes;
	int err;

	err = parse_node(text, &spec->nid);
	if (err)
		return err;
	*text = zb_parse_size(*text, &bytes);
	if (!*text || (**text && **text != '\n' && **text != ',')) {
		pr_err("size=%s: must be a size such as 256M, or one per node such as 0:256M,1:256M\n",
		       all);
		return -EINVAL;
	}
	if (forgot_unit(*text, bytes)) {
		pr_err("size=%s: %llu bytes are smaller than a pageblock of %lu KiB: do you mean %lluM?\n",
		       all, bytes, PAGEBLOCK_BYTES >> 10, bytes);
		return -EINVAL;
	}
	if (!bytes || bytes % PAGEBLOCK_BYTES || bytes >> PAGE_SHIFT > U32_MAX) {
		pr_err("size=%s: the size of a region must be a multiple of %lu KiB and not 0\n",
		       all, PAGEBLOCK_BYTES >> 10);
		return -EINVAL;
	}
	spec->nr_pages = bytes >> PAGE_SHIFT;
	return 0;
}

/* Check whether a size for @nid cannot be combined with the sizes before it. */
static bool node_taken(const struct zb_params *params, int nid)
{
	unsigned int i;

	for (i = 0; i < params->nr_regions; i++)
		if (params->regions[i].nid == nid ||
		    params->regions[i].nid == NUMA_NO_NODE ||
		    nid == NUMA_NO_NODE)
			return true;
	return false;
}

static int by_node(const void *a, const void *b)
{
	const struct zb_region_spec *x = a, *y = b;

	return x->nid - y->nid;
}

static int parse_sizes(struct zb_params *params, const char *text)
{
	const char *rest = text;
	struct zb_region_spec spec;
	int err;

	params->regions = kcalloc(nr_node_ids, sizeof(*params->regions),
				  GFP_KERNEL);
	if (!params->regions)
		return -ENOMEM;
	do {
		rest += params->nr_regions ? 1 : 0;
		err = parse_region(text, &rest, &spec);
		if (err)
			return err;
		if (node_taken(params, spec.nid)) {
			pr_err("size=%s: each of several sizes must name a different node, such as 0:256M,1:256M\n",
			       text);
			return -EINVAL;
		}
		params->regions[params->nr_regions++] = spec;
	} while (*rest == ',');
	sort(params->regions, params->nr_regions, sizeof(*params->regions),
	     by_node, NULL);
	return 0;
}

/* Detect errors that do not depend on the address before a region is acquired. */
static int check_zones(const struct zb_params *params)
{
	struct zb_span span[ZB_NR_ZONES];
	unsigned int i, nr;
	const char *why;

	for (i = 0; i < params->nr_regions; i++) {
		why = zb_layout(params->zones, PAGE_SHIFT, 0,
				params->regions[i].nr_pages, span, &nr);
		if (why) {
			pr_err("zones=%s: %s\n", params->zones, why);
			return -EINVAL;
		}
	}
	return 0;
}

/**
 * zb_params_parse() - parse and check the parameters
 * @params: filled in; the caller passes it to zb_params_free() on success
 * @size: "256M", or "0:256M,1:256M"
 * @zones: "auto", or a list of zones
 * @max_order: a number, or "" for the largest that fits
 * @backend: "auto", or the name of a backend
 *
 * Context: may sleep.
 * Return: 0, -EINVAL with a line in the log, or -ENOMEM.
 */
int zb_params_parse(struct zb_params *params, const char *size,
		    const char *zones, const char *max_order,
		    const char *backend)
{
	int err;

	*params = (struct zb_params){ .backend = backend, .zones = zones };
	if (!zb_region_backend_known(backend)) {
		pr_err("backend=%s: must be auto, cma, dma or contig\n", backend);
		return -EINVAL;
	}
	err = parse_max_order(params, max_order);
	if (!err)
		err = parse_sizes(params, size);
	if (!err)
		err = check_zones(params);
	if (err)
		zb_params_free(params);
	return err;
}

/**
 * zb_params_free() - undo zb_params_parse()
 * @params: as zb_params_parse() filled it in
 */
void zb_params_free(struct zb_params *params)
{
	kfree(params->regions);
	params->regions = NULL;
	params->nr_regions = 0;
}
