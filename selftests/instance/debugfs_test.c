// SPDX-License-Identifier: GPL-2.0
/*
 * buddyinfo and pagetypeinfo have exactly the format of /proc/buddyinfo and
 * /proc/pagetypeinfo. To verify this, each file is parsed, printed again with the
 * kernel's format strings, and compared with the original. The same is done with the
 * running kernel's files, to verify the format strings. Finally, the numbers must add up.
 */
#include "zbuddy_test.h"

#include <signal.h>
#include <sys/stat.h>

#define MAX_ORDERS	32
#define MAX_ZONES	64
#define MAX_TYPES	8
#define TEXT		(1 << 18)

struct row {
	int node;
	char zone[16];
	unsigned long nr[MAX_ORDERS];
};

/* A parsed file of either kind. */
struct table {
	int orders;
	int types;
	int zones;
	int block_order;
	char type_name[MAX_TYPES][16];
	struct row free[MAX_ZONES];
	struct row by_type[MAX_ZONES][MAX_TYPES];
	struct row blocks[MAX_ZONES];
	int blocks_nr;
};

static char text[TEXT], again[TEXT];
static size_t again_len;
static struct table table, total;

static __printf(1, 2) void print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	again_len += (size_t)vsnprintf(again + again_len, TEXT - again_len, fmt, ap);
	va_end(ap);
}

/* Parse up to @max numbers at the start of a line; returns how many there are. */
static int parse_numbers(const char *line, unsigned long *nr, int max)
{
	int i = 0, len;

	for (; i < max && sscanf(line, " %lu%n", &nr[i], &len) == 1; i++)
		line += len;
	return i;
}

static void print_numbers(const unsigned long *nr, int count, const char *fmt)
{
	int i;

	for (i = 0; i < count; i++)
		again_len += (size_t)snprintf(again + again_len, TEXT - again_len,
					      fmt, nr[i]);
	print("\n");
}

/* Parse "Node 0, zone Normal"; returns the rest of the line. */
static const char *parse_place(const char *line, struct row *row)
{
	int len = 0;

	if (sscanf(line, "Node %d, zone %15[A-Za-z0-9]%n", &row->node,
		   row->zone, &len) != 2)
		return NULL;
	return line + len;
}

static bool remake_buddyinfo(struct table *t)
{
	char *copy = strdup(text), *save = NULL, *line;
	const char *rest;

	*t = (struct table){ 0 };
	again_len = 0;
	again[0] = '\0';
	for (line = strtok_r(copy, "\n", &save); line && t->zones < MAX_ZONES;
	     line = strtok_r(NULL, "\n", &save)) {
		struct row *row = &t->free[t->zones++];

		rest = parse_place(line, row);
		if (!rest)
			break;
		t->orders = parse_numbers(rest, row->nr, MAX_ORDERS);
		print("Node %d, zone %8s ", row->node, row->zone);
		print_numbers(row->nr, t->orders, "%6lu ");
	}
	free(copy);
	return !strcmp(text, again);
}

static void remake_header(struct table *t, const char *line)
{
	unsigned long orders[MAX_ORDERS];
	int i;

	line += strlen("Free pages count per migrate type at order");
	t->orders = parse_numbers(line, orders, MAX_ORDERS);
	print("%-43s ", "Free pages count per migrate type at order");
	for (i = 0; i < t->orders; i++)
		print("%6d ", i);
	print("\n");
}

static void remake_types(struct table *t, const char *line)
{
	int len, i;

	line += strlen("Number of blocks type ");
	for (t->types = 0; t->types < MAX_TYPES; t->types++, line += len)
		if (sscanf(line, " %15s%n", t->type_name[t->types], &len) != 1)
			break;
	print("\n%-23s", "Number of blocks type ");
	for (i = 0; i < t->types; i++)
		print("%12s ", t->type_name[i]);
	print("\n");
}

static void remake_zone(struct table *t, const char *line)
{
	static int type;
	struct row row = { 0 };
	const char *rest = parse_place(line, &row);
	char name[16];
	int len;

	if (!rest)
		return;
	if (sscanf(rest, ", type %15s%n", name, &len) == 1) {
		if (!t->zones || t->by_type[t->zones - 1][0].node != row.node ||
		    strcmp(t->by_type[t->zones - 1][0].zone, row.zone)) {
			t->zones++;
			type = 0;
		}
		parse_numbers(rest + len, row.nr, MAX_ORDERS);
		if (t->zones <= MAX_ZONES && type < MAX_TYPES) {
			snprintf(t->type_name[type], 16, "%s", name);
			t->by_type[t->zones - 1][type++] = row;
		}
		print("Node %4d, zone %8s, type %12s ", row.node, row.zone, name);
		print_numbers(row.nr, t->orders, "%6lu ");
		return;
	}
	parse_numbers(rest, row.nr, MAX_ORDERS);
	if (t->blocks_nr < MAX_ZONES)
		t->blocks[t->blocks_nr++] = row;
	print("Node %d, zone %8s ", row.node, row.zone);
	print_numbers(row.nr, t->types, "%12lu ");
}

