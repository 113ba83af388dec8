# shellcheck shell=bash disable=SC2154,SC2016  # set elsewhere; for inner shells
# SPDX-License-Identifier: GPL-2.0-only
#
# A guest that boots a disk image of the current Debian system.

# Build a program and a module with the installed files only: without an include path for
# the program, and with that of the installed headers for the module.
program_and_module() {
	local kernel
	cp "$here/dkms/program.c" "$root/root/"
	in_root gcc -std=c99 -D_GNU_SOURCE -Wall -Wextra -Werror /root/program.c -o /root/program
	mkdir -p "$root/root/other"
	cp "$here/dkms/zb_other.c" "$root/root/other/"
	printf '%s\n' 'obj-m := zb_other.o' 'ccflags-y := -I/usr/local/src/zbuddy-headers/include' \
		>"$root/root/other/Kbuild"
	for kernel in "$new" "$later"; do
		in_root make -C "/lib/modules/$kernel/build" M=/root/other clean
		in_root make -C "/lib/modules/$kernel/build" M=/root/other \
			KBUILD_EXTRA_SYMBOLS="/var/lib/dkms/zbuddy/$version/$kernel/x86_64/module/Module.symvers" modules
		mkdir -p "$root/usr/lib/modules/$kernel/extra"
		cp "$root/root/other/zb_other.ko" "$root/usr/lib/modules/$kernel/extra/"
		in_root depmod "$kernel"
	done
}

# disk KERNEL FILE: create a disk image of the root, without large files that are not needed.
disk() {
	cp "$here/dkms/init.sh" "$here/../guest/kernel-problems" "$root/root/"
	confined bash -euc '
		root=$1 image=$2 kernel=$3
		for dir in "$root"/usr/src "$root"/usr/lib/gcc "$root"/var/cache "$root"/usr/lib/modules/*; do
			[ "${dir##*/}" = "$kernel" ] || mount -t tmpfs tmpfs "$dir"
		done
		size=$(du -sxm "$root" | cut -f1)
		rm -f "$image"
		mke2fs -q -t ext4 -L zbuddy -d "$root" "$image" $((size * 5 / 4 + 128))M
	' disk "$root" "$2" "$1"
}

# boot KERNEL: boot the disk with this kernel and its initial ramdisk.
boot() {
	disk "$1" "$box/disk" >"$box/console" 2>&1 || { cat "$box/console"; return 1; }
	timeout -s KILL 900 qemu-system-x86_64 -accel tcg -cpu max -m 2G -smp 2 \
		-nodefaults -no-user-config -display none -no-reboot \
		-serial "file:$box/console" -serial "file:$box/guest" \
		-drive "file=$box/disk,format=raw,if=virtio,cache=unsafe" \
		-kernel "$root/boot/vmlinuz-$1" -initrd "$root/boot/initrd.img-$1" \
		-append "console=ttyS0 quiet panic=-1 oops=panic cma=512M root=LABEL=zbuddy rw init=/root/init.sh" </dev/null
	grep -qx "done $1" "$box/guest" || { cat "$box/guest"; tail -n 30 "$box/console"; return 1; }
}

# guest KERNEL: boot it and report its checks as test cases.
guest() {
	local line
	: >"$box/guest"
	check "a guest with $1" boot "$1"
	while read -r line; do
		case $line in
		"ok "*) tell 0 "$1: ${line#ok }" ;;
		"not ok "*) tell 1 "$1: ${line#not ok }" ;;
		"#"*) echo "$line" ;;
		esac
	done <"$box/guest"
}
