// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl map: a picture of every pageblock.
 */
#include "zbctl.h"

#include <unistd.h>

#define BLOCK_PAGES	512
#define NAME_LEN	16

/* Instead of a migrate type: the kernel has the pageblock. */
#define TYPE_OFFLINE	ZB_MIGRATE_TYPES
#define NR_TYPES	(TYPE_OFFLINE + 1)

/* Pages that can be moved, that can be taken back, and that are in use such that they stay. */
struct use {
	__u64 movable;
	__u64 discardable;
	__u64 pinned;
};

struct block {
	int node;
	char zone[NAME_LEN];
	__u64 index;
	unsigned int type;
	unsigned int free;
	int largest;
	int order;
	struct use use;
};

struct map {
	struct block *blocks;
	size_t nr;
	__u64 block_bytes;
	unsigned int width;
	bool color;
	bool lines;
};

/* Usage of a pageblock, from free to full; also the index of the shade of a colour. */
enum level {
	LEVEL_FREE,
	LEVEL_QUARTER,
	LEVEL_HALF,
	LEVEL_MORE,
	LEVEL_FULL,
	NR_LEVELS,
};

/*
 * Letter and colour of each type. The two most common types are blue and orange, which are
 * distinguishable with all kinds of colour vision; fuller pageblocks are brighter.
 */
static const struct look {
	char letter;
	unsigned char shade[NR_LEVELS];
} looks[NR_TYPES] = {
	[ZB_MIGRATE_UNMOVABLE]		= { 'u', {  52,  88, 130, 166, 208 } },
	[ZB_MIGRATE_MOVABLE]		= { 'm', {  17,  19,  26,  33,  45 } },
	[ZB_MIGRATE_RECLAIMABLE]	= { 'r', {  22,  28,  34,  40,  82 } },
	[ZB_MIGRATE_HIGHATOMIC]		= { 'h', {  53,  90, 127, 164, 201 } },
	[ZB_MIGRATE_CMA]		= { 'c', {  58, 100, 142, 184, 226 } },
	[ZB_MIGRATE_ISOLATE]		= { 'i', { 236, 240, 244, 248, 255 } },
	[TYPE_OFFLINE]			= { '-', {   0,   0,   0,   0,   0 } },
};

static enum level level_of(const struct block *b)
{
	unsigned int used = BLOCK_PAGES - b->free;

	if (!used || b->type == TYPE_OFFLINE)
		return LEVEL_FREE;
	if (used == BLOCK_PAGES)
		return LEVEL_FULL;
	if (used <= BLOCK_PAGES / 4)
		return LEVEL_QUARTER;
	return used <= BLOCK_PAGES / 2 ? LEVEL_HALF : LEVEL_MORE;
}

static char glyph(unsigned int type, enum level level)
{
	bool movable = type == ZB_MIGRATE_MOVABLE;

	if (type == TYPE_OFFLINE)
		return looks[type].letter;
	switch (level) {
	case LEVEL_FREE:
		return movable ? '.' : ',';
	case LEVEL_FULL:
		return movable ? '#' : '@';
	case LEVEL_MORE:
		return (char)(looks[type].letter - 'a' + 'A');
	default:
		return looks[type].letter;
	}
}

static int parse_type(const char *name, unsigned int *type)
{
	for (*type = 0; *type < ZB_MIGRATE_TYPES; (*type)++) {
		if (!strcmp(name, migratetype_name(*type)))
			return 0;
	}
	return -1;
}

static const char *type_name(unsigned int type)
{
	return type == TYPE_OFFLINE ? "Offline" : migratetype_name(type);
}

static int parse_block(const char *line, struct block *b)
{
	char type[NAME_LEN];

	memset(b, 0, sizeof(*b));
	if (sscanf(line,
		   "Node %d, zone %15[^, ], block %llu, type %15[^, ], free %u, largest %d, order %d, movable %llu, discardable %llu, pinned %llu",
		   &b->node, b->zone, &b->index, type, &b->free, &b->largest,
		   &b->order, &b->use.movable, &b->use.discardable, &b->use.pinned) < 7)
		return -1;
	if (b->free > BLOCK_PAGES || parse_type(type, &b->type))
		return -1;
	if (strstr(line, ", offline"))
		b->type = TYPE_OFFLINE;
	return 0;
}

static int parse_map(struct map *m, char *text)
{
	size_t room = 0;
	char *save = NULL;

	for (char *l = strtok_r(text, "\n", &save); l;
	     l = strtok_r(NULL, "\n", &save)) {
		if (m->nr == room) {
			struct block *more;

			room = room ? room * 2 : 1024;
			more = realloc(m->blocks, room * sizeof(*more));
			if (!more)
				return zb_err("map: out of memory");
			m->blocks = more;
		}
		if (parse_block(l, &m->blocks[m->nr++]))
			return zb_err("map: cannot parse line %zu of pageblocks: '%s'",
				      m->nr, l);
	}
	return 0;
}

static bool same_zone(const struct block *a, const struct block *b)
{
	return a->node == b->node && !strcmp(a->zone, b->zone);
}

