#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The error lines of zbctl when the flags or the cpuset exclude the node that has memory. Needs
# two NUMA nodes.

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/test_lib.sh
. ./test_lib.sh

[ "$(id -u)" -eq 0 ] || skip_all "must be root"
[ -d /sys/devices/system/node/node1 ] || skip_all "one NUMA node"
[ -d /sys/module/zbuddy ] || skip_all "zbuddy is not loaded"
echo +cpuset 2>/dev/null >/sys/fs/cgroup/cgroup.subtree_control ||
	skip_all "no cpuset controller"

GROUP=/sys/fs/cgroup/zbctl_nodes

# in_group COMMAND: run it in the cgroup.
in_group() (
	echo 0 >"$GROUP/cgroup.procs"
	"$@"
)

# says CAUSE REMEDY COMMAND...: the command must fail and print one error line with both.
says() {
	cause=$1 remedy=$2
	shift 2
	run "$@"
	if [ "$status" -eq 1 ] && [ "$(wc -l <"$err")" -eq 1 ] &&
		grep -q -e "$cause" "$err" && grep -q -e "$remedy" "$err"; then
		ok "$cause: $*"
	else
		say "want: $cause ... $remedy"
		show "$err"
		not_ok "$cause: $*"
	fi
}

works() {
	run "$@"
	[ "$status" -eq 0 ] || show "$err"
	verdict "and that remedy helps: $*" "$status"
}

take_node_0() {
	for order in 13 12 11 10 9 5 0; do
		while zbctl alloc $order -q --node 0 --gfp KERNEL,THISNODE,MEMALLOC,NOWARN >/dev/null 2>&1; do
			:
		done
	done
}

# reload SIZE
reload() {
	rmmod zbuddy && insmod ./zbuddy.ko size="$1"
	verdict "loads with size=$1" $?
}

echo "TAP version 13"
mkdir -p $GROUP
echo 0 >$GROUP/cpuset.mems
take_node_0
says "node 1 zone [A-Za-z0-9]* has such a block, but THISNODE excludes" "leave THISNODE out" \
	zbctl alloc 0 --node 0 --gfp KERNEL,THISNODE
works zbctl alloc 0 --node 0
says "node 1 zone [A-Za-z0-9]* has such a block, but the cpuset of this process excludes" \
	"leave HARDWALL (USER includes it) out" in_group zbctl alloc 0 --gfp USER
works in_group zbctl alloc 0
zbctl free all >/dev/null
reload 1:128M
says "zones that the flags allow are on nodes that the cpuset of this process excludes" \
	"leave HARDWALL (USER includes it) out" in_group zbctl alloc 0 --gfp USER
works in_group zbctl alloc 0
says "node 0 has no region: choose from 1" "leave out --node" zbctl alloc 0 --node 0
zbctl free all >/dev/null
reload 0:128M,1:128M
# The group stays: qemu sometimes fails when the kernel patches its code for the first and the
# last cpuset, see guest/emulation-faults.
finish
