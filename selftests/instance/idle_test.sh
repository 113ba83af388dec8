#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The parameters idle and idle_floor: memory that nobody uses is given back to the kernel, and is
# taken again when it is needed. CmaFree shows it.

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/test_lib.sh
. ./test_lib.sh
# shellcheck source=selftests/instance/resize_lib.sh
. ./resize_lib.sh

# Rounds of long tests, fewer in a slow guest.
few=3 many=10
[ ! "$ZB_FEWER" ] || few=1 many=3
LONG=20		# seconds in which memory that is idle for a second has been given back

find_module
[ -d /sys/kernel/debug ] || skip_all "no debugfs"

echo "TAP version 13"

# Set $total to the present size in KiB. The counters are read without starting a program.
total() {
	counter zb_offline
	offline=$value
	counter zb_online
	total=$((131072 - (offline - value) * 4))
}

has_kb() {
	total
	[ "$total" -eq "$1" ]
}

uses_kb() {
	counter nr_free_pages
	[ $((131072 - value * 4)) -ge "$1" ]
}

# shrinks_to KB: the size becomes this, and the kernel has the rest.
shrinks_to() {
	await $LONG has_kb "$1" || { say "size is $total kB, expected $1 kB"; return 1; }
	value=$(info_number total_bytes)
	[ "$value" -eq $(($1 * 1024)) ] || { say "total_bytes is $value"; return 1; }
	[ "$kind" != cma ] || free_is $((loaded + 131072 - $1)) "after shrinking to $1 kB"
}

set_idle() {
	echo "$1" >$PARAMETERS/idle 2>"$err" || { show "$err"; logged | sed 's/^/# /'; return 1; }
}

off_by_default() {
	read -r text <$PARAMETERS/idle
	[ "$text" = 0 ] || { say "idle is $text"; return 1; }
	sleep 3
	counter zb_idle_lent
	[ "$value" -eq 0 ] && has_kb 131072
}

down_to_floor() {
	echo 16M >$PARAMETERS/idle_floor && set_idle 1 && shrinks_to 16384 && is_size 128M &&
		checks_out || return 1
	counter zb_idle_lent
	[ "$value" -eq $((112 * 256)) ] || { say "zb_idle_lent is $value"; return 1; }
}

# serves COMMAND...: zbctl alloc with these arguments succeeds, and the size follows.
serves() {
	zbctl alloc "$@" --quiet >"$out" 2>&1 || { show "$out"; counter zb_idle_taken; say "taken $value"; return 1; }
	read -r id <"$out"
	total
	say "size with $*: $total kB"
	checks_out
	status=$?
	zbctl free "$id" >"$out" || { show "$out"; return 1; }
	return $status
}

serves_more_than_floor() {
	serves 32M && shrinks_to 16384 && serves 64K --count 1700 && shrinks_to 16384 &&
		serves 90M --range && shrinks_to 16384 && serves 64M --wait 5 &&
		shrinks_to 16384 && serves 1M --count 100 --gfp HIGHUSER_MOVABLE || return 1
	counter zb_idle_taken
	say "pages taken again: $value"
}

# Requests that may not sleep: the memory is taken before they fail.
serves_atomic() {
	shrinks_to 16384 || return 1
	served=0
	i=0
	ids=
	while [ $i -lt 60 ]; do
		zbctl alloc 1M --gfp NOWAIT --quiet >"$out" 2>&1 && served=$((served + 1)) &&
			read -r id <"$out" && ids="$ids $id"
		i=$((i + 1))
	done
	# shellcheck disable=SC2086  # several holders
	zbctl free $ids >"$out" || { show "$out"; return 1; }
	say "requests of 1 MiB that may not sleep, served: $served of $i"
	# 14 of them fit in 16 MiB.
	[ $served -ge 45 ]
}

# What is in use stays, and its contents are verified. The load, which depends on the size at its
# start, leaves holes, from which buffers are moved while it is stopped.
keeps_buffers() {
	set_idle 0 && await $LONG has_kb 131072 || return 1
	zbctl stress --seconds 1000 --threads 2 --fill 60 >"$out" 2>&1 &
	pid=$!
	result=0
	i=0
	await 60 uses_kb 49152 || { say "the load is too slow"; result=1; }
	counter pgmigrate_success
	moved=$value
	counter zb_idle_taken
	taken=$value
	set_idle 1
	while [ "$i" -lt "$few" ]; do
		sleep 2
		kill -STOP $pid
		sleep 3
		total
		say "size while 2 threads are stopped: $total kB"
		kill -CONT $pid
		checks_out || result=1
		i=$((i + 1))
	done
	kill -INT $pid
	wait $pid || { status=$?; [ $status -eq 130 ] || result=1; show "$out"; }
	counter zb_idle_taken
	say "pages taken again meanwhile: $((value - taken))"
	[ "$value" -gt "$taken" ] || result=1
	counter pgmigrate_success
	say "pages moved meanwhile: $((value - moved))"
	[ "$value" -gt "$moved" ] || result=1
	shrinks_to 16384 || result=1
	return $result
}

