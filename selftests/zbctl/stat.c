// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl stat: buddyinfo and pagetypeinfo side by side.
 *
 * Both files have the format of the files of these names in /proc. The number of orders and
 * the names of the types are taken from the files.
 */
#include "zbctl.h"

#include <unistd.h>

#define MAX_ORDERS	24
#define MAX_TYPES	8
#define NAME_LEN	16

struct zstat {
	int node;
	char zone[NAME_LEN];
	__u64 buddy[MAX_ORDERS];
	__u64 free[MAX_TYPES][MAX_ORDERS];
	__u64 blocks[MAX_TYPES];
};

struct stats {
	struct zstat *zones;
	size_t nr_zones;
	unsigned int nr_orders;
	unsigned int nr_types;
	char types[MAX_TYPES][NAME_LEN];
};

static struct zstat *find_zone(struct stats *s, int node, const char *name,
			       bool add)
{
	struct zstat *z;

	for (size_t i = 0; i < s->nr_zones; i++) {
		z = &s->zones[i];
		if (z->node == node && !strcmp(z->zone, name))
			return z;
	}
	if (!add)
		return NULL;
	z = realloc(s->zones, (s->nr_zones + 1) * sizeof(*z));
	if (!z)
		return NULL;
	s->zones = z;
	z += s->nr_zones++;
	memset(z, 0, sizeof(*z));
	z->node = node;
	snprintf(z->zone, sizeof(z->zone), "%s", name);
	return z;
}

/* The index of a type, or -1 if there are too many types. */
static int find_type(struct stats *s, const char *name)
{
	unsigned int i;

	for (i = 0; i < s->nr_types; i++) {
		if (!strcmp(s->types[i], name))
			return (int)i;
	}
	if (i == MAX_TYPES)
		return -1;
	snprintf(s->types[i], NAME_LEN, "%s", name);
	return (int)s->nr_types++;
}

/* Returns the number of values; the kernel prints ">100000" for "at least". */
static unsigned int parse_row(const char *p, __u64 *row, unsigned int max)
{
	unsigned int nr = 0;
	char *end;

	for (; nr < max; nr++) {
		p += strspn(p, " >");
		row[nr] = strtoull(p, &end, 10);
		if (end == p)
			break;
		p = end;
	}
	return nr;
}

static int parse_buddy_line(struct stats *s, const char *line)
{
	char zone[NAME_LEN];
	struct zstat *z;
	int node, at = 0;

	if (sscanf(line, "Node %d, zone %15[^, ]%n", &node, zone, &at) != 2)
		return -1;
	z = find_zone(s, node, zone, true);
	if (!z)
		return -1;
	s->nr_orders = parse_row(line + at, z->buddy, MAX_ORDERS);
	return s->nr_orders ? 0 : -1;
}

static int parse_type_line(struct stats *s, const char *line)
{
	char zone[NAME_LEN], type[NAME_LEN];
	struct zstat *z;
	int node, at, t;

	if (sscanf(line, "Node %d, zone %15[^, ], type %15s%n", &node, zone,
		   type, &at) != 3)
		return -1;
	z = find_zone(s, node, zone, false);
	t = find_type(s, type);
	/* ignore a zone that was not in the other file yet */
	if (!z || t < 0)
		return 0;
	return parse_row(line + at, z->free[t], MAX_ORDERS) == s->nr_orders ?
	       0 : -1;
}

/* The columns have the order of the header, which may differ from the order of the rows. */
static int parse_blocks_line(struct stats *s, const char *line,
			     const int *cols, unsigned int nr_cols)
{
	__u64 row[MAX_TYPES];
	char zone[NAME_LEN];
	struct zstat *z;
	int node, at;

	if (sscanf(line, "Node %d, zone %15[^, ]%n", &node, zone, &at) != 2)
		return -1;
	if (parse_row(line + at, row, MAX_TYPES) != nr_cols)
		return -1;
	z = find_zone(s, node, zone, false);
	for (unsigned int i = 0; z && i < nr_cols; i++)
		z->blocks[cols[i]] = row[i];
	return 0;
}

