#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The events of trace system zbuddy: what reads the kernel's own events of these
# names (trace system kmem) can read them too, and they come when they should.

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/test_lib.sh
. ./test_lib.sh

T=/sys/kernel/tracing
[ "$(id -u)" -eq 0 ] || skip_all "must be root"
[ -c /dev/zbuddy ] || skip_all "no /dev/zbuddy: insmod zbuddy.ko first"
[ -d $T/events/zbuddy ] || skip_all "no $T/events/zbuddy"

events="mm_page_alloc mm_page_free mm_page_free_batched mm_page_alloc_zone_locked
	mm_page_pcpu_drain mm_page_alloc_extfrag pageblock_migratetype"

# fields SYSTEM EVENT: type, name and size of each field, without the common ones.
fields() {
	sed -n 's/^\tfield:\(.*\);\toffset:[0-9]*;\t\(size:[0-9]*\);.*/\1 \2/p' \
		"$T/events/$1/$2/format" | grep -v ' common_'
}

same_fields() {
	if [ ! -e "$T/events/kmem/$1/format" ]; then
		skip "fields of $1" "the kernel has no such event"
		return
	fi
	fields kmem "$1" >"$out"
	fields zbuddy "$1" >"$err"
	[ -s "$out" ] && diff "$out" "$err" >"$TMP/diff"
	status=$?
	[ $status -eq 0 ] || show "$TMP/diff"
	verdict "fields of $1 are those of kmem" $status
}

# traced COMMAND...: $TMP/trace has the events meanwhile, one per line:
# "EVENT: FIELDS".
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
	sed -n 's/^[^#].*: \([a-z_]*: pfn=.*\)/\1/p' $T/trace >"$TMP/trace"
}

# has NAME REGEX: the trace has such a line.
has() {
	grep -q "$2" "$TMP/trace"
	result=$?
	[ $result -eq 0 ] || { say "no line is like $2:"; head -n 20 "$TMP/trace" >"$out"; show "$out"; }
	verdict "$1" $result
}

# The block that was allocated is the one that was freed.
same_pfn() {
	a=$(sed -n 's/^mm_page_alloc: pfn=\([^ ]*\) order=5 .*/\1/p' "$TMP/trace")
	f=$(sed -n 's/^mm_page_free: pfn=\([^ ]*\) order=5$/\1/p' "$TMP/trace")
	[ "$a" ] && [ "$a" = "$f" ]
	status=$?
	[ $status -eq 0 ] || say "allocated '$a', freed '$f'"
	verdict "mm_page_free is of the same pfn" $status
}

inside() {
	start=$(sed -n 's/^ *start_pfn: *//p' "$DEBUGFS/zoneinfo" | sort -n | head -n 1)
	pages=$(sed -n 's/^ok .* \([0-9]*\) pages$/\1/p' "$DEBUGFS/check")
	pfn=$(($(sed -n 's/^mm_page_alloc: pfn=\([^ ]*\) .*/\1/p' "$TMP/trace" | head -n 1)))
	[ "$pfn" -ge "$start" ] && [ "$pfn" -lt $((start + pages)) ]
	status=$?
	[ $status -eq 0 ] || say "pfn $pfn, region $start + $pages"
	verdict "pfn is one of the region" $status
}

all_there() {
	result=0
	for event in $events; do
		[ -e "$T/events/zbuddy/$event/enable" ] || { say "no $event"; result=1; }
	done
	verdict "all events are there" $result
}

filtered() {
	echo 'order == 3' >$T/events/zbuddy/mm_page_alloc/filter
	traced sh -c 'zbctl hold 3 --seconds 0; zbctl hold 4 --seconds 0'
	echo 0 >$T/events/zbuddy/mm_page_alloc/filter
	grep '^mm_page_alloc:' "$TMP/trace" | grep -v ' order=3 ' >"$out"
	[ ! -s "$out" ] && grep -q '^mm_page_alloc: .* order=3 ' "$TMP/trace"
	status=$?
	[ $status -eq 0 ] || show "$out"
	verdict "filters know the fields" $status
}

refused_alloc() {
	# All there is, and one more.
	order=$(zbctl info --json | sed 's/[,{]/\n/g' | sed -n 's/.*"max_order": *\([0-9]*\).*/\1/p' | head -n 1)
	zbctl hold "$order" --count 1000 --gfp KERNEL,NORETRY,NOWARN --seconds 0 >/dev/null 2>&1
	return 0
}

echo "TAP version 13"
# While somebody has the device open, lists are not emptied at each close.
exec 7<>/dev/zbuddy
all_there
for event in $events; do
	[ "$event" = pageblock_migratetype ] || same_fields "$event"
done
zbctl drain >/dev/null

# Not on a per-CPU list, and the first of its kind: a pageblock is claimed.
traced zbctl hold 5 --gfp KERNEL --seconds 0
has "mm_page_alloc" '^mm_page_alloc: pfn=0x[0-9a-f]* order=5 migratetype=Unmovable gfp_flags=ZB_GFP_KERNEL$'
has "mm_page_free" '^mm_page_free: pfn=0x[0-9a-f]* order=5$'
same_pfn
inside
has "mm_page_alloc_zone_locked" '^mm_page_alloc_zone_locked: pfn=0x[0-9a-f]* order=5 migratetype=Unmovable percpu_refill=[01]$'
has "mm_page_alloc_extfrag" '^mm_page_alloc_extfrag: pfn=0x[0-9a-f]* alloc_order=5 fallback_order=[0-9]* .*alloc_migratetype=Unmovable fallback_migratetype=Movable .*change_ownership=1$'
has "pageblock_migratetype" '^pageblock_migratetype: pfn=0x[0-9a-f]* old_migratetype=Movable new_migratetype=Unmovable$'

traced zbctl hold 0 --gfp TEMPORARY --count 20 --seconds 0
has "migratetype of reclaimable memory" '^mm_page_alloc: .* order=0 migratetype=Reclaimable gfp_flags=ZB_GFP_TEMPORARY$'
traced zbctl drain
has "mm_page_pcpu_drain" '^mm_page_pcpu_drain: pfn=0x[0-9a-f]* order=0 migratetype=Reclaimable$'

# Groups as groups, and each bit that is left by its name.
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
filtered

exec 7>&-
if [ -e ./zb_api_test.ko ] && insmod ./zb_api_test.ko only=get_free_page 2>/dev/null; then
	rmmod zb_api_test
	traced sh -c 'insmod ./zb_api_test.ko only=bulk_array && rmmod zb_api_test'
	has "mm_page_free_batched" '^mm_page_free_batched: pfn=0x[0-9a-f]* order=0$'
else
	skip "mm_page_free_batched" "no zb_api_test.ko that loads"
fi
echo >$T/trace
finish