# What is in use, and little more, stays.
keeps_what_is_used() {
	zbctl alloc 64K --count 1000 --quiet >"$out" || return 1
	read -r id <"$out"
	status=0
	await $LONG has_kb 65536 || { await 1 has_kb 67584 || status=1; }
	say "size with 62.5 MiB in use: $total kB"
	zbctl free "$id" >"$out" || { show "$out"; return 1; }
	shrinks_to 16384 && return $status
}

# What the kernel has is free for files, because it is taken again.
free_for_files() {
	mkdir -p $MNT && mount -t zbuddy none $MNT || return 1
	result=0
	shrinks_to 16384 && frees 131072 || result=1
	truncate -s 32M $MNT/file || result=1
	rm -f $MNT/file
	umount $MNT || result=1
	return $result
}

takes_all_again() {
	set_idle 0 || return 1
	await $LONG has_kb 131072 || { say "size $total kB after idle=0"; return 1; }
	checks_out || return 1
	[ "$kind" != cma ] || free_is "$loaded" "after idle=0"
}

# A part of it has been allocated, in order to be given back.
being_given() {
	counter nr_free_pages
	[ "$value" -lt 32000 ]
}

# Wait until memory is being given back, which begins a second after idle=1.
await_giving() {
	sleep 0.5
	n=0
	until being_given || [ $n -ge 5000 ]; do
		n=$((n + 1))
	done
}

# Memory is allocated at the moment when all of it is being given back.
serves_while_giving() {
	load size=128M || return 1
	result=0
	i=0
	while [ $result -eq 0 ] && [ "$i" -lt "$many" ]; do
		set_idle 1
		await_giving
		serves 1M --count 100 || result=1
		set_idle 0
		await $LONG has_kb 131072 || result=1
		i=$((i + 1))
	done
	say "served while memory was being given back: $i times"
	rmmod zbuddy && return $result
}

# What is being given back when idle becomes 0 is taken again as well.
takes_what_is_being_given() {
	i=0
	while [ "$i" -lt "$many" ]; do
		set_idle 1 || return 1
		await_giving
		set_idle 0 || return 1
		await $LONG has_kb 131072 || { say "size $total kB after idle=0"; return 1; }
		i=$((i + 1))
	done
}

# A size that is written is the new limit.
respects_size() {
	set_idle 1 && shrinks_to 16384 && resize 64M || return 1
	[ "$kind" != cma ] || free_is $((loaded + 65536)) "with size 64M" || return 1
	if zbctl alloc 1M --count 80 --quiet >"$out" 2>&1; then
		say "80 MiB were allocated from 64 MiB"
		return 1
	fi
	total
	[ "$total" -le 65536 ] || { say "$total kB"; return 1; }
	shrinks_to 16384 && resize 128M && set_idle 0
}

# refuses NAME VALUE TEXT: the parameter must not accept the value.
refuses() {
	mark
	if echo "$2" 2>/dev/null >$PARAMETERS/"$1"; then say "$1=$2 was accepted"; return 1; fi
	errors >"$out"
	grep -q "$3" "$out" || { say "'$3' is missing in:"; show "$out"; return 1; }
}

refuses_values() {
	refuses idle x "must be a number of seconds from 1 to 604800" &&
		refuses idle -1 "must be a number" && refuses idle 604801 "must be a number" &&
		refuses idle_floor 3x "must be a size such as 16M" &&
		refuses idle_floor 16 "at least 2048 KiB" && set_idle 604800 && set_idle 0
}

# Take all free pages of the area in large pieces, and set $cma_pages to their number.
take_cma() {
	cma_pages=0
	piece=65536
	while [ $piece -ge 512 ]; do
		if echo $piece 2>/dev/null >"$CMA/alloc"; then
			cma_pages=$((cma_pages + piece))
		else
			piece=$((piece / 2))
		fi
	done
	say "pages taken from the area: $cma_pages"
}