static unsigned int parse_blocks_head(struct stats *s, const char *line,
				      int *cols)
{
	unsigned int nr = 0;
	char type[NAME_LEN];
	int len;

	while (nr < MAX_TYPES && sscanf(line, "%15s%n", type, &len) == 1) {
		cols[nr] = find_type(s, type);
		if (cols[nr++] < 0)
			return 0;
		line += len;
	}
	return nr;
}

static int parse_buddyinfo(struct stats *s, char *text)
{
	char *save = NULL;
	int rc = 0;

	for (char *l = strtok_r(text, "\n", &save); l && !rc;
	     l = strtok_r(NULL, "\n", &save))
		rc = parse_buddy_line(s, l);
	return rc;
}

/* The file has two or three tables for each node, each with a header line. */
static int parse_pagetypeinfo(struct stats *s, char *text)
{
	static const char free_head[] = "Free pages count";
	static const char blocks_head[] = "Number of blocks type";
	enum { NONE, FREE, BLOCKS } table = NONE;
	unsigned int nr_cols = 0;
	int cols[MAX_TYPES];
	char *save = NULL;
	int rc = 0;

	for (char *l = strtok_r(text, "\n", &save); l && !rc;
	     l = strtok_r(NULL, "\n", &save)) {
		if (!strncmp(l, free_head, sizeof(free_head) - 1)) {
			table = FREE;
		} else if (!strncmp(l, blocks_head, sizeof(blocks_head) - 1)) {
			nr_cols = parse_blocks_head(s, l + sizeof(blocks_head) - 1,
						    cols);
			table = BLOCKS;
		} else if (strncmp(l, "Node", 4)) {
			table = NONE;
		} else if (table == FREE) {
			rc = parse_type_line(s, l);
		} else if (table == BLOCKS) {
			rc = parse_blocks_line(s, l, cols, nr_cols);
		}
	}
	return rc;
}

static __u64 pages_of(const __u64 *row, unsigned int nr)
{
	__u64 pages = 0;

	for (unsigned int i = 0; i < nr; i++)
		pages += row[i] << i;
	return pages;
}

/* The difference between both files in pages; 0 unless memory is allocated in between. */
static long long differ(const struct stats *s, const struct zstat *z)
{
	long long pages = (long long)pages_of(z->buddy, s->nr_orders);

	for (unsigned int t = 0; t < s->nr_types; t++)
		pages -= (long long)pages_of(z->free[t], s->nr_orders);
	return pages;
}

static int read_stats(const struct zbctl *z, struct stats *s)
{
	char *buddy = debugfs_read(z, "buddyinfo");
	char *types = buddy ? debugfs_read(z, "pagetypeinfo") : NULL;
	int rc = ZBCTL_FAILED;

	memset(s, 0, sizeof(*s));
	if (buddy && types) {
		rc = parse_buddyinfo(s, buddy);
		if (!rc)
			rc = parse_pagetypeinfo(s, types);
		if (rc)
			rc = zb_err("%s: buddyinfo or pagetypeinfo has an unknown format: name the right directory with --debugfs",
				    z->debugfs);
	}
	free(buddy);
	free(types);
	return rc;
}

/* The files are separate snapshots, so read both again while they differ. */
static int read_settled(const struct zbctl *z, struct stats *s)
{
	int rc = read_stats(z, s);

	for (int try = 0; try < 3 && !rc; try++) {
		long long off = 0;

		for (size_t i = 0; i < s->nr_zones; i++)
			off |= differ(s, &s->zones[i]);
		if (!off)
			break;
		free(s->zones);
		rc = read_stats(z, s);
	}
	return rc;
}

