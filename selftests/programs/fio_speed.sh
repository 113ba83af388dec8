#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The throughput of fio's direct I/O into a file of the file system, compared with anonymous
# memory. `bench fio` runs this in a guest with the disk of image.sh.
# usage: fio_speed.sh BACKEND ROUNDS
#
# Prints ROW,VARIANT,UNIT,MIN,MEDIAN,MAX,N like zb_bench: the time of an I/O, which is
# instructions under qemu's icount, as fio's throughput tells it. The rows are fio.DEVICE.ENGINE.KIB:
#
#	ram	brd, which copies the data
#	null	null_blk, which does not, so that what memory costs is a larger share of the time
#	small	brd, and a file that is smaller than a huge page

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/programs/programs_disk.sh
. ./programs_disk.sh

backend=$1
rounds=$2
mnt=/tmp/zbuddy_files
results=/tmp/zbuddy_fio

die() {
	echo "fio_speed.sh: $*" >&2
	exit 1
}

set_up() {
	mount_disk || die "no disk with the programs"
	modprobe brd rd_nr=1 rd_size=65536 || die "no brd"
	# It completes each request in the call that submits it.
	modprobe null_blk queue_mode=0 irqmode=0 gb=1 nr_devices=1 || die "no null_blk"
	# brd allocates its memory at the first write.
	dd if=/dev/zero of=/dev/ram0 bs=1M count=64 2>/dev/null || die "/dev/ram0 cannot be written"
	mkdir -p $mnt $results
	insmod zbuddy.ko backend="$backend" size=192M || die "the module cannot be loaded"
	mount -t zbuddy none $mnt || die "the file system cannot be mounted"
	truncate -s 16M $mnt/buffers || die "no memory for a file"
	truncate -s 1M $mnt/small || die "no memory for a small file"
}

# fio_time KIB TOTAL OPTION...: read TOTAL MiB in blocks of KIB, and print the nanoseconds of a block.
fio_time() {
	kib=$1 total=$2
	shift 2
	fio --name=job --thread --rw=read --direct=1 --gtod_reduce=1 --eta=never --size=60M \
		--bs="$kib"k --io_size="$total"M --output-format=terse --terse-version=3 "$@" >/tmp/fio.out ||
		die "fio $*: $(cat /tmp/fio.out)"
	# The read KiB and the milliseconds that they took.
	awk -F';' -v kib="$kib" 'NF > 9 { printf "%.1f\n", $9 * 1000000 / ($6 / kib) }' /tmp/fio.out
}

# summary ROW VARIANT: a line of the sorted times in the file.
summary() {
	sort -n "$results/$1.$2" | awk -v row="$1" -v variant="$2" '
		{ t[NR] = $1 }
		END {
			if (NR)
				printf "%s,%s,time,%s,%s,%s,%d\n", row, variant, t[1],
				       t[int((NR + 1) / 2)], t[NR], NR
		}'
}

# compare FILE ROW KIB TOTAL OPTION...: alternate between both kinds of memory in each round.
compare() {
	file=$mnt/$1 row=$2
	shift 2
	i=0
	while [ $i -lt "$rounds" ]; do
		fio_time "$@" --mem=mmap >>"$results/$row.host"
		fio_time "$@" --mem=mmapshared:"$file" >>"$results/$row.ours"
		i=$((i + 1))
	done
	summary "$row" host
	summary "$row" ours
}

# compare_on NAME DEVICE FILE MIB-FOR-4K [MIB-FOR-1M]
compare_on() {
	for kib in 4 ${5:+1024}; do
		total=$5
		[ "$kib" != 4 ] || total=$4
		compare "$3" "fio.$1.psync.$kib" "$kib" "$total" --filename="$2" --ioengine=psync
		for engine in libaio io_uring; do
			compare "$3" "fio.$1.$engine.$kib" "$kib" "$total" --filename="$2" \
				--ioengine=$engine --iodepth=8
		done
		# Fixed buffers are pinned for a long time, which CMA does not allow.
		[ "$backend" = contig ] || continue
		compare "$3" "fio.$1.fixed.$kib" "$kib" "$total" --filename="$2" \
			--ioengine=io_uring --iodepth=8 --fixedbufs=1
	done
}

set_up
echo "# $(uname -r), $(nproc) CPUs, $(fio --version), region $(head -n 1 /sys/kernel/debug/zbuddy/regions)"
compare_on null /dev/nullb0 buffers 200 10000
compare_on ram /dev/ram0 buffers 100 400
compare_on small /dev/ram0 small 100
umount $mnt
echo "# check: $(cat /sys/kernel/debug/zbuddy/check)"
rmmod zbuddy || die "zbuddy is still in use"
umount $disk || die "the disk with the programs is still in use"
