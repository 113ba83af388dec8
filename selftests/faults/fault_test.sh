#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Fault injection into the module's own allocations (fail_zbuddy).

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/test_lib.sh
. ./test_lib.sh

F=/sys/kernel/debug/fail_zbuddy
[ "$(id -u)" -eq 0 ] || skip_all "must be root"
[ -c /dev/zbuddy ] || skip_all "no /dev/zbuddy: insmod zbuddy.ko first"
[ -e $F/probability ] || skip_all "no $F: the kernel lacks fault injection"

# inject PROBABILITY TIMES: let allocations fail with this probability, at most TIMES times.
inject() {
	echo 0 >$F/verbose
	echo 1 >$F/interval
	echo "$2" >$F/times
	echo 0 >$F/space
	echo "$1" >$F/probability
}

off() {
	echo 0 >$F/probability
}

alloc() {
	run zbctl hold "$@" --seconds 0
}

fails() {
	alloc "$@"
	[ $status -eq 1 ] && grep -q -i -e ENOMEM -e 'memory' -e 'no .*block' "$err"
}

nothing_is_lost() {
	zbctl drain
	now=$(info_number free_bytes)
	[ "$now" = "$before" ] || { say "$now bytes are free, were $before"; return 1; }
	zbctl check >"$out" 2>&1 || { show "$out"; return 1; }
}

all_fail() {
	inject 100 -1
	result=0
	for order in 0 3 9; do
		fails $order || { say "order $order: status $status"; show "$err"; result=1; }
		fails $order --gfp ATOMIC || result=1
	done
	fails 12345B || result=1
	off
	alloc 0 || result=1
	nothing_is_lost || result=1
	verdict "probability=100: all allocations fail with ENOMEM" $result
}

times() {
	inject 100 3
	result=0
	for try in 1 2 3; do
		fails 2 || { say "attempt $try"; result=1; }
	done
	alloc 2
	[ $status -eq 0 ] || { say "the fourth allocation failed as well"; result=1; }
	off
	nothing_is_lost || result=1
	verdict "times=3: exactly three allocations fail" $result
}

# The third of several allocations fails: the first two must be freed.
in_the_middle() {
	inject 100 1
	echo 3 >$F/interval
	result=0
	alloc 4 --count 8
	[ $status -eq 1 ] || { say "status $status"; show "$err"; result=1; }
	off
	nothing_is_lost || result=1
	verdict "a failure in the middle frees the earlier buffers" $result
}

only_tasks() {
	inject 100 -1
	echo 1 >$F/task-filter
	result=0
	alloc 1
	[ $status -eq 0 ] || { say "allocation failed in a task without make-it-fail"; result=1; }
	if [ -e /proc/self/make-it-fail ]; then
		run sh -c 'echo 1 >/proc/self/make-it-fail; zbctl hold 1 --seconds 0'
		[ $status -eq 1 ] || { say "status $status in a task with make-it-fail"; result=1; }
	fi
	echo 0 >$F/task-filter
	off
	nothing_is_lost || result=1
	verdict "task-filter: only tasks with make-it-fail" $result
}

stress() {
	inject 20 -1
	run zbctl stress --seconds 3 --threads 4
	off
	result=0
	[ $status -eq 0 ] || { show "$out"; show "$err"; result=1; }
	nothing_is_lost || result=1
	verdict "stress with probability=20" $result
}

echo "TAP version 13"
zbctl drain
before=$(info_number free_bytes)
all_fail
times
in_the_middle
only_tasks
stress
nothing_is_lost
verdict "no memory leaked" $?
finish
