#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What `make demo` runs in the guest: load the module, allocate, free, and
# unload, with a look at the region after each step.
# usage: demo.sh [always|never]     whether to use colours
#
# Fails if the free blocks at the end differ from those at the beginning.
set -eu

colour=${1:-never}
debugfs=/sys/kernel/debug/zbuddy

heading() {
	case $colour in
	always) printf '\n\033[1m%s\033[0m\n' "$*" ;;
	*) printf '\n== %s\n' "$*" ;;
	esac
}

tell() {
	echo "   $*"
}

# Print the free blocks of each zone by order. The columns of buddyinfo are as wide
# as those of /proc/buddyinfo and are narrowed here to fit a terminal.
buddyinfo() {
	sed -E 's/ {3}( *[0-9]+ )/\1/g' $debugfs/buddyinfo
}

# Print only the lines with free blocks, and the three types that own pageblocks.
pagetypeinfo() {
	sed -nE 's/ {3}( *[0-9]+ )/\1/g; s/^Node *[0-9]+, (.*, type .* [1-9])/\1/p' $debugfs/pagetypeinfo
	sed -n '/^Number/,$ p' $debugfs/pagetypeinfo | cut -c1-62
}

map() {
	zbctl map --color "$colour"
}

# alloc WHAT ARGUMENT...: `zbctl alloc` starts a background process that holds
# the buffers. Stores its ID in $id.
alloc() {
	what=$1
	shift
	out=$(zbctl alloc "$@")
	id=$(echo "$out" | sed -n 's/^id //p')
	printf '%-56s' "zbctl alloc $*"
	echo "$out" | awk -v what="$what" '/^handle/ { n++; zone = $10 } END { print n, what, "from", zone }'
}

load() {
	heading 'Load: 256 MiB out of CMA, cut into four zones'
	echo 'insmod zbuddy.ko size=256M zones=DMA:16M,DMA32:64M,Normal:*,Movable:64M'
	insmod zbuddy.ko size=256M zones=DMA:16M,DMA32:64M,Normal:*,Movable:64M
	dmesg | sed -n 's/, max order/,\n  max order/; s/^.*zbuddy: node/zbuddy: node/p' | tail -n 2
	echo
	zbctl info
}

before() {
	heading 'Before: all memory is free, in blocks as large as their alignment allows'
	tell 'buddyinfo shows the number of free blocks of 1, 2, 4, 8, ... pages:'
	cat $debugfs/buddyinfo >/tmp/before
	buddyinfo
	tell 'the map shows one cell for each pageblock of 2 MiB:'
	map
}

allocate() {
	heading 'Allocate: the GFP flags select the zone and the mobility'
	alloc 'single pages, unmovable,' 0 --gfp KERNEL --count 700
	singles=$id
	alloc 'reclaimable blocks of 64K' 4 --gfp TEMPORARY --count 40
	alloc 'movable blocks of 256K' 6 --gfp KERNEL,HIGHMEM,MOVABLE --count 24
	alloc 'blocks for old devices' 3 --gfp DMA --count 64
	tell 'and sizes that are not a power of two; the unused tail is freed at once:'
	alloc 'buffers of 300K' 300K --gfp DMA --count 8
	alloc 'frames of Full HD, 8100K,' 8100K --gfp DMA32 --count 3
	frames=$id
	alloc 'buffer of 21M' 21M --gfp KERNEL
	zbctl holders
}

during() {
	heading 'During: each mobility type keeps to its own pageblocks'
	buddyinfo
	tell 'pagetypeinfo shows the free blocks and the number of pageblocks of each type:'
	pagetypeinfo
	map
}

# Two sets of holders allocate in turn, so that freeing one set leaves holes.
fragment() {
	heading 'Fragment: A and B allocate 1 MiB in turn, then A frees its buffers'
	held=
	for round in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
		held="$held $(zbctl alloc 1M --gfp KERNEL,HIGHMEM,MOVABLE --quiet)"
		zbctl alloc 1M --gfp KERNEL,HIGHMEM,MOVABLE --quiet >/dev/null
	done
	# shellcheck disable=SC2086  # a list
	zbctl free --quiet $held
	zbctl free --quiet "$singles" "$frames"
	zbctl drain
	tell "after $round rounds the buffers of A, the single pages and the video frames are free:"
	map
}

after() {
	heading 'After: everything is freed, and every block has merged with its buddy'
	zbctl free --quiet all
	zbctl drain
	cat $debugfs/buddyinfo >/tmp/after
	buddyinfo
	map
	printf '\nself check: '
	zbctl check
	if ! cmp -s /tmp/before /tmp/after; then
		tell 'buddyinfo DIFFERS from its initial state:'
		diff /tmp/before /tmp/after || true
		exit 1
	fi
	tell 'buddyinfo is identical, byte for byte, to its initial state.'
}

unload() {
	heading 'Unload: the memory returns to CMA'
	printf 'loaded:    %s\n' "$(grep CmaFree /proc/meminfo)"
	rmmod zbuddy
	printf 'unloaded:  %s\n' "$(grep CmaFree /proc/meminfo)"
}

load
before
allocate
during
fragment
after
unload
