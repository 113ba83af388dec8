// SPDX-License-Identifier: GPL-2.0
/*
 * What zbctl says to an unprivileged user for each ZB_CAUSE_*, including those that cannot be
 * brought about in a guest. The answers of the module are made up here; zbctl_why_test.sh
 * and zbctl_nodes_test.sh have the causes that a real module reports.
 */
#include "kselftest_harness.h"
#include "zbctl.h"

#include <grp.h>
#include <sys/resource.h>
#include <unistd.h>

#define MIB		((__u64)1024 * 1024)
#define NOBODY		65534
#define NODE_NONE	1000	/* no machine has it, so no cpuset allows it */

static struct zb_ioc_explain answer;

/* The linker replaces the functions of dev.c with these. */

int __wrap_dev_explain(int fd, struct zb_ioc_explain *e)
{
	(void)fd;
	*e = answer;
	return answer.error ? 0 : -ENOENT;
}

int __wrap_dev_info(int fd, struct zb_ioc_info *info)
{
	(void)fd;
	*info = (struct zb_ioc_info){
		.page_size = 4096, .max_order = 10, .nr_zones = 2,
		.gfp_mask = ~(__u32)(__ZB_GFP_NOFAIL | __ZB_GFP_COMP),
	};
	return 0;
}

int __wrap_dev_zone(int fd, __u32 index, struct zb_ioc_zone *zone)
{
	(void)fd;
	*zone = (struct zb_ioc_zone){ .index = index, .node = (__s32)index };
	return 0;
}

#define FREE	"free something (zbctl holders), wait for memory (--wait SECONDS), or ask for less"

