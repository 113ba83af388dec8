// SPDX-License-Identifier: GPL-2.0
/*
 * zbctl: numbers, sizes, gfp flags, names of zones and errnos.
 */
#include "zbctl.h"

#include <ctype.h>
#include <limits.h>
#include <strings.h>

/*
 * Parse a decimal number, or a hexadecimal one with 0x; octal numbers are not supported.
 * Returns 0, or -1 if it is not a number or out of range.
 */
int parse_num(const char *s, long long min, long long max, long long *out)
{
	const char *digits = s + (*s == '-');
	bool hex = digits[0] == '0' && (digits[1] | 0x20) == 'x';
	long long val;
	char *end;

	if (!isdigit((unsigned char)*digits))
		return -1;
	errno = 0;
	val = strtoll(s, &end, hex ? 16 : 10);
	if (errno || *end || val < min || val > max)
		return -1;
	*out = val;
	return 0;
}

static int unit_shift(const char *unit)
{
	static const char letters[] = "BKMGT";
	const char *p = strchr(letters, toupper((unsigned char)*unit));

	if (!*unit || !p)
		return -1;
	if (unit[1] && strcasecmp(unit + 1, "iB"))
		return -1;
	if (unit[1] && p == letters)
		return -1;
	return (int)(p - letters) * 10;
}

/* Parse a length with a unit: 64K, 10M, 1G, 12345B. Returns -1 if @s is not a length. */
int parse_size(const char *s, __u64 *bytes)
{
	unsigned long long val;
	char *end;
	int shift;

	if (!isdigit((unsigned char)*s))
		return -1;
	errno = 0;
	val = strtoull(s, &end, 10);
	if (errno)
		return -1;
	shift = unit_shift(end);
	if (shift < 0 || val > ULLONG_MAX >> shift)
		return -1;
	*bytes = val << shift;
	return 0;
}

/*
 * The names of gfp flags. For printing, the table is searched from the top for entries that
 * match, so a group must precede the groups that it includes. Only entries with @bit are
 * listed as flags that the module accepts.
 */
static const struct gfp_name {
	const char *name;
	__u32 bits;
	bool bit;
} gfp_names[] = {
	{ "TRANSHUGE",		ZB_GFP_TRANSHUGE,		false },
	{ "HIGHUSER_MOVABLE",	ZB_GFP_HIGHUSER_MOVABLE,	false },
	{ "HIGHUSER",		ZB_GFP_HIGHUSER,		false },
	{ "USER",		ZB_GFP_USER,			false },
	{ "KERNEL_ACCOUNT",	ZB_GFP_KERNEL_ACCOUNT,		false },
	{ "TEMPORARY",		ZB_GFP_TEMPORARY,		false },
	{ "KERNEL",		ZB_GFP_KERNEL,			false },
	{ "NOFS",		ZB_GFP_NOFS,			false },
	{ "NOIO",		ZB_GFP_NOIO,			false },
	{ "ATOMIC",		ZB_GFP_ATOMIC,			false },
	{ "NOWAIT",		ZB_GFP_NOWAIT,			false },
	{ "RECLAIM",		__ZB_GFP_RECLAIM,		false },
	{ "DMA",		__ZB_GFP_DMA,			true },
	{ "DMA32",		__ZB_GFP_DMA32,			true },
	{ "HIGHMEM",		__ZB_GFP_HIGHMEM,		true },
	{ "MOVABLE",		__ZB_GFP_MOVABLE,		true },
	{ "RECLAIMABLE",	__ZB_GFP_RECLAIMABLE,		true },
	{ "HIGH",		__ZB_GFP_HIGH,			true },
	{ "IO",			__ZB_GFP_IO,			true },
	{ "FS",			__ZB_GFP_FS,			true },
	{ "COLD",		__ZB_GFP_COLD,			true },
	{ "NOWARN",		__ZB_GFP_NOWARN,		true },
	{ "REPEAT",		__ZB_GFP_REPEAT,		true },
	{ "NOFAIL",		__ZB_GFP_NOFAIL,		true },
	{ "NORETRY",		__ZB_GFP_NORETRY,		true },
	{ "MEMALLOC",		__ZB_GFP_MEMALLOC,		true },
	{ "COMP",		__ZB_GFP_COMP,			true },
	{ "ZERO",		__ZB_GFP_ZERO,			true },
	{ "NOMEMALLOC",		__ZB_GFP_NOMEMALLOC,		true },
	{ "HARDWALL",		__ZB_GFP_HARDWALL,		true },
	{ "THISNODE",		__ZB_GFP_THISNODE,		true },
	{ "ATOMIC",		__ZB_GFP_ATOMIC,		true },
	{ "ACCOUNT",		__ZB_GFP_ACCOUNT,		true },
	{ "NOTRACK",		__ZB_GFP_NOTRACK,		true },
	{ "DIRECT_RECLAIM",	__ZB_GFP_DIRECT_RECLAIM,	true },
	{ "OTHER_NODE",		__ZB_GFP_OTHER_NODE,		true },
	{ "WRITE",		__ZB_GFP_WRITE,			true },
	{ "KSWAPD_RECLAIM",	__ZB_GFP_KSWAPD_RECLAIM,	true },
};

