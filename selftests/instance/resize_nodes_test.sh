#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Changing the size, and idle memory, on a machine with two NUMA nodes. The module is loaded with
# backend=contig meanwhile, because the CMA areas of nodes can be used by backend=dma only.

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/test_lib.sh
. ./test_lib.sh
# shellcheck source=selftests/instance/resize_lib.sh
. ./resize_lib.sh

[ "$(id -u)" -eq 0 ] || skip_all "must be root"
[ -d /sys/devices/system/node/node1 ] || skip_all "one NUMA node"
[ -d /sys/module/zbuddy ] || skip_all "zbuddy is not loaded"
module=./zbuddy.ko
before=$(cat $SIZE)
rmmod zbuddy || skip_all "zbuddy is in use"

echo "TAP version 13"

# node_has NODE MIB: present size of a node.
node_has() {
	mib=$(zbctl info | sed -n "s/^ *$1  [A-Za-z0-9]* *\([0-9]*\)M .*/\1/p" |
		{ sum=0; while read -r n; do sum=$((sum + n)); done; echo $sum; })
	[ "$mib" -eq "$2" ] || { say "node $1 has $mib MiB, expected $2"; return 1; }
}

nodes_have() {
	node_has 0 "$1" && node_has 1 "$2"
}

by_node() {
	resize 0:32M,1:64M && nodes_have 32 64 && resize 0:64M,1:64M && nodes_have 64 64
}

one_node() {
	echo 1:16M >$SIZE && is_size 0:64M,1:16M && nodes_have 64 16 &&
		zbctl resize 32M --node 0 >/dev/null && is_size 0:32M,1:16M && nodes_have 32 16 &&
		zbctl resize 64M --node 1 >/dev/null && nodes_have 32 64
}

total() {
	echo 64M >$SIZE && is_size 0:32M,1:32M && nodes_have 32 32 &&
		echo 128M >$SIZE && nodes_have 64 64
}

# What can't be moved on one node does not keep the other one from shrinking.
stops_on_one_node() {
	zbctl alloc 40M --gfp HIGHUSER,THISNODE --node 1 --quiet >"$out" || { show "$out"; return 1; }
	read -r id <"$out"
	result=0
	refused 8M "node 1 has 40 MiB and can't shrink to 4 MiB" || result=1
	nodes_have 4 40 || result=1
	zbctl free "$id" >/dev/null || kill "$id"
	resize 0:64M,1:64M || result=1
	return $result
}

gives_idle_memory() {
	echo 32M >$PARAMETERS/idle_floor && echo 1 >$PARAMETERS/idle || return 1
	shrunken() { nodes_have 16 16 >/dev/null; }
	await 20 shrunken || { nodes_have 16 16; return 1; }
	is_size 0:64M,1:64M || return 1
	zbctl alloc 32M --gfp HIGHUSER,THISNODE --node 1 --quiet >"$out" 2>&1 || { show "$out"; return 1; }
	read -r id <"$out"
	node_has 0 16
	result=$?
	zbctl free "$id" >/dev/null || kill "$id"
	echo 0 >$PARAMETERS/idle
	full() { nodes_have 64 64 >/dev/null; }
	await 20 full || { nodes_have 64 64; result=1; }
	return $result
}

if load size=0:64M,1:64M backend=contig; then
	by_node
	verdict "by node" $?
	one_node
	verdict "one node" $?
	total
	verdict "a total is distributed" $?
	stops_on_one_node
	verdict "stops on one node only" $?
	gives_idle_memory
	verdict "gives idle memory of both nodes back" $?
	checks_out && rmmod zbuddy
	verdict "unloads" $?
else
	not_ok "load"
fi
insmod $module size="$before"
verdict "loads as before" $?
refused 0:64M,1:64M "can't be changed with backend=dma"
verdict "dma refuses" $?
finish
