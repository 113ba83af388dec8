#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The guest's part of programs.sh: usage: programs_guest.sh BACKEND

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/test_lib.sh
. ./test_lib.sh
# shellcheck source=selftests/programs/programs_disk.sh
. ./programs_disk.sh

mnt=/tmp/zbuddy_files
# Those of stress-ng for file systems that need neither data in new files (as inotify does), nor
# programs that can be executed (as access does), symbolic links, device nodes or leases.
stressors="chmod chown dentry dir dirdeep dirmany fcntl file-ioctl filename flock getdent
	inode-flags link open rename touch unlink utime"

# fio_works NAME OPTION...: fio verifies all that it has written.
fio_works() {
	name=$1
	shift
	run fio --name=job --thread --verify=crc32c --verify_fatal=1 --do_verify=1 \
		--rw=randwrite --randseed=1 --eta=never --output="$TMP/fio" "$@"
	[ "$status" -eq 0 ] || { show "$TMP/fio"; show "$err"; }
	verdict "fio: $name" "$status"
}

new_file() {
	rm -f "$mnt/$1"
	truncate -s "$2" "$mnt/$1"
}

# fio reads and writes the file.
fio_on_files() {
	for engine in psync libaio io_uring mmap; do
		new_file data 8M
		fio_works "$engine on a file" --ioengine=$engine --filename=$mnt/data --size=8M \
			--bs=4k-64k --iodepth=8
	done
	new_file data 8M
	fio_works "4 threads on one file" --ioengine=psync --filename=$mnt/data --size=2M \
		--offset_increment=2M --numjobs=4 --bs=16k
}

# A file provides the buffers for direct I/O to a disk. fio does not set its length, so
# new_file does.
fio_in_buffers() {
	for engine in psync libaio io_uring; do
		new_file buffers 1M
		fio_works "$engine, direct I/O from a file" --ioengine=$engine --direct=1 \
			--mem=mmapshared:$mnt/buffers --filename=$disk/data --size=8M --bs=64k --iodepth=8
	done
	# Fixed buffers are pinned for a long time, which CMA does not allow.
	[ "$backend" = contig ] || { rm -f $mnt/buffers; return; }
	new_file buffers 1M
	fio_works "io_uring with fixed buffers, direct I/O from a file" --ioengine=io_uring \
		--fixedbufs=1 --direct=1 --mem=mmapshared:$mnt/buffers --filename=$disk/data \
		--size=8M --bs=64k --iodepth=8
	rm -f $mnt/buffers
}

# Buffers come and go, and compaction moves the buffers between them, until $TMP/stop exists.
churn() {
	while [ ! -e "$TMP/stop" ]; do
		for i in 1 2 3 4 5 6 7 8; do
			truncate -s "${i}00K" "$mnt/churn$i" 2>/dev/null
		done
		rm -f $mnt/churn[1357]
		echo 1 >/sys/kernel/debug/zbuddy/compact
		rm -f $mnt/churn*
	done
}

moved_pages() {
	awk '$1 == "pgmigrate_success" { print $2 }' /sys/kernel/debug/zbuddy/vmstat
}

beside_churn() {
	before=$(moved_pages)
	rm -f "$TMP/stop"
	churn &
	pid=$!
	new_file data 8M
	for engine in psync io_uring; do
		fio_works "$engine on a file, beside churn and compaction" --ioengine=$engine \
			--filename=$mnt/data --size=8M --bs=4k-64k --iodepth=8 --loops=2
	done
	new_file buffers 1M
	fio_works "libaio, direct I/O from a file, beside churn and compaction" --ioengine=libaio \
		--direct=1 --mem=mmapshared:$mnt/buffers --filename=$disk/data --size=8M --bs=64k \
		--iodepth=8 --loops=2
	touch "$TMP/stop"
	wait $pid
	rm -f $mnt/buffers $mnt/data
	say "$(($(moved_pages) - before)) pages moved"
	[ "$(moved_pages)" -gt "$before" ]
	verdict "compaction has moved pages" $?
}

# Copies a file with known contents into a file of the same length, and back.
coreutils() {
	bin=$disk/usr/bin
	head -c 4194304 /dev/urandom >"$TMP/known"
	new_file copy 4M
	$bin/dd if="$TMP/known" of=$mnt/copy bs=64k conv=notrunc status=none &&
		$bin/cp --reflink=never $mnt/copy "$TMP/back" && cmp "$TMP/known" "$TMP/back"
	verdict "dd into a file, cp out of it" $?
	$bin/cp --reflink=auto --sparse=always $mnt/copy "$TMP/back" && cmp "$TMP/known" "$TMP/back"
	verdict "cp with sparse output" $?
	[ "$($bin/sha256sum <"$TMP/known")" = "$($bin/sha256sum <$mnt/copy)" ]
	verdict "sha256sum" $?
	new_file twin 4M
	$bin/dd if=$mnt/copy of=$mnt/twin bs=1M conv=notrunc status=none && cmp $mnt/copy $mnt/twin
	verdict "dd from one file to another" $?
	rm -f $mnt/copy $mnt/twin
}

