// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl info: properties and usage of the loaded module.
 */
#include "zbctl.h"

static unsigned int percent(__u64 part, __u64 whole)
{
	return whole ? (unsigned int)((double)part * 100 / (double)whole) : 0;
}

static void print_head(const struct zb_ioc_info *info)
{
	__u64 page = info->page_size;
	char gfp[GFP_TEXT];

	printf("zbuddy: ABI version %u, backend %.*s\n", info->version,
	       (int)sizeof(info->backend), info->backend);
	printf("region: %s on %u node%s, %s free (%u%%)\n",
	       size_text(info->total_bytes), info->nr_nodes,
	       info->nr_nodes == 1 ? "" : "s", size_text(info->free_bytes),
	       percent(info->free_bytes, info->total_bytes));
	printf("page:   %s, pageblock order %u (%s), max order %u (%s)\n",
	       size_text(page), info->block_order,
	       size_text(page << info->block_order), info->max_order,
	       size_text(page << info->max_order));
	printf("gfp:    %s\n", gfp_bits_text(info->gfp_mask, gfp));
	if (info->features)
		printf("features: %s\n", features_text(info->features, gfp));
	printf("\nNODE  ZONE        TOTAL     FREE   CACHED  LARGEST FREE\n");
}

static void print_zone(const struct zb_ioc_info *info,
		       const struct zb_ioc_zone *zone)
{
	printf("%4d  %-8s %8s %8s %8s  ", zone->node, zone_name(zone->type),
	       size_text(zone->total_bytes), size_text(zone->free_bytes),
	       size_text(zone->cached_bytes));
	if (zone->largest_order < 0)
		printf("none\n");
	else
		printf("%s (order %d)\n",
		       size_text((__u64)info->page_size << zone->largest_order),
		       zone->largest_order);
}

static void json_head(const struct zb_ioc_info *info)
{
	char backend[sizeof(info->backend) + 1] = "";
	char gfp[GFP_TEXT];

	memcpy(backend, info->backend, sizeof(info->backend));
	js_open(NULL, '{');
	js_u64("version", info->version);
	js_str("backend", backend);
	js_u64("page_size", info->page_size);
	js_u64("max_order", info->max_order);
	js_u64("pageblock_order", info->block_order);
	js_u64("nodes", info->nr_nodes);
	js_u64("feature_bits", info->features);
	js_list("features", features_text(info->features, gfp));
	js_u64("gfp_mask", info->gfp_mask);
	js_list("gfp", gfp_bits_text(info->gfp_mask, gfp));
	js_u64("total_bytes", info->total_bytes);
	js_u64("free_bytes", info->free_bytes);
	js_open("zones", '[');
}

static void json_zone(const struct zb_ioc_zone *zone)
{
	js_open(NULL, '{');
	js_s64("node", zone->node);
	js_str("zone", zone_name(zone->type));
	js_u64("total_bytes", zone->total_bytes);
	js_u64("free_bytes", zone->free_bytes);
	js_u64("cached_bytes", zone->cached_bytes);
	js_s64("largest_order", zone->largest_order);
	js_close('}');
}

int cmd_info(struct zbctl *z)
{
	struct zb_ioc_info info;
	struct zb_ioc_zone zone;
	int fd = dev_get(z);
	int err;

	if (fd < 0)
		return ZBCTL_FAILED;
	err = dev_info(fd, &info);
	if (err)
		return info_err(z, -err);
	if (z->json)
		json_head(&info);
	else
		print_head(&info);
	for (__u32 i = 0; i < info.nr_zones && !err; i++) {
		err = dev_zone(fd, i, &zone);
		if (!err && z->json)
			json_zone(&zone);
		else if (!err)
			print_zone(&info, &zone);
	}
	if (z->json) {
		js_close(']');
		js_close('}');
	}
	if (err)
		return zb_err("info: the zones cannot be read: %s",
			      strerror(-err));
	return ZBCTL_OK;
}
