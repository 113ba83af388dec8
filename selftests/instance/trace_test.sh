#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The trace events of system zbuddy: their fields are those of the kernel's events with the
# same names (systems kmem, compaction and vmscan), so that the same tools work; and they are
# emitted as documented.

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/test_lib.sh
. ./test_lib.sh

T=/sys/kernel/tracing
[ "$(id -u)" -eq 0 ] || skip_all "must be root"
[ -c /dev/zbuddy ] || skip_all "no /dev/zbuddy: insmod zbuddy.ko first"
[ -d $T/events/zbuddy ] || skip_all "no $T/events/zbuddy"

events="mm_page_alloc mm_page_free mm_page_free_batched mm_page_alloc_zone_locked
	mm_page_pcpu_drain mm_page_alloc_extfrag pageblock_migratetype
	mm_compaction_try_to_compact_pages mm_compaction_begin mm_compaction_end
	mm_compaction_migratepages mm_vmscan_wakeup_kswapd mm_vmscan_kswapd_wake
	mm_vmscan_kswapd_sleep mm_vmscan_direct_reclaim_begin mm_vmscan_direct_reclaim_end"

# fields SYSTEM EVENT: print type, name and size of each field, except common fields.
fields() {
	sed -n 's/^\tfield:\(.*\);\toffset:[0-9]*;\t\(size:[0-9]*\);.*/\1 \2/p' \
		"$T/events/$1/$2/format" | grep -v ' common_'
}

same_fields() {
	case $1 in
	mm_compaction_*) system=compaction ;;
	mm_vmscan_*) system=vmscan ;;
	*) system=kmem ;;
	esac
	if [ ! -e "$T/events/$system/$1/format" ]; then
		skip "fields of $1" "the kernel has no such event"
		return
	fi
	# Kernels have different orders of the fields, and newer ones also the memory cgroup.
	fields $system "$1" | grep -v ' memcg_id ' | sort >"$out"
	fields zbuddy "$1" | sort >"$err"
	[ -s "$out" ] && diff "$out" "$err" >"$TMP/diff"
	status=$?
	[ $status -eq 0 ] || show "$TMP/diff"
	verdict "fields of $1 are those of $system" $status
}

# traced COMMAND...: run it and write its events to $TMP/trace, one "EVENT: FIELDS" per line.
traced() {
	echo 0 >$T/tracing_on
	echo >$T/trace
	echo 1 >$T/events/zbuddy/enable
	echo 1 >$T/tracing_on
	"$@" >"$out" 2>&1
	status=$?
	echo 0 >$T/tracing_on
	echo 0 >$T/events/zbuddy/enable
	[ $status -eq 0 ] || show "$out"
	sed -n 's/^[^#].*: \([mp][a-z]*_[a-z_]*: .*\)/\1/p' $T/trace >"$TMP/trace"
}

# has NAME REGEX: the trace must have a matching line.
has() {
	grep -q "$2" "$TMP/trace"
	result=$?
	[ $result -eq 0 ] || { say "no line matches $2:"; head -n 20 "$TMP/trace" >"$out"; show "$out"; }
	verdict "$1" $result
}

# Events about allocating and freeing a block must have the same pfn.
same_pfn() {
	a=$(sed -n 's/^mm_page_alloc: pfn=\([^ ]*\) order=5 .*/\1/p' "$TMP/trace")
	f=$(sed -n 's/^mm_page_free: pfn=\([^ ]*\) order=5$/\1/p' "$TMP/trace")
	[ "$a" ] && [ "$a" = "$f" ]
	status=$?
	[ $status -eq 0 ] || say "allocated '$a', freed '$f'"
	verdict "mm_page_free has the pfn of mm_page_alloc" $status
}

inside() {
	start=$(sed -n 's/^ *start_pfn: *//p' "$DEBUGFS/zoneinfo" | sort -n | head -n 1)
	pages=$(sed -n 's/^ok .* \([0-9]*\) pages$/\1/p' "$DEBUGFS/check")
	pfn=$(($(sed -n 's/^mm_page_alloc: pfn=\([^ ]*\) .*/\1/p' "$TMP/trace" | head -n 1)))
	[ "$pfn" -ge "$start" ] && [ "$pfn" -lt $((start + pages)) ]
	status=$?
	[ $status -eq 0 ] || say "pfn $pfn, region $start + $pages"
	verdict "pfn is within the region" $status
}

all_there() {
	result=0
	for event in $events; do
		[ -e "$T/events/zbuddy/$event/enable" ] || { say "no event $event"; result=1; }
	done
	verdict "all events exist" $result
}

filtered() {
	echo 'order == 3' >$T/events/zbuddy/mm_page_alloc/filter
	traced sh -c 'zbctl hold 3 --seconds 0; zbctl hold 4 --seconds 0'
	echo 0 >$T/events/zbuddy/mm_page_alloc/filter
	grep '^mm_page_alloc:' "$TMP/trace" | grep -v ' order=3 ' >"$out"
	[ ! -s "$out" ] && grep -q '^mm_page_alloc: .* order=3 ' "$TMP/trace"
	status=$?
	[ $status -eq 0 ] || show "$out"
	verdict "filter by field" $status
}

refused_alloc() {
	# Allocate until a request fails.
	zbctl hold "$(info_number max_order)" --count 1000 --gfp KERNEL,NORETRY,NOWARN --seconds 0 >/dev/null 2>&1
	return 0
}

echo "TAP version 13"
# The last close() drains the per-CPU lists; prevent that by an open file.
exec 7<>/dev/zbuddy
all_there
for event in $events; do
	[ "$event" = pageblock_migratetype ] || same_fields "$event"
done
zbctl drain >/dev/null

