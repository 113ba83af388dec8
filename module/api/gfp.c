// SPDX-License-Identifier: GPL-2.0-only
/* Converts flags of the kernel that are not known when the caller is compiled. */
#include <linux/cache.h>
#include <linux/export.h>
#include <linux/zbuddy.h>

#include "api.h"

#define BYTES	sizeof(gfp_t)

/* The flags of zbuddy for each value of each byte of the kernel's flags. */
static zb_gfp_t of_byte[BYTES][256] __ro_after_init;

/**
 * zb_api_gfp_init() - build the table for __zb_gfp_look_up()
 *
 * Context: before other modules can call the functions.
 */
void __init zb_api_gfp_init(void)
{
	unsigned int byte, value;

	for (byte = 0; byte < BYTES; byte++)
		for (value = 0; value < 256; value++)
			of_byte[byte][value] =
				__zb_gfp_convert_bits((__force gfp_t)(value << 8 * byte));
}

/**
 * __zb_gfp_look_up() - convert flags of the kernel's page allocator
 * @gfp: flags for alloc_pages()
 *
 * Callers use zb_gfp_from_kernel().
 *
 * Context: any.
 * Return: the flags for zb_alloc_pages().
 */
zb_gfp_t __zb_gfp_look_up(gfp_t gfp)
{
	u32 bits = (__force u32)gfp;
	zb_gfp_t to = __zb_gfp_atomic(gfp);
	unsigned int byte;

	for (byte = 0; byte < BYTES; byte++, bits >>= 8)
		to |= of_byte[byte][bits & 0xff];
	return to;
}
EXPORT_SYMBOL_GPL(__zb_gfp_look_up);
