#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# `make programs-test`: unchanged programs of Debian (fio, Python, coreutils, QEMU) use files
# of the file system, in one guest whose region is CMA memory and one whose region is not. QEMU
# boots a guest of its own, whose memory is a file. Also runs the sessions that need Python.
# usage: programs.sh [BACKEND]...    default cma contig
#
# The programs are on a disk image, which is created once and kept in $ZB_CACHE. The guests
# write to a snapshot of it.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/guest/lib.sh
. "$here/../guest/lib.sh"

programs=fio,python3,coreutils,qemu-system-x86
recipe=$(hash_of - <<<"$ZB_RELEASE $programs 1")

find_image() {
	base=$(newest_complete programs "-$recipe") || {
		locked apt guest_apt_update
		base=$ZB_CACHE/programs-$(package_version fio)-$recipe
		make_once "$base" make_image
	}
}

# The packages are only unpacked, not installed.
unpack_programs() {
	local acquire=$ZB_CACHE/apt/acquire.conf
	apt-config dump Acquire | grep -E '::(Proxy|Check-|Retries|Verify)' >"$acquire" || true
	confined mmdebstrap --mode=root --variant=extract --aptopt="$acquire" \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' --include="$programs" \
		"$ZB_RELEASE" "$1" - <"$ZB_CACHE/apt/sources.list"
}

make_image() {
	need mmdebstrap:mmdebstrap mke2fs:e2fsprogs
	say "creating a disk with $programs (a minute)"
	quietly "$ZB_CACHE/logs/programs.log" unpack_programs "$1/root"
	quietly "$ZB_CACHE/logs/programs.log" mke2fs -t ext4 -d "$1/root" "$1/image" 1536M
	rm -rf --one-file-system "$1/root"
}

# test_with BACKEND
test_with() {
	"$here/../guest/run" -k stock -t 2400 -M virtio_blk -M ext4 -f "$stock/vmlinuz" \
		-q "-drive if=virtio,format=raw,snapshot=on,file=$base/image" \
		-- ./programs_guest.sh "$1"
}

main() {
	local backends=("$@") backend stock status=0
	[[ $# -gt 0 ]] || backends=(cma contig)
	as_root
	stock=$("$here/../guest/kernel" stock)
	find_image
	for backend in "${backends[@]}"; do
		echo "# region: $backend"
		test_with "$backend" || status=1
	done
	return "$status"
}

main "$@"
