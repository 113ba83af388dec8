// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl: why a request failed, in one sentence, with a cure that the caller can use.
 *
 * The module tells the cause (ZB_IOC_EXPLAIN). Cures that need privilege are
 * offered only to callers that have it; the others are referred to the
 * administrator only where they can do nothing themselves.
 */
#include "zbctl.h"

#include <sys/resource.h>
#include <unistd.h>

#define PARAMETERS	"/sys/module/zbuddy/parameters/"
#define CAP_SYS_RESOURCE	24
#define SENTENCE	512

#define TELL(buf, ...)	snprintf(buf, sizeof(buf), __VA_ARGS__)

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
	return zb_err(EINVAL,
		      "alloc %s: node %d has no region: choose from %s, or leave --node out",
		      req->text, req->node, nodes);
}

static int gfp_einval(const struct zb_req *req, const struct zb_ioc_info *info)
{
	__u32 zones = req->gfp & (__ZB_GFP_DMA | __ZB_GFP_DMA32 |
				  __ZB_GFP_HIGHMEM);
	char bad[GFP_TEXT], good[GFP_TEXT];

	if (req->gfp & ~info->gfp_mask)
		return zb_err(EINVAL,
			      "alloc %s: this module does not accept the gfp flags %s: leave them out; it accepts %s",
			      req->text,
			      gfp_bits_text(req->gfp & ~info->gfp_mask, bad),
			      gfp_bits_text(info->gfp_mask, good));
	if (zones & (zones - 1))
		return zb_err(EINVAL, "alloc %s: gfp flags %s name different zones: choose one",
			      req->text, gfp_bits_text(zones, bad));
	if ((req->gfp & ZB_GFP_MOVABLE_MASK) == ZB_GFP_MOVABLE_MASK)
		return zb_err(EINVAL,
			      "alloc %s: gfp flags MOVABLE and RECLAIMABLE exclude each other (TEMPORARY has RECLAIMABLE): choose one",
			      req->text);
	return 0;
}

static int size_einval(const struct zb_req *req, const struct zb_ioc_info *info)
{
	if ((req->flags & ZB_BUF_LENGTH) && !req->length)
		return zb_err(EINVAL, "alloc %s: a buffer has at least 1 byte",
			      req->text);
	if (req_order(req, info) > info->max_order)
		return zb_err(EINVAL,
			      "alloc %s: larger than any block of this region: the largest is order %u (%s)",
			      req->text, info->max_order,
			      size_text((__u64)info->page_size <<
					info->max_order));
	return 0;
}

/* What the checks before this one do not know the module does. */
static int field_einval(int fd, const struct zb_req *req)
{
	struct zb_ioc_explain e;

	if (dev_explain(fd, &e) || e.cause != ZB_CAUSE_FIELD)
		return zb_err(EINVAL, "alloc %s: the module refuses it: see zbctl info",
			      req->text);
	if (req->gfp & __ZB_GFP_ATOMIC && req->gfp & __ZB_GFP_DIRECT_RECLAIM)
		return zb_err(EINVAL,
			      "alloc %s: gfp flags ATOMIC and DIRECT_RECLAIM exclude each other (KERNEL has it): choose one",
			      req->text);
	return zb_err(EINVAL, "alloc %s: the module refuses %.*s = %#llx", req->text,
		      (int)sizeof(e.field), e.field, e.value);
}

/* Nonzero when a cause was found and its line printed. */
static int alloc_einval(int fd, const struct zb_req *req,
			const struct zb_ioc_info *info)
{
	int rc = gfp_einval(req, info);

	if (!rc)
		rc = size_einval(req, info);
	if (!rc)
		rc = node_einval(fd, req, info);
	if (!rc)
		rc = field_einval(fd, req);
	return rc;
}

/**
 * struct why - a failed request, for those who put it in words
 * @req: the request
 * @e: what the module says of it
 * @zone: "node 0 zone Normal"
 * @page: bytes per page
 * @cure: what to do
 */
struct why {
	const struct zb_req *req;
	struct zb_ioc_explain e;
	char zone[48];
	__u64 page;
	char cure[SENTENCE];
};

static bool may_use_reserves(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long caps = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "CapEff: %llx", &caps);
	if (f)
		fclose(f);
	return caps >> CAP_SYS_RESOURCE & 1;
}

static bool may_set(const char *parameter)
{
	char path[128];

	snprintf(path, sizeof(path), PARAMETERS "%s", parameter);
	return !access(path, W_OK);
}

/* Only root can see what others hold. */
#define FREE_SOMETHING	\
	"free something (zbctl %s), wait for memory (--wait SECONDS), or ask for less"

