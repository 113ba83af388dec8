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

# await SECONDS COMMAND...: until the command succeeds, but not longer than SECONDS, which
# are multiplied by how many times slower this machine is than an idle one (run_tests.sh).
await() {
	tries=$(($1 * 10 * ${ZB_TIME_SCALE:-1}))
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

# mark, logged, errors: what zbuddy has logged since; the last without time and level,
# and each once: busybox insmod tries twice, with finit_module and init_module.
mark() {
	read -r uptime _ </proc/uptime
	marker="zbuddy ${0##*/} mark $$ $nr $uptime"
	echo "$marker" >/dev/kmsg
}

logged() {
	dmesg -r | sed -n "1,/$marker/d; /zbuddy: /p"
}

errors() {
	dmesg -r | sed -n "1,/$marker/d; s/^<[0-3]>\[[^]]*\] *\(zbuddy: \)/\1/p" | sort -u
}

# one_line_of TEXT FILE: it has one line, which has the text in it.
one_line_of() {
	read -r line <"$2"
	{ read -r _ && ! read -r _; } <"$2" || { say "not one line:"; show "$2"; return 1; }
	case $line in
	*"$1"*) ;;
	*) say "does not tell of '$1': $line"; return 1 ;;
	esac
}

# Ends the test: the plan stands behind it.
finish() {
	echo "1..$nr"
	rm -rf "$TMP"
	[ $failed -eq 0 ]
	exit
}

DEBUGFS=/sys/kernel/debug/zbuddy
PATH=$(pwd):$(pwd)/../zbctl:$PATH