/* Prefixes are optional: __GFP_MOVABLE, GFP_KERNEL and names of the uapi header work, too. */
static const char *gfp_strip(const char *s)
{
	static const char * const prefixes[] = {
		"__ZB_GFP_", "ZB_GFP_", "__GFP_", "GFP_",
	};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t len = strlen(prefixes[i]);

		if (!strncasecmp(s, prefixes[i], len))
			return s + len;
	}
	return s;
}

static int gfp_lookup(const char *name, __u32 *bits)
{
	bool only_bits;
	long long val;

	if (!parse_num(name, 0, UINT_MAX, &val)) {
		*bits = (__u32)val;
		return 0;
	}
	/* ATOMIC is both a group and one of its bits; with the prefix __, it is the bit */
	only_bits = !strncmp(name, "__", 2);
	name = gfp_strip(name);
	for (size_t i = 0; i < ARRAY_SIZE(gfp_names); i++) {
		if (only_bits && !gfp_names[i].bit)
			continue;
		if (!strcasecmp(name, gfp_names[i].name)) {
			*bits = gfp_names[i].bits;
			return 0;
		}
	}
	return -1;
}

/* Flags that only modules may use; the module rejects them with EINVAL. */
#define GFP_FOR_MODULES	(__ZB_GFP_NOFAIL | __ZB_GFP_COMP | __ZB_GFP_ZERO | \
			 __ZB_GFP_NOTRACK | __ZB_GFP_OTHER_NODE | __ZB_GFP_ACCOUNT)

static int gfp_unknown(const char *name)
{
	char known[512] = "";
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(gfp_names) && len < sizeof(known); i++) {
		const struct gfp_name *n = &gfp_names[i];

		/* ATOMIC has been listed as a group */
		if (n->bits & GFP_FOR_MODULES || n->bits == __ZB_GFP_ATOMIC)
			continue;
		len += (size_t)snprintf(known + len, sizeof(known) - len,
					"%s%s", len ? " " : "", n->name);
	}
	return usage_err("--gfp: unknown flag '%s': use a number like 0x24000c0 or %s",
			 name, known);
}

/* Parse names and numbers separated by commas or bars; prints an error line on failure. */
int parse_gfp(const char *s, __u32 *gfp)
{
	char *copy = strdup(s);
	char *save = NULL;
	__u32 all = 0, bits;
	char *tok;
	int rc = 0;

	if (!copy)
		return zb_err("out of memory");
	tok = strtok_r(copy, ",| ", &save);
	if (!tok)
		rc = usage_err("--gfp is empty: try --gfp KERNEL");
	for (; tok && !rc; tok = strtok_r(NULL, ",| ", &save)) {
		if (gfp_lookup(tok, &bits))
			rc = gfp_unknown(tok);
		else
			all |= bits;
	}
	free(copy);
	if (!rc)
		*gfp = all;
	return rc;
}