static const struct explained {
	__u32 cause;
	__u32 gfp;
	int err;
	struct zb_ioc_explain e;
	const char *says;
} table[] = {
	{ ZB_CAUSE_CAPABILITY, ZB_GFP_ATOMIC, EPERM, {},
	  "gfp flags HIGH, ATOMIC and MEMALLOC use reserved memory, which requires CAP_SYS_RESOURCE: leave them out, or run zbctl as root",
	},
	{ ZB_CAUSE_FREED, ZB_GFP_KERNEL, ENOMEM, {},
	  "node 0 zone DMA32 had no such block, but memory has been freed since: try again",
	},
	{ ZB_CAUSE_WATERMARK, ZB_GFP_KERNEL, ENOMEM, { .free = 3 * MIB, .limit = 2 * MIB },
	  "node 0 zone DMA32 has 3M free, but its min watermark reserves 2M for urgent requests: "
	  FREE
	},
	/* The difference must not look as if the request would fit. */
	{ ZB_CAUSE_WATERMARK, ZB_GFP_KERNEL, ENOMEM,
	  { .free = 3 * MIB - 1, .limit = MIB + 8192, .wanted = 2 * MIB },
	  "node 0 zone DMA32 has 2.9M free, but its min watermark reserves 1.1M for urgent requests: "
	  FREE
	},
	{ ZB_CAUSE_WATERMARK, ZB_GFP_KERNEL, ENOMEM, { .free = 3 * MIB, .limit = 2 * MIB - 4096 },
	  "node 0 zone DMA32 has 3M free, but its min watermark reserves 2M for urgent requests: "
	  FREE
	},
	{ ZB_CAUSE_FRAGMENTED, ZB_GFP_KERNEL, ENOMEM, { .free = 3 * MIB, .largest_order = 8 },
	  "node 0 zone DMA32 has 3M free, but it is fragmented: the largest free block is 1M: "
	  FREE
	},
	{ ZB_CAUSE_HIGHATOMIC, ZB_GFP_NOWAIT, ENOMEM, { .free = 3 * MIB, .limit = 2 * MIB },
	  "node 0 zone DMA32 has 3M free, but 2M of it is in HighAtomic pageblocks, which are for atomic requests: add DIRECT_RECLAIM to --gfp (KERNEL includes it)",
	},
	{ ZB_CAUSE_HIGHATOMIC, ZB_GFP_KERNEL, ENOMEM, { .free = 3 * MIB, .limit = 2 * MIB },
	  "node 0 zone DMA32 has 3M free, but 2M of it is in HighAtomic pageblocks, which are for atomic requests: try again, or "
	  FREE
	},
	{ ZB_CAUSE_CMA, ZB_GFP_KERNEL, ENOMEM, { .free = 3 * MIB, .limit = 2 * MIB },
	  "node 0 zone DMA32 has 3M free, but 2M of it is in CMA pageblocks, which are for movable memory: add MOVABLE to --gfp",
	},
	{ ZB_CAUSE_LOWMEM, ZB_GFP_KERNEL, ENOMEM, { .free = 3 * MIB, .limit = 2 * MIB },
	  "node 0 zone DMA32 has 3M free, but lowmem_reserve_ratio reserves 2M for requests that cannot use a higher zone: if memory of this zone is suitable, use --gfp KERNEL,DMA32",
	},
	{ ZB_CAUSE_ISOLATED, ZB_GFP_KERNEL, ENOMEM, { .free = 3 * MIB, .limit = 2 * MIB },
	  "node 0 zone DMA32 has 3M free, but 2M of it is in pageblocks that another module has isolated: "
	  FREE
	},
	{ ZB_CAUSE_CACHED, ZB_GFP_NOWAIT, ENOMEM, { .free = 3 * MIB, .limit = 2 * MIB },
	  "node 0 zone DMA32 has 3M free, but 2M of it is on per-CPU lists, which are drained only for requests that may sleep: add DIRECT_RECLAIM to --gfp (KERNEL includes it)",
	},
	{ ZB_CAUSE_CACHED, ZB_GFP_KERNEL, ENOMEM, { .free = 3 * MIB, .limit = 2 * MIB },
	  "node 0 zone DMA32 has 3M free, but 2M of it is on per-CPU lists, which are drained only for requests that may sleep: try again, or "
	  FREE
	},
	{ ZB_CAUSE_FULL, ZB_GFP_KERNEL, ENOMEM, { .free = 8192, .largest_order = 1 },
	  "no free block: node 0 zone DMA32 has 8K free, and the largest free block is 8K: "
	  FREE
	},
	{ ZB_CAUSE_FULL, ZB_GFP_KERNEL, ENOMEM, { .free = 0, .largest_order = -1 },
	  "no free block: node 0 zone DMA32 has 0B free: "
	  FREE
	},
	{ ZB_CAUSE_NODE, ZB_GFP_KERNEL | __ZB_GFP_THISNODE, ENOMEM, {},
	  "node 0 zone DMA32 has such a block, but THISNODE excludes that node: leave THISNODE out of --gfp, or choose another --node",
	},
	{ ZB_CAUSE_NODE, ZB_GFP_KERNEL, ENOMEM, {},
	  "node 0 zone DMA32 has such a block, but the NUMA policy of this process excludes that node: choose another policy, e.g. with numactl",
	},
	{ ZB_CAUSE_NODE, ZB_GFP_USER, ENOMEM, { .node = NODE_NONE },
	  "node 1000 zone DMA32 has such a block, but the cpuset of this process excludes that node: leave HARDWALL (USER includes it) out of --gfp",
	},
	{ ZB_CAUSE_NODE, ZB_GFP_KERNEL | __ZB_GFP_THISNODE, ENOMEM, { .node = -1 },
	  "another node has such a block, but THISNODE excludes that node: leave THISNODE out of --gfp, or choose another --node",
	},
	{ ZB_CAUSE_ZONE, ZB_GFP_DMA, ENOMEM, {},
	  "the flags exclude the zone that has such a block: node 0 zone DMA32: try --gfp KERNEL,DMA32",
	},
	{ ZB_CAUSE_ZONE, ZB_GFP_DMA, ENOMEM, { .node = -1 },
	  "the flags exclude the zone that has such a block: "
	  FREE
	},
	{ ZB_CAUSE_LINE, ZB_GFP_KERNEL, ETIMEDOUT, {},
	  "no memory became free in time: the free memory of node 0 zone DMA32 is reserved for requests that have waited longer: wait longer, or see with zbctl holders what can be freed",
	},
	{ ZB_CAUSE_NEVER_ZONE, ZB_GFP_DMA, ENOMEM, { .node = -1 },
	  "the flags exclude all zones of this region: choose a zone from zbctl info with --gfp",
	},
	{ ZB_CAUSE_NEVER_NODE, ZB_GFP_USER, ENOMEM, { .node = NODE_NONE },
	  "the zones that the flags allow are on nodes that the cpuset of this process excludes: leave HARDWALL (USER includes it) out of --gfp",
	},
	{ ZB_CAUSE_NEVER_BLOCK, ZB_GFP_DMA, ENOMEM, {},
	  "no zone that the flags allow is large enough for an aligned block of this size: ask for less",
	},
	{ ZB_CAUSE_NEVER_TYPE, ZB_GFP_KERNEL, ENOMEM, {},
	  "all blocks of this size in node 0 zone DMA32 are CMA, isolated, damaged or given back: add MOVABLE to --gfp, or ask for less",
	},
	{ ZB_CAUSE_NEVER_TYPE, ZB_GFP_HIGHUSER_MOVABLE, ENOMEM, {},
	  "all blocks of this size in node 0 zone DMA32 are CMA, isolated, damaged or given back: ask for less",
	},
	{ ZB_CAUSE_NEVER_WATERMARK, ZB_GFP_KERNEL, ENOMEM, { .limit = 2 * MIB },
	  "even if all of node 0 zone DMA32 were free, less than its reserve of 2M would be left: ask for less",
	},
	{ ZB_CAUSE_OPEN_BYTES, ZB_GFP_KERNEL, EDQUOT,
	  { .limit = 4 * MIB, .used = MIB, .wanted = MIB },
	  "one open file may hold at most 4M (max_bytes_per_open) and holds 1M: free something (zbctl holders), or use several zbctl alloc commands",
	},
	{ ZB_CAUSE_OPEN_BYTES, ZB_GFP_KERNEL, EDQUOT, { .limit = MIB, .wanted = 4 * MIB },
	  "one open file may hold at most 1M (max_bytes_per_open) and holds 0B: ask for less, or use several zbctl alloc commands",
	},
	{ ZB_CAUSE_USER_BYTES, ZB_GFP_KERNEL, EDQUOT,
	  { .limit = 4 * MIB, .used = MIB, .wanted = MIB },
	  "one user may hold at most 4M (max_bytes_per_user) and holds 1M: free something (zbctl holders)",
	},
	{ ZB_CAUSE_OWNER_BYTES, ZB_GFP_KERNEL, EDQUOT, { .limit = 4 * MIB, .wanted = MIB },
	  "the owner of this user namespace may hold at most 4M (max_bytes_per_user): free something (zbctl holders)",
	},
	{ ZB_CAUSE_OPEN_WAITING, ZB_GFP_KERNEL, EDQUOT, { .limit = 2, .used = 2 },
	  "the limit of waiting requests of one open file is 2 (max_waiting_per_open): try again when one of them has ended",
	},
	{ ZB_CAUSE_USER_WAITING, ZB_GFP_KERNEL, EDQUOT, { .limit = 2, .used = 2 },
	  "the limit of waiting requests of one user is 2 (max_waiting_per_user): try again when one of them has ended",
	},
	{ ZB_CAUSE_OWNER_WAITING, ZB_GFP_KERNEL, EDQUOT, { .limit = 2 },
	  "the limit of waiting requests of the owner of this user namespace is 2 (max_waiting_per_user): try again when one of them has ended",
	},
	{ ZB_CAUSE_MEMLOCK, ZB_GFP_KERNEL, EAGAIN,
	  { .limit = 4 * MIB, .used = MIB, .wanted = 5 * MIB },
	  "RLIMIT_MEMLOCK is 4M, and this user has locked 1M already: free something (zbctl holders), ask for less, or have the administrator raise memlock in /etc/security/limits.conf",
	},
	{ ZB_CAUSE_MEMLOCK, ZB_GFP_KERNEL, EAGAIN, { .limit = 4 * MIB, .wanted = 5 * MIB },
	  "RLIMIT_MEMLOCK is 4M, and this user has locked 0B already: ask for 4M or less, or have the administrator raise memlock in /etc/security/limits.conf",
	},
	{ ZB_CAUSE_HANDLES, ZB_GFP_KERNEL, ENOSPC, {},
	  "all handles of this open file are in use: free some, or use another process",
	},
	{ ZB_CAUSE_KERNEL, ZB_GFP_KERNEL, ENOMEM, {},
	  "the kernel could not allocate the memory that describes a buffer: free memory of the machine and try again",
	},
	{ ZB_CAUSE_CACHES, ZB_GFP_KERNEL, EIO, {},
	  "the CPU caches could not be written back after the buffer had been cleared: see the kernel log",
	},
	{ ZB_CAUSE_USER_DISCARDABLE, ZB_GFP_KERNEL, EDQUOT, { .limit = 2, .used = 2 },
	  "one user may mark at most 2 buffers as not needed (max_discardable_per_user): free some of them",
	},
	{ ZB_CAUSE_OWNER_DISCARDABLE, ZB_GFP_KERNEL, EDQUOT, { .limit = 2 },
	  "the owner of this user namespace may mark at most 2 buffers as not needed (max_discardable_per_user): free some of them",
	},
	{ ZB_CAUSE_UNMOVABLE, ZB_GFP_KERNEL, ENOMEM, { .free = 3 * MIB },
	  "node 0 zone DMA32 has 3M free, but in each range of this size is memory that can't be moved: free something (zbctl holders), ask for less, or allocate the others with MOVABLE",
	},
	{ ZB_CAUSE_IN_USE, ZB_GFP_KERNEL, ENOMEM, { .free = 3 * MIB },
	  "node 0 zone DMA32 has 3M free, but in each range of this size are buffers in use, which can't be moved now: free something (zbctl holders), wait for memory (--wait SECONDS), or ask for less",
	},
	{ ZB_CAUSE_CAPABILITY, ZB_GFP_KERNEL, EPERM, { .value = 17 },
	  "physical addresses require CAP_SYS_RAWIO: leave them out, or run zbctl as root",
	},
	{ ZB_CAUSE_NONE, ZB_GFP_KERNEL, EINTR, {},
	  "interrupted by a signal while it waited: run the command again",
	},
};

