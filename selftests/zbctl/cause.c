// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl: why a request failed, in one sentence, with a remedy that the caller can apply.
 *
 * The cause is the answer to ZB_IOC_EXPLAIN. A remedy that requires a privilege is offered only
 * to callers that have it. The others are referred to the administrator only if there is
 * nothing that they can do themselves.
 */
#include "zbctl.h"

#include <sys/resource.h>
#include <unistd.h>

#define PARAMETERS	"/sys/module/zbuddy/parameters/"
#define CAP_SYS_RAWIO		17
#define CAP_SYS_RESOURCE	24
#define SENTENCE	512

#define TELL(buf, ...)	snprintf(buf, sizeof(buf), __VA_ARGS__)

/**
 * struct why - the explanation of a failed request
 * @req: the request
 * @e: the cause according to the module
 * @zone: the zone of @e, such as "node 0 zone Normal"
 * @page: size of a page in bytes
 * @remedy: the text of the remedy
 */
struct why {
	const struct zb_req *req;
	struct zb_ioc_explain e;
	char zone[48];
	__u64 page;
	char remedy[SENTENCE];
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

/* Only root can list the buffers of other users, with zbctl owners. */
#define FREE_SOMETHING	"free something (zbctl %s), %s, or ask for less"

static const char *list_command(void)
{
	return is_root() ? "owners" : "holders";
}

static const char *wait_remedy(const struct why *w)
{
	return w->req->flags & ZB_BUF_WAIT ? "wait longer" : "wait for memory (--wait SECONDS)";
}

/* The remedy if the rest of the memory is reserved by the min watermark. */
static void watermark_remedy(struct why *w)
{
	TELL(w->remedy, FREE_SOMETHING "%s%s", list_command(), wait_remedy(w),
	     may_use_reserves() ? ", add HIGH to --gfp" : "",
	     may_set("min_free_kbytes") ? ", or lower min_free_kbytes in " PARAMETERS : "");
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

/* Whether the cpuset allows @node; /proc/self/status shows it if the kernel has cpusets. */
static bool cpuset_allows(int node)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[1024], *at;
	bool found = true;
	long first, last;

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "Mems_allowed_list:", 18))
			continue;
		found = false;
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

/* Set the remedy, and return what excludes the node. */
static const char *node_remedy(struct why *w)
{
	if (w->req->gfp & __ZB_GFP_THISNODE) {
		TELL(w->remedy, "leave THISNODE out of --gfp, or choose another --node");
		return "THISNODE";
	}
	if (w->req->gfp & __ZB_GFP_HARDWALL && !cpuset_allows(w->e.node)) {
		TELL(w->remedy, "leave HARDWALL (USER includes it) out of --gfp");
		return "the cpuset of this process";
	}
	TELL(w->remedy, "choose another policy, e.g. with numactl");
	return "the NUMA policy of this process";
}

static int say(const struct why *w, const char *had, const char *what)
{
	return zb_err("alloc %s: %s%s: %s", w->req->text, had,
		      what, w->remedy);
}

/* For memory that the slow path releases, which needs a request that may sleep. */
static void sleep_remedy(struct why *w)
{
	if (w->req->gfp & __ZB_GFP_DIRECT_RECLAIM)
		TELL(w->remedy, "try again, or " FREE_SOMETHING, list_command(), wait_remedy(w));
	else
		TELL(w->remedy, "add DIRECT_RECLAIM to --gfp (KERNEL includes it)");
}

static const char *largest_text(const struct why *w)
{
	return w->e.largest_order < 0 ? "none" :
	       size_text(w->page << w->e.largest_order);
}

