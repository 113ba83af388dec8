#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The kernel's own test of dma-heaps, on /dev/dma_heap/zbuddy: in a guest of its
# own, because a module with a heap can't be unloaded. Options are those of vm/run;
# with -M vgem there is a device that imports the dma-bufs.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
kernel=$("$here/vm/kernel" source)
source=$kernel/tools/testing/selftests
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

gcc -O2 -static -D_GNU_SOURCE -D__user= -I"$source" -idirafter "$kernel/include/uapi" \
	-o "$tmp/dmabuf-heap" "$source/dmabuf-heaps/dmabuf-heap.c"

# shellcheck disable=SC2016  # for the guest's shell
"$here/vm/run" -T "$here/.." -f "$tmp/dmabuf-heap" "$@" -- '
	touch /tmp/keep-modules
	modprobe vgem 2>/dev/null
	insmod ./zbuddy.ko size=64M heap=1 || exit
	if [ ! -e /dev/dma_heap/zbuddy ]; then
		echo "1..0 # SKIP this kernel lets no module add a dma-heap"
		exit 0
	fi
	./dmabuf-heap >/tmp/out
	status=$?
	cat /tmp/out
	[ $status -eq 0 ] && grep -q "Testing heap: zbuddy" /tmp/out &&
		! grep -q "^not ok" /tmp/out && zbctl check'
