#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What zbctl says when something fails: the true cause of each failure, and a cure that
# the caller, privileged or not, can apply.

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/test_lib.sh
. ./test_lib.sh

module=./zbuddy.ko
[ "$(id -u)" -eq 0 ] || skip_all "must be root"
[ -e $module ] || skip_all "no zbuddy.ko here"
grep -q "vermagic=$(uname -r) " $module || skip_all "$module is not for this kernel"
[ ! -d /sys/module/zbuddy ] || skip_all "zbuddy is loaded: rmmod zbuddy first"

P=/sys/module/zbuddy/parameters
NONE="min_free_kbytes=0 lowmem_reserve_ratio=0,0,0,0,0"
grep -qs ^nobody: /etc/passwd || echo "nobody:x:65534:65534:nobody:/:/bin/sh" >>/etc/passwd
grep -qs ^nogroup: /etc/group || echo "nogroup:x:65534:" >>/etc/group

# says CAUSE CURE COMMAND...: one line on stderr that has both.
says() {
	cause=$1 cure=$2
	shift 2
	run "$@"
	if [ "$status" -eq 1 ] && [ "$(wc -l <"$err")" -eq 1 ] &&
		grep -q -e "$cause" "$err" && grep -q -e "$cure" "$err"; then
		ok "$cause: $*"
	else
		say "want: $cause ... $cure"
		show "$err"
		not_ok "$cause: $*"
	fi
}

# user COMMAND: run it as an unprivileged user.
user() {
	su -s /bin/sh -c "cd $PWD && PATH=$PATH; $*" nobody
}

# without TEXT: the last line did not have it.
without() {
	! grep -q -e "$1" "$err"
	verdict "and nothing of '$1'" $?
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

# take GFP: all that requests with these flags can have.
take() {
	for order in 13 12 11 10 9 5 0; do
		while zbctl alloc $order -q --gfp "$1,NOWARN" >/dev/null 2>&1; do :; done
	done
}

not_loaded() {
	says "not loaded" ": modprobe zbuddy" zbctl info
	says "not loaded" "ask the administrator to modprobe" user zbctl info
	says "not loaded" ": modprobe zbuddy" zbctl check
}

rights() {
	load size=64M || return
	chmod 600 /dev/zbuddy
	says "permission denied: only root" "as root" user zbctl info
	chmod 660 /dev/zbuddy
	chgrp 65533 /dev/zbuddy
	says "permission denied: it is group 65533's" "usermod -a -G 65533" user zbctl info
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
	says "one open file may hold 1M" "ask for less, or raise $P/max_bytes_per_open" zbctl alloc 2M
	says "one open file may hold 1M" "ask for less, or ask with several" user zbctl alloc 2M
	without raise
	echo 0 >$P/max_bytes_per_open
	echo 1M >$P/max_bytes_per_user
	zbctl alloc 512K -q >/dev/null
	says "one user may hold 1M (max_bytes_per_user) and has 512K" "zbctl holders" zbctl alloc 1M
	zbctl free all >/dev/null
	echo 0 >$P/max_bytes_per_user
	if echo memlock 2>/dev/null >$P/charge; then
		says "RLIMIT_MEMLOCK is 64K" "ask for 64K or less, or the administrator" \
			user "ulimit -l 64; zbctl alloc 1M"
		says "RLIMIT_MEMLOCK is 64K" "raise it: ulimit -l 1024" \
			user "ulimit -S -l 64; zbctl alloc 1M"
	else
		skip "RLIMIT_MEMLOCK" "this kernel does not charge it"
	fi
	unload
}

watermark() {
	load size=64M zones=Normal:* min_free_kbytes=16384 || return
	take KERNEL
	says "of it as the reserve of its min watermark" "add HIGH to --gfp, or lower min_free_kbytes" \
		zbctl alloc 0
	says "zone Normal has .* free and must keep 16M of it" "free something" user zbctl alloc 0
	without min_free_kbytes
	without HIGH
	unload
}

reserves() {
	# shellcheck disable=SC2086  # several parameters
	load size=64M zones=DMA:16M,Normal:* min_free_kbytes=0 lowmem_reserve_ratio=1,0,0,0,0 || return
	take KERNEL
	says "zone DMA has 16M free, but keeps 48M" "if such memory will do, --gfp KERNEL,DMA" \
		user zbctl alloc 0
	user zbctl alloc 0 -q --gfp KERNEL,DMA >/dev/null
	verdict "and that cure helps" $?
	unload
	# shellcheck disable=SC2086  # several parameters
	load size=32M zones=Normal:* cma_pages=4096 $NONE || return
	take KERNEL
	says "16M of it in CMA pageblocks" "add MOVABLE" user zbctl alloc 0
	user zbctl alloc 0 -q --gfp KERNEL,MOVABLE >/dev/null
	verdict "and that cure helps" $?
	unload
}

places() {
	# shellcheck disable=SC2086  # several parameters
	load size=64M zones=DMA:8M,Normal:*,Movable:16M $NONE || return
	says "large enough for an aligned block" "ask for less" zbctl alloc 12 --gfp DMA
	take KERNEL
	says "keep out the zone that has such a block: node 0 zone Movable" \
		"try --gfp KERNEL,HIGHMEM,MOVABLE" user zbctl alloc 0
	take HIGHUSER_MOVABLE
	says "no free block: node 0 zone" "free something (zbctl holders)" user zbctl alloc 0
	says "nothing came in time: no free block" "zbctl holders" user zbctl alloc 0 --wait 0
	zbctl free all >/dev/null
	unload
	# shellcheck disable=SC2086  # several parameters
	load size=32M zones=Movable:* $NONE || return
	says "this region has no zone that the flags allow" "see zbctl info" user zbctl alloc 0
	unload
}

fragmented() {
	# shellcheck disable=SC2086  # several parameters
	load size=16M zones=Normal:* $NONE || return
	printf 'alloc 9 --count 8\nfree @1\nfree @3\nexpect ENOMEM alloc 10\n' >"$TMP/script"
	run zbctl script "$TMP/script"
	verdict "every second pageblock can be freed" "$status"
	printf 'alloc 9 --count 8\nfree @1\nfree @3\nalloc 10\n' >"$TMP/script"
	says "it is fragmented: the largest free block is 2M" "ask for less" zbctl script "$TMP/script"
	unload
}

echo "TAP version 13"
not_loaded
rights
limits
watermark
reserves
places
fragmented
finish
