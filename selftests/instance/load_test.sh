#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Loading and unloading: valid and invalid parameters, the error messages in the kernel
# log, and that unloading returns all memory.

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/test_lib.sh
. ./test_lib.sh
# shellcheck source=selftests/instance/cma_lib.sh
. ./cma_lib.sh

ROUNDS=${ROUNDS:-50}

find_module

echo "TAP version 13"

cma_is_back() {
	[ "$cma" ] || return 0
	await 2 has_free "$cma" && return 0
	say "CmaFree was $cma kB, is $now kB, and $listed kB are on lists"
	return 1
}

# good NAME PARAMETERS -- COMMAND: the module loads, and the command succeeds while it is
# loaded.
good() {
	name=$1 params=
	shift
	while [ "$1" != -- ]; do params="$params $1"; shift; done
	shift
	mark
	# shellcheck disable=SC2086
	if ! insmod $module $params 2>"$err"; then
		show "$err"
		logged | sed 's/^/# /'
		not_ok "$name:$params"
		return
	fi
	"$@"
	result=$?
	[ $result -eq 0 ] || say "check failed: $*"
	[ -c /dev/zbuddy ] || { say "no /dev/zbuddy"; result=1; }
	if ! rmmod zbuddy 2>"$err"; then show "$err"; result=1; fi
	[ ! -e /dev/zbuddy ] || { say "/dev/zbuddy still exists"; result=1; }
	[ ! -e "$DEBUGFS" ] || { say "the debugfs directory still exists"; result=1; }
	cma_is_back || result=1
	verdict "$name:$params" $result
}

# bad TEXT PARAMETERS: loading fails, and logs one error message, which contains TEXT.
bad() {
	text=$1
	shift
	result=0
	if load_once $module "$@" >"$out" 2>"$err"; then
		say "the module loaded"
		rmmod zbuddy
		result=1
	fi
	one_line_of "$text" "$out" || result=1
	[ ! -d /sys/module/zbuddy ] || { say "the module is still loaded"; rmmod zbuddy; result=1; }
	[ ! -e /dev/zbuddy ] || { say "/dev/zbuddy exists"; result=1; }
	[ ! -e "$DEBUGFS" ] || { say "the debugfs directory exists"; result=1; }
	cma_is_back || result=1
	verdict "refused: $*" $result
}

has_total() {
	have=$(info_number total_bytes)
	[ "$have" = $(($1 * 1048576)) ] || { say "total is '$have'"; return 1; }
}

# has_zones NAME...: there are these zones, in this order.
has_zones() {
	have=$(sed 's/.*zone *\([A-Za-z0-9]*\) .*/\1/' "$DEBUGFS/buddyinfo" | tr '\n' ' ')
	[ "$have" = "$* " ] || { say "zones: $have"; return 1; }
}

# has_orders N: buddyinfo has N columns of block counts.
has_orders() {
	have=$(head -n 1 "$DEBUGFS/buddyinfo" | sed 's/.*zone *[A-Za-z0-9]* //' | wc -w)
	[ "$have" -eq "$1" ] || { say "orders: $have"; return 1; }
}

# Without grouping by mobility, trace events report Unmovable, whatever was requested.
traces_unmovable() {
	trace=/sys/kernel/tracing
	[ -d "$trace/events/zbuddy" ] || return 0
	echo >"$trace/trace"
	echo 1 >"$trace/events/zbuddy/mm_page_alloc/enable"
	zbctl hold 5 --gfp KERNEL,MOVABLE --seconds 0 >"$out" 2>&1
	echo 0 >"$trace/events/zbuddy/mm_page_alloc/enable"
	grep -q 'mm_page_alloc: .* order=5 migratetype=Unmovable ' "$trace/trace"
}

good_parameters() {
	good "defaults" -- has_total 64
	good "size" size=128M -- has_total 128
	good "smallest size" size=2M -- has_total 2
	good "size in other units" size=65536K -- has_total 64
	good "size in bytes" size=4194304 -- has_total 4
	good "size on node" size=0:32M -- has_total 32
	good "too small for mobility" size=8M -- traces_unmovable
	good "all kinds of zones" size=256M \
		zones=DMA:16M,DMA32:64M,Normal:*,Movable:64M \
		-- has_zones DMA DMA32 Normal Movable
	good "five zones" size=64M \
		zones=DMA:2M,DMA32:4M,Normal:8M,HighMem:16M,Movable:* \
		-- has_zones DMA DMA32 Normal HighMem Movable
	good "one zone" zones=Movable:* -- has_zones Movable
	good "sizes that add up" size=64M zones=DMA:16M,Normal:48M -- has_zones DMA Normal
	good "lowest max_order" max_order=9 -- has_orders 10
	good "max_order" size=64M max_order=12 -- has_orders 13
	for backend in cma dma contig; do
		mark
		if insmod $module size=32M backend=$backend 2>"$err"; then
			rmmod zbuddy
			good "backend" size=32M backend=$backend -- has_total 32
		elif errors | grep -q "$backend"; then
			skip "backend: backend=$backend" "not available on this machine"
		else
			not_ok "backend: backend=$backend fails without an error message"
		fi
	done
}

