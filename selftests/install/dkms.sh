#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What `make dkms-test` runs: everything that puts zbuddy on a machine for good, and
# takes it off again, in a Debian with two kernels, and a guest booted from that.
# usage: dkms.sh [PART]...    of errors, sign, files, dkms, deb
#
# The Debian is made once and kept in $ZB_CACHE. Each part starts from a fresh
# overlay over it; a list of all files before and after shows what is left behind.
#
# shellcheck disable=SC2317,SC2154  # called through check(); set in dkms/debian.sh
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/guest/lib.sh
. "$here/../guest/lib.sh"
tree=$(readlink -f "$here/../..")
all_parts=(errors sign files dkms deb)

for file in debian errors sign files kernels guest deb; do
	# shellcheck source=/dev/null
	. "$here/dkms/$file.sh"
done

# --- checks ---------------------------------------------------------------------------

# is_installed KERNEL
is_installed() {
	compgen -G "$root/usr/lib/modules/$1/updates/dkms/zbuddy.ko*" >/dev/null &&
		in_root dkms status -k "$1" | grep "^zbuddy/$version, $1, x86_64: installed"
}

# fails_with WORDS COMMAND...: it fails, and one line that begins with our name has
# the words in it, which are the cure.
fails_with() {
	local words=$1
	shift
	! "$@" >"$box/output" 2>&1 || { echo "it did not fail"; cat "$box/output"; return 1; }
	grep -E '^(zbuddy|Makefile:[0-9]+): ' "$box/output" | grep -F -- "$words" || { cat "$box/output"; return 1; }
}

# Unlike `!` it stops a function where it should.
not() {
	! "$@"
}

number=0 passed=0 failed=0

# tell STATUS TEXT
tell() {
	number=$((number + 1))
	if [[ $1 -eq 0 ]]; then
		passed=$((passed + 1))
		echo "ok $number - $2"
	else
		failed=$((failed + 1))
		echo "not ok $number - $2"
	fi
}

# check TEXT COMMAND...
check() {
	local text=$1 status
	shift
	set +e
	(set -e; "$@") >"$box/log" 2>&1
	status=$?
	set -e
	tell "$status" "$text"
	[[ $status -eq 0 ]] || tail -n 40 "$box/log" | sed 's/^/#   /'
}

# -------------------------------------------------------------------------------------

run_part() {
	local name=$1
	fresh_root
	echo "# $name"
	"part_$name"
}

main() {
	local parts=("$@") part
	[[ $# -gt 0 ]] || parts=("${all_parts[@]}")
	for part in "${parts[@]}"; do
		[[ " ${all_parts[*]} " == *" $part "* ]] || die "no part $part: there are ${all_parts[*]}"
	done
	as_root
	unset MAKEFLAGS MFLAGS MAKELEVEL
	need qemu-system-x86_64:qemu-system-x86 mke2fs:e2fsprogs
	debian
	# Mounts and all that is started here are gone when we are.
	if [[ ! ${ZB_DKMS_BOX:-} ]]; then
		box=$(mktemp -d "${TMPDIR:-/tmp}/zbuddy-dkms.XXXXXX")
		trap 'rm -rf --one-file-system "$box"' EXIT
		ZB_DKMS_BOX=$box confined "$0" "${parts[@]}"
		return
	fi
	box=$ZB_DKMS_BOX
	version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$tree/dkms.conf")
	for part in "${parts[@]}"; do
		run_part "$part"
	done
	echo "1..$number"
	echo "$passed passed, $failed failed"
	[[ $failed -eq 0 ]]
}

main "$@"
