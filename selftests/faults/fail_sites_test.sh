#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Checks that every call in the module that allocates memory has failed once. Must run after
# fail_load_test and fail_test, which note the location of each failure.

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/test_lib.sh
. ./test_lib.sh

seen=/tmp/zbuddy_fail_sites
[ -s alloc_sites ] || skip_all "no file alloc_sites, which make stage creates"
[ -s $seen ] || skip_all "no failures were noted: no fault injection, or fail_test has not run"

has_failed() {
	case $failed_sites in
	*" $1 "*) ;;
	*) return 1 ;;
	esac
}

# cannot_fail SITE CALLEE: calls that fault injection can't make fail.
cannot_fail() {
	case $1 in
	# Simulates memory errors, not failed allocations; compact_test makes it fail.
	zb_should_fail_copy+*) return 0 ;;
	esac
	case $2 in
	# Not covered by the kernel's fault injection as long as its own pool suffices.
	pcpu_alloc_noprof) return 0 ;;
	# They allocate from free page frames and need no other memory unless pages must be
	# migrated. load_test.sh covers a lack of contiguous frames.
	cma_alloc | alloc_contig_range_noprof | dma_alloc_pages) return 0 ;;
	# They need a page table on other architectures only.
	vmf_insert_pfn_pmd | vmf_insert_folio_pmd) return 0 ;;
	# Called with heap=1 only, when the module can't be unloaded: see ci/heap.sh.
	dma_heap_add) return 0 ;;
	esac
	return 1
}

# has_copies SITE CALLEE: the compiler may duplicate this call for a case that does not
# occur (a buffer without a file is never charged to a cgroup). One copy must have failed.
has_copies() {
	[ "$2" = dmem_cgroup_try_charge ] &&
		while read -r other callee; do
			[ "$callee" != "$2" ] || ! has_failed "$other" || return 0
		done <alloc_sites
	return 1
}

failed_sites=" $(sed 's,/.*,,' $seen | sort -u | tr '\n' ' ')"
say "$(wc -l <$seen) failures in $(echo "$failed_sites" | wc -w) calls"
while read -r site callee; do
	name="$callee in $site"
	if has_failed "$site"; then
		ok "$name"
	elif cannot_fail "$site" "$callee"; then
		skip "$name" "cannot be made to fail"
	elif has_copies "$site" "$callee"; then
		skip "$name" "a copy of this call has failed"
	else
		not_ok "$name"
	fi
done <alloc_sites
finish
