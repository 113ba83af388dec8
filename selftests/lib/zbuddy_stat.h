/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers for tests of the allocator's policy: they parse statistics and parameters,
 * and the fixture "policy" restores the parameters after each test.
 */
#ifndef ZBUDDY_STAT_H
#define ZBUDDY_STAT_H

#define ZB_OWN_FIXTURE
#include "zbuddy_test.h"

#define ZB_MAX_ZONES	16

/* Allocate until the flags allow no more, without a report of the final failure. */
#define ZB_GFP_QUIET	(__ZB_GFP_NOWARN | __ZB_GFP_NORETRY)

/* One zone of zoneinfo; amounts in pages. */
struct zb_zone_info {
	int node;
	char name[16];
	__u32 type;
	unsigned long free, boost, min, low, high, managed, cma;
	unsigned long protection[ZB_NR_ZONES];
	unsigned long free_cma, free_highatomic;
};

struct zb_zones {
	unsigned int nr;
	struct zb_zone_info zone[ZB_MAX_ZONES];
};

static inline __u32 zb_zone_type(const char *name)
{
	static const char * const names[ZB_NR_ZONES] = {
		"DMA", "DMA32", "Normal", "HighMem", "Movable",
	};
	__u32 type = 0;

	while (type < ZB_NR_ZONES && strcmp(names[type], name))
		type++;
	return type;
}

static inline bool zb_parse_protection(const char *line, unsigned long *to)
{
	return sscanf(line, " protection: (%lu, %lu, %lu, %lu, %lu)", &to[0],
		      &to[1], &to[2], &to[3], &to[4]) == 5;
}

static inline void zb_parse_zone_line(const char *line, struct zb_zone_info *z)
{
	const struct { const char *name; unsigned long *to; } fields[] = {
		{ "boost", &z->boost },
		{ "min", &z->min }, { "low", &z->low }, { "high", &z->high },
		{ "managed", &z->managed }, { "cma", &z->cma },
		{ "nr_free_pages", &z->free }, { "nr_free_cma", &z->free_cma },
		{ "nr_free_highatomic", &z->free_highatomic },
	};
	char name[32];
	unsigned long nr;
	size_t i;

	if (zb_parse_protection(line, z->protection) ||
	    sscanf(line, " %31s %lu", name, &nr) != 2)
		return;
	for (i = 0; i < ARRAY_SIZE(fields); i++)
		if (!strcmp(fields[i].name, name))
			*fields[i].to = nr;
}

/* Parse zoneinfo; returns the number of zones, 0 if the file can't be read. */
static inline unsigned int zb_read_zones(struct zb_zones *zones)
{
	static char text[1 << 16];
	struct zb_zone_info *z = NULL;
	char *save = NULL, *line;

	*zones = (struct zb_zones){ 0 };
	if (zb_read_file(ZB_DEBUGFS "zoneinfo", text, sizeof(text)) <= 0)
		return 0;
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (!strncmp(line, "Node ", 5)) {
			if (zones->nr == ZB_MAX_ZONES)
				return 0;
			z = &zones->zone[zones->nr++];
			if (sscanf(line, "Node %d, zone %15s", &z->node,
				   z->name) != 2)
				return 0;
			z->type = zb_zone_type(z->name);
		} else if (z) {
			zb_parse_zone_line(line, z);
		}
	}
	return zones->nr;
}

/*
 * Parse the table of pagetypeinfo that begins with @head into @nr[zone][migrate type].
 * Returns the number of zones.
 */
static inline unsigned int
zb_read_blocks(const char *head,
	       unsigned long nr[ZB_MAX_ZONES][ZB_MIGRATE_TYPES])
{
	static char text[1 << 18];
	char *save = NULL, *line;
	unsigned int zones = 0;
	bool in_table = false;

	if (zb_read_file(ZB_DEBUGFS "pagetypeinfo", text, sizeof(text)) <= 0)
		return 0;
	for (line = strtok_r(text, "\n", &save); line && zones < ZB_MAX_ZONES;
	     line = strtok_r(NULL, "\n", &save)) {
		unsigned long *n = nr[zones];

		if (strncmp(line, "Node ", 5)) {
			in_table = !strncmp(line, head, strlen(head));
			continue;
		}
		if (in_table && sscanf(line, "Node %*d, zone %*s %lu %lu %lu %lu %lu %lu",
				       &n[0], &n[1], &n[2], &n[3], &n[4], &n[5]) == 6)
			zones++;
	}
	return zones;
}

static inline unsigned long zb_sum_blocks(const char *head, unsigned int mt)
{
	unsigned long nr[ZB_MAX_ZONES][ZB_MIGRATE_TYPES], sum = 0;
	unsigned int i, zones = zb_read_blocks(head, nr);

	for (i = 0; i < zones; i++)
		sum += nr[i][mt];
	return sum;
}

#define ZB_BLOCKS	"Number of blocks type"
#define ZB_MIXED	"Number of mixed blocks"

static const char * const zb_tunables[] = {
	"min_free_kbytes", "watermark_scale_factor", "watermark_boost_factor",
	"lowmem_reserve_ratio",
	"dirty_ratio", "percpu_pagelist_high_fraction", "page_owner", "zone_reclaim_mode",
};

FIXTURE(policy) {
	FIXTURE_DATA(zbuddy) zb;
	struct zb_zones zones;
	char before[ARRAY_SIZE(zb_tunables)][64];
};

static inline const char *zb_policy_setup(struct __test_metadata *_metadata,
					  FIXTURE_DATA(policy) *self)
{
	char path[128];
	size_t i;

	if (zb_setup(_metadata, &self->zb))
		return "no " ZB_DEV ": insmod zbuddy.ko first";
	if (geteuid())
		return "must be root";
	if (!zb_read_zones(&self->zones))
		return "no debugfs";
	for (i = 0; i < ARRAY_SIZE(zb_tunables); i++) {
		snprintf(path, sizeof(path), ZB_PARAMETERS "%s", zb_tunables[i]);
		ASSERT_GT(zb_read_file(path, self->before[i], 64), 0);
	}
	ASSERT_EQ(0, zb_drain());
	return NULL;
}

FIXTURE_SETUP(policy)
{
	const char *why = zb_policy_setup(_metadata, self);

	if (why)
		SKIP(return, "%s", why);
}

FIXTURE_TEARDOWN_PARENT(policy)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(zb_tunables); i++)
		if (self->before[i][0])
			EXPECT_EQ(0, zb_write_parameter(zb_tunables[i],
							self->before[i]));
	if (self->before[0][0])
		zb_teardown(_metadata, &self->zb);
}

#endif /* ZBUDDY_STAT_H */