static const char *who_holds(void)
{
	return is_root() ? "owners" : "holders";
}

/* For a request that found less than a reserve. */
static void reserve_cure(struct why *w, const char *flag)
{
	bool privileged = may_use_reserves();

	TELL(w->cure, FREE_SOMETHING "%s%s%s", who_holds(), privileged ? ", add " : "",
	     privileged ? flag : "", privileged ? " to --gfp" : "");
	if (w->e.cause == ZB_CAUSE_WATERMARK && may_set("min_free_kbytes"))
		strncat(w->cure, ", or lower min_free_kbytes in " PARAMETERS,
			sizeof(w->cure) - strlen(w->cure) - 1);
}

static const char *zone_gfp(unsigned int zone)
{
	static const char * const gfp[ZB_NR_ZONES] = {
		[ZB_ZONE_DMA] = "KERNEL,DMA",
		[ZB_ZONE_DMA32] = "KERNEL,DMA32",
		[ZB_ZONE_NORMAL] = "KERNEL",
		[ZB_ZONE_HIGHMEM] = "KERNEL,HIGHMEM",
		[ZB_ZONE_MOVABLE] = "KERNEL,HIGHMEM,MOVABLE",
	};

	return zone < ZB_NR_ZONES ? gfp[zone] : "KERNEL";
}

/* Does /proc/self/status list @node as one that the cpuset allows? */
static bool cpuset_allows(int node)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[1024], *at;
	bool found = false;
	long first, last;

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "Mems_allowed_list:", 18))
			continue;
		for (at = line + 18; *at && *at != '\n'; at += *at == ',') {
			first = strtol(at, &at, 10);
			last = *at == '-' ? strtol(at + 1, &at, 10) : first;
			found |= first <= node && node <= last;
			if (*at != ',')
				break;
		}
	}
	if (f)
		fclose(f);
	return found;
}

static void node_cure(struct why *w)
{
	if (w->req->gfp & __ZB_GFP_THISNODE)
		TELL(w->cure, "leave THISNODE out of --gfp");
	else if (!(w->req->gfp & __ZB_GFP_HARDWALL) || cpuset_allows(w->e.node))
		TELL(w->cure,
		     "the NUMA policy of this process leaves it out: run it with another numactl");
	else
		TELL(w->cure,
		     "the cpuset of this process leaves it out: leave HARDWALL (USER has it) out of --gfp");
}

static int say(const struct why *w, const char *had, const char *what)
{
	return zb_err((int)w->e.error, "alloc %s: %s%s: %s", w->req->text, had,
		      what, w->cure);
}

static const char *largest_text(const struct why *w)
{
	return w->e.largest_order < 0 ? "none" :
	       size_text(w->page << w->e.largest_order);
}

/* There is no memory now. */
static int memory_err(struct why *w, const char *had)
{
	const char *free = size_text(w->e.free), *limit = size_text(w->e.limit);
	char what[SENTENCE];

	TELL(w->cure, FREE_SOMETHING, who_holds());
	switch (w->e.cause) {
	case ZB_CAUSE_FREED:
		TELL(what, "%s had no such block, but has by now", w->zone);
		TELL(w->cure, "try again");
		break;
	case ZB_CAUSE_LINE:
		TELL(what,
		     "what is free in %s is for requests that waited before this one",
		     w->zone);
		TELL(w->cure, "wait longer, or see who holds memory: zbctl %s",
		     who_holds());
		break;
	case ZB_CAUSE_WATERMARK:
		TELL(what,
		     "%s has %s free and must keep %s of it as the reserve of its min watermark",
		     w->zone, free, limit);
		reserve_cure(w, "HIGH");
		break;
	case ZB_CAUSE_HIGHATOMIC:
		TELL(what,
		     "%s has %s free, but %s of it in HighAtomic pageblocks, for atomic requests",
		     w->zone, free, limit);
		reserve_cure(w, "ATOMIC instead of KERNEL");
		break;
	case ZB_CAUSE_FRAGMENTED:
		TELL(what,
		     "%s has %s free, but it is fragmented: the largest free block is %s",
		     w->zone, free, largest_text(w));
		break;
	case ZB_CAUSE_CMA:
		TELL(what,
		     "%s has %s free, but %s of it in CMA pageblocks, which only movable memory may use",
		     w->zone, free, limit);
		TELL(w->cure, "add MOVABLE to --gfp");
		break;
	case ZB_CAUSE_LOWMEM:
		TELL(what,
		     "%s has %s free, but keeps %s from requests that can use a higher zone (lowmem_reserve_ratio)",
		     w->zone, free, limit);
		TELL(w->cure, "if such memory will do, --gfp %s", zone_gfp(w->e.zone));
		break;
	case ZB_CAUSE_ISOLATED:
		TELL(what,
		     "%s has %s free, but %s of it isolated by another module",
		     w->zone, free, limit);
		break;
	case ZB_CAUSE_CACHED:
		TELL(what,
		     "%s has %s free, but %s of it on per-CPU lists, which only requests drain that may sleep",
		     w->zone, free, limit);
		TELL(w->cure, "add DIRECT_RECLAIM to --gfp (KERNEL has it)%s",
		     is_root() ? ", or zbctl drain" : "");
		break;
	case ZB_CAUSE_NODE:
		TELL(what,
		     "%s has such a block, on a node that this process may not use",
		     w->e.node < 0 ? "another node" : w->zone);
		node_cure(w);
		break;
	case ZB_CAUSE_ZONE:
		TELL(what,
		     "the flags keep out the zone that has such a block%s%s",
		     w->e.node < 0 ? "" : ": ", w->e.node < 0 ? "" : w->zone);
		if (w->e.node >= 0)
			TELL(w->cure, "try --gfp %s", zone_gfp(w->e.zone));
		break;
	default:
		TELL(what,
		     "no free block: %s has %s free, the largest block is %s",
		     w->zone, free, largest_text(w));
	}
	return say(w, had, what);
}