# The area has nothing: the request fails, and the next ones do not ask the area each time.
backs_off() {
	set_idle 1 && shrinks_to 16384 || return 1
	take_cma
	counter zb_idle_fail
	fails=$value
	i=0
	while [ $i -lt 50 ]; do
		zbctl alloc 32M --quiet >"$out" 2>&1 && { say "served from nothing"; break; }
		i=$((i + 1))
	done
	counter zb_idle_fail
	say "$i requests failed, attempts to take memory: $((value - fails))"
	result=0
	# The size is the one that was set already, and does not become smaller.
	refused 128M "can't grow to 128 MiB" && is_size 128M || result=1
	[ $i -eq 50 ] && [ "$value" -gt "$fails" ] && [ $((value - fails)) -lt 40 ] || result=1
	checks_out || result=1
	echo $cma_pages >"$CMA/free"
	# Later it has the memory again.
	await 30 serves 32M || result=1
	set_idle 0
	await 30 has_kb 131072 || { set_idle 0; await $LONG has_kb 131072; } || result=1
	return $result
}

unloads_shrunken() {
	set_idle 1 && shrinks_to 16384 || return 1
	rmmod zbuddy 2>"$err" || { show "$err"; return 1; }
	[ "$kind" != cma ] || free_is $((loaded + 131072)) "after unloading"
}

# Memory of another zone would not help.
takes_for_usable_zones() {
	load size=128M zones=DMA:16M,Normal:* idle=1 idle_floor=32M || return 1
	[ "$kind" = cma ] || { rmmod zbuddy; return 0; }
	shrinks_to 32768 && zbctl alloc 1M --count 16 --gfp 'KERNEL,DMA' --quiet >"$out" || return 1
	read -r id <"$out"
	i=0
	while [ $i -lt 10 ]; do
		zbctl alloc 64K --gfp 'KERNEL,DMA' --quiet >"$out" 2>&1 &&
			{ say "more than zone DMA was served"; return 1; }
		i=$((i + 1))
	done
	zbctl alloc 32M --gfp 'KERNEL,DMA' --wait 60 --quiet >"$out" 2>&1 && return 1
	grep -q "never" "$out" || show "$out"
	counter zb_idle_taken
	say "pages taken for requests that can't use them: $value"
	zbctl free "$id" >"$out" && [ "$value" -eq 0 ] && checks_out && rmmod zbuddy
}

at_load() {
	load size=128M idle=1 idle_floor=32M || return 1
	[ "$kind" = cma ] || return 0
	shrinks_to 32768 && checks_out
}

if load size=128M; then
	kind=$(backend)
	say "backend $kind"
	look
	loaded=$now
	off_by_default
	verdict "off by default" $?
	down_to_floor
	verdict "gives idle memory back down to the floor" $?
	serves_more_than_floor
	verdict "serves requests for more than the floor" $?
	serves_atomic
	verdict "takes memory before requests that may not sleep fail" $?
	keeps_buffers
	verdict "keeps buffers and their contents" $?
	keeps_what_is_used
	verdict "keeps what is used" $?
	free_for_files
	verdict "idle memory is free for files" $?
	takes_all_again
	verdict "takes everything again with idle=0" $?
	takes_what_is_being_given
	verdict "takes what is being given back with idle=0" $?
	respects_size
	verdict "respects the size" $?
	refuses_values
	verdict "refuses values" $?
	for CMA in /sys/kernel/debug/cma/*; do
		break
	done
	if [ "$kind" = cma ] && [ -w "$CMA/alloc" ]; then
		backs_off
		verdict "backs off when the area has nothing" $?
	else
		skip "backs off" "no files that take memory of a CMA area"
	fi
	unloads_shrunken
	verdict "unloads in a shrunken state" $?
	if [ "$kind" = cma ]; then
		serves_while_giving
		verdict "serves requests while memory is being given back" $?
	else
		skip "serves requests while memory is being given back" \
			"the kernel may keep pages of the region"
	fi
	[ ! -d $PARAMETERS ] || rmmod zbuddy
	takes_for_usable_zones
	verdict "takes nothing for requests that can't use it" $?
	[ ! -d $PARAMETERS ] || rmmod zbuddy
	at_load
	verdict "set at load" $?
	rmmod zbuddy
else
	not_ok "load"
fi
mark
if load size=32M backend=dma; then
	refuses idle 1 "can't free a part of an allocation"
	verdict "backend=dma refuses" $?
	set_idle 0
	verdict "backend=dma accepts 0" $?
	rmmod zbuddy
	mark
	insmod $module size=32M backend=dma idle=5 2>/dev/null && { say "loaded"; rmmod zbuddy; }
	errors >"$out"
	grep -q "idle=5: memory can't be given back" "$out"
	verdict "backend=dma refuses at load" $?
else
	skip "backend=dma" "no such memory"
fi
finish