struct counts {
	size_t blocks;
	size_t free;
	size_t full;
	size_t offline;
	__u64 free_pages;
	struct use use;
	int largest;
};

static struct counts count_zone(const struct block *b, size_t nr)
{
	struct counts c = { .blocks = nr, .largest = -1 };

	for (size_t i = 0; i < nr; i++) {
		int order = b[i].order > b[i].largest ? b[i].order :
			    b[i].largest;

		c.free += b[i].free == BLOCK_PAGES;
		c.offline += b[i].type == TYPE_OFFLINE;
		c.full += !b[i].free && b[i].type != TYPE_OFFLINE;
		c.free_pages += b[i].free;
		c.use.movable += b[i].use.movable;
		c.use.discardable += b[i].use.discardable;
		c.use.pinned += b[i].use.pinned;
		c.largest = order > c.largest ? order : c.largest;
	}
	return c;
}

static bool same_look(const struct block *a, const struct block *b)
{
	return a->type == b->type && level_of(a) == level_of(b);
}

/* @before is the cell to the left; if it looks the same, the colour is set already. */
static void print_cell(const struct map *m, const struct block *b,
		       const struct block *before)
{
	enum level level = level_of(b);

	if (!m->color) {
		putchar(glyph(b->type, level));
		return;
	}
	if (!before || !same_look(b, before))
		printf("\033[48;5;%um", looks[b->type].shade[level]);
	putchar(' ');
}

/* Print a row of up to @m->width contiguous pageblocks. */
static size_t print_row(const struct map *m, const struct block *b, size_t nr,
			__u64 first)
{
	size_t i;

	printf("%7lluM  ", (b[0].index - first) * m->block_bytes >> 20);
	for (i = 0; i < nr && i < m->width; i++) {
		if (i && b[i].index != b[i - 1].index + 1)
			break;
		print_cell(m, &b[i], i ? &b[i - 1] : NULL);
	}
	printf("%s\n", m->color ? "\033[0m" : "");
	return i;
}

static size_t nr_partly_used(const struct counts *c)
{
	return c->blocks - c->free - c->full - c->offline;
}

static void print_summary(const struct map *m, const struct counts *c)
{
	__u64 page = m->block_bytes / BLOCK_PAGES;

	printf("          pageblocks %zu: %zu free, %zu partly used, %zu full", c->blocks,
	       c->free, nr_partly_used(c), c->full);
	if (c->offline)
		printf(", %zu offline", c->offline);
	printf("; largest free block ");
	if (c->largest < 0)
		printf("none\n");
	else
		printf("%s (order %d)\n", size_text(page << c->largest),
		       c->largest);
	if (c->use.movable || c->use.discardable || c->use.pinned)
		printf("          pages in use: %llu movable, %llu discardable, %llu pinned\n",
		       c->use.movable, c->use.discardable, c->use.pinned);
}

/* Print a line for each pageblock that is in use, instead of the picture. */
static void print_lines(const struct block *b, size_t nr)
{
	printf("%9s  %-12s %4s %8s %12s %7s\n", "BLOCK", "TYPE", "FREE", "MOVABLE",
	       "DISCARDABLE", "PINNED");
	for (size_t i = 0; i < nr; i++) {
		if (b[i].free == BLOCK_PAGES || b[i].type == TYPE_OFFLINE)
			continue;
		printf("%9llu  %-12s %4u %8llu %12llu %7llu\n", b[i].index, type_name(b[i].type),
		       b[i].free, b[i].use.movable, b[i].use.discardable, b[i].use.pinned);
	}
}

static void print_zone(const struct map *m, const struct block *b, size_t nr)
{
	struct counts c = count_zone(b, nr);
	__u64 pages = (__u64)(nr - c.offline) * BLOCK_PAGES;

	printf("Node %d, zone %s: %s, %llu%% free\n", b->node, b->zone,
	       size_text((nr - c.offline) * m->block_bytes),
	       pages ? c.free_pages * 100 / pages : 0);
	if (m->lines)
		print_lines(b, nr);
	for (size_t i = 0; i < nr && !m->lines;)
		i += print_row(m, b + i, nr - i, b->index);
	print_summary(m, &c);
}

static void json_use(const struct use *use)
{
	js_u64("movable", use->movable);
	js_u64("discardable", use->discardable);
	js_u64("pinned", use->pinned);
}

static void json_zone(const struct block *b, size_t nr)
{
	struct counts c = count_zone(b, nr);

	js_open(NULL, '{');
	js_s64("node", b->node);
	js_str("zone", b->zone);
	js_u64("free_pages", c.free_pages);
	js_u64("free", c.free);
	js_u64("partial", nr_partly_used(&c));
	js_u64("full", c.full);
	js_u64("offline", c.offline);
	json_use(&c.use);
	js_open("pageblocks", '[');
	for (size_t i = 0; i < nr; i++) {
		js_open(NULL, '{');
		js_u64("block", b[i].index);
		js_str("type", type_name(b[i].type));
		js_u64("free", b[i].free);
		js_s64("largest", b[i].largest);
		js_s64("order", b[i].order);
		json_use(&b[i].use);
		js_close('}');
	}
	js_close(']');
	js_close('}');
}