/* There would be none even if all were free. */
static int never_err(struct why *w, const char *had)
{
	char what[SENTENCE];

	switch (w->e.cause) {
	case ZB_CAUSE_NEVER_ZONE:
		TELL(what, "this region has no zone that the flags allow");
		TELL(w->cure, "use --gfp for a zone that it has: see zbctl info");
		break;
	case ZB_CAUSE_NEVER_NODE:
		TELL(what,
		     "the zones that the flags allow are on nodes that this process may not use");
		node_cure(w);
		break;
	case ZB_CAUSE_NEVER_TYPE:
		TELL(what, "all such blocks of %s are CMA, isolated or damaged", w->zone);
		TELL(w->cure, "add MOVABLE to --gfp, or ask for less");
		break;
	case ZB_CAUSE_NEVER_WATERMARK:
		TELL(what,
		     "even if all of %s were free, less than its reserve of %s would be left",
		     w->zone, size_text(w->e.limit));
		TELL(w->cure, "ask for less%s",
		     may_set("min_free_kbytes") ? ", or lower min_free_kbytes in " PARAMETERS : "");
		break;
	default:
		TELL(what,
		     "no zone that the flags allow is large enough for an aligned block of this size");
		TELL(w->cure, "ask for less");
	}
	return say(w, had, what);
}

/* What a limit was set with, or NULL. */
static const char *parameter_of(__u32 cause)
{
	switch (cause) {
	case ZB_CAUSE_OPEN_BYTES:
		return "max_bytes_per_open";
	case ZB_CAUSE_USER_BYTES:
	case ZB_CAUSE_OWNER_BYTES:
		return "max_bytes_per_user";
	case ZB_CAUSE_OPEN_WAITING:
		return "max_waiting_per_open";
	case ZB_CAUSE_USER_WAITING:
	case ZB_CAUSE_OWNER_WAITING:
		return "max_waiting_per_user";
	default:
		return NULL;
	}
}

static const char *who_of(__u32 cause)
{
	switch (cause) {
	case ZB_CAUSE_OPEN_BYTES:
	case ZB_CAUSE_OPEN_WAITING:
		return "one open file";
	case ZB_CAUSE_OWNER_BYTES:
	case ZB_CAUSE_OWNER_WAITING:
		return "the owner of this user namespace";
	default:
		return "one user";
	}
}

/* A limit of the module. */
static int limit_err(struct why *w, const char *had)
{
	const char *parameter = parameter_of(w->e.cause);
	bool waiting = w->e.cause >= ZB_CAUSE_OPEN_WAITING;
	bool too_much = !waiting && w->e.wanted > w->e.limit;
	char what[SENTENCE];

	if (waiting)
		TELL(what, "%s may have %llu requests waiting (%s)",
		     who_of(w->e.cause), w->e.limit, parameter);
	else
		TELL(what, "%s may hold %s (%s) and has %s",
		     who_of(w->e.cause), size_text(w->e.limit), parameter,
		     w->e.cause == ZB_CAUSE_OWNER_BYTES ? "too much of it" :
		     size_text(w->e.used));
	TELL(w->cure, "%s%s%s%s",
	     waiting ? "wait until one of them ends" :
	     too_much ? "ask for less" : "free something (zbctl holders)",
	     may_set(parameter) ? ", or raise " PARAMETERS : "",
	     may_set(parameter) ? parameter : "",
	     w->e.cause == ZB_CAUSE_OPEN_BYTES ?
	     ", or ask with several zbctl alloc" : "");
	return say(w, had, what);
}

