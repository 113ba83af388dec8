#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs all tests on a machine that is there for nothing else, such as a guest of
# guest/run: first those that load the module themselves, then the others with up to
# three sets of parameters, and those about pins with memory that is not CMA. Where
# there are two NUMA nodes, those about nodes alone.
# TAP with subtests; the last line counts test cases. Parameters of the first round
# are in $ZB_PARAMS, a backend for all rounds in $ZB_BACKEND, the sets to use in
# $ZB_SETS; arguments name the tests to run. The seconds that a test may take are those
# of test_names times $ZB_TIME_SCALE, which is measured at the start of each round unless
# it is given; tests read it, too.

cd "$(dirname "$0")" || exit 1
# Most tests want all of the memory; those about reserves set them themselves, and
# the third set has the defaults.
all="min_free_kbytes=0 lowmem_reserve_ratio=0,0,0,0,0"
ZB_PARAMS=${ZB_PARAMS:-size=256M zones=DMA:16M,DMA32:64M,Normal:*,Movable:64M $all}
ZB_SETS=${ZB_SETS:-first second third contig}
ONLY=" $* "
scale_given=$ZB_TIME_SCALE
idle_work=100
PATH=$(pwd):$PATH
log=$(mktemp /tmp/zbuddy_run.XXXXXX) || exit 1
passed=0
failed=0
skipped=0
nr=0

# A fixed amount of work, in hundredths of a second.
work() {
	read -r begin _ </proc/uptime
	step=0
	while [ $step -lt 20000 ]; do step=$((step + 1)); done
	read -r end _ </proc/uptime
	echo $((${end%.*}${end#*.} - ${begin%.*}${begin#*.}))
}

# How many times longer that takes than in a stock guest on an idle machine. A round
# begins with it, because what else the machine does changes.
measure_speed() {
	[ ! "$scale_given" ] || return
	ZB_TIME_SCALE=$((($(work) + idle_work - 1) / idle_work))
	[ "$ZB_TIME_SCALE" -ge 1 ] || ZB_TIME_SCALE=1
	export ZB_TIME_SCALE
	echo "# limits of time are multiplied by $ZB_TIME_SCALE"
}

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
	name=$1 seconds=$(($2 * ZB_TIME_SCALE))
	echo "# Subtest: $name${round:+ ($round)}"
	read -r begin _ </proc/uptime
	timeout -s KILL "$seconds" "./$name" >"$log" 2>&1 </dev/null
	status=$?
	read -r end _ </proc/uptime
	sed 's/^/    /' "$log"
	echo "# $name: $((${end%.*} - ${begin%.*})) s"
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

# names KIND...: the programs of these kinds, as far as they are wanted.
names() {
	for kind; do
		grep "^$kind	" test_names
	done | while read -r _ name seconds; do
		case $ONLY in
		"  " | *" $name "*) echo "$name $seconds" ;;
		esac
	done
}

all() {
	measure_speed
	names "$@" >"$log.names"
	while read -r name seconds <&8; do
		program "$name" "$seconds"
	done 8<"$log.names"
}

with_module() {
	[ "$round" = "two nodes" ] || case " $ZB_SETS " in
	*" ${round% set} "*) ;;
	*) return ;;
	esac
	[ "$(names "$@")" ] || return
	[ ! "$ZB_BACKEND" ] || case $params in
	*backend=*) ;;
	*) params="$params backend=$ZB_BACKEND" ;;
	esac
	# shellcheck disable=SC2086  # several parameters
	insmod ./zbuddy.ko $params
	loaded=$?
	own $loaded "insmod zbuddy.ko $params"
	[ $loaded -eq 0 ] || return
	all "$@"
	rmmod zbuddy
	own $? "rmmod zbuddy"
}

for set in $ZB_SETS; do
	case $set in
	first | second | third | contig) ;;
	*) echo "ZB_SETS: no set $set: there are first, second, third, contig" >&2; exit 2 ;;
	esac
done
echo "TAP version 13"
if [ -d /sys/module/zbuddy ]; then
	echo "# zbuddy is loaded: testing it as it is"
	all once twice thrice
elif [ -d /sys/devices/system/node/node1 ]; then
	round="two nodes" params="size=0:128M,1:128M"
	with_module nodes
else
	all load
	round="first set" params=$ZB_PARAMS
	with_module once twice thrice
	round="second set" params="zones=auto size=256M $all"
	with_module twice thrice
	round="third set" params="zones=auto size=128M cma_pages=20480 poison=1"
	with_module thrice
	round="contig" params="backend=contig size=64M $all"
	with_module contig
fi
echo "1..$nr"
rm -f "$log" "$log.names"
if [ $skipped -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ $failed -eq 0 ]