# The order is too large for per-CPU lists, and this is the first unmovable request, which
# claims a pageblock.
traced zbctl hold 5 --gfp KERNEL --seconds 0
has "mm_page_alloc" '^mm_page_alloc: pfn=0x[0-9a-f]* order=5 migratetype=Unmovable gfp_flags=ZB_GFP_KERNEL$'
has "mm_page_free" '^mm_page_free: pfn=0x[0-9a-f]* order=5$'
same_pfn
inside
has "mm_page_alloc_zone_locked" '^mm_page_alloc_zone_locked: pfn=0x[0-9a-f]* order=5 migratetype=Unmovable percpu_refill=[01]$'
has "mm_page_alloc_extfrag" '^mm_page_alloc_extfrag: pfn=0x[0-9a-f]* alloc_order=5 fallback_order=[0-9]* .*alloc_migratetype=Unmovable fallback_migratetype=Movable .*change_ownership=1$'
has "pageblock_migratetype" '^pageblock_migratetype: pfn=0x[0-9a-f]* old_migratetype=Movable new_migratetype=Unmovable$'

# In one trace, because lists that are not used for 5 s are drained without a request.
traced sh -c 'zbctl hold 0 --gfp TEMPORARY --count 20 --seconds 0; zbctl drain'
has "migratetype of reclaimable memory" '^mm_page_alloc: .* order=0 migratetype=Reclaimable gfp_flags=ZB_GFP_TEMPORARY$'
has "mm_page_pcpu_drain" '^mm_page_pcpu_drain: pfn=0x[0-9a-f]* order=0 migratetype=Reclaimable$'

# gfp_flags are printed as the largest matching group and the names of further bits.
traced zbctl hold 5 --gfp KERNEL,COLD --seconds 0
has "gfp_flags: a group and a bit" '^mm_page_alloc: .* gfp_flags=ZB_GFP_KERNEL|__ZB_GFP_COLD$'
traced zbctl hold 5 --gfp HIGHUSER_MOVABLE,NORETRY --seconds 0
has "gfp_flags: the largest group" '^mm_page_alloc: .* migratetype=Movable gfp_flags=ZB_GFP_HIGHUSER_MOVABLE|__ZB_GFP_NORETRY$'
traced zbctl hold 5 --gfp 0 --seconds 0
has "gfp_flags: none" '^mm_page_alloc: .* gfp_flags=0$'
traced zbctl hold 5 --gfp IO,COLD,NORETRY,DIRECT_RECLAIM,WRITE,HARDWALL,THISNODE,NOWARN --seconds 0
has "gfp_flags: bits" '^mm_page_alloc: .* gfp_flags=__ZB_GFP_IO|__ZB_GFP_COLD|__ZB_GFP_NOWARN|__ZB_GFP_NORETRY|__ZB_GFP_HARDWALL|__ZB_GFP_THISNODE|__ZB_GFP_DIRECT_RECLAIM|__ZB_GFP_WRITE$'

traced refused_alloc
has "a failed request" '^mm_page_alloc: pfn=0x\(0\|f*\) order='
has "mm_compaction_try_to_compact_pages" '^mm_compaction_try_to_compact_pages: order=[0-9]* gfp_mask=ZB_GFP_KERNEL|__ZB_GFP_NOWARN|__ZB_GFP_NORETRY priority=0$'
filtered

# Every other of eight halves of a pageblock stays, so that two pageblocks can be made free.
for _ in 1 2 3 4 5 6 7 8; do
	zbctl alloc 1M --quiet --gfp HIGHUSER_MOVABLE
done >"$TMP/ids"
# shellcheck disable=SC2046
zbctl free --quiet $(sed -n 'p;n' "$TMP/ids")
traced zbctl compact
has "mm_compaction_begin" '^mm_compaction_begin: zone_start=0x\([0-9a-f]*\) migrate_pfn=0x\1 free_pfn=0x\([0-9a-f]*\) zone_end=0x\2, mode=sync$'
has "mm_compaction_end" '^mm_compaction_end: zone_start=0x[0-9a-f]* .* mode=sync status=success$'
has "mm_compaction_migratepages" '^mm_compaction_migratepages: nr_migrated=256 nr_failed=0$'
# shellcheck disable=SC2046
zbctl free --quiet $(sed -n 'n;p' "$TMP/ids")

# Memory of a buffer that is not needed is taken back for a request, and in the background.
traced zbctl pressure 9
has "mm_vmscan_wakeup_kswapd" '^mm_vmscan_wakeup_kswapd: nid=[0-9]* order=9 gfp_flags=ZB_GFP_KERNEL|__ZB_GFP_NOWARN$'
has "mm_vmscan_kswapd_wake" '^mm_vmscan_kswapd_wake: nid=[0-9]* order=9$'
has "mm_vmscan_kswapd_sleep" '^mm_vmscan_kswapd_sleep: nid=[0-9]*$'
has "mm_vmscan_direct_reclaim_begin" '^mm_vmscan_direct_reclaim_begin: order=9 gfp_flags=ZB_GFP_KERNEL|__ZB_GFP_NOWARN$'
has "mm_vmscan_direct_reclaim_end" '^mm_vmscan_direct_reclaim_end: nr_reclaimed=[0-9]*$'

exec 7>&-
if [ -e ./zb_api_test.ko ] && insmod ./zb_api_test.ko only=get_free_page 2>/dev/null; then
	rmmod zb_api_test
	traced sh -c 'insmod ./zb_api_test.ko only=bulk_array && rmmod zb_api_test'
	has "mm_page_free_batched" '^mm_page_free_batched: pfn=0x[0-9a-f]* order=0$'
else
	skip "mm_page_free_batched" "can't load zb_api_test.ko"
fi
echo >$T/trace
finish
