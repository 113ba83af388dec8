#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs all tests on a machine that is there for nothing else, such as a guest of
# vm/run: first those that load the module themselves, then the others with two
# sets of parameters. TAP with subtests; the last line counts test cases.
# Parameters of the first round are in $ZB_PARAMS; arguments name the tests to run.

cd "$(dirname "$0")" || exit 1
ZB_PARAMS=${ZB_PARAMS:-size=256M zones=DMA:16M,DMA32:64M,Normal:*,Movable:64M}
ONLY=" $* "
PATH=$(pwd):$PATH
log=$(mktemp /tmp/zbuddy_run.XXXXXX) || exit 1
passed=0
failed=0
skipped=0
nr=0

# count PATTERN: matching lines of the log.
count() {
	grep -c "$1" "$log"
}

# Why a program did not come to a proper end, if so.
what_is_wrong() {
	status=$1
	case $status in
	0 | 4) [ "$bad" -eq 0 ] || echo "its exit status is $status, though a case failed" ;;
	1) [ "$bad" -ne 0 ] || echo "its exit status is 1, though no case failed" ;;
	124 | 137 | 143) echo "ended after $seconds seconds, or killed" ;;
	*) echo "its exit status is $status" ;;
	esac
	[ "$plan" = "$cases" ] || echo "planned ${plan:-nothing}, ran $cases"
}

# program NAME SECONDS: run one, show it indented, add up.
program() {
	name=$1 seconds=$2
	echo "# Subtest: $name${round:+ ($round)}"
	timeout -s KILL "$seconds" "./$name" >"$log" 2>&1 </dev/null
	status=$?
	sed 's/^/    /' "$log"
	good=$(count '^ok [0-9]')
	skips=$(count '^ok [0-9].*# SKIP')
	bad=$(count '^not ok [0-9]')
	cases=$((good + bad))
	plan=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$log")
	wrong=$(what_is_wrong $status)
	passed=$((passed + good - skips))
	skipped=$((skipped + skips))
	failed=$((failed + bad))
	nr=$((nr + 1))
	if [ "$wrong" ]; then
		echo "$wrong" | sed 's/^/# /'
		[ "$bad" -gt 0 ] || failed=$((failed + 1))
		echo "not ok $nr - $name${round:+ ($round)}"
	elif [ "$bad" -gt 0 ]; then
		echo "not ok $nr - $name${round:+ ($round)}"
	elif [ "$plan" = 0 ]; then
		skipped=$((skipped + 1))
		echo "ok $nr - $name${round:+ ($round)} # SKIP"
	else
		echo "ok $nr - $name${round:+ ($round)}"
	fi
}

# A case of our own.
own() {
	nr=$((nr + 1))
	if [ "$1" -eq 0 ]; then
		passed=$((passed + 1))
		echo "ok $nr - $2"
	else
		failed=$((failed + 1))
		echo "not ok $nr - $2"
	fi
}

# all KIND...: the programs of these kinds.
all() {
	for kind; do
		grep "^$kind	" test_names
	done >"$log.names"
	while read -r _ name seconds <&8; do
		case $ONLY in
		"  " | *" $name "*) program "$name" "$seconds" ;;
		esac
	done 8<"$log.names"
}

with_module() {
	# shellcheck disable=SC2086  # several parameters
	insmod ./zbuddy.ko $params
	loaded=$?
	own $loaded "insmod zbuddy.ko $params"
	[ $loaded -eq 0 ] || return
	all "$@"
	rmmod zbuddy
	own $? "rmmod zbuddy"
}

echo "TAP version 13"
if [ ! -d /sys/module/zbuddy ]; then
	all load
	round="first set" params=$ZB_PARAMS
	with_module twice once
	round="second set" params="zones=auto size=64M"
	with_module twice
else
	echo "# zbuddy is loaded: testing it as it is"
	all twice once
fi
echo "1..$nr"
rm -f "$log" "$log.names"
if [ $skipped -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ $failed -eq 0 ]
