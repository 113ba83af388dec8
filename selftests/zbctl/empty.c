// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl empty: move buffers out of a zone or a node.
 */
#include "zbctl.h"

#include <strings.h>

static int parse_zone(const char *name, __u32 *type)
{
	for (*type = 0; *type < ZB_NR_ZONES; (*type)++) {
		if (!strcasecmp(name, zone_name(*type)))
			return 0;
	}
	return usage_err("--zone: '%s' is not one of DMA, DMA32, Normal, HighMem, Movable", name);
}

static int einval(const struct zbctl *z)
{
	struct zb_ioc_explain e;

	if (!dev_explain(z->fd, &e) && !strcmp(e.field, "node"))
		return zb_err("empty: node %lld has no memory of this module: see zbctl info",
			      z->node);
	return zb_err("empty: there is no such zone, or no other one to move buffers to: choose another --zone or --node (zbctl info)");
}

static int empty_err(const struct zbctl *z, int err)
{
	switch (err) {
	case EINVAL:
		return einval(z);
	case EPERM:
		return zb_err("empty: this requires CAP_SYS_ADMIN: run zbctl as root");
	case ENOMEM:
		return zb_err("empty: the kernel has no memory for a list of pageblocks: try again later");
	case ENOTTY:
		return zb_err("empty: this module can't do it: load a newer one");
	default:
		return zb_err("empty: %s", strerror(err));
	}
}

static void part(const char **sep, __u64 bytes, const char *what)
{
	if (!bytes)
		return;
	printf("%s%s %s", *sep, size_text(bytes), what);
	*sep = ", ";
}

static void show(const struct zbctl *z, const struct zb_ioc_empty *e)
{
	__u64 known = e->in_use + e->no_room;
	const char *sep = ": ";

	if (z->json) {
		js_open(NULL, '{');
		js_u64("moved", e->moved);
		js_u64("discarded", e->discarded);
		js_u64("left", e->left);
		js_u64("in_use", e->in_use);
		js_u64("no_room", e->no_room);
		js_close('}');
		return;
	}
	printf("%s moved, ", size_text(e->moved));
	printf("%s discarded, ", size_text(e->discarded));
	printf("%s left", size_text(e->left));
	part(&sep, e->in_use, "in use");
	part(&sep, e->no_room, "without room in other zones");
	part(&sep, e->left > known ? e->left - known : 0, "that can't be moved");
	putchar('\n');
}

int cmd_empty(struct zbctl *z)
{
	struct zb_ioc_empty e = {
		.size = sizeof(e), .node = (__s32)z->node, .zone = ZB_ZONE_ANY,
	};
	int rc;

	if (!z->zone && z->node < 0)
		return usage_err("empty: --zone or --node is needed: zbctl info shows them");
	if (z->zone) {
		rc = parse_zone(z->zone, &e.zone);
		if (rc)
			return rc;
	}
	if (dev_get(z) < 0)
		return ZBCTL_FAILED;
	rc = dev_empty(z->fd, &e);
	if (rc)
		return empty_err(z, -rc);
	show(z, &e);
	return ZBCTL_OK;
}
