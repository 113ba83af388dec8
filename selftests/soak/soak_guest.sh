#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The part of `make soak` that runs in the guest; see soak.sh. Needs a dedicated machine.
# Works with busybox.
# usage: soak_guest.sh SECONDS SEED

cd "$(dirname "$0")" || exit 1
PATH=$(pwd):$PATH
debugfs=/sys/kernel/debug/zbuddy
parameters=/sys/module/zbuddy/parameters
kmemleak=/sys/kernel/debug/kmemleak
tmp=$(mktemp -d /tmp/zbuddy_soak.XXXXXX) || exit 1
duration=$1
state=$2
workers=3
round_seconds=20
pid=
passed=0
failed=0

# random N: set $r to a random number in 0 .. N - 1.
random() {
	state=$(((state * 1103515245 + 12345) & 0x7fffffff))
	r=$((state / 256 % $1))
}

# one_of WORD...: set $r to one of the words.
one_of() {
	random $#
	shift "$r"
	r=$1
}

now() {
	cut -d. -f1 /proc/uptime
}

# verdict STATUS TEXT: count a check, which has passed if STATUS is 0; print failures only.
verdict() {
	if [ "$1" -eq 0 ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok: $2"
	fi
}

set_to() {
	echo "$2" >"$1"
}

meminfo() {
	sed -n "s/^$1: *\([0-9]*\) kB/\1/p" /proc/meminfo
}

# Print the number of allocated pages of all CMA areas, nothing if the kernel does not tell.
cma_used() {
	cat /sys/kernel/debug/cma/*/used 2>/dev/null | awk '{ n += $1 } END { if (NR) print n }'
}

# --- concurrent disturbances -----------------------------------------------------------

# pressure_on PERCENT: use most of the available memory, so that CMA areas are used as well.
pressure_on() {
	soak_worker --pressure $(($(meminfo MemAvailable) * $1 / 100 / 1024)) 2>"$tmp/pressure" &
	pressure=$!
	echo 1000 >/proc/$pressure/oom_score_adj
}

pressure_off() {
	kill -9 "$pressure" 2>/dev/null
	wait "$pressure" 2>/dev/null
	[ ! -s "$tmp/pressure" ]
	verdict $? "contents of other memory: $(cat "$tmp/pressure")"
}

# start_worker SLOT
start_worker() {
	random 1000000
	soak_worker "$r" 2>"$tmp/worker$1" &
	eval "worker$1=$!"
}

# end_worker SLOT: kill a worker, unless the OOM killer has done that already.
end_worker() {
	eval "pid=\$worker$1"
	kill -9 "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	status=$?
	killed=$((killed + 1))
	[ $status -eq 137 ] && [ ! -s "$tmp/worker$1" ]
	verdict $? "round $round: a worker exited with status $status: $(cat "$tmp/worker$1")"
}

other_worker() {
	random $workers
	slot=$r
	end_worker "$slot"
	start_worker "$slot"
}

# Take a CPU other than CPU 0 offline or online.
toggle_cpu() {
	random $((cpus - 1))
	online=/sys/devices/system/cpu/cpu$((r + 1))/online
	[ "$cpus" -gt 1 ] && [ -e "$online" ] || return
	[ "$(cat "$online")" = 1 ]
	set_to "$online" $?
	verdict $? "round $round: $online"
	switched=$((switched + 1))
}

all_cpus_on() {
	for online in /sys/devices/system/cpu/cpu[0-9]*/online; do
		[ "$(cat "$online")" = 1 ] || echo 1 >"$online"
	done
}

tunables="min_free_kbytes watermark_scale_factor lowmem_reserve_ratio dirty_ratio
percpu_pagelist_high_fraction page_owner"

change_tunable() {
	# shellcheck disable=SC2086  # several words
	one_of $tunables
	name=$r
	case $name in
	min_free_kbytes) one_of 0 128 1024 8192 ;;
	watermark_scale_factor) one_of 1 10 100 1000 ;;
	lowmem_reserve_ratio) one_of 256,256,32,0,0 0,0,0,0,0 1,1,1,1,1 16,256,4,8,8 ;;
	dirty_ratio) one_of 0 1 20 100 ;;
	percpu_pagelist_high_fraction) one_of 0 8 100 1000 ;;
	page_owner) one_of 0 1 ;;
	esac
	set_to "$parameters/$name" "$r"
	verdict $? "round $round: $name=$r"
	changed=$((changed + 1))
}

