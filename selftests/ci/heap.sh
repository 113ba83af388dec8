#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Runs our tests of the dma-heap and then the kernel's own on /dev/dma_heap/zbuddy. They
# have a guest of their own because a module with a heap cannot be unloaded. Options are
# passed to guest/run; -M vgem adds a device that imports the dma-bufs. The last line
# counts the test cases of both.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
kernel=$("$here/../guest/kernel" source)
source=$kernel/tools/testing/selftests
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

gcc -O2 -static -D_GNU_SOURCE -D__user= -I"$source" -idirafter "$kernel/include/uapi" \
	-o "$tmp/dmabuf-heap" "$source/dmabuf-heaps/dmabuf-heap.c"

# shellcheck disable=SC2016  # for the guest's shell
"$here/../guest/run" -T "$here/../.." -f "$tmp/dmabuf-heap" "$@" -- '
	# run PROGRAM: it must end as passed, failed or skipped.
	run() {
		"$1" >/tmp/one 2>&1
		status=$?
		case $status in
		0 | 1 | 4) ;;
		*) echo "not ok - $1 has ended with status $status" >>/tmp/one ;;
		esac
		tee -a /tmp/out </tmp/one
	}
	touch /tmp/keep-modules
	modprobe vgem 2>/dev/null
	run ./fail_heap_test
	[ -d /sys/module/zbuddy ] || insmod ./zbuddy.ko size=64M heap=1 || exit
	if [ ! -e /dev/dma_heap/zbuddy ]; then
		echo "1..0 # SKIP modules cannot add a dma-heap to this kernel"
		bad=$(grep -c "^not ok" /tmp/out)
		echo "0 passed, $bad failed, 1 skipped"
		exit $bad
	fi
	run ./heap_test
	./dmabuf-heap >/tmp/out2
	status=$?
	cat /tmp/out2
	grep -q "Testing heap: zbuddy" /tmp/out2 && zbctl check || status=1
	bad=$(cat /tmp/out /tmp/out2 | grep -c "^not ok")
	skipped=$(cat /tmp/out /tmp/out2 | grep -c "^ok.*# SKIP")
	good=$(($(cat /tmp/out /tmp/out2 | grep -c "^ok") - skipped))
	[ $status -eq 0 ] || [ $bad -gt 0 ] || bad=1
	echo "$good passed, $bad failed, $skipped skipped"
	[ $bad -eq 0 ]'