/* Run as an unprivileged user with a memlock limit of 4M, which cannot be raised. */
static bool be_nobody(void)
{
	const struct rlimit limit = { 4 * MIB, 4 * MIB };

	return !setrlimit(RLIMIT_MEMLOCK, &limit) && !setgroups(0, NULL) &&
	       !setgid(NOBODY) && !setuid(NOBODY);
}

/* Get the line that alloc_err() prints, without "zbctl: " and the newline. */
static char *line_of(const struct zb_req *req, int err, unsigned long got)
{
	static char text[2048];
	FILE *real = stderr;

	stderr = fmemopen(text, sizeof(text), "w");
	if (!stderr)
		return NULL;
	alloc_err(0, req, err, got);
	fclose(stderr);
	stderr = real;
	text[strcspn(text, "\n")] = '\0';
	return text + strlen("zbctl: ");
}

static char *explained(const struct explained *x)
{
	struct zb_req req = {
		.text = "4K", .gfp = x->gfp, .count = 1, .node = ZB_NODE_ANY,
	};

	answer = x->e;
	answer.cause = x->cause;
	answer.error = (__u32)x->err;
	answer.zone = ZB_ZONE_DMA32;
	return line_of(&req, x->err, 0);
}

TEST(each_cause_has_its_sentence)
{
	char want[1024];

	ASSERT_TRUE(geteuid() || be_nobody());
	if (geteuid() != NOBODY)
		SKIP(return, "must be root");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		snprintf(want, sizeof(want), "alloc 4K: %s", table[i].says);
		EXPECT_STREQ(want, explained(&table[i]));
	}
}

