# SPDX-License-Identifier: GPL-2.0
#
# For the tests in shell: test cases as TAP. Works with busybox ash.
#
# shellcheck shell=sh disable=SC2034  # variables are for those who include this

TMP=$(mktemp -d /tmp/zbuddy_test.XXXXXX) || exit 1
nr=0
failed=0

# ok NAME, not_ok NAME: the verdict of a test case.
ok() {
	nr=$((nr + 1))
	echo "ok $nr $*"
}

not_ok() {
	nr=$((nr + 1))
	failed=$((failed + 1))
	echo "not ok $nr $*"
}

skip() {
	nr=$((nr + 1))
	echo "ok $nr $1 # SKIP $2"
}

skip_all() {
	echo "TAP version 13"
	echo "1..0 # SKIP $*"
	rm -rf "$TMP"
	exit 4
}

say() {
	printf '# %s\n' "$*"
}

show() {
	sed 's/^/# /' "$1"
}

# verdict NAME STATUS: 0 is good.
verdict() {
	if [ "$2" -eq 0 ]; then ok "$1"; else not_ok "$1"; fi
}

# run COMMAND...: leaves $status, and the files $out and $err.
out=$TMP/out
err=$TMP/err
run() {
	"$@" >"$out" 2>"$err"
	status=$?
}

# Ends the test: the plan stands behind it.
finish() {
	echo "1..$nr"
	rm -rf "$TMP"
	[ $failed -eq 0 ]
	exit
}

DEBUGFS=/sys/kernel/debug/zbuddy
PATH=$(pwd):$PATH