/* What keeps w->e.limit bytes of the free memory of a zone from the request. */
static const struct {
	const char *before, *after;
} reserves[] = {
	[ZB_CAUSE_WATERMARK] = {
		"its min watermark reserves ", " for urgent requests" },
	[ZB_CAUSE_HIGHATOMIC] = {
		"", " of it is in HighAtomic pageblocks, which are for atomic requests" },
	[ZB_CAUSE_CMA] = {
		"", " of it is in CMA pageblocks, which are for movable memory" },
	[ZB_CAUSE_LOWMEM] = {
		"lowmem_reserve_ratio reserves ",
		" for requests that cannot use a higher zone" },
	[ZB_CAUSE_ISOLATED] = {
		"", " of it is in pageblocks that another module has isolated" },
	[ZB_CAUSE_CACHED] = {
		"",
		" of it is on per-CPU lists, which are drained only for requests that may sleep" },
};

static void reserve_remedy(struct why *w)
{
	switch (w->e.cause) {
	case ZB_CAUSE_WATERMARK:
		watermark_remedy(w);
		break;
	case ZB_CAUSE_HIGHATOMIC:
		sleep_remedy(w);
		break;
	case ZB_CAUSE_CMA:
		TELL(w->remedy, "add MOVABLE to --gfp");
		break;
	case ZB_CAUSE_LOWMEM:
		TELL(w->remedy, "if memory of this zone is suitable, use --gfp %s",
		     zone_gfp(w->e.zone));
		break;
	case ZB_CAUSE_CACHED:
		sleep_remedy(w);
		if (is_root())
			strncat(w->remedy, ", or run zbctl drain",
				sizeof(w->remedy) - strlen(w->remedy) - 1);
	}
}

/* No memory is available now. */
static int memory_err(struct why *w, const char *had)
{
	const char *free = size_text(w->e.free);
	char what[SENTENCE];

	TELL(w->remedy, FREE_SOMETHING, list_command(), wait_remedy(w));
	if (w->e.cause < ARRAY_SIZE(reserves) && reserves[w->e.cause].before) {
		TELL(what, "%s has %s free, but %s%s%s", w->zone, free,
		     reserves[w->e.cause].before, size_text_up(w->e.limit),
		     reserves[w->e.cause].after);
		reserve_remedy(w);
		return say(w, had, what);
	}
	switch (w->e.cause) {
	case ZB_CAUSE_FREED:
		TELL(what, "%s had no such block, but memory has been freed since", w->zone);
		TELL(w->remedy, "try again");
		break;
	case ZB_CAUSE_LINE:
		TELL(what,
		     "the free memory of %s is reserved for requests that have waited longer",
		     w->zone);
		TELL(w->remedy, "wait longer, or see with zbctl %s what can be freed",
		     list_command());
		break;
	case ZB_CAUSE_FRAGMENTED:
		TELL(what, "%s has %s free, but it is fragmented: the largest free block is %s",
		     w->zone, free, largest_text(w));
		break;
	case ZB_CAUSE_NODE:
		TELL(what, "%s has such a block, but %s excludes that node",
		     w->e.node < 0 ? "another node" : w->zone, node_remedy(w));
		break;
	case ZB_CAUSE_ZONE:
		TELL(what, "the flags exclude the zone that has such a block%s%s",
		     w->e.node < 0 ? "" : ": ", w->e.node < 0 ? "" : w->zone);
		if (w->e.node >= 0)
			TELL(w->remedy, "try --gfp %s", zone_gfp(w->e.zone));
		break;
	default:
		TELL(what, "no free block: %s has %s free%s%s", w->zone, free,
		     w->e.largest_order < 0 ? "" : ", and the largest free block is ",
		     w->e.largest_order < 0 ? "" : largest_text(w));
	}
	return say(w, had, what);
}