static bool remake_pagetypeinfo(struct table *t)
{
	char *copy = strdup(text), *save = NULL, *line;

	*t = (struct table){ 0 };
	again_len = 0;
	again[0] = '\0';
	for (line = strtok_r(copy, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "Page block order: %d", &t->block_order) == 1)
			print("Page block order: %d\n", t->block_order);
		else if (!strncmp(line, "Pages per block:", 16))
			print("Pages per block:  %lu\n\n", 1ul << t->block_order);
		else if (!strncmp(line, "Free pages count", 16))
			remake_header(t, line);
		else if (!strncmp(line, "Number of blocks", 16))
			remake_types(t, line);
		else
			remake_zone(t, line);
	}
	free(copy);
	return !strcmp(text, again);
}

static void show_difference(void)
{
	size_t i = 0;

	while (text[i] && text[i] == again[i])
		i++;
	printf("# difference at byte %zu: found '%.60s', expected '%.60s'\n", i, text + i,
	       again + i);
	fflush(stdout);
}

#define READ(path)	ASSERT_GT(zb_read_file(path, text, TEXT), 0)

static const char * const zone_names[ZB_NR_ZONES] = {
	"DMA", "DMA32", "Normal", "HighMem", "Movable",
};

static const char * const type_names[ZB_MIGRATE_TYPES] = {
	"Unmovable", "Movable", "Reclaimable", "HighAtomic", "CMA", "Isolate",
};

TEST(proc_buddyinfo_has_this_format)
{
	READ("/proc/buddyinfo");
	EXPECT_TRUE(remake_buddyinfo(&table)) show_difference();
	EXPECT_GT(table.zones, 0);
	EXPECT_GE(table.orders, 9);
}

TEST(proc_pagetypeinfo_has_this_format)
{
	ssize_t nr = zb_read_file("/proc/pagetypeinfo", text, TEXT);

	if (nr == -ENOENT || nr == -EACCES)
		SKIP(return, "can't read /proc/pagetypeinfo");
	ASSERT_GT(nr, 0);
	if (strstr(text, "Number of mixed blocks"))
		SKIP(return, "page_owner adds a table");
	EXPECT_TRUE(remake_pagetypeinfo(&table)) show_difference();
	EXPECT_GT(table.zones, 0);
}

TEST_F(zbuddy, buddyinfo_format)
{
	struct zb_ioc_zone zone;
	__u32 i;

	if (!zb_have_debugfs())
		SKIP(return, "no debugfs");
	READ(ZB_DEBUGFS "buddyinfo");
	EXPECT_TRUE(remake_buddyinfo(&table)) show_difference();
	EXPECT_EQ(self->info.max_order + 1, table.orders);
	ASSERT_EQ(self->info.nr_zones, table.zones);
	for (i = 0; i < self->info.nr_zones; i++) {
		ASSERT_EQ(0, zb_zone(self->fd, i, &zone));
		EXPECT_EQ(zone.node, table.free[i].node);
		EXPECT_STREQ(zone_names[zone.type], table.free[i].zone);
	}
}

TEST_F(zbuddy, pagetypeinfo_format)
{
	struct zb_ioc_zone zone;
	__u32 i, mt;

	if (!zb_have_debugfs())
		SKIP(return, "no debugfs");
	READ(ZB_DEBUGFS "pagetypeinfo");
	EXPECT_TRUE(remake_pagetypeinfo(&table)) show_difference();
	EXPECT_EQ(self->info.max_order + 1, table.orders);
	EXPECT_EQ(self->info.block_order, table.block_order);
	EXPECT_EQ(ZB_MIGRATE_TYPES, table.types);
	ASSERT_EQ(self->info.nr_zones, table.zones);
	ASSERT_EQ(self->info.nr_zones, table.blocks_nr);
	for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++)
		EXPECT_STREQ(type_names[mt], table.type_name[mt]);
	for (i = 0; i < self->info.nr_zones; i++) {
		ASSERT_EQ(0, zb_zone(self->fd, i, &zone));
		EXPECT_STREQ(zone_names[zone.type], table.by_type[i][0].zone);
		EXPECT_STREQ(zone_names[zone.type], table.blocks[i].zone);
		EXPECT_EQ(zone.node, table.blocks[i].node);
	}
}