static int memlock_err(struct why *w, const char *had)
{
	__u64 need = w->e.used + w->e.wanted;
	struct rlimit limit;
	char what[SENTENCE];

	getrlimit(RLIMIT_MEMLOCK, &limit);
	TELL(what, "RLIMIT_MEMLOCK is %s, of which this user has locked %s",
	     size_text(w->e.limit), size_text(w->e.used));
	if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= need)
		TELL(w->cure, "raise it: ulimit -l %llu", (need + 1023) / 1024);
	else if (w->e.used)
		TELL(w->cure, "free something (zbctl holders), or ask for less");
	else
		TELL(w->cure,
		     "ask for %s or less, or the administrator for a higher limit (/etc/security/limits.conf)",
		     size_text(w->e.limit));
	return say(w, had, what);
}

/* The cgroup of this process, as far as /proc tells. */
static int dmem_err(struct why *w, const char *had)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[256] = "", what[SENTENCE];

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "0::", 3))
			break;
	}
	if (f)
		fclose(f);
	TELL(what, "dmem.max of cgroup %s or one above it is reached",
	     strncmp(line, "0::", 3) ? "/" : line + 3);
	TELL(w->cure,
	     "free something in this cgroup (zbctl holders), ask for less%s",
	     is_root() ? ", or raise its dmem.max" : "");
	return say(w, had, what);
}

static int other_err(struct why *w, const char *had)
{
	switch (w->e.cause) {
	case ZB_CAUSE_CAPABILITY:
		TELL(w->cure, "leave them out%s",
		     is_root() ? ", or run zbctl with CAP_SYS_RESOURCE" : ", or run zbctl as root");
		return say(w, had,
			   "gfp flags HIGH, ATOMIC and MEMALLOC use up what is kept for urgent requests, which takes CAP_SYS_RESOURCE");
	case ZB_CAUSE_HANDLES:
		TELL(w->cure, "use another process");
		return say(w, had, "this open file has handed out all its handles");
	case ZB_CAUSE_KERNEL:
		TELL(w->cure, "free memory of the machine, and try again");
		return say(w, had, "the kernel has no memory of its own left to describe a buffer");
	case ZB_CAUSE_CACHES:
		TELL(w->cure, "see the kernel log");
		return say(w, had, "the zeroes could not be written out of the caches");
	case ZB_CAUSE_DMEM:
		return dmem_err(w, had);
	case ZB_CAUSE_MEMLOCK:
		return memlock_err(w, had);
	default:
		TELL(w->cure, "%s",
		     w->e.error == EINTR ? "nothing is kept" : "see the header zbuddy.h");
		return say(w, had, w->e.error == EINTR ?
			   "interrupted while it waited" :
			   strerror((int)w->e.error));
	}
}

static int why_err(struct why *w, const char *had)
{
	__u32 cause = w->e.cause;

	snprintf(w->zone, sizeof(w->zone), "node %d zone %s", w->e.node, zone_name(w->e.zone));
	if (cause >= ZB_CAUSE_FREED && cause <= ZB_CAUSE_LINE)
		return memory_err(w, had);
	if (cause >= ZB_CAUSE_NEVER_ZONE && cause <= ZB_CAUSE_NEVER_WATERMARK)
		return never_err(w, had);
	if (cause >= ZB_CAUSE_OPEN_BYTES && cause <= ZB_CAUSE_OWNER_WAITING)
		return limit_err(w, had);
	return other_err(w, had);
}

/*
 * Why @req failed with errno @err after @got of its buffers were had. To be
 * called before anything else fails on @fd: the module remembers one failure.
 */
int alloc_err(int fd, const struct zb_req *req, int err, unsigned long got)
{
	struct zb_ioc_info info = { .page_size = 4096 };
	struct why w = { .req = req };
	char had[128] = "";
	bool known = !dev_explain(fd, &w.e) && (int)w.e.error == err;

	if (!dev_info(fd, &info) && err == EINVAL)
		return alloc_einval(fd, req, &info);
	if (req->count > 1)
		TELL(had, "only %lu of %lu could be had and none is kept: ", got,
		     req->count);
	if (err == ETIMEDOUT)
		snprintf(had + strlen(had), sizeof(had) - strlen(had), "nothing came in time: ");
	if (err == ENOTTY)
		return zb_err(err, "not a zbuddy device: name the right one with --device");
	if (!known)
		return zb_err(err, "alloc %s: %s%s", req->text, had, strerror(err));
	w.page = info.page_size;
	return why_err(&w, had);
}
