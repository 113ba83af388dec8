// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl stress: the operations of one thread.
 */
#include "stress.h"

#include <unistd.h>

/* The state of this thread, for stress_fault(). */
static __thread struct stress_worker *current_worker;

/* Report SIGBUS or SIGSEGV of a mapping before the program exits. */
void stress_fault(int sig)
{
	if (current_worker)
		stress_fail(current_worker, NULL,
			    "memory access: expected success, found signal %d",
			    sig);
	_exit(ZBCTL_FAILED);
}

/* Choose an order; half of them are small, few are large. */
static __u32 pick_order(struct stress_worker *w, __u32 max)
{
	__u32 order = 0;

	while (order < max && stress_rnd(w, 8) < 5)
		order++;
	while (order && w->s->page_size << order > w->s->limit)
		order--;
	return order;
}

static void pick_req(struct stress_worker *w, bool by_length,
		     struct zb_req *req)
{
	const struct stress_gfp *g = &w->s->gfps[stress_rnd(w, w->s->nr_gfps)];
	__u32 order = pick_order(w, g->max_order);

	*req = (struct zb_req){
		.gfp = g->gfp,
		.node = ZB_NODE_ANY,
	};
	if (!by_length) {
		req->order = order;
		return;
	}
	req->flags = ZB_BUF_LENGTH;
	req->length = 1 + stress_rnd(w, w->s->page_size << order);
}

static __u64 req_bytes(const struct stress_worker *w, const struct zb_req *req)
{
	__u64 page = w->s->page_size;

	if (!(req->flags & ZB_BUF_LENGTH))
		return page << req->order;
	return (req->length + page - 1) / page * page;
}

static int expect_num(struct stress_worker *w, const struct stress_buf *b,
		      const char *what, __u64 expected, __u64 found)
{
	if (expected == found)
		return 0;
	return stress_fail(w, b, "%s: expected %#llx, found %#llx", what,
			   expected, found);
}

/* Check the results of ZB_IOC_ALLOC according to the user header. */
static int check_alloc(struct stress_worker *w, const struct zb_req *req,
		       const struct stress_buf *b)
{
	__u64 bytes = req_bytes(w, req);
	__u32 order = 0;

	while (w->s->page_size << order < bytes)
		order++;
	if (!b->handle)
		return stress_fail(w, b, "alloc: expected a handle, found 0");
	if (b->zone > gfp_zone(req->gfp))
		return stress_fail(w, b, "alloc: expected zone %s or lower, found %s",
				   zone_name(gfp_zone(req->gfp)),
				   zone_name(b->zone));
	if (b->offset % w->s->page_size)
		return stress_fail(w, b, "alloc: expected an offset of whole pages, found %#llx",
				   b->offset);
	return expect_num(w, b, "alloc: length", bytes, b->length) ?:
	       expect_num(w, b, "alloc: order", order, b->order);
}

static int make_room(struct stress_worker *w)
{
	size_t room = w->room ? w->room * 2 : 256;
	struct stress_buf *more;

	if (w->live < w->room)
		return 0;
	more = realloc(w->bufs, room * sizeof(*more));
	if (!more)
		return stress_fail(w, NULL, "out of memory for a list of %zu buffers",
				   room);
	w->bufs = more;
	w->room = room;
	return 0;
}

/* Remove a buffer from the list; the last one takes its place. */
static void drop(struct stress_worker *w, struct stress_buf *b)
{
	w->live_bytes -= b->length;
	*b = w->bufs[--w->live];
}

static int do_free(struct stress_worker *w, struct stress_buf *b)
{
	int err = dev_free(b->fd, b->handle);

	if (err)
		return stress_fail(w, b, "free: expected success, found %s",
				   errno_name(-err));
	drop(w, b);
	return 0;
}

static int op_free(struct stress_worker *w, struct stress_buf *b)
{
	w->ops[OP_FREE]++;
	if (!stress_rnd(w, 2) && stress_visit_all(w, b))
		return -1;
	return do_free(w, b);
}

static int free_any(struct stress_worker *w)
{
	return w->live ? op_free(w, &w->bufs[stress_rnd(w, w->live)]) : 0;
}

