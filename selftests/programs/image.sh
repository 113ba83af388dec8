# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The disk image with unchanged programs of Debian, which guests use without changing it. It is
# created once and kept in $ZB_CACHE. To be sourced after guest/lib.sh.

programs=fio,python3,coreutils,qemu-system-x86,e2fsprogs,stress-ng
programs_recipe=$(hash_of - <<<"$ZB_RELEASE $programs 1")

# Set programs_image to the image, and create it if there is none.
find_programs_image() {
	local base
	base=$(newest_complete programs "-$programs_recipe") || {
		locked apt guest_apt_update
		base=$ZB_CACHE/programs-$(package_version fio)-$programs_recipe
		make_once "$base" make_programs_image
	}
	# shellcheck disable=SC2034  # for the script that sources this file
	programs_image=$base/image
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

make_programs_image() {
	need mmdebstrap:mmdebstrap mke2fs:e2fsprogs
	say "creating a disk with $programs (a minute)"
	quietly "$ZB_CACHE/logs/programs.log" unpack_programs "$1/root"
	quietly "$ZB_CACHE/logs/programs.log" mke2fs -t ext4 -d "$1/root" "$1/image" 1536M
	rm -rf --one-file-system "$1/root"
}