/* The header is repeated for each node. */
TEST_F(zbuddy, pagetypeinfo_header_per_node)
{
	const char *p = text;
	__u32 nr = 0;

	if (!zb_have_debugfs())
		SKIP(return, "no debugfs");
	READ(ZB_DEBUGFS "pagetypeinfo");
	for (p = strstr(p, "Page block order"); p; nr++)
		p = strstr(p + 1, "Page block order");
	EXPECT_EQ(self->info.nr_nodes, nr);
	EXPECT_EQ(0, strncmp(text, "Page block order", 16));
}

static __u64 row_bytes(const struct row *row, __u64 page)
{
	__u64 sum = 0;
	int i;

	for (i = 0; i < MAX_ORDERS; i++)
		sum += row->nr[i] * (page << i);
	return sum;
}

/* Allocate buffers of various orders and types, so that the tables are not trivial. */
static void fragment(struct __test_metadata *_metadata,
		     const FIXTURE_DATA(zbuddy) *self)
{
	static const __u32 gfps[] = {
		ZB_GFP_ANYZONE, ZB_GFP_KERNEL, ZB_GFP_TEMPORARY,
		ZB_GFP_KERNEL | __ZB_GFP_MOVABLE,
	};
	struct zb_ioc_alloc a;
	__u32 i;

	for (i = 0; i < 60; i++)
		ASSERT_EQ(0, zb_alloc_length(self->fd, (1 + i * 2) * self->page,
					     gfps[i % ARRAY_SIZE(gfps)], &a));
}

static void add_up(struct __test_metadata *_metadata,
		   const FIXTURE_DATA(zbuddy) *self)
{
	struct zb_ioc_zone zone;
	__u32 i, mt, order;

	READ(ZB_DEBUGFS "buddyinfo");
	ASSERT_TRUE(remake_buddyinfo(&total));
	READ(ZB_DEBUGFS "pagetypeinfo");
	ASSERT_TRUE(remake_pagetypeinfo(&table));
	for (i = 0; i < self->info.nr_zones; i++) {
		__u64 blocks = 0;

		ASSERT_EQ(0, zb_zone(self->fd, i, &zone));
		EXPECT_EQ(zone.free_bytes, row_bytes(&total.free[i], self->page));
		for (order = 0; order <= self->info.max_order; order++) {
			__u64 sum = 0;

			for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++)
				sum += table.by_type[i][mt].nr[order];
			EXPECT_EQ(total.free[i].nr[order], sum);
			if (total.free[i].nr[order])
				EXPECT_LE((int)order, zone.largest_order);
		}
		if (zone.largest_order >= 0)
			EXPECT_GT(total.free[i].nr[zone.largest_order], 0);
		for (mt = 0; mt < ZB_MIGRATE_TYPES; mt++)
			blocks += table.blocks[i].nr[mt];
		EXPECT_EQ(zone.total_bytes, blocks * (self->page << self->info.block_order));
	}
}

TEST_F(zbuddy, numbers_add_up)
{
	if (!zb_have_debugfs())
		SKIP(return, "no debugfs");
	add_up(_metadata, self);
	fragment(_metadata, self);
	add_up(_metadata, self);
	ASSERT_EQ(0, zb_drain());
	add_up(_metadata, self);
}

TEST_F(zbuddy, drain_empties_per_cpu_lists)
{
	struct zb_ioc_alloc a[40];
	struct zb_ioc_zone zone;
	__u64 cached = 0;
	size_t i;

	if (!zb_have_debugfs())
		SKIP(return, "no debugfs");
	for (i = 0; i < ARRAY_SIZE(a); i++)
		ASSERT_EQ(0, zb_alloc_order(self->fd, i % 4, ZB_GFP_ANYZONE, &a[i]));
	for (i = 0; i < ARRAY_SIZE(a); i++)
		ASSERT_EQ(0, zb_free(self->fd, a[i].handle));
	for (i = 0; i < self->info.nr_zones; i++) {
		ASSERT_EQ(0, zb_zone(self->fd, (__u32)i, &zone));
		cached += zone.cached_bytes;
	}
	EXPECT_GT(cached, 0);
	ASSERT_EQ(0, zb_drain());
	for (i = 0; i < self->info.nr_zones; i++) {
		ASSERT_EQ(0, zb_zone(self->fd, (__u32)i, &zone));
		EXPECT_EQ(0, zone.cached_bytes);
		EXPECT_EQ(zone.total_bytes, zone.free_bytes);
	}
}