static int add_buf(struct stress_worker *w, int fd, const struct zb_req *req,
		   const struct zb_ioc_alloc *a)
{
	struct stress_buf *b = &w->bufs[w->live++];

	*b = (struct stress_buf){
		.fd	= fd,
		.handle	= a->handle,
		.gfp	= req->gfp,
		.order	= a->order,
		.zone	= a->zone,
		.node	= a->node,
		.length	= a->length,
		.offset	= a->mmap_offset,
	};
	/* handles are reused, but the number of the operation is unique in this thread */
	b->key = stress_mix(w->s->seed ^ stress_mix((__u64)w->id << 48 ^
			    w->op) ^ a->handle);
	w->live_bytes += b->length;
	return check_alloc(w, req, b);
}

static int op_alloc(struct stress_worker *w, bool by_length)
{
	int fd = w->fds[stress_rnd(w, w->nr_fds)];
	struct zb_ioc_alloc a;
	struct zb_req req;
	int err;

	pick_req(w, by_length, &req);
	if (w->live_bytes + req_bytes(w, &req) > w->s->limit && w->live)
		return free_any(w);
	if (make_room(w))
		return -1;
	w->ops[by_length ? OP_ALLOC_LENGTH : OP_ALLOC_ORDER]++;
	err = dev_alloc(fd, &req, &a);
	if (err == -ENOMEM) {
		w->enomem++;
		return free_any(w);
	}
	if (err)
		return stress_fail(w, NULL,
				   "alloc order %u length %llu gfp %#x: expected success or ENOMEM, found %s",
				   req.order, req.length, req.gfp,
				   errno_name(-err));
	return add_buf(w, fd, &req, &a);
}

static int op_query(struct stress_worker *w, struct stress_buf *b)
{
	struct zb_ioc_query q;
	int err;

	w->ops[OP_QUERY]++;
	err = dev_query(b->fd, b->handle, &q);
	if (err)
		return stress_fail(w, b, "query: expected success, found %s",
				   errno_name(-err));
	return expect_num(w, b, "query: gfp", b->gfp, q.gfp) ?:
	       expect_num(w, b, "query: node", (__u64)b->node, (__u64)q.node) ?:
	       expect_num(w, b, "query: zone", b->zone, q.zone) ?:
	       expect_num(w, b, "query: order", b->order, q.order) ?:
	       expect_num(w, b, "query: length", b->length, q.length) ?:
	       expect_num(w, b, "query: offset", b->offset, q.mmap_offset) ?:
	       expect_num(w, b, "query: mappings", 0, q.mappings) ?:
	       expect_num(w, b, "query: migratetype", gfp_migratetype(b->gfp),
			  q.migratetype);
}

static int op_map(struct stress_worker *w, struct stress_buf *b)
{
	w->ops[OP_MAP]++;
	return stress_visit(w, b);
}

static int op_free_mapped(struct stress_worker *w, struct stress_buf *b)
{
	int rc;

	w->ops[OP_FREE_MAPPED]++;
	rc = stress_free_mapped(w, b);
	if (!rc)
		drop(w, b);
	return rc;
}

static int one_op(struct stress_worker *w)
{
	__u64 dice = stress_rnd(w, 100);
	struct stress_buf *b;

	if (!w->live || dice < 40)
		return op_alloc(w, dice % 3 == 0);
	b = &w->bufs[stress_rnd(w, w->live)];
	if (dice < 62)
		return op_free(w, b);
	if (dice < 72)
		return op_query(w, b);
	if (dice < 95)
		return op_map(w, b);
	return op_free_mapped(w, b);
}

static void run_ops(struct stress_worker *w)
{
	struct stress *s = w->s;

	while (s->state == STRESS_RUN && (!s->max_ops || w->op < s->max_ops)) {
		if (one_op(w))
			return;
		w->op++;
	}
	while (s->state != STRESS_ABORT && w->live) {
		if (stress_visit_all(w, &w->bufs[w->live - 1]) ||
		    do_free(w, &w->bufs[w->live - 1]))
			return;
	}
}

void *stress_worker(void *arg)
{
	struct stress_worker *w = arg;

	current_worker = w;
	run_ops(w);
	free(w->bufs);
	w->bufs = NULL;
	w->s->running--;
	return NULL;
}