static void legend_color(const struct map *m, const bool *seen)
{
	printf("free \342\226\270 full:");
	for (unsigned int t = 0; t < NR_TYPES; t++) {
		if (!seen[t * NR_LEVELS])
			continue;
		printf("  ");
		for (unsigned int l = 0; l < NR_LEVELS; l++)
			printf("\033[48;5;%um ", looks[t].shade[l]);
		printf("\033[0m %s", type_name(t));
	}
	printf("   one cell is %s\n", size_text(m->block_bytes));
}

/* Explain the letters, and then the other signs. */
static void legend_plain(const struct map *m, const bool *seen)
{
	static const char * const signs[][2] = {
		{ ". free", "# full" }, { ", free", "@ full" },
	};
	bool sign[2][2] = { { false } };

	printf("one cell is %s:", size_text(m->block_bytes));
	for (unsigned int t = 0; t < ZB_MIGRATE_TYPES; t++) {
		const bool *l = seen + t * NR_LEVELS;
		int other = t != ZB_MIGRATE_MOVABLE;

		sign[other][0] |= l[LEVEL_FREE];
		sign[other][1] |= l[LEVEL_FULL];
		if (l[LEVEL_QUARTER] || l[LEVEL_HALF] || l[LEVEL_MORE])
			printf("  %c %s", looks[t].letter, migratetype_name(t));
	}
	printf("\n(small letter: up to half used, capital: more)");
	for (int other = 0; other < 2; other++) {
		for (int full = 0; full < 2; full++) {
			if (sign[other][full])
				printf("  %s %s", signs[other][full],
				       other ? "other type" : "Movable");
		}
	}
	if (seen[TYPE_OFFLINE * NR_LEVELS])
		printf("  %c Offline: given back to the kernel", looks[TYPE_OFFLINE].letter);
	putchar('\n');
}

static void print_legend(const struct map *m)
{
	bool seen[NR_TYPES * NR_LEVELS] = { false };

	for (size_t i = 0; i < m->nr; i++) {
		const struct block *b = &m->blocks[i];

		seen[b->type * NR_LEVELS + level_of(b)] = true;
		/* with colours, the legend has all shades of each type */
		if (m->color)
			seen[b->type * NR_LEVELS] = true;
	}
	if (m->color)
		legend_color(m, seen);
	else
		legend_plain(m, seen);
}

static void show_zones(const struct zbctl *z, const struct map *m)
{
	size_t nr;

	for (size_t i = 0; i < m->nr; i += nr) {
		const struct block *b = &m->blocks[i];

		for (nr = 1; i + nr < m->nr && same_zone(b, b + nr); nr++)
			;
		if (z->node >= 0 && z->node != b->node)
			continue;
		if (z->json)
			json_zone(b, nr);
		else
			print_zone(m, b, nr);
	}
}

static int map_options(const struct zbctl *z, struct map *m)
{
	unsigned int room = term_width();

	if (!strcmp(z->color, "always"))
		m->color = true;
	else if (!strcmp(z->color, "auto"))
		m->color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	else if (strcmp(z->color, "never"))
		return usage_err("--color: '%s' is not one of auto, always, never",
				 z->color);
	m->lines = z->long_lines;
	m->block_bytes = (__u64)sysconf(_SC_PAGESIZE) * BLOCK_PAGES;
	m->width = 64;
	/* on a narrow terminal, use a power of two, e.g. 32 instead of 61 cells */
	while (room && m->width > 8 && m->width + 11 > room)
		m->width /= 2;
	if (z->given & OPT(WIDTH))
		m->width = (unsigned int)z->width;
	return 0;
}

static int check_node(const struct zbctl *z, const struct map *m)
{
	for (size_t i = 0; i < m->nr; i++) {
		if (z->node < 0 || m->blocks[i].node == z->node)
			return 0;
	}
	if (z->node < 0)
		return zb_err("map: %s/pageblocks is empty",
			      z->debugfs);
	return zb_err("map: node %lld has no zone: see zbctl info",
		      z->node);
}

int cmd_map(struct zbctl *z)
{
	struct map m = { 0 };
	char *text;
	int rc = map_options(z, &m);

	if (rc)
		return rc;
	text = debugfs_read(z, "pageblocks");
	if (!text)
		return ZBCTL_FAILED;
	rc = parse_map(&m, text);
	if (!rc)
		rc = check_node(z, &m);
	if (!rc && z->json) {
		js_open(NULL, '{');
		js_u64("pageblock_bytes", m.block_bytes);
		js_open("zones", '[');
		show_zones(z, &m);
		js_close(']');
		js_close('}');
	} else if (!rc) {
		if (!m.lines)
			print_legend(&m);
		show_zones(z, &m);
	}
	free(m.blocks);
	free(text);
	return rc;
}
