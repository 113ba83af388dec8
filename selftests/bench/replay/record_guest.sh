#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The guest's part of record: prints a compressed archive of the recording.

tracing=/sys/kernel/tracing
disk=/tmp/disk

fail() {
	echo "record: $*" >&2
	exit 1
}

# Full buffers drop the newest events, so that what is recorded has no gaps.
start() {
	echo 0 >$tracing/tracing_on
	echo 0 >$tracing/options/overwrite
	echo 16384 >$tracing/buffer_size_kb || fail "no memory for the trace"
	for event in mm_page_alloc mm_page_free; do
		echo 1 >$tracing/events/kmem/$event/enable || fail "no event $event"
	done
	awk '$1 == "nr_free_pages" { print "pages", $2 }' /proc/vmstat >/tmp/about
	echo 1 >$tracing/tracing_on
}

stop() {
	echo 0 >$tracing/tracing_on
	grep -E '^(pgsteal_(kswapd|direct)|pgmigrate_success|thp_fault_alloc|nr_free_pages) ' \
		/proc/vmstat >>/tmp/about
	grep -H -E '^(entries|overrun|dropped)' $tracing/per_cpu/cpu*/stats |
		sed 's/.*per_cpu.//' >>/tmp/about
}

main() {
	modprobe virtio_blk 2>/dev/null
	modprobe ext4 2>/dev/null
	mkdir -p $disk /tmp/result
	start
	mount -t ext4 /dev/vda $disk || fail "cannot mount the disk"
	mount -t proc proc $disk/proc
	mount --bind /dev $disk/dev
	chroot $disk env -i PATH=/usr/bin HOME=/root LC_ALL=C sh /src/work.sh >/tmp/log 2>&1
	status=$?
	stop
	[ $status -eq 0 ] || { cat /tmp/log; fail "work.sh exited with status $status"; }
	{ uname -r; cat /tmp/about; } >/tmp/result/about
	chroot $disk perl /src/record.pl /tmp/events /tmp/classes <$tracing/trace >>/tmp/result/about ||
		fail "cannot convert the trace"
	mv $disk/tmp/events $disk/tmp/classes /tmp/result/
	umount $disk/proc $disk/dev $disk
	tar -C /tmp/result -cf - . | gzip -1
}

main