/* A table: rows are types and a total, columns are orders and sums. */
struct table {
	char cell[MAX_TYPES + 2][MAX_ORDERS + 3][24];
	char label[MAX_TYPES + 2][NAME_LEN];
	unsigned int rows;
	unsigned int cols;
};

static void table_row(struct table *t, const char *label, const __u64 *row,
		      unsigned int nr, __u64 blocks)
{
	double page = (double)sysconf(_SC_PAGESIZE);
	__u64 pages = pages_of(row, nr);
	unsigned int r = t->rows++;
	const size_t len = sizeof(t->cell[0][0]);

	snprintf(t->label[r], NAME_LEN, "%s", label);
	for (unsigned int i = 0; i < nr; i++) {
		if (row[i])
			snprintf(t->cell[r][i], len, "%llu", row[i]);
		else
			snprintf(t->cell[r][i], len, ".");
	}
	snprintf(t->cell[r][nr], len, "%llu", pages);
	snprintf(t->cell[r][nr + 1], len, "%.1f",
		 (double)pages * page / (1 << 20));
	snprintf(t->cell[r][nr + 2], len, "%llu", blocks);
}

static void table_head(struct table *t, unsigned int nr)
{
	const size_t len = sizeof(t->cell[0][0]);

	memset(t, 0, sizeof(*t));
	t->rows = 1;
	t->cols = nr + 3;
	snprintf(t->label[0], NAME_LEN, "order");
	for (unsigned int i = 0; i < nr; i++)
		snprintf(t->cell[0][i], len, "%u", i);
	snprintf(t->cell[0][nr], len, "pages");
	snprintf(t->cell[0][nr + 1], len, "MiB");
	snprintf(t->cell[0][nr + 2], len, "blocks");
}

static unsigned int col_width(const struct table *t, unsigned int col)
{
	size_t width = 1;

	for (unsigned int r = 0; r < t->rows; r++) {
		size_t len = strlen(t->cell[r][col]);

		width = len > width ? len : width;
	}
	/* two blanks separate the sums from the orders */
	return (unsigned int)width + (col + 3 >= t->cols ? 2 : 1);
}

static unsigned int cols_width(const struct table *t, unsigned int from,
			       unsigned int to)
{
	unsigned int width = 0;

	for (; from < to; from++)
		width += col_width(t, from);
	return width;
}

static bool col_empty(const struct table *t, unsigned int col)
{
	for (unsigned int r = 1; r < t->rows; r++) {
		if (strcmp(t->cell[r][col], "."))
			return false;
	}
	return true;
}

static void table_part(const struct table *t, unsigned int from,
		       unsigned int to, unsigned int sums)
{
	for (unsigned int r = 0; r < t->rows; r++) {
		printf("  %-11s", t->label[r]);
		for (unsigned int c = from; c < t->cols; c++) {
			if (c < to || c >= sums)
				printf("%*s", (int)col_width(t, c),
				       t->cell[r][c]);
		}
		putchar('\n');
	}
}

/*
 * Print all columns if the terminal is wide enough. Otherwise, omit the largest orders if no
 * zone has such a block; if that is not sufficient, print the sums in a second table.
 */
static void table_print(const struct table *t)
{
	unsigned int room = term_width();
	unsigned int sums = t->cols - 3;
	unsigned int to = sums;
	unsigned int fixed = 13 + cols_width(t, sums, t->cols);

	while (room && to > 1 && col_empty(t, to - 1) &&
	       fixed + cols_width(t, 0, to) > room)
		to--;
	if (room && fixed + cols_width(t, 0, to) > room) {
		table_part(t, 0, to, t->cols);
		table_part(t, sums, sums, sums);
	} else {
		table_part(t, 0, to, sums);
	}
	if (to < sums)
		printf("  (no free block of order %u or more)\n", to);
}

static bool type_used(const struct stats *s, const struct zstat *z,
		      unsigned int type)
{
	return z->blocks[type] || pages_of(z->free[type], s->nr_orders);
}

