#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# `make dkms-test`: tests all ways to install and uninstall zbuddy, in a Debian system with
# two kernels, and in a guest booted from it.
# usage: dkms.sh [PART]...    PART is errors, sign, files, dkms or deb; default all
#
# The Debian system is created once and kept in $ZB_CACHE. Each part starts with a fresh
# overlay; lists of all files before and after show what is left behind.
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

# is_installed KERNEL: the module is installed by DKMS for this kernel.
is_installed() {
	compgen -G "$root/usr/lib/modules/$1/updates/dkms/zbuddy.ko*" >/dev/null &&
		in_root dkms status -k "$1" | grep "^zbuddy/$version, $1, x86_64: installed"
}

# fails_with WORDS COMMAND...: the command fails, and a message that begins with the name of
# zbuddy or the Makefile contains the words, which tell the user what to do.
fails_with() {
	local words=$1
	shift
	! "$@" >"$box/output" 2>&1 || { echo "the command did not fail"; cat "$box/output"; return 1; }
	grep -E '^(zbuddy|Makefile:[0-9]+): ' "$box/output" | grep -F -- "$words" || { cat "$box/output"; return 1; }
}

# In contrast to `!`, a failure of this function is detected by `set -e`.
not() {
	! "$@"
}

number=0 passed=0 failed=0

# tell STATUS TEXT: report a test case, which has passed if STATUS is 0.
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

# check TEXT COMMAND...: a test case that passes if the command succeeds.
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
		[[ " ${all_parts[*]} " == *" $part "* ]] || die "unknown part $part; valid parts: ${all_parts[*]}"
	done
	as_root
	unset MAKEFLAGS MFLAGS MAKELEVEL
	need qemu-system-x86_64:qemu-system-x86 mke2fs:e2fsprogs
	debian
	# Run in namespaces, so that mounts and processes disappear when this script exits.
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
