// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl watch: a line per zone every second, and the result of poll().
 */
#include "zbctl.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

#define MAX_ZONES	64

/* The low watermark of a zone in bytes, or 0 if zoneinfo cannot be read. */
static __u64 low_mark(const char *text, const struct zb_ioc_zone *zone,
		      __u64 page)
{
	unsigned long long pages = 0;
	char head[64];
	const char *at;

	if (!text)
		return 0;
	snprintf(head, sizeof(head), "Node %d, zone %8s", zone->node,
		 zone_name(zone->type));
	at = strstr(text, head);
	at = at ? strstr(at, " low ") : NULL;
	if (at)
		sscanf(at, " low %llu", &pages);
	return pages * page;
}

static void show_zone(const struct zbctl *z, const struct zb_ioc_zone *zone,
		      __u64 low)
{
	__u64 left = zone->free_bytes + zone->cached_bytes;
	const char *state = left > low ? "" : "  below low";

	if (!z->json) {
		printf("  node %d %-8s free %8s  cached %7s  low %7s%s\n",
		       zone->node, zone_name(zone->type),
		       size_text(zone->free_bytes),
		       size_text(zone->cached_bytes), size_text(low), state);
		return;
	}
	js_open(NULL, '{');
	js_s64("node", zone->node);
	js_str("zone", zone_name(zone->type));
	js_u64("free_bytes", zone->free_bytes);
	js_u64("cached_bytes", zone->cached_bytes);
	js_u64("low_bytes", low);
	js_close('}');
}

static int show_zones(struct zbctl *z, const struct zb_ioc_info *info)
{
	char *text = debugfs_read(z, "zoneinfo");
	struct zb_ioc_zone zone;
	int err = 0;

	for (__u32 i = 0; i < info->nr_zones && !err; i++) {
		err = dev_zone(z->fd, i, &zone);
		if (!err)
			show_zone(z, &zone, low_mark(text, &zone, info->page_size));
	}
	free(text);
	return err;
}

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

static int show_once(struct zbctl *z)
{
	long owners = owners_count(z);
	struct zb_ioc_info info;
	time_t now = time(NULL);
	bool ready = is_readable(z->fd);
	char clock[16];
	int err = dev_info(z->fd, &info);

	if (err)
		return info_err(z, -err);
	strftime(clock, sizeof(clock), "%H:%M:%S", localtime(&now));
	if (z->json) {
		js_open(NULL, '{');
		js_u64("free_bytes", info.free_bytes);
		js_bool("readable", ready);
		js_s64("buffers", owners);
		js_open("zones", '[');
	} else {
		printf("%s  free %s of %s, %ld buffers, poll: %s\n", clock,
		       size_text(info.free_bytes), size_text(info.total_bytes),
		       owners, ready ? "readable" : "no zone above low");
	}
	err = show_zones(z, &info);
	if (z->json) {
		js_close(']');
		js_close('}');
	}
	fflush(stdout);
	return err ? info_err(z, -err) : 0;
}

int cmd_watch(struct zbctl *z)
{
	bool forever = !(z->given & OPT(COUNT));
	int rc = 0;

	if (dev_get(z) < 0)
		return ZBCTL_FAILED;
	for (long long i = 0; (forever || i < z->count) && !rc; i++) {
		if (i)
			sleep(1);
		rc = show_once(z);
	}
	return rc;
}
