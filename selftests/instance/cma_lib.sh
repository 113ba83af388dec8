# SPDX-License-Identifier: GPL-2.0
#
# Helpers for tests that compare CmaFree, the free memory of all CMA areas.
#
# shellcheck shell=sh disable=SC2034  # variables are used by the scripts that include this

SLACK=16384	# kB of CMA memory that the kernel may use itself

# Set $now to the free CMA memory in kB, or to nothing.
look() {
	now=
	while read -r key value _; do
		[ "$key" != CmaFree: ] || now=$value
	done </proc/meminfo
}

# Set $listed to the memory in kB on the kernel's per-CPU lists, which CmaFree does not include.
# Pages that are given back go there. When many pages are freed in a short time, the kernel makes
# these lists longer, up to an eighth of its memory.
look_at_lists() {
	listed=0
	while read -r key value _; do
		[ "$key" != count: ] || listed=$((listed + value * 4))
	done </proc/zoneinfo
}

# has_free KB: CmaFree has this value or more, if the per-CPU lists are included.
has_free() {
	listed=0
	look
	[ $(($1 - now)) -gt "$SLACK" ] || return 0
	look_at_lists
	[ $(($1 - now - listed)) -le "$SLACK" ]
}
