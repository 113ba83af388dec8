// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl script: the handles that the commands of a script have allocated.
 */
#include "zbctl.h"

#include <limits.h>

int handles_add(struct handles *h, __u32 handle)
{
	__u32 *more = realloc(h->all, (h->nr + 1) * sizeof(*more));

	if (!more)
		return zb_err(ENOMEM, "out of memory");
	h->all = more;
	h->all[h->nr++] = handle;
	return 0;
}

/* Parse a handle: 7, @2 or last. */
int handles_parse(const struct handles *h, const char *text, __u32 *handle)
{
	long long n = (long long)h->nr;

	if (!parse_num(text, 0, UINT_MAX, &n)) {
		*handle = (__u32)n;
		return 0;
	}
	if (strcmp(text, "last") &&
	    (text[0] != '@' || parse_num(text + 1, 1, LONG_MAX, &n)))
		return usage_err("'%s' is not a handle: use a number, @1, @2, ... or last",
				 text);
	if (n < 1 || n > (long long)h->nr)
		return usage_err("'%s' does not exist: %zu buffers have been allocated so far",
				 text, h->nr);
	*handle = h->all[n - 1];
	if (!*handle)
		return zb_err(ENOENT, "'%s' has been freed already", text);
	return 0;
}

/* Remove a freed handle. */
void handles_forget(struct handles *h, __u32 handle)
{
	for (size_t i = 0; i < h->nr; i++) {
		if (h->all[i] == handle)
			h->all[i] = 0;
	}
}