static const char *gfp_join(__u32 gfp, char buf[GFP_TEXT], bool bits_only)
{
	__u32 left = gfp;
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(gfp_names); i++) {
		const struct gfp_name *n = &gfp_names[i];

		if ((bits_only && !n->bit) || (gfp & n->bits) != n->bits ||
		    !(left & n->bits) || len >= GFP_TEXT)
			continue;
		left &= ~n->bits;
		len += (size_t)snprintf(buf + len, GFP_TEXT - len, "%s%s",
					len ? "," : "", n->name);
	}
	if ((left || !gfp) && len < GFP_TEXT)
		snprintf(buf + len, GFP_TEXT - len, "%s%#x", len ? "," : "",
			 left);
	return buf;
}

/* Format flags as a user would type them, with groups. */
const char *gfp_text(__u32 gfp, char buf[GFP_TEXT])
{
	return gfp_join(gfp, buf, false);
}

/* Format flags as names of single bits. */
const char *gfp_bits_text(__u32 gfp, char buf[GFP_TEXT])
{
	return gfp_join(gfp, buf, true);
}

/* Format ZB_FEATURE_* bits as names, and unknown bits as a number. */
const char *features_text(__u64 features, char buf[GFP_TEXT])
{
	static const struct {
		__u64 bit;
		const char *name;
	} names[] = {
		{ ZB_FEATURE_DMABUF, "dmabuf" },
		{ ZB_FEATURE_MMAP_HUGE, "mmap_huge" },
		{ ZB_FEATURE_LONGTERM_PIN, "longterm_pin" },
		{ ZB_FEATURE_DMEM, "dmem" },
		{ ZB_FEATURE_MEMLOCK, "memlock" },
		{ ZB_FEATURE_EXPLAIN, "explain" },
		{ ZB_FEATURE_FILES, "files" },
		{ ZB_FEATURE_DISCARD, "discard" },
		{ ZB_FEATURE_RANGE, "range" },
		{ ZB_FEATURE_RESIZE, "resize" },
		{ ZB_FEATURE_EMPTY, "empty" },
		{ ZB_FEATURE_RANGE_WAIT, "range_wait" },
		{ ZB_FEATURE_HUGE_PAGES, "huge_pages" },
		{ ZB_FEATURE_BULK_RANGE, "bulk_range" },
	};
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!(features & names[i].bit))
			continue;
		features &= ~names[i].bit;
		len += (size_t)snprintf(buf + len, GFP_TEXT - len, "%s%s",
					len ? "," : "", names[i].name);
	}
	if (features)
		snprintf(buf + len, GFP_TEXT - len, "%s%#llx", len ? "," : "",
			 features);
	return buf;
}

/* The highest zone that @gfp may take from. */
unsigned int gfp_zone(__u32 gfp)
{
	if (gfp & __ZB_GFP_DMA)
		return ZB_ZONE_DMA;
	if (gfp & __ZB_GFP_DMA32)
		return ZB_ZONE_DMA32;
	if (!(gfp & __ZB_GFP_HIGHMEM))
		return ZB_ZONE_NORMAL;
	return gfp & __ZB_GFP_MOVABLE ? ZB_ZONE_MOVABLE : ZB_ZONE_HIGHMEM;
}

unsigned int gfp_migratetype(__u32 gfp)
{
	if (gfp & __ZB_GFP_MOVABLE)
		return ZB_MIGRATE_MOVABLE;
	if (gfp & __ZB_GFP_RECLAIMABLE)
		return ZB_MIGRATE_RECLAIMABLE;
	return ZB_MIGRATE_UNMOVABLE;
}

const char *zone_name(unsigned int type)
{
	static const char * const names[ZB_NR_ZONES] = {
		[ZB_ZONE_DMA]		= "DMA",
		[ZB_ZONE_DMA32]		= "DMA32",
		[ZB_ZONE_NORMAL]	= "Normal",
		[ZB_ZONE_HIGHMEM]	= "HighMem",
		[ZB_ZONE_MOVABLE]	= "Movable",
	};

	return type < ZB_NR_ZONES ? names[type] : "unknown";
}

