// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl: why a request was rejected as invalid (EINVAL), and the remedy.
 */
#include "zbctl.h"

static unsigned int req_order(const struct zb_req *req,
			      const struct zb_ioc_info *info)
{
	unsigned int order = 0;

	if (!(req->flags & ZB_BUF_LENGTH))
		return req->order;
	while (order < 40 && (__u64)info->page_size << order < req->length)
		order++;
	return order;
}

static void list_nodes(int fd, const struct zb_ioc_info *info, char *buf,
		       size_t size, __s32 wanted, bool *found)
{
	struct zb_ioc_zone zone;
	__s32 before = -1;
	size_t len = 0;

	buf[0] = '\0';
	for (__u32 i = 0; i < info->nr_zones; i++) {
		if (dev_zone(fd, i, &zone))
			break;
		if (zone.node == wanted)
			*found = true;
		if (zone.node != before && len < size)
			len += (size_t)snprintf(buf + len, size - len, "%s%d",
						len ? ", " : "", zone.node);
		before = zone.node;
	}
}

static int node_einval(int fd, const struct zb_req *req,
		       const struct zb_ioc_info *info)
{
	bool found = req->node == ZB_NODE_ANY;
	char nodes[256];

	list_nodes(fd, info, nodes, sizeof(nodes), req->node, &found);
	if (found)
		return 0;
	return zb_err("alloc %s: node %d has no region: choose from %s, or leave out --node",
		      req->text, req->node, nodes);
}

static int gfp_einval(const struct zb_req *req, const struct zb_ioc_info *info)
{
	__u32 zones = req->gfp & (__ZB_GFP_DMA | __ZB_GFP_DMA32 |
				  __ZB_GFP_HIGHMEM);
	bool transhuge = (req->gfp & ZB_GFP_TRANSHUGE) == ZB_GFP_TRANSHUGE;
	char bad[GFP_TEXT], good[GFP_TEXT];

	if (req->gfp & ~info->gfp_mask)
		return zb_err("alloc %s: this module does not accept the gfp flags %s%s: leave them out; it accepts %s",
			      req->text,
			      gfp_bits_text(req->gfp & ~info->gfp_mask, bad),
			      transhuge ? " (TRANSHUGE includes COMP)" : "",
			      gfp_bits_text(info->gfp_mask, good));
	if (zones & (zones - 1))
		return zb_err("alloc %s: gfp flags %s name different zones: choose one",
			      req->text, gfp_bits_text(zones, bad));
	if ((req->gfp & ZB_GFP_MOVABLE_MASK) == ZB_GFP_MOVABLE_MASK)
		return zb_err("alloc %s: gfp flags MOVABLE and RECLAIMABLE exclude each other (TEMPORARY includes RECLAIMABLE): choose one",
			      req->text);
	return 0;
}

static __u64 largest_zone(int fd, const struct zb_ioc_info *info)
{
	struct zb_ioc_zone zone;
	__u64 bytes = 0;

	for (__u32 i = 0; i < info->nr_zones && !dev_zone(fd, i, &zone); i++)
		if (zone.total_bytes > bytes)
			bytes = zone.total_bytes;
	return bytes;
}

static int range_einval(int fd, const struct zb_req *req, const struct zb_ioc_info *info)
{
	__u64 bytes = largest_zone(fd, info);

	if (req->length > bytes)
		return zb_err("alloc %s: larger than any zone of this region: the largest has %s",
			      req->text, size_text(bytes));
	if (req->max_addr && (req->max_addr < req->min_addr ||
			      req->max_addr - req->min_addr < req->length - 1))
		return zb_err("alloc %s: there is less memory from --min-addr to --max-addr",
			      req->text);
	return 0;
}

static int size_einval(int fd, const struct zb_req *req, const struct zb_ioc_info *info)
{
	if ((req->flags & ZB_BUF_LENGTH) && !req->length)
		return zb_err("alloc %s: a buffer needs a length of at least 1 byte",
			      req->text);
	if (req->flags & ZB_BUF_RANGE)
		return range_einval(fd, req, info);
	if (req_order(req, info) > info->max_order)
		return zb_err("alloc %s: larger than any block of this region: the largest is order %u (%s)",
			      req->text, info->max_order,
			      size_text((__u64)info->page_size <<
					info->max_order));
	return 0;
}

/* The other checks found nothing, so let the module name the field. */
static int field_einval(int fd, const struct zb_req *req)
{
	struct zb_ioc_explain e;

	if (dev_explain(fd, &e) || e.cause != ZB_CAUSE_FIELD)
		return zb_err("alloc %s: the module rejects the request: see zbctl info",
			      req->text);
	if (req->gfp & __ZB_GFP_ATOMIC && req->gfp & __ZB_GFP_DIRECT_RECLAIM)
		return zb_err("alloc %s: gfp flags ATOMIC and DIRECT_RECLAIM exclude each other (KERNEL includes it): choose one",
			      req->text);
	return zb_err("alloc %s: the module rejects %.*s = %#llx: see zbctl info", req->text,
		      (int)sizeof(e.field), e.field, e.value);
}

/* Explain why @req was rejected with EINVAL. Returns an exit code. */
int alloc_einval(int fd, const struct zb_req *req,
		 const struct zb_ioc_info *info)
{
	int rc = gfp_einval(req, info);

	if (!rc)
		rc = size_einval(fd, req, info);
	if (!rc)
		rc = node_einval(fd, req, info);
	if (!rc)
		rc = field_einval(fd, req);
	return rc;
}