# FIEMAP: a file is one extent, whose address only an administrator sees.
extents() {
	new_file extents 4M
	run filefrag -v $mnt/extents
	grep -q ': 1 extent found$' "$out" &&
		grep -Eq '^ +0: +0\.\. +1023: +[1-9][0-9]*\.\. *[0-9]+: +1024: +last,eof$' "$out"
	status=$?
	[ $status -eq 0 ] || { show "$out"; show "$err"; }
	verdict "filefrag prints one extent with its address" $status
	rm -f $mnt/extents
}

# Names and metadata, which need no data in the files: a check that fails makes stress-ng fail.
names() {
	mkdir $mnt/names
	for stressor in $stressors; do
		run stress-ng --temp-path $mnt/names "--$stressor" 2 "--$stressor-ops" 100 \
			--verify --timeout 60 --no-rand-seed
		[ "$status" -eq 0 ] || { show "$out"; show "$err"; }
		verdict "stress-ng: $stressor" "$status"
	done
	rmdir $mnt/names
	verdict "nothing is left of stress-ng" $?
}

python() {
	run python3 programs.py $mnt
	[ "$status" -eq 0 ] || { show "$out"; show "$err"; }
	verdict "Python: mmap, a passed descriptor, memoryview and pread agree" "$status"
	# shellcheck disable=SC2016  # for Python
	run zbctl exec 1M -- python3 -c 'import mmap, os, sys
with open(sys.argv[1], "r+b") as f, mmap.mmap(f.fileno(), 0) as m:
    m[-4:] = b"tail"
    print(len(m), os.pread(f.fileno(), 4, len(m) - 4))' '{}'
	[ "$(cat "$out")" = "1048576 b'tail'" ] || { show "$out"; show "$err"; false; }
	verdict "Python maps the file of zbctl exec" $?
}

# The file system of the inner guest, which copies 4 MiB, compares them, and leaves a text in
# its memory.
inner_initramfs() {
	dir=$TMP/inner
	mkdir -p "$dir/bin" "$dir/proc" "$dir/tmp"
	cp /bin/busybox "$dir/bin/busybox"
	cat >"$dir/init" <<-'END'
	#!/bin/busybox sh
	busybox mount -t proc none /proc
	busybox mount -t tmpfs none /tmp
	busybox head -c 4194304 /dev/urandom >/tmp/a
	busybox cp /tmp/a /tmp/b
	busybox cmp /tmp/a /tmp/b && busybox echo "the copies are equal"
	mark=left-by-the-inner
	busybox yes "$mark-guest" | busybox head -n 10000 >/tmp/mark
	busybox poweroff -f
	END
	chmod 755 "$dir/init"
	(cd "$dir" && find . | cpio -o -H newc 2>/dev/null >"$TMP/inner.cpio")
}

# qemu_boots NAME: boot the inner guest. Its memory is a file that is contiguous.
qemu_boots() {
	new_file ram 128M
	timeout 1200 qemu-system-x86_64 -accel tcg -cpu max -M pc,memory-backend=ram -m 128M -nodefaults \
		-object memory-backend-file,id=ram,size=128M,mem-path=$mnt/ram,share=on \
		-display none -serial stdio -no-reboot -kernel ./vmlinuz -initrd "$TMP/inner.cpio" \
		-append "console=ttyS0 quiet panic=-1" </dev/null >"$out" 2>"$err"
	status=$?
	if [ $status -ne 0 ] || ! grep -q "the copies are equal" "$out"; then
		status=1
		show "$out"
		show "$err"
	fi
	verdict "QEMU: $1" $status
	say "$(grep -c left-by-the-inner-guest $mnt/ram) lines of its file contain what the guest has written"
	grep -q left-by-the-inner-guest $mnt/ram
	verdict "QEMU: the memory of the guest is the file" $?
	rm -f $mnt/ram
}

# qemu: boot a guest whose memory is a file, then once more while compaction moves its memory.
qemu() {
	inner_initramfs
	qemu_boots "a guest whose memory is a file"
	before=$(moved_pages)
	rm -f "$TMP/stop"
	churn &
	pid=$!
	qemu_boots "the same beside churn and compaction"
	touch "$TMP/stop"
	wait $pid
	say "$(($(moved_pages) - before)) pages moved"
}

sessions() {
	ZB_BACKEND='' sh ./sessions_test.sh zbuddyfs.5 >"$TMP/sessions" 2>&1
	status=$?
	show "$TMP/sessions"
	[ $status -eq 0 ] && ! grep -q '^ok.*SKIP' "$TMP/sessions"
	verdict "the sessions of zbuddyfs(5), with Python" $?
}

backend=$1
echo "TAP version 13"
mkdir -p $mnt
mount_disk || { not_ok "mount the disk with the programs"; finish; }
[ "$backend" != cma ] || sessions
insmod zbuddy.ko size=256M backend="$backend" && mount -t zbuddy none $mnt -o size=192M
verdict "load with backend=$backend and mount" $?
free=$(zbctl info --json | sed 's/.*"free_bytes"://; s/[,}].*//')
fio_on_files
fio_in_buffers
beside_churn
coreutils
extents
names
python
qemu
umount $mnt
verdict "unmount" $?
zbctl drain >/dev/null
[ "$(zbctl info --json | sed 's/.*"free_bytes"://; s/[,}].*//')" = "$free" ] && zbctl check >/dev/null
verdict "all memory is free again, and the allocator is consistent" $?
rmmod zbuddy
verdict "unload" $?
umount $disk
verdict "unmount the disk with the programs" $?
finish