static unsigned int mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_mode & 07777;
}

/* The modes do not keep root from trying to read a file that can only be written. */
TEST_F(zbuddy, modes)
{
	struct stat st;
	char line[2];

	if (!zb_have_debugfs())
		SKIP(return, "no debugfs");
	EXPECT_EQ(0444, mode_of(ZB_DEBUGFS "buddyinfo"));
	EXPECT_EQ(0400, mode_of(ZB_DEBUGFS "pagetypeinfo"));
	EXPECT_EQ(0400, mode_of(ZB_DEBUGFS "check"));
	EXPECT_EQ(0200, mode_of(ZB_DEBUGFS "drain"));
	EXPECT_EQ(0600, mode_of(ZB_DEBUGFS "holds"));
	EXPECT_EQ(-EINVAL, zb_read_file(ZB_DEBUGFS "drain", line, sizeof(line)));
	EXPECT_EQ(-EINVAL, zb_read_file(ZB_DEBUGFS "compact", line, sizeof(line)));
	EXPECT_EQ(-EINVAL, zb_read_file(ZB_DEBUGFS "reclaim", line, sizeof(line)));
	ASSERT_EQ(0, stat(ZB_DEV, &st));
	EXPECT_EQ(0600, st.st_mode & 07777);
	EXPECT_TRUE(S_ISCHR(st.st_mode));
}

TEST_F(zbuddy, holds_are_measured)
{
	struct zb_ioc_alloc a;

	if (!zb_have_debugfs())
		SKIP(return, "no debugfs");
	EXPECT_EQ(-EINVAL, zb_write_file(ZB_DEBUGFS "holds", "x"));
	ASSERT_EQ(0, zb_write_file(ZB_DEBUGFS "holds", "1"));
	ASSERT_EQ(0, zb_alloc_order(self->fd, 10, ZB_GFP_ANYZONE, &a));
	ASSERT_EQ(0, zb_free(self->fd, a.handle));
	ASSERT_EQ(0, zb_write_file(ZB_DEBUGFS "holds", "0"));
	READ(ZB_DEBUGFS "holds");
	EXPECT_NE(NULL, strstr(text, "LONGEST"));
	EXPECT_NE(NULL, strstr(text, "\nzb_rmqueue_buddy "));
	EXPECT_NE(NULL, strstr(text, "\nzb_free_one_page "));
}

/* Read a file that was opened with or without CAP_SYS_RAWIO, with the capability. */
static bool read_opened(const char *path, bool capable)
{
	ssize_t nr;
	int fd;

	if (!zb_set_capability(CAP_SYS_RAWIO, capable))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (!zb_set_capability(CAP_SYS_RAWIO, true))
		return false;
	nr = pread(fd, text, sizeof(text) - 1, 0);
	close(fd);
	text[nr > 0 ? nr : 0] = '\0';
	return nr > 0;
}

/* The only physical addresses in debugfs. */
TEST_F(zbuddy, addresses_are_for_privileged_openers)
{
	if (!zb_have_debugfs())
		SKIP(return, "no debugfs");
	ASSERT_TRUE(read_opened(ZB_DEBUGFS "regions", true));
	EXPECT_EQ(NULL, strstr(text, "range 0x0000000000000000-"));
	ASSERT_TRUE(read_opened(ZB_DEBUGFS "regions", false));
	EXPECT_NE(NULL, strstr(text, "range 0x0000000000000000-"));
	ASSERT_TRUE(read_opened(ZB_DEBUGFS "zoneinfo", true));
	EXPECT_EQ(NULL, strstr(text, "start_pfn:           0\n"));
	ASSERT_TRUE(read_opened(ZB_DEBUGFS "zoneinfo", false));
	EXPECT_NE(NULL, strstr(text, "start_pfn:           0\n"));
}

TEST_F(zbuddy, check_is_ok)
{
	char answer[256];

	if (!zb_have_debugfs())
		SKIP(return, "no debugfs");
	ASSERT_GT(zb_read_file(ZB_DEBUGFS "check", answer, sizeof(answer)), 0);
	EXPECT_EQ(0, strncmp(answer, "ok", 2));
	fragment(_metadata, self);
	ASSERT_GT(zb_read_file(ZB_DEBUGFS "check", answer, sizeof(answer)), 0);
	EXPECT_EQ(0, strncmp(answer, "ok", 2));
}