/* A cause that is added to the header needs a line above. */
TEST(the_table_is_complete)
{
	bool seen[ZB_CAUSE_IN_USE + 1] = {
		/* these have tests of their own, or do not concern requests */
		[ZB_CAUSE_NONE] = true, [ZB_CAUSE_FIELD] = true,
		[ZB_CAUSE_FILE_MODE] = true, [ZB_CAUSE_DMEM] = true,
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		seen[table[i].cause] = true;
	for (size_t i = 0; i < ARRAY_SIZE(seen); i++) {
		EXPECT_TRUE(seen[i]) {
			TH_LOG("cause %zu", i);
		}
	}
}

TEST(dmem_names_the_cgroup)
{
	const struct explained x = { ZB_CAUSE_DMEM, ZB_GFP_KERNEL, EAGAIN, {}, "" };
	const char *line = explained(&x);

	EXPECT_EQ(line, strstr(line, "alloc 4K: dmem.max of cgroup /"));
	line = strstr(line,
		      " or of one of its ancestors is reached: free something in this cgroup (zbctl holders), or ask for less");
	EXPECT_NE(NULL, line);
}

/* What is wrong with a request is found without the module, except for its own rules. */
TEST(invalid_requests)
{
	static const struct {
		struct zb_req req;
		const char *says;
	} invalid[] = {
		{ { .gfp = __ZB_GFP_NOFAIL | ZB_GFP_KERNEL, .node = -1 },
		  "alloc X: this module does not accept the gfp flags NOFAIL: leave them out",
		},
		{ { .gfp = ZB_GFP_TRANSHUGE, .node = -1 },
		  "alloc X: this module does not accept the gfp flags COMP (TRANSHUGE includes COMP): leave them out",
		},
		{ { .gfp = __ZB_GFP_DMA | __ZB_GFP_HIGHMEM, .node = -1 },
		  "alloc X: gfp flags DMA,HIGHMEM name different zones: choose one",
		},
		{ { .gfp = ZB_GFP_TEMPORARY | __ZB_GFP_MOVABLE, .node = -1 },
		  "alloc X: gfp flags MOVABLE and RECLAIMABLE exclude each other (TEMPORARY includes RECLAIMABLE): choose one",
		},
		{ { .flags = ZB_BUF_LENGTH, .gfp = ZB_GFP_KERNEL, .node = -1 },
		  "alloc X: a buffer needs a length of at least 1 byte",
		},
		{ { .order = 11, .gfp = ZB_GFP_KERNEL, .node = -1 },
		  "alloc X: larger than any block of this region: the largest is order 10 (4M)",
		},
		{ { .gfp = ZB_GFP_KERNEL, .node = 7 },
		  "alloc X: node 7 has no region: choose from 0, 1, or leave out --node",
		},
		{ { .gfp = __ZB_GFP_ATOMIC | ZB_GFP_KERNEL, .node = -1 },
		  "alloc X: gfp flags ATOMIC and DIRECT_RECLAIM exclude each other (KERNEL includes it): choose one",
		},
		{ { .gfp = ZB_GFP_KERNEL, .node = -1 },
		  "alloc X: the module rejects gfp = 0x5: see zbctl info",
		},
	};

	answer = (struct zb_ioc_explain){
		.cause = ZB_CAUSE_FIELD, .error = EINVAL, .value = 5, .field = "gfp",
	};
	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++) {
		struct zb_req req = invalid[i].req;
		const char *line;

		req.text = "X";
		req.count = 1;
		line = line_of(&req, EINVAL, 0);
		EXPECT_EQ(0, strncmp(line, invalid[i].says, strlen(invalid[i].says))) {
			TH_LOG("says: %s", line);
		}
	}
}