/* The request could not be served even if all memory were free. */
static int never_err(struct why *w, const char *had)
{
	char what[SENTENCE];

	switch (w->e.cause) {
	case ZB_CAUSE_NEVER_ZONE:
		TELL(what, "the flags exclude all zones of this region");
		TELL(w->remedy, "choose a zone from zbctl info with --gfp");
		break;
	case ZB_CAUSE_NEVER_NODE:
		TELL(what,
		     "the zones that the flags allow are on nodes that %s excludes",
		     node_remedy(w));
		break;
	case ZB_CAUSE_NEVER_TYPE:
		TELL(what, "all blocks of this size in %s are CMA, isolated, damaged or given back",
		     w->zone);
		TELL(w->remedy, "%sask for less%s",
		     w->req->gfp & __ZB_GFP_MOVABLE ? "" : "add MOVABLE to --gfp, or ",
		     may_set("size") ? ", or increase the size (zbctl resize)" : "");
		break;
	case ZB_CAUSE_NEVER_WATERMARK:
		TELL(what,
		     "even if all of %s were free, less than its reserve of %s would be left",
		     w->zone, size_text(w->e.limit));
		TELL(w->remedy, "ask for less%s",
		     may_set("min_free_kbytes") ? ", or lower min_free_kbytes in " PARAMETERS : "");
		break;
	default:
		if (w->req->flags & ZB_BUF_RANGE) {
			TELL(what,
			     "no zone that the flags allow has so much aligned memory at these addresses");
			TELL(w->remedy, "ask for less, or for other addresses");
			break;
		}
		TELL(what,
		     "no zone that the flags allow is large enough for an aligned block of this size");
		TELL(w->remedy, "ask for less");
	}
	return say(w, had, what);
}

/* The parameter that sets a limit, or NULL. */
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
	case ZB_CAUSE_OWNER_DISCARDABLE:
		return "the owner of this user namespace";
	default:
		return "one user";
	}
}

/* A limit of the module was reached. */
static int limit_err(struct why *w, const char *had)
{
	const char *parameter = parameter_of(w->e.cause);
	bool waiting = w->e.cause >= ZB_CAUSE_OPEN_WAITING;
	bool too_much = !waiting && w->e.wanted > w->e.limit;
	char what[SENTENCE];

	if (waiting)
		TELL(what, "the limit of waiting requests of %s is %llu (%s)",
		     who_of(w->e.cause), w->e.limit, parameter);
	else
		TELL(what, "%s may hold at most %s (%s)%s%s",
		     who_of(w->e.cause), size_text(w->e.limit), parameter,
		     w->e.cause == ZB_CAUSE_OWNER_BYTES ? "" : " and holds ",
		     w->e.cause == ZB_CAUSE_OWNER_BYTES ? "" : size_text(w->e.used));
	TELL(w->remedy, "%s%s%s%s",
	     waiting ? "try again when one of them has ended" :
	     too_much ? "ask for less" : "free something (zbctl holders)",
	     may_set(parameter) ? ", or raise " PARAMETERS : "",
	     may_set(parameter) ? parameter : "",
	     w->e.cause == ZB_CAUSE_OPEN_BYTES ?
	     ", or use several zbctl alloc commands" : "");
	return say(w, had, what);
}

#define RAISE_MEMLOCK	"have the administrator raise memlock in /etc/security/limits.conf"

static int memlock_err(struct why *w, const char *had)
{
	__u64 need = w->e.used + w->e.wanted;
	struct rlimit limit;
	char what[SENTENCE];

	getrlimit(RLIMIT_MEMLOCK, &limit);
	TELL(what, "RLIMIT_MEMLOCK is %s, and this user has locked %s already",
	     size_text(w->e.limit), size_text(w->e.used));
	if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= need)
		TELL(w->remedy, "raise the limit with ulimit -l %llu", (need + 1023) / 1024);
	else if (w->e.used)
		TELL(w->remedy, "free something (zbctl holders), ask for less, or " RAISE_MEMLOCK);
	else
		TELL(w->remedy, "ask for %s or less, or " RAISE_MEMLOCK, size_text(w->e.limit));
	return say(w, had, what);
}

/* Name the cgroup of this process, which /proc shows relative to the cgroup namespace. */
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
	TELL(what, "dmem.max of cgroup %s or of one of its ancestors is reached",
	     strncmp(line, "0::", 3) ? "/" : line + 3);
	TELL(w->remedy,
	     "free something in this cgroup (zbctl holders), or ask for less%s",
	     is_root() ? ", or raise its dmem.max" : "");
	return say(w, had, what);
}

