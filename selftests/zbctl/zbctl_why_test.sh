#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The error lines of zbctl: each failure is brought about, and the line must name its cause
# and a remedy that the caller, privileged or not, can apply. cause_test has the causes that
# cannot be brought about here.

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/test_lib.sh
. ./test_lib.sh

find_module

P=/sys/module/zbuddy/parameters
NONE="min_free_kbytes=0 lowmem_reserve_ratio=0,0,0,0,0"
grep -qs ^nobody: /etc/passwd || echo "nobody:x:65534:65534:nobody:/:/bin/sh" >>/etc/passwd
grep -qs ^nogroup: /etc/group || echo "nogroup:x:65534:" >>/etc/group

# has TEXT: $line contains the text, or matches it as an expression.
has() {
	case $line in
	*"$1"*) ;;
	*) echo "$line" | grep -q -e "$1" ;;
	esac
}

# said CAUSE REMEDY NAME: the last command must have failed and printed one error line with both.
said() {
	if [ "$status" -eq 1 ] && only_line "$err" && has "$1" && has "$2"; then
		ok "$1: $3"
	else
		say "want: $1 ... $2"
		show "$err"
		not_ok "$1: $3"
	fi
}

# says CAUSE REMEDY COMMAND...: the command must fail and print one error line with both.
says() {
	cause=$1 remedy=$2
	shift 2
	run "$@"
	said "$cause" "$remedy" "$*"
}

# user COMMAND: run it as an unprivileged user.
user() {
	su -s /bin/sh -c "cd $PWD && PATH=$PATH; $*" nobody
}

# without TEXT: the last error line must not contain it.
without() {
	! grep -q -e "$1" "$err"
	verdict "and does not mention '$1'" $?
}

load() {
	# shellcheck disable=SC2086  # several parameters
	insmod $module "$@" 2>"$err" || { show "$err"; not_ok "loads: $*"; return 1; }
	chmod 666 /dev/zbuddy
}

unload() {
	zbctl free all >/dev/null 2>&1
	rmmod zbuddy
	verdict "unloads" $?
}

# take GFP: allocate all memory that requests with these flags can get.
take() {
	for order in 13 12 11 10 9 5 0; do
		while zbctl alloc $order -q --gfp "$1,NOWARN" >/dev/null 2>&1; do :; done
	done
}

not_loaded() {
	says "not loaded" ": modprobe zbuddy" zbctl info
	says "not loaded" "ask the administrator to run modprobe" user zbctl info
	says "not loaded" ": modprobe zbuddy" zbctl check
}

rights() {
	load size=64M || return
	chmod 600 /dev/zbuddy
	says "permission denied: only root" "as root" user zbctl info
	chmod 660 /dev/zbuddy
	chgrp 65533 /dev/zbuddy
	says "permission denied: only group 65533 may use it" "usermod -a -G 65533" user zbctl info
	chmod 666 /dev/zbuddy
	says "permission denied" "as root" user zbctl check
	says "CAP_SYS_RESOURCE" "leave them out, or run zbctl as root" user zbctl alloc 0 --gfp ATOMIC
	umount /sys/kernel/debug
	says "debugfs is not mounted" ": mount -t debugfs" zbctl check
	says "debugfs is not mounted" "ask the administrator to mount" user zbctl check
	mount -t debugfs none /sys/kernel/debug
	unload
}

limits() {
	load size=64M charge=none || return
	echo 1M >$P/max_bytes_per_open
	says "one open file may hold at most 1M" "ask for less, or raise $P/max_bytes_per_open" zbctl alloc 2M
	says "one open file may hold at most 1M" "ask for less, or use several zbctl alloc" user zbctl alloc 2M
	without raise
	echo 0 >$P/max_bytes_per_open
	echo 1M >$P/max_bytes_per_user
	zbctl alloc 512K -q >/dev/null
	says "one user may hold at most 1M (max_bytes_per_user) and holds 512K" "zbctl holders" zbctl alloc 1M
	zbctl free all >/dev/null
	echo 0 >$P/max_bytes_per_user
	if echo memlock 2>/dev/null >$P/charge; then
		says "RLIMIT_MEMLOCK is 64K" "ask for 64K or less, or have the administrator" \
			user "ulimit -l 64; zbctl alloc 1M"
		says "RLIMIT_MEMLOCK is 64K" "raise the limit with ulimit -l 1024" \
			user "ulimit -S -l 64; zbctl alloc 1M"
	else
		skip "RLIMIT_MEMLOCK" "this kernel does not charge it"
	fi
	unload
}