/* Reading one byte at a time gives the same contents. */
TEST_F(zbuddy, read_in_pieces)
{
	static const char * const files[] = { "buddyinfo", "pagetypeinfo" };
	char path[128], byte;
	size_t i, at;
	int fd;

	if (!zb_have_debugfs())
		SKIP(return, "no debugfs");
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), ZB_DEBUGFS "%s", files[i]);
		READ(path);
		fd = open(path, O_RDONLY);
		ASSERT_GE(fd, 0);
		for (at = 0; read(fd, &byte, 1) == 1; at++)
			ASSERT_EQ(text[at], byte);
		EXPECT_EQ(strlen(text), at);
		close(fd);
	}
}

/* Read a line of owners byte by byte. Returns the handle, or 0 at the end of the file. */
static __u32 next_owner(int fd)
{
	char line[512];
	__u32 handle;
	size_t at = 0;

	while (at < sizeof(line) - 1 && read(fd, line + at, 1) == 1)
		if (line[at++] == '\n')
			break;
	line[at] = '\0';
	return sscanf(line, "handle %u ", &handle) == 1 ? handle : 0;
}

/*
 * Two readers see each buffer once, in order, although buffers that they have not reached
 * yet, those with odd handles, are freed between two reads. A reader can start again.
 */
TEST_F(zbuddy, owners_while_buffers_are_freed)
{
	enum { NR = 500, LEAD = 150 };
	static __u32 handles[NR];
	struct zb_ioc_alloc a;
	int fds[2], i;

	for (i = 0; i < 2; i++) {
		fds[i] = open(ZB_DEBUGFS "owners", O_RDONLY);
		if (fds[i] < 0)
			SKIP(return, "no debugfs, or not root");
	}
	for (i = 0; i < NR; i++) {
		ASSERT_EQ(0, zb_alloc_order(self->fd, 0, ZB_GFP_ANYZONE, &a));
		handles[i] = a.handle;
	}
	for (i = 0; i < LEAD; i++)
		ASSERT_EQ(handles[i], next_owner(fds[0]));
	/* The first reader has read ahead by as much as fits into a page. */
	for (i = 1; i < NR; i += 2)
		ASSERT_EQ(0, zb_free(self->fd, handles[i]));
	for (i = 0; i < NR; i += 2)
		ASSERT_EQ(handles[i], next_owner(fds[1]));
	EXPECT_EQ(0, next_owner(fds[1]));
	for (i = LEAD; i < NR && next_owner(fds[0]) == handles[i]; i++)
		;
	EXPECT_GT(LEAD + 64, i);
	ASSERT_EQ(0, lseek(fds[0], 0, SEEK_SET));
	for (i = 0; i < NR; i += 2)
		ASSERT_EQ(handles[i], next_owner(fds[0]));
	EXPECT_EQ(0, next_owner(fds[0]));
	close(fds[0]);
	close(fds[1]);
}

static void churn(void)
{
	struct zb_ioc_alloc a[32] = { 0 };
	__u64 seed = 5;
	int fd = zb_open();

	for (;;) {
		__u64 r = zb_random(&seed);
		struct zb_ioc_alloc *p = &a[r % ARRAY_SIZE(a)];

		if (p->handle)
			zb_free(fd, p->handle);
		p->handle = 0;
		if (r & 1 << 20)
			zb_alloc_length(fd, 1 + (r >> 40) % 100000, ZB_GFP_ANYZONE, p);
	}
}

TEST_F(zbuddy, read_under_load)
{
	__u32 i, zone;
	pid_t pid[2];

	if (!zb_have_debugfs())
		SKIP(return, "no debugfs");
	for (i = 0; i < ARRAY_SIZE(pid); i++) {
		pid[i] = fork();
		ASSERT_GE(pid[i], 0);
		if (!pid[i])
			churn();
	}
	for (i = 0; i < 200; i++) {
		READ(ZB_DEBUGFS "buddyinfo");
		EXPECT_TRUE(remake_buddyinfo(&table));
		EXPECT_EQ(self->info.nr_zones, table.zones);
		for (zone = 0; zone < self->info.nr_zones; zone++)
			EXPECT_LE(row_bytes(&table.free[zone], self->page),
				  self->info.total_bytes);
		READ(ZB_DEBUGFS "pagetypeinfo");
		EXPECT_TRUE(remake_pagetypeinfo(&table));
		if (!(i % 20)) {
			EXPECT_TRUE(zb_check_ok());
			EXPECT_EQ(0, zb_drain());
		}
	}
	for (i = 0; i < ARRAY_SIZE(pid); i++) {
		ASSERT_EQ(0, kill(pid[i], SIGKILL));
		EXPECT_TRUE(zb_wait_killed(pid[i], SIGKILL));
	}
}

TEST_HARNESS_MAIN