bad_parameters() {
	for size in 0 3M 1M 4097 2M1 abc "''" -2M 64X 64MB "64M," ",64M" "64M,64M" 1: 0: \
		0:0 "0:64M,0:64M" "0:64M,64M" 99999:64M -1:64M 0x4000000 \
		99999999999999999999 18446744073709551615G 1e9; do
		[ "$size" != "''" ] || size=
		bad "size" "size=$size"
	done
	bad "do you mean 64M?" size=64
	bad "do you mean 32M?" size=0:32
	bad "MiB" size=100G
	for zones in "" x DMA DMA: DMA:0 DMA:1M DMA:3M DMA:x "DMA:*,Normal:*" \
		"DMA:16M,DMA:*" "Normal:32M,DMA:*" "dma:*" "Foo:*" \
		"DMA:16M" "DMA:16M,Normal:16M" "DMA:128M" "DMA:64M,Normal:*" \
		"DMA:16M,,Normal:*" "DMA:16M,Normal:*," "DMA:16M/Normal:*" \
		"DMA:16M;Normal:*" "DMA:-16M,Normal:*" "AUTO" "autox" \
		"DMA:2M,DMA32:2M,Normal:2M,HighMem:2M,Movable:*,DMA:2M" \
		"DMA:18446744073709551615,Normal:*"; do
		bad "zones" size=64M "zones=$zones"
	done
	for backend in x CMA cmax cm; do
		bad "backend" "backend=$backend"
	done
	for order in 8 0 19 20 64 x -1 9x 4294967305; do
		bad "max_order" "max_order=$order"
	done
}

# CMA pageblocks need grouping by mobility, which small regions do not have, and fit in
# one zone.
bad_cma_pages() {
	bad "cma_pages" size=8M cma_pages=512
	bad "cma_pages" size=2M cma_pages=1
	bad "must be a number from 0 to 8192" size=64M zones=DMA:16M,DMA32:16M,Normal:* cma_pages=8193
	good "cma_pages" size=12M cma_pages=512 -- has_total 12
}

bad_for_insmod() {
	result=0
	if insmod $module size 2>"$err"; then rmmod zbuddy; result=1; fi
	verdict "refused: size without a value" $result
}

use_keeps_it() {
	result=0
	insmod $module || result=1
	exec 7<>/dev/zbuddy
	if rmmod zbuddy 2>"$err"; then result=1; fi
	[ -d /sys/module/zbuddy ] || result=1
	grep -q -i -e 'busy' -e 'in use' -e 'temporarily unavailable' "$err" || {
		result=1
		show "$err"
	}
	zbctl info >"$out" 2>&1 || result=1
	exec 7>&-
	rmmod zbuddy || result=1
	verdict "an open file prevents unloading" $result
}

mapping_keeps_it() {
	result=0
	insmod $module || result=1
	zbctl hold 1M --map >"$out" 2>&1 &
	pid=$!
	await 5 grep -q holding "$out"
	if rmmod zbuddy 2>"$err"; then result=1; fi
	kill -9 $pid
	wait $pid 2>/dev/null
	rmmod zbuddy || result=1
	cma_is_back || result=1
	verdict "a mapping prevents unloading until kill -9" $result
}

twice() {
	result=0
	insmod $module || result=1
	if insmod $module 2>"$err"; then result=1; fi
	rmmod zbuddy || result=1
	verdict "the module can't be loaded twice" $result
}

# Look while the module is loaded: acquiring the region drains the kernel's
# per-CPU lists, which makes the figure more reliable.
look_loaded() {
	insmod $module size=64M >/dev/null 2>&1
	look
	rmmod zbuddy
}

# Some lists may not be empty each time, but leaked memory would be missing every time.
no_cma_leaked() {
	for try in 1 2 3 4 5; do
		look_loaded
		[ "$now" -lt $((cma_loaded - 256)) ] || break
	done
	say "CmaFree with size=64M: first $cma_loaded kB, last $now kB (attempt $try)"
	[ "$now" -ge $((cma_loaded - 256)) ]
	verdict "no CMA memory leaked" $?
}

rounds() {
	result=0
	i=0
	while [ $i -lt "$ROUNDS" ] && [ $result -eq 0 ]; do
		insmod $module size=128M || { say "load $i"; result=1; }
		rmmod zbuddy || { say "unload $i"; result=1; }
		i=$((i + 1))
	done
	cma_is_back || result=1
	verdict "load and unload $ROUNDS times" $result
}

# hold_and_forget NUMBER: a module unloads without freeing that many pages.
hold_and_forget() {
	insmod ./zb_api_test.ko only=get_free_page forget=1 || return
	echo "$1" >/sys/module/zb_api_test/parameters/held
	rmmod zb_api_test
}

# Memory that a faulty module may still use is not given back to the kernel.
forgotten_pages_keep_the_region() {
	name="a region with pages that a module never freed is kept"
	[ -e ./zb_api_test.ko ] || { skip "$name" "no zb_api_test.ko"; return; }
	mark
	result=0
	insmod $module size=4M || result=1
	hold_and_forget 3 || result=1
	rmmod zbuddy || result=1
	errors >"$out"
	one_line_of "3 pages were never freed by the module that allocated them: 4 MiB on node 0 are lost until reboot" \
		"$out" || result=1
	insmod $module size=4M && zbctl check >"$out" && rmmod zbuddy || result=1
	verdict "$name" $result
}

# The first load fills caches of the kernel, which take memory.
look_loaded
look
cma=$now
look_loaded
cma_loaded=$now
[ "$cma" ] && [ "$cma" -gt 0 ] || cma=
good_parameters
bad_parameters
bad_cma_pages
bad_for_insmod
use_keeps_it
mapping_keeps_it
twice
rounds
if [ "$cma" ]; then no_cma_leaked; else skip "no CMA memory leaked" "no CMA"; fi
forgotten_pages_keep_the_region
finish