static void print_zone(const struct stats *s, const struct zstat *z)
{
	long long off = differ(s, z);
	struct table t;
	__u64 blocks = 0;

	table_head(&t, s->nr_orders);
	for (unsigned int i = 0; i < s->nr_types; i++) {
		blocks += z->blocks[i];
		if (type_used(s, z, i))
			table_row(&t, s->types[i], z->free[i], s->nr_orders,
				  z->blocks[i]);
	}
	table_row(&t, "total", z->buddy, s->nr_orders, blocks);
	table_print(&t);
	if (off)
		printf("  (buddyinfo has %lld pages more: the region was in use meanwhile)\n",
		       off);
}

static void json_row(const struct stats *s, const char *key, const __u64 *row)
{
	js_open(key, '[');
	for (unsigned int i = 0; i < s->nr_orders; i++)
		js_u64(NULL, row[i]);
	js_close(']');
	js_u64("free_pages", pages_of(row, s->nr_orders));
}

static void json_zone(const struct stats *s, const struct zstat *z)
{
	js_open("types", '[');
	for (unsigned int i = 0; i < s->nr_types; i++) {
		if (!type_used(s, z, i))
			continue;
		js_open(NULL, '{');
		js_str("type", s->types[i]);
		json_row(s, "nr_free", z->free[i]);
		js_u64("blocks", z->blocks[i]);
		js_close('}');
	}
	js_close(']');
	json_row(s, "nr_free", z->buddy);
}

static void sum_zone(const struct stats *s, const struct zstat *z,
		     struct zstat *sum)
{
	for (unsigned int i = 0; i < s->nr_orders; i++)
		sum->buddy[i] += z->buddy[i];
	for (unsigned int t = 0; t < s->nr_types; t++) {
		sum->blocks[t] += z->blocks[t];
		for (unsigned int i = 0; i < s->nr_orders; i++)
			sum->free[t][i] += z->free[t][i];
	}
}

static void show_all(const struct zbctl *z, const struct stats *s,
		     struct zstat *sum)
{
	unsigned int shown = 0;

	for (size_t i = 0; i < s->nr_zones; i++) {
		const struct zstat *zone = &s->zones[i];

		if (z->node >= 0 && z->node != zone->node)
			continue;
		sum_zone(s, zone, sum);
		if (z->json) {
			js_open(NULL, '{');
			js_s64("node", zone->node);
			js_str("zone", zone->zone);
			json_zone(s, zone);
			js_close('}');
			continue;
		}
		printf("%sNode %d, zone %s\n", shown++ ? "\n" : "",
		       zone->node, zone->zone);
		print_zone(s, zone);
	}
	if (shown > 1) {
		printf("\nAll %u zones\n", shown);
		print_zone(s, sum);
	}
}

static int check_node(const struct zbctl *z, const struct stats *s)
{
	for (size_t i = 0; i < s->nr_zones; i++) {
		if (z->node < 0 || s->zones[i].node == z->node)
			return 0;
	}
	if (z->node < 0)
		return zb_err("stat: %s/buddyinfo is empty",
			      z->debugfs);
	return zb_err("stat: node %lld has no zone: see zbctl info",
		      z->node);
}

int cmd_stat(struct zbctl *z)
{
	struct zstat sum = { 0 };
	struct stats s;
	int rc = read_settled(z, &s);

	if (!rc)
		rc = check_node(z, &s);
	if (!rc && z->json) {
		js_open(NULL, '{');
		js_u64("orders", s.nr_orders);
		js_u64("page_size", (__u64)sysconf(_SC_PAGESIZE));
		js_open("zones", '[');
		show_all(z, &s, &sum);
		js_close(']');
		js_open("total", '{');
		json_zone(&s, &sum);
		js_close('}');
		js_close('}');
	} else if (!rc) {
		show_all(z, &s, &sum);
	}
	free(s.zones);
	return rc;
}