look() {
	cat "$debugfs"/[a-z]*info "$debugfs"/*index "$debugfs"/[po]* "$debugfs/regions" "$debugfs/vmstat" >"$tmp/look"
	verdict $? "round $round: debugfs can't be read"
	zbctl drain
	zbctl check >"$tmp/look" 2>&1
	verdict $? "round $round: zbctl check under load: $(cat "$tmp/look")"
}

# One disturbance of each kind, independent of the speed of the machine.
something() {
	other_worker
	toggle_cpu
	change_tunable
	random 4
	[ "$r" -gt 0 ] || look
}

# --- a round --------------------------------------------------------------------------

pick_parameters() {
	one_of 64M 96M 128M 192M 256M
	size=$r
	params="size=$size"
	one_of auto auto contig
	params="$params backend=$r"
	one_of auto auto DMA:16M,DMA32:16M,Normal:* Normal:*,Movable:16M
	params="$params zones=$r"
	one_of 0 0 1
	params="$params poison=$r"
	one_of 0 0 4096
	params="$params cma_pages=$r"
}

# Loading may fail while memory is short, but must succeed with less pressure.
load() {
	for _ in 1 2 3 4 5; do
		# shellcheck disable=SC2086  # several parameters
		insmod ./zbuddy.ko $params 2>"$tmp/load" && return
		sleep 1
	done
	pressure_off
	pressure_on 30
	# shellcheck disable=SC2086
	insmod ./zbuddy.ko $params 2>"$tmp/load"
}

begin() {
	round=$((round + 1)) killed=0 switched=0 changed=0
	begun=$(now)
	pick_parameters
	pressure_on 80
	load
	verdict $? "round $round: insmod zbuddy.ko $params: $(cat "$tmp/load")"
	[ -d /sys/module/zbuddy ] || return
	for name in $tunables; do
		cat "$parameters/$name" >"$tmp/$name"
	done
	zbctl drain
	cat "$debugfs/buddyinfo" >"$tmp/before"
	random 1000000
	insmod ./zb_api_test.ko threads=3 seed="$r"
	verdict $? "round $round: insmod zb_api_test.ko"
	random 1000000
	zbctl stress --seed "$r" --seconds $round_seconds --fill 40 >"$tmp/stress" 2>&1 &
	stress=$!
	for slot in $(seq 0 $((workers - 1))); do
		start_worker "$slot"
	done
}

middle() {
	while kill -0 "$stress" 2>/dev/null && [ $(($(now) - begun)) -lt $((round_seconds * 4)) ]; do
		something
		sleep 0.3
	done
	all_cpus_on
}

# Wait for all buffers to be freed; pinned ones are freed with a delay.
owners_gone() {
	for _ in $(seq 100); do
		# test -s can't tell, because the size of a file of debugfs is always 0.
		grep -q . "$debugfs/owners" || return 0
		sleep 0.2
	done
	echo "remaining buffers:"
	cat "$debugfs/owners"
	return 1
}

whole() {
	zbctl drain
	cat "$debugfs/buddyinfo" >"$tmp/after"
	cmp -s "$tmp/before" "$tmp/after" || { cat "$tmp/before" "$tmp/after"; return 1; }
	grep -q '^ok' "$debugfs/check" || { cat "$debugfs/check"; return 1; }
}

threads_line() {
	dmesg | sed -n 's/.*zb_api_test: soak: //p' | tail -n 1
}

end() {
	wait "$stress"
	verdict $? "round $round: zbctl stress: $(cat "$tmp/stress")"
	for slot in $(seq 0 $((workers - 1))); do
		end_worker "$slot"
	done
	rmmod zb_api_test
	verdict $? "round $round: rmmod zb_api_test"
	threads_line | grep -q '^[1-9][0-9]* blocks, .* 0 blocks corrupted$'
	verdict $? "round $round: threads: $(threads_line)"
	for name in $tunables; do
		cat "$tmp/$name" >"$parameters/$name"
	done
	owners_gone
	verdict $? "round $round: every buffer is gone"
	whole
	verdict $? "round $round: the region is whole"
}

# Run one eighth of the API tests while memory is short.
api_tests() {
	random 8
	how="one_in=8 from=$r poison=$(cat $parameters/poison)"
	[ "$(cat $parameters/cma_pages)" = 0 ] || how="$how cma=1"
	# shellcheck disable=SC2086  # several parameters
	insmod ./zb_api_test.ko $how 2>"$tmp/api" &&
		[ "$(cat /sys/module/zb_api_test/parameters/failed)" -eq 0 ]
	verdict $? "round $round: insmod zb_api_test.ko $how: $(dmesg | grep 'zb_api_test: ' | tail -n 20)"
	tests=$(dmesg | sed -n 's/.*zb_api_test: 1\.\.//p' | tail -n 1)
	rmmod zb_api_test 2>"$tmp/api"
	verdict $? "round $round: rmmod zb_api_test: $(cat "$tmp/api")"
	whole
	verdict $? "round $round: the region is whole after these tests"
}

leave() {
	rmmod zbuddy
	verdict $? "round $round: rmmod zbuddy"
	pressure_off
	used=$(cma_used)
	[ "$used" = "$cma_used" ]
	verdict $? "round $round: $used pages of CMA are in use, were $cma_used"
	ops=$(sed -n 's/.*: \([0-9]*\) ops,.*/\1/p' "$tmp/stress")
	printf 'round %-3d %4d s  %-62s stress %7s ops, threads %7s blocks, %2s API tests, %2d killed, %2d CPUs switched, %2d tunables\n' \
		$round $(($(now) - begun)) "$params" "${ops:-no}" "$(threads_line | cut -d' ' -f1)" \
		"$tests" $killed $switched $changed
}