TEST(none_of_several_is_kept)
{
	const struct zb_req req = { .text = "4K", .gfp = ZB_GFP_KERNEL, .count = 9, .node = -1 };

	answer = (struct zb_ioc_explain){ .cause = ZB_CAUSE_FREED, .error = ENOMEM };
	EXPECT_STREQ(line_of(&req, ENOMEM, 5),
		     "alloc 4K: only 5 of 9 could be allocated, and none is kept: node 0 zone DMA had no such block, but memory has been freed since: try again");
}

/* A request that has waited is not told to use --wait. */
TEST(it_has_waited)
{
	const struct zb_req req = {
		.text = "4K", .flags = ZB_BUF_WAIT, .gfp = ZB_GFP_KERNEL, .count = 1, .node = -1,
	};
	const char *line;

	answer = (struct zb_ioc_explain){
		.cause = ZB_CAUSE_FULL, .error = ETIMEDOUT, .largest_order = -1,
	};
	line = line_of(&req, ETIMEDOUT, 0);
	EXPECT_NE(NULL, strstr(line, "), wait longer, or ask for less"));
	EXPECT_EQ(NULL, strstr(line, "--wait"));
}

/* An older module does not explain, or remembers another failure. */
TEST(without_an_explanation)
{
	const struct zb_req req = { .text = "4K", .gfp = ZB_GFP_KERNEL, .count = 1, .node = -1 };

	answer = (struct zb_ioc_explain){ .error = 0 };
	EXPECT_STREQ("alloc 4K: Cannot allocate memory", line_of(&req, ENOMEM, 0));
	answer = (struct zb_ioc_explain){ .cause = ZB_CAUSE_FREED, .error = EPERM };
	EXPECT_STREQ("alloc 4K: Cannot allocate memory", line_of(&req, ENOMEM, 0));
	EXPECT_STREQ("not a zbuddy device: name the right one with --device",
		     line_of(&req, ENOTTY, 0));
}

TEST_HARNESS_MAIN