watermark() {
	load size=64M zones=Normal:* min_free_kbytes=16384 || return
	take KERNEL
	says "but its min watermark reserves 16M" "add HIGH to --gfp, or lower min_free_kbytes" \
		zbctl alloc 0
	says "zone Normal has .* free, but its min watermark" "free something" user zbctl alloc 0
	without min_free_kbytes
	without HIGH
	unload
}

reserves() {
	# shellcheck disable=SC2086  # several parameters
	load size=64M zones=DMA:16M,Normal:* min_free_kbytes=0 lowmem_reserve_ratio=1,0,0,0,0 || return
	take KERNEL
	says "zone DMA has 16M free, but lowmem_reserve_ratio reserves 48M" "use --gfp KERNEL,DMA" \
		user zbctl alloc 0
	user zbctl alloc 0 -q --gfp KERNEL,DMA >/dev/null
	verdict "and that remedy helps" $?
	unload
	# shellcheck disable=SC2086  # several parameters
	load size=32M zones=Normal:* cma_pages=4096 $NONE || return
	take KERNEL
	says "16M of it is in CMA pageblocks" "add MOVABLE" user zbctl alloc 0
	user zbctl alloc 0 -q --gfp KERNEL,MOVABLE >/dev/null
	verdict "and that remedy helps" $?
	unload
	# shellcheck disable=SC2086  # several parameters
	load size=32M zones=Normal:* cma_pages=8192 $NONE || return
	says "all blocks of this size in node 0 zone Normal are CMA" "add MOVABLE to --gfp" \
		zbctl alloc 0
	unload
}

# The only pageblock with free memory is reserved for atomic requests.
highatomic() {
	load size=256M zones=Normal:* min_free_kbytes=65536 || return
	zbctl alloc 2M --count 95 -q >/dev/null
	zbctl alloc 2 -q --gfp ATOMIC >/dev/null
	echo 0 >$P/min_free_kbytes
	take NOWAIT
	says "of it is in HighAtomic pageblocks" "add DIRECT_RECLAIM to --gfp" \
		user zbctl alloc 0 --gfp NOWAIT
	without ATOMIC
	user zbctl alloc 0 -q --gfp NOWAIT,DIRECT_RECLAIM >/dev/null
	verdict "and that remedy helps" $?
	unload
}

# One CPU has frames of the only pageblock on its lists when another one needs all of it. The
# open file keeps the lists from being drained, and so does a low watermark of 0. But the
# failure itself starts a drain in the background, which may end before the cause is found.
cached() {
	if [ "$(nproc)" -lt 2 ]; then
		skip "per-CPU lists" "one CPU"
		return
	fi
	# shellcheck disable=SC2086  # several parameters
	load size=2M zones=Normal:* $NONE || return
	exec 9</dev/zbuddy
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		taskset 2 zbctl hold 0 --seconds 0 >/dev/null
		run taskset 1 zbctl alloc 9 --gfp NOWAIT
		grep -q "memory has been freed since" "$err" || [ "$status" -eq 0 ] || break
		zbctl free all >/dev/null
	done
	if grep -q "memory has been freed since" "$err" || [ "$status" -eq 0 ]; then
		skip "per-CPU lists" "they were always drained first"
	else
		said "on per-CPU lists" \
			"add DIRECT_RECLAIM to --gfp (KERNEL includes it), or run zbctl drain" NOWAIT
	fi
	zbctl free all >/dev/null
	taskset 2 zbctl hold 0 --seconds 0 >/dev/null
	taskset 1 zbctl alloc 9 -q --gfp NOWAIT,DIRECT_RECLAIM >/dev/null
	verdict "and that remedy helps" $?
	exec 9<&-
	unload
}

# Another module keeps the only free pageblocks isolated.
isolated() {
	# shellcheck disable=SC2086  # several parameters
	load size=64M zones=Normal:* charge=none $NONE || return
	insmod ./zb_api_test.ko only=none
	echo 2 >/sys/module/zb_api_test/parameters/isolated
	take KERNEL
	says "zone Normal has 4M free, but 4M of it is in pageblocks that another module has isolated" \
		"free something (zbctl owners)" zbctl alloc 0
	zbctl free all >/dev/null
	says "another module has isolated\|are CMA, isolated, damaged or given back" "ask for less" \
		user zbctl alloc 64M
	echo 0 >/sys/module/zb_api_test/parameters/isolated
	rmmod zb_api_test
	verdict "the other module unloads" $?
	zbctl alloc 64M -q >/dev/null
	verdict "all memory is back" $?
	unload
}