one_round() {
	begin
	if [ ! -d /sys/module/zbuddy ]; then
		pressure_off
		return
	fi
	middle
	end
	api_tests
	leave
}

# --- at the end -----------------------------------------------------------------------

# Allocate all of CMA at once, to detect leaks. CmaFree would not tell: movable pages of
# other users may be in CMA areas.
cma_is_back() {
	free=$(meminfo CmaFree)
	[ "${cma_free:-0}" -gt 0 ] || return 0
	all=$(($(meminfo CmaTotal) / 1024 & ~1))
	for _ in 1 2 3 4 5; do
		insmod ./zbuddy.ko size=${all}M backend=cma 2>"$tmp/load" && rmmod zbuddy && return
		sleep 1
	done
	return 1
}

# Print leaks that two scans five seconds apart report, like guest/init.
leaks() {
	[ -e $kmemleak ] && echo scan >$kmemleak || return 0
	sleep 5
	echo scan >$kmemleak
	cat $kmemleak
}

log_problems() {
	dmesg | grep -E -f /etc/zb/problems
}

main() {
	case $duration$state in
	'' | *[!0-9]*) echo "usage: soak_guest.sh SECONDS SEED" >&2; exit 2 ;;
	esac
	cpus=$(grep -c '^processor' /proc/cpuinfo)
	insmod ./zbuddy.ko && rmmod zbuddy # fills caches of the kernel, which take memory
	cma_used=$(cma_used)
	cma_free=$(meminfo CmaFree)
	round=0
	first=$(now)
	while [ $(($(now) - first)) -lt "$duration" ]; do
		one_round
	done
	cma_is_back
	verdict $? "all of CMA at once: $(cat "$tmp/load"); CmaFree is $free kB, was $cma_free kB"
	leaks >"$tmp/leaks"
	[ ! -s "$tmp/leaks" ]
	verdict $? "kmemleak: $(cat "$tmp/leaks")"
	log_problems >"$tmp/log"
	[ ! -s "$tmp/log" ]
	verdict $? "the kernel log: $(cat "$tmp/log")"
	echo "rounds: $round, in $(($(now) - first)) s; CmaFree $free kB, initially $cma_free kB; kmemleak or kernel log problems: $([ -s "$tmp/leaks" ] || [ -s "$tmp/log" ] && echo YES || echo none)"
	rm -r "$tmp"
	echo "$passed passed, $failed failed"
	[ $failed -eq 0 ]
}

main
