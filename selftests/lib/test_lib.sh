# SPDX-License-Identifier: GPL-2.0
#
# Helpers for tests in shell, which print TAP. Works with busybox ash.
#
# shellcheck shell=sh disable=SC2034  # variables are used by the scripts that include this

TMP=$(mktemp -d /tmp/zbuddy_test.XXXXXX) || exit 1
nr=0
failed=0
log_is_open=
pause_is_open=

# ok NAME, not_ok NAME: report that a test case has passed or failed.
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

# Set $module to zbuddy.ko, or skip the test if it cannot load this module.
find_module() {
	module=./zbuddy.ko
	[ -e $module ] || module=../zbuddy.ko
	[ "$(id -u)" -eq 0 ] || skip_all "must be root"
	[ -e $module ] || skip_all "no zbuddy.ko here"
	grep -q "vermagic=$(uname -r) " $module || skip_all "$module was built for another kernel"
	[ ! -d /sys/module/zbuddy ] || skip_all "zbuddy is loaded: rmmod zbuddy first"
}

say() {
	printf '# %s\n' "$*"
}

show() {
	sed 's/^/# /' "$1"
}

# info_number NAME: print the first number of this name in zbctl info --json.
info_number() {
	json=$(zbctl info --json) || return
	json=${json#*"\"$1\":"}
	json=${json#" "}
	echo "${json%%[!0-9]*}"
}

# is_empty FILE: test -s can't tell, because the size of a file of debugfs is always 0.
is_empty() {
	! grep -q . "$1"
}

# verdict NAME STATUS: report that a test case has passed if STATUS is 0.
verdict() {
	if [ "$2" -eq 0 ]; then ok "$1"; else not_ok "$1"; fi
}

# run COMMAND...: stores its exit status in $status and its output in files $out and $err.
out=$TMP/out
err=$TMP/err
run() {
	"$@" >"$out" 2>"$err"
	status=$?
}

# Wait for 0.1 s. Starting a program for this takes about as long in the debug guest; but not every
# shell knows -t.
pause() {
	if [ ! "$pause_is_open" ]; then
		[ -p "$TMP/never" ] || mkfifo "$TMP/never"
		exec 8<>"$TMP/never"
		pause_is_open=yes
	fi
	# shellcheck disable=SC3045
	read -r -t 0.1 _ 2>/dev/null <&8
	[ $? -ne 2 ] || sleep 0.1
}

# await SECONDS COMMAND...: repeat the command until it succeeds, at most for twice SECONDS times
# $ZB_TIME_SCALE, the factor by which this machine is slower than an idle one (run_tests.sh).
await() {
	tries=$(($1 * 20 * ${ZB_TIME_SCALE:-1}))
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		pause
	done
}

# mark begins a section of the kernel log; logged prints zbuddy's messages in it that were
# not printed yet, errors only error messages, without repetitions. Needs kernel_log.
mark() {
	[ "$log_is_open" ] || { exec 9</dev/kmsg; log_is_open=yes; }
	kernel_log skip <&9
}

logged() {
	kernel_log all <&9
}

errors() {
	kernel_log errors <&9
}

# only_line FILE: the file must consist of one line, which is stored in $line.
only_line() {
	read -r line <"$1"
	{ read -r _ && ! read -r _; } <"$1" || { say "expected one line, found:"; show "$1"; return 1; }
}

# one_line_of TEXT FILE: the file must consist of one line that contains the text.
one_line_of() {
	only_line "$2" || return
	case $line in
	*"$1"*) ;;
	*) say "'$1' is missing in: $line"; return 1 ;;
	esac
}

# Print the TAP plan and exit; the plan comes last because it counts the test cases.
finish() {
	echo "1..$nr"
	rm -rf "$TMP"
	[ $failed -eq 0 ]
	exit
}

DEBUGFS=/sys/kernel/debug/zbuddy
PATH=$(pwd):$(pwd)/../zbctl:$PATH
