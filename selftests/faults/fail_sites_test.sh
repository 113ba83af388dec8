#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Has every call in the module that needs memory failed? To be run after
# fail_load_test and fail_test, which note where each failure was.

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/test_lib.sh
. ./test_lib.sh

seen=/tmp/zbuddy_fail_sites
[ -s alloc_sites ] || skip_all "no list of calls: it is made by make stage"
[ -s $seen ] || skip_all "no failures noted: no fault injection, or fail_test has not run"

# Calls that no injected failure can reach, by what they call, with the reason.
cannot_fail() {
	case $2 in
	# Not part of the kernel's fault injection: they take from memory they have.
	pcpu_alloc_noprof) return 0 ;;
	# They take free frames, and need nothing else as long as none is in use; that
	# there are none, or too few in one piece, is what load_test.sh is about.
	cma_alloc | alloc_contig_range_noprof | dma_alloc_pages) return 0 ;;
	# Needs a page table on other architectures only.
	vmf_insert_pfn_pmd) return 0 ;;
	# With heap=1 only, and the module can't be unloaded then: see heap.sh.
	dma_heap_add) return 0 ;;
	esac
	return 1
}

# There may be a second copy, for a case that does not occur: a buffer of no file is
# never charged to a cgroup.
has_copies() {
	[ "$2" = dmem_cgroup_try_charge ] &&
		while read -r other callee; do
			[ "$callee" != "$2" ] || ! grep -q "^$other/" "$TMP/seen" || return 0
		done <alloc_sites
	return 1
}

sort -u $seen >"$TMP/seen"
say "$(wc -l <$seen) failures at $(wc -l <"$TMP/seen") places"
while read -r site callee; do
	name="$callee in $site"
	if grep -q "^$site/" "$TMP/seen"; then
		ok "$name"
	elif cannot_fail "$site" "$callee"; then
		skip "$name" "cannot be made to fail"
	elif has_copies "$site" "$callee"; then
		skip "$name" "a copy of it has failed"
	else
		not_ok "$name"
	fi
done <alloc_sites
finish
