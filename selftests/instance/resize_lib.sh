# SPDX-License-Identifier: GPL-2.0
#
# Helpers for the tests of a changing size.
#
# shellcheck shell=sh disable=SC2154,SC2034  # variables of test_lib.sh, and of the tests

# shellcheck source=selftests/instance/cma_lib.sh
. ./cma_lib.sh

PARAMETERS=/sys/module/zbuddy/parameters
MNT=/tmp/zbuddy.$$
SIZE=$PARAMETERS/size

# Set $value to a counter of vmstat.
counter() {
	number_of "$1" "$DEBUGFS/vmstat"
	value=$number
}

load() {
	# shellcheck disable=SC2086  # several parameters
	insmod $module "$@" min_free_kbytes=0 lowmem_reserve_ratio=0,0,0,0,0 2>"$err" && return
	show "$err"
	return 1
}

is_size() {
	read -r text <$SIZE
	[ "$text" = "$1" ] || { say "size is $text, expected $1"; return 1; }
}

# frees KB: the file system on $MNT has this size, all of it free.
frees() {
	# shellcheck disable=SC2046  # two numbers
	set -- "$1" $(stat -f -c '%b %f' "$MNT")
	[ $(($2 * 4)) -eq "$1" ] && [ $(($3 * 4)) -eq "$1" ] && return
	say "the file system has $2 blocks, $3 free, expected $1 kB"
	return 1
}

checks_out() {
	read -r text <"$DEBUGFS/check"
	case $text in
	ok*) ;;
	*) say "$text"; return 1 ;;
	esac
}

# resize SIZE: must succeed.
resize() {
	echo "$1" >$SIZE 2>"$err" || { show "$err"; logged | sed 's/^/# /'; return 1; }
	is_size "$1" && checks_out
}

# refused SIZE TEXT: must fail, with the text in the log.
refused() {
	mark
	if echo "$1" 2>/dev/null >$SIZE; then say "$1 was accepted"; return 1; fi
	errors >"$out"
	grep -q "$2" "$out" || { say "'$2' is missing in:"; show "$out"; return 1; }
	checks_out
}

# free_near KB: CmaFree has this value, if the per-CPU lists are included.
free_near() {
	has_free "$1" && [ $((now - $1)) -le "$SLACK" ]
}

# free_is KB WHAT: CmaFree gets this value.
free_is() {
	await 2 free_near "$1" && return
	say "CmaFree is $now kB and $listed kB are on lists, expected $1 kB ($2)"
	return 1
}

backend() {
	zbctl info | sed -n 's/.*backend \([a-z]*\).*/\1/p'
}