const char *migratetype_name(unsigned int type)
{
	static const char * const names[ZB_MIGRATE_TYPES] = {
		[ZB_MIGRATE_UNMOVABLE]		= "Unmovable",
		[ZB_MIGRATE_MOVABLE]		= "Movable",
		[ZB_MIGRATE_RECLAIMABLE]	= "Reclaimable",
		[ZB_MIGRATE_HIGHATOMIC]		= "HighAtomic",
		[ZB_MIGRATE_CMA]		= "CMA",
		[ZB_MIGRATE_ISOLATE]		= "Isolate",
	};

	return type < ZB_MIGRATE_TYPES ? names[type] : "unknown";
}

static const char *format_size(__u64 bytes, bool round_up)
{
	static __thread char ring[8][32];
	static __thread unsigned int next;
	char *buf = ring[next++ % ARRAY_SIZE(ring)];
	unsigned int unit = 0;
	__u64 rest = 0, lost = 0, tenths;

	while (bytes >= 1024 && unit < 5) {
		lost |= rest;
		rest = bytes % 1024;
		bytes /= 1024;
		unit++;
	}
	if (round_up) {
		tenths = ((rest + !!lost) * 10 + 1023) / 1024;
		bytes += tenths / 10;
		tenths %= 10;
		rest = tenths;
	} else {
		tenths = rest * 10 / 1024;
	}
	if (rest)
		snprintf(buf, sizeof(ring[0]), "%llu.%llu%c", bytes, tenths, "BKMGTP"[unit]);
	else
		snprintf(buf, sizeof(ring[0]), "%llu%c", bytes, "BKMGTP"[unit]);
	return buf;
}

/* 64K, 2M, 1.5G, rounded down; the result is valid until the eighth call after this one. */
const char *size_text(__u64 bytes)
{
	return format_size(bytes, false);
}

/*
 * The same, rounded up: for memory that cannot be used, so that the difference between a size
 * and this one is never shown larger than it is.
 */
const char *size_text_up(__u64 bytes)
{
	return format_size(bytes, true);
}

#define ERRNO(e)	{ #e, e }

static const struct {
	const char *name;
	int err;
} errnos[] = {
	ERRNO(EPERM), ERRNO(ENOENT), ERRNO(EINTR), ERRNO(EIO), ERRNO(ENXIO),
	ERRNO(E2BIG), ERRNO(EBADF), ERRNO(EAGAIN), ERRNO(ENOMEM),
	ERRNO(EACCES), ERRNO(EFAULT), ERRNO(EBUSY), ERRNO(EEXIST),
	ERRNO(ENODEV), ERRNO(EINVAL), ERRNO(EMFILE), ERRNO(ENOTTY),
	ERRNO(EFBIG), ERRNO(ENOSPC), ERRNO(ERANGE), ERRNO(EOVERFLOW),
	ERRNO(EOPNOTSUPP), ERRNO(EDQUOT),
};

const char *errno_name(int err)
{
	for (size_t i = 0; i < ARRAY_SIZE(errnos); i++) {
		if (errnos[i].err == err)
			return errnos[i].name;
	}
	return strerror(err);
}

/* The number of letters to insert, remove or change to get from @a to @b. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[32], diag, up;
	size_t nb = strlen(b);

	if (nb >= ARRAY_SIZE(row))
		return UINT_MAX;
	for (unsigned int j = 0; j <= nb; j++)
		row[j] = j;
	for (unsigned int i = 1; *a; a++, i++) {
		diag = row[0];
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			up = row[j];
			row[j] = diag + (*a != b[j - 1]);
			if (row[j] > up + 1)
				row[j] = up + 1;
			if (row[j] > row[j - 1] + 1)
				row[j] = row[j - 1] + 1;
			diag = up;
		}
	}
	return row[nb];
}

/* The most similar name to @word, or NULL if none is similar. */
const char *closest(const char *word, const char *(*name)(size_t i), size_t nr)
{
	const char *best = NULL;
	unsigned int least = UINT_MAX;

	for (size_t i = 0; i < nr; i++) {
		unsigned int d = distance(word, name(i));

		if (d < least) {
			least = d;
			best = name(i);
		}
	}
	return best && least <= 3 && least < strlen(best) ? best : NULL;
}