counter() {
	[ "$(sed -n "s/^$1 //p" /sys/kernel/debug/zbuddy/vmstat)" = "$2" ]
}

waiting() {
	# shellcheck disable=SC2086  # several parameters
	load size=64M zones=Normal:* $NONE || return
	take KERNEL
	echo 1 >$P/max_waiting_per_user
	zbctl alloc 0 -q --wait 1000 >/dev/null 2>&1 &
	user zbctl alloc 0 -q --wait 1000 >/dev/null 2>&1 &
	await 30 counter zb_waiting 2
	verdict "two users wait" $?
	says "the limit of waiting requests of one user is 1 (max_waiting_per_user)" \
		"try again when one of them has ended, or raise $P/max_waiting_per_user" \
		zbctl alloc 0 --wait 1000
	says "the limit of waiting requests of one user is 1" "when one of them has ended" \
		user zbctl alloc 0 --wait 1000
	without raise
	zbctl free all >/dev/null
	await 30 counter zb_waiting 0
	verdict "they stop waiting when memory is free" $?
	await 30 counter zb_wait_granted 2
	unload
}

# A request that would leave less than the reserve if all memory were free.
never() {
	load size=64M zones=Normal:* min_free_kbytes=16384 charge=none || return
	says "even if all of node 0 zone Normal were free, less than its reserve of 16M would be left" \
		"ask for less, or lower min_free_kbytes in $P" zbctl alloc 64M
	says "less than its reserve of 16M would be left" "ask for less" user zbctl alloc 64M
	without min_free_kbytes
	unload
}

GROUP=/sys/fs/cgroup/zbctl_why

dmem() {
	# shellcheck disable=SC2086  # several parameters
	load size=64M zones=Normal:* $NONE || return
	if ! echo dmem 2>/dev/null >$P/charge; then
		skip "dmem.max" "this kernel has no dmem controller"
	else
		echo +dmem >/sys/fs/cgroup/cgroup.subtree_control
		mkdir -p $GROUP
		echo "zbuddy 1M" >$GROUP/dmem.max
		says "dmem.max of cgroup /zbctl_why or of one of its ancestors" "or raise its dmem.max" \
			in_group zbctl alloc 2M
		says "dmem.max of cgroup /zbctl_why" "or ask for less" in_group user zbctl alloc 2M
		without raise
		rmdir $GROUP
	fi
	unload
}

# in_group COMMAND: run it in the cgroup.
in_group() (
	echo 0 >"$GROUP/cgroup.procs"
	"$@"
)

places() {
	# shellcheck disable=SC2086  # several parameters
	load size=64M zones=DMA:8M,Normal:*,Movable:16M $NONE || return
	says "large enough for an aligned block" "ask for less" zbctl alloc 12 --gfp DMA
	take KERNEL
	says "flags exclude the zone that has such a block: node 0 zone Movable" \
		"try --gfp KERNEL,HIGHMEM,MOVABLE" user zbctl alloc 0
	take HIGHUSER_MOVABLE
	says "no free block: node 0 zone" "free something (zbctl holders)" user zbctl alloc 0
	says "no memory became free in time: no free block" "zbctl holders" user zbctl alloc 0 --wait 0
	zbctl free all >/dev/null
	unload
	# shellcheck disable=SC2086  # several parameters
	load size=32M zones=Movable:* $NONE || return
	says "the flags exclude all zones of this region" "choose a zone from zbctl info" user zbctl alloc 0
	unload
}

fragmented() {
	# shellcheck disable=SC2086  # several parameters
	load size=16M zones=Normal:* $NONE || return
	ids=
	for _ in 1 2 3 4 5 6 7 8; do
		ids="$ids $(zbctl alloc 9 -q)"
	done
	# shellcheck disable=SC2086  # several IDs
	set -- $ids
	zbctl free -q "$1" "$3"
	verdict "two pageblocks can be freed" $?
	says "it is fragmented: the largest free block is 2M" "ask for less" zbctl alloc 10
	unload
}

echo "TAP version 13"
not_loaded
rights
limits
watermark
reserves
highatomic
cached
places
never
fragmented
isolated
waiting
dmem
finish
