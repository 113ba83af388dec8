// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl stress: patterns that are written to buffers and verified, and the report of a
 * failure.
 *
 * Physical addresses are unknown here, but each buffer has a unique pattern. If two buffers
 * overlap, or a page is allocated while it is in use, a pattern is overwritten or a new page
 * is not zero.
 */
#include "stress.h"

#include <stdarg.h>
#include <sys/mman.h>

__u64 stress_mix(__u64 x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

/* Print the first failure; failures of other threads after it are consequences. */
int stress_fail(struct stress_worker *w, const struct stress_buf *b,
		const char *fmt, ...)
{
	char text[512], gfp[GFP_TEXT], buf[GFP_TEXT + 128] = "";
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (b)
		snprintf(buf, sizeof(buf), " handle %u order %u length %llu gfp %s:",
			 b->handle, b->order, b->length, gfp_text(b->gfp, gfp));
	pthread_mutex_lock(&w->s->fail_lock);
	if (!w->s->failed)
		zb_err("stress: seed %llu threads %u thread %u op %llu:%s %s",
		       w->s->seed, w->s->nr_threads, w->id, w->op, buf, text);
	w->s->failed = true;
	w->s->state = STRESS_ABORT;
	pthread_mutex_unlock(&w->s->fail_lock);
	return -1;
}

/* A random number in 0 .. @below - 1. */
__u64 stress_rnd(struct stress_worker *w, __u64 below)
{
	w->rng += 0x9e3779b97f4a7c15ull;
	return stress_mix(w->rng) % below;
}

static __u64 nr_pages(const struct stress_worker *w, const struct stress_buf *b)
{
	return b->length / w->s->page_size;
}

static unsigned int nr_samples(__u64 pages)
{
	return pages < STRESS_SAMPLES ? (unsigned int)pages : STRESS_SAMPLES;
}

/* The page of a sample: all pages of a small buffer, else first, last and pages in between. */
static __u64 sample_page(__u64 pages, unsigned int sample)
{
	if (pages <= STRESS_SAMPLES)
		return sample;
	return sample * (pages - 1) / (STRESS_SAMPLES - 1);
}

static void write_page(const struct stress_worker *w, __u64 *p, __u64 key)
{
	for (size_t i = 0; i < w->s->page_size / sizeof(*p); i++)
		p[i] = key + i * 0xd1342543de82ef95ull;
}

static int check_page(struct stress_worker *w, const struct stress_buf *b,
		      const __u64 *p, __u64 page, __u64 key, const char *what)
{
	__u64 step = key ? 0xd1342543de82ef95ull : 0;

	for (size_t i = 0; i < w->s->page_size / sizeof(*p); i++) {
		if (p[i] != key + i * step)
			return stress_fail(w, b,
					   "%s: page %llu byte %#zx: expected 0x%016llx, found 0x%016llx",
					   what, page, i * sizeof(*p),
					   key + i * step, p[i]);
	}
	w->verified += w->s->page_size;
	return 0;
}

/* Verify a page: zeroes at the first visit, the pattern from then on. */
static int check_sample(struct stress_worker *w, struct stress_buf *b,
			unsigned int sample, __u64 page, __u64 *p)
{
	/* never 0, which stands for a page of zeroes */
	__u64 key = stress_mix(b->key ^ page) | 1;
	int rc;

	if (b->written & 1ull << sample)
		return check_page(w, b, p, page, key, "pattern");
	rc = check_page(w, b, p, page, 0, "fresh memory");
	if (rc)
		return rc;
	write_page(w, p, key);
	b->written |= 1ull << sample;
	return 0;
}

/* Check the samples in pages @from .. @from + @nr - 1, mapped at @p. */
static int check_window(struct stress_worker *w, struct stress_buf *b, char *p,
			__u64 from, __u64 nr)
{
	__u64 pages = nr_pages(w, b);
	int rc = 0;

	for (unsigned int i = 0; i < nr_samples(pages) && !rc; i++) {
		__u64 page = sample_page(pages, i);

		if (page >= from && page < from + nr)
			rc = check_sample(w, b, i, page, (__u64 *)
					  (p + (page - from) * w->s->page_size));
	}
	return rc;
}

/* Map a window; *@p is NULL if the kernel has no memory for that, which is counted. */
static int map_window(struct stress_worker *w, struct stress_buf *b, __u64 from,
		      __u64 nr, char **p)
{
	*p = dev_mmap(b->fd, b->offset + from * w->s->page_size,
		      nr * w->s->page_size);
	if (*p != MAP_FAILED)
		return 0;
	*p = NULL;
	if (errno == ENOMEM) {
		w->enomem++;
		return 0;
	}
	return stress_fail(w, b, "mmap of %llu pages from page %llu: expected success, found %s",
			   nr, from, errno_name(errno));
}

static int unmap_window(struct stress_worker *w, struct stress_buf *b, char *p,
			__u64 nr)
{
	if (munmap(p, (size_t)(nr * w->s->page_size)))
		return stress_fail(w, b, "munmap of %llu pages: expected success, found %s",
				   nr, errno_name(errno));
	return 0;
}

static int check_mappings(struct stress_worker *w, struct stress_buf *b)
{
	struct zb_ioc_query q;
	int err = dev_query(b->fd, b->handle, &q);

	if (err)
		return stress_fail(w, b, "query while mapped: expected success, found %s",
				   errno_name(-err));
	if (q.mappings != 1)
		return stress_fail(w, b, "query while mapped: expected 1 mapping, found %u",
				   q.mappings);
	return 0;
}

static int visit_window(struct stress_worker *w, struct stress_buf *b,
			__u64 from, __u64 nr)
{
	char *p;
	int rc = map_window(w, b, from, nr, &p);

	if (rc || !p)
		return rc;
	rc = check_window(w, b, p, from, nr);
	if (!rc && !stress_rnd(w, 4))
		rc = check_mappings(w, b);
	if (unmap_window(w, b, p, nr))
		return -1;
	return rc;
}

/* Choose all of a small buffer in half of the cases, else a window around a sample. */
static void pick_window(struct stress_worker *w, const struct stress_buf *b,
			__u64 *from, __u64 *nr)
{
	__u64 pages = nr_pages(w, b);
	__u64 page, before, behind;

	*from = 0;
	*nr = pages;
	if (pages <= STRESS_WINDOW && stress_rnd(w, 2))
		return;
	page = sample_page(pages, (unsigned int)stress_rnd(w, nr_samples(pages)));
	before = stress_rnd(w, STRESS_WINDOW / 2);
	behind = stress_rnd(w, STRESS_WINDOW / 2);
	*from = page > before ? page - before : 0;
	*nr = (page + behind < pages ? page + behind + 1 : pages) - *from;
}

/* Map a part of @b, verify it or write to it for the first time, and unmap it. */
int stress_visit(struct stress_worker *w, struct stress_buf *b)
{
	__u64 from, nr;

	pick_window(w, b, &from, &nr);
	return visit_window(w, b, from, nr);
}

/* Verify everything that was written to @b. */
int stress_visit_all(struct stress_worker *w, struct stress_buf *b)
{
	__u64 pages = nr_pages(w, b);
	int rc = 0;

	if (!b->written)
		return 0;
	if (pages <= STRESS_WINDOW)
		return visit_window(w, b, 0, pages);
	for (unsigned int i = 0; i < nr_samples(pages) && !rc; i++) {
		if (b->written & 1ull << i)
			rc = visit_window(w, b, sample_page(pages, i), 1);
	}
	return rc;
}

/*
 * Free @b while a part of it is mapped: the mapping must keep its contents. The handle is
 * invalid afterwards even if a later step fails.
 */
int stress_free_mapped(struct stress_worker *w, struct stress_buf *b)
{
	__u64 from, nr;
	char *p;
	int rc, err;

	pick_window(w, b, &from, &nr);
	rc = map_window(w, b, from, nr, &p);
	if (rc)
		return rc;
	if (p)
		rc = check_window(w, b, p, from, nr);
	if (!rc) {
		err = dev_free(b->fd, b->handle);
		if (err)
			rc = stress_fail(w, b, "free while mapped: expected success, found %s",
					 errno_name(-err));
	}
	if (!rc && p)
		rc = check_window(w, b, p, from, nr);
	if (p && unmap_window(w, b, p, nr))
		return -1;
	return rc;
}
