# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# In a guest: mount the disk with the programs of Debian, see image.sh. To be sourced.

disk=/tmp/zbuddy_programs

# Programs and their libraries are found at their usual paths afterwards.
mount_disk() {
	modprobe virtio_blk 2>/dev/null
	modprobe ext4 2>/dev/null
	mkdir -p $disk /usr/lib /lib
	mount -t ext4 /dev/vda $disk || return
	ln -sfn $disk/usr/lib64 /lib64
	for dir in x86_64-linux-gnu python3 python3.13; do
		ln -sfn $disk/usr/lib/$dir /usr/lib/$dir
		ln -sfn $disk/usr/lib/$dir /lib/$dir
	done
	for program in bin/fio bin/python3 bin/qemu-system-x86_64 bin/stress-ng sbin/filefrag; do
		ln -sf $disk/usr/$program /usr/bin/
	done
	mkdir -p /usr/share
	for dir in qemu seabios; do
		ln -sfn $disk/usr/share/$dir /usr/share/$dir
	done
}