static int discardable_err(struct why *w, const char *had)
{
	char what[SENTENCE];

	TELL(what, "%s may mark at most %llu buffers as not needed (max_discardable_per_user)",
	     who_of(w->e.cause), w->e.limit);
	TELL(w->remedy, "free some of them");
	return say(w, had, what);
}

/* Enough memory is free, but something is in the way of each range. */
static int range_err(struct why *w, const char *had)
{
	char what[SENTENCE];

	if (w->e.cause == ZB_CAUSE_UNMOVABLE) {
		TELL(what, "%s has %s free, but in each range of this size is memory that can't be moved",
		     w->zone, size_text(w->e.free));
		TELL(w->remedy, "free something (zbctl %s), ask for less, or allocate the others with MOVABLE",
		     list_command());
	} else {
		TELL(what, "%s has %s free, but in each range of this size are buffers in use, which can't be moved now",
		     w->zone, size_text(w->e.free));
		TELL(w->remedy, FREE_SOMETHING, list_command(), wait_remedy(w));
	}
	return say(w, had, what);
}

static int other_err(struct why *w, const char *had)
{
	switch (w->e.cause) {
	case ZB_CAUSE_UNMOVABLE:
	case ZB_CAUSE_IN_USE:
		return range_err(w, had);
	case ZB_CAUSE_CAPABILITY:
		if (w->e.value == CAP_SYS_RAWIO) {
			TELL(w->remedy, "leave them out%s", is_root() ?
			     ", or run zbctl with CAP_SYS_RAWIO" : ", or run zbctl as root");
			return say(w, had,
				   "physical addresses require CAP_SYS_RAWIO");
		}
		TELL(w->remedy, "leave them out%s",
		     is_root() ? ", or run zbctl with CAP_SYS_RESOURCE" : ", or run zbctl as root");
		return say(w, had,
			   "gfp flags HIGH, ATOMIC and MEMALLOC use reserved memory, which requires CAP_SYS_RESOURCE");
	case ZB_CAUSE_HANDLES:
		TELL(w->remedy, "free some, or use another process");
		return say(w, had, "all handles of this open file are in use");
	case ZB_CAUSE_KERNEL:
		TELL(w->remedy, "free memory of the machine and try again");
		return say(w, had,
			   "the kernel could not allocate the memory that describes a buffer");
	case ZB_CAUSE_CACHES:
		TELL(w->remedy, "see the kernel log");
		return say(w, had,
			   "the CPU caches could not be written back after the buffer had been cleared");
	case ZB_CAUSE_USER_DISCARDABLE:
	case ZB_CAUSE_OWNER_DISCARDABLE:
		return discardable_err(w, had);
	case ZB_CAUSE_DMEM:
		return dmem_err(w, had);
	case ZB_CAUSE_MEMLOCK:
		return memlock_err(w, had);
	default:
		TELL(w->remedy, "%s",
		     w->e.error == EINTR ? "run the command again" : "see zbuddy(4)");
		return say(w, had, w->e.error == EINTR ?
			   "interrupted by a signal while it waited" :
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
 * Explain why @req failed with errno @err after @got of its buffers had been allocated. Must be
 * called before anything else fails on @fd, because the module remembers only one failure.
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
		TELL(had, "only %lu of %lu could be allocated, and none is kept: ", got,
		     req->count);
	if (err == ETIMEDOUT)
		snprintf(had + strlen(had), sizeof(had) - strlen(had),
			 "no memory became free in time: ");
	if (err == ENOTTY)
		return zb_err("not a zbuddy device: name the right one with --device");
	if (!known)
		return zb_err("alloc %s: %s%s", req->text, had, strerror(err));
	w.page = info.page_size;
	return why_err(&w, had);
}
