#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Changing the parameter size at run time: memory is given back to the kernel and taken again
# while buffers are in use, and CmaFree shows it.

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/test_lib.sh
. ./test_lib.sh
# shellcheck source=selftests/instance/resize_lib.sh
. ./resize_lib.sh

ROUNDS=${ROUNDS:-25}

find_module
[ -d /sys/kernel/debug ] || skip_all "no debugfs"

echo "TAP version 13"

shrinks_and_grows() {
	look
	empty=$now
	resize 64M && free_is $((empty + 65536)) "after shrinking to 64M" &&
		resize 128M && free_is "$empty" "after growing to 128M" &&
		resize 2M && free_is $((empty + 126 * 1024)) "after shrinking to 2M" &&
		resize 128M && free_is "$empty" "after growing to 128M"
}

shrinks_and_grows_anyhow() {
	resize 64M && resize 128M && resize 2M && resize 128M
}

counts() {
	counter zb_offline
	offline=$value
	counter zb_online
	if [ "$offline" != "$value" ] || [ "$value" != $((190 * 256)) ]; then
		say "zb_offline $offline, zb_online $value"
		return 1
	fi
}

refuses_sizes() {
	refused 130M "must be a multiple of 2048 KiB from 2048 KiB to 128 MiB" &&
		refused 0 "must be a multiple" && refused 3M "must be a multiple" &&
		refused 1:4M "" && refused x "must be a size" && is_size 128M
}

# Buffers are written and verified by other processes while they are moved.
breathes_under_load() {
	zbctl stress --seconds 1000 --threads 2 --fill 30 >"$out" 2>&1 &
	pid=$!
	result=0
	i=0
	counter pgmigrate_success
	moved=$value
	while [ $i -lt "$ROUNDS" ]; do
		# As far as it gets: what is in use moves together.
		echo 2M 2>/dev/null >$SIZE
		checks_out || result=1
		echo 128M >$SIZE 2>"$err" || { show "$err"; result=1; }
		i=$((i + 1))
	done
	counter pgmigrate_success
	say "pages moved in $i rounds: $((value - moved))"
	[ "$value" -gt "$moved" ] || result=1
	counter zb_offline
	say "pages given back: $value"
	kill -INT $pid
	wait $pid || { status=$?; [ $status -eq 130 ] || result=1; show "$out"; }
	is_size 128M && checks_out || result=1
	return $result
}

# What is in use by unmovable buffers stays.
stops_at_unmovable() {
	zbctl alloc 40M --gfp HIGHUSER --quiet >"$out" || { show "$out"; return 1; }
	read -r id <"$out"
	result=0
	refused 2M "can't shrink to 2 MiB" || result=1
	read -r text <$SIZE
	say "size with 40M in use: $text"
	[ "${text%M}" -ge 40 ] && [ "${text%M}" -le 46 ] || result=1
	zbctl free "$id" >/dev/null || kill "$id"
	resize 128M || result=1
	return $result
}

# Of the bytes that are free after churn, nearly all are given back, 100 times.
gives_back_what_is_free() {
	zbctl alloc 0 --count 2000 --gfp HIGHUSER_MOVABLE --quiet >"$out" || return 1
	read -r id <"$out"
	result=0
	worst=1000
	i=0
	while [ $i -lt 100 ]; do
		counter nr_free_pages
		free=$value
		echo 2M 2>/dev/null >$SIZE
		read -r text <$SIZE
		given=$(((128 - ${text%M}) * 256))
		share=$((given * 1000 / free))
		[ $share -ge $worst ] || worst=$share
		echo 128M >$SIZE || result=1
		i=$((i + 1))
	done
	say "given back of the free memory, worst of $i times: $((worst / 10)).$((worst % 10)) %"
	[ $worst -ge 950 ] || result=1
	zbctl free "$id" >/dev/null || kill "$id"
	is_size 128M && checks_out || result=1
	return $result
}

unloads_shrunken() {
	resize 64M || return 1
	rmmod zbuddy 2>"$err" || { show "$err"; return 1; }
}

look
before=$now
if load size=128M; then
	kind=$(backend)
	say "backend $kind"
	if [ "$kind" = dma ]; then
		refused 64M "can't be changed with backend=dma"
		verdict "the backend can't give back a part" $?
		rmmod zbuddy
	else
		if [ "$kind" = cma ]; then
			shrinks_and_grows
		else
			shrinks_and_grows_anyhow
		fi
		verdict "shrinks and grows" $?
		counts
		verdict "counters" $?
		refuses_sizes
		verdict "refuses sizes" $?
		stops_at_unmovable
		verdict "stops at memory that can't be moved" $?
		gives_back_what_is_free
		verdict "gives back what is free" $?
		breathes_under_load
		verdict "breathes under load" $?
		unloads_shrunken
		verdict "unloads in a shrunken state" $?
	fi
else
	not_ok "load"
fi
expected=
if load size=64M backend=contig; then
	# The allocation has emptied the kernel's own per-CPU lists.
	expected=$before
	resize 32M && [ "$(backend)" = contig ]
	verdict "contig shrinks" $?
	mark
	echo 64M 2>/dev/null >$SIZE || errors | sed 's/^/# /'
	checks_out
	verdict "contig grows, or says why not" $?
	echo 16M >$SIZE
	rmmod zbuddy
	verdict "contig unloads in a shrunken state" $?
else
	skip "contig" "no such memory"
fi
# Nothing is missing after what has been done so far, and nothing is lost each time.
result=0
[ ! "$expected" ] || await 2 free_near "$expected" || result=1
look
first=$now
i=0
while [ $i -lt 20 ]; do
	load size=128M || { result=1; break; }
	echo 32M >$SIZE || result=1
	echo 96M >$SIZE || result=1
	rmmod zbuddy || result=1
	look
	[ $i -gt 0 ] || second=$now
	i=$((i + 1))
done
say "CmaFree: $before kB before the first load, $first kB, $second kB after one load, $now kB after $i"
[ $((second - now)) -le $SLACK ] || result=1
verdict "20 unloads in a shrunken state" $result
finish
