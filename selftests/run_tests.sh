#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs the tests on a dedicated machine, such as a guest of guest/run: first the tests that
# load the module themselves, then the others with up to three sets of module parameters,
# and the tests of pinned memory with backend=contig. On a machine with two NUMA nodes it
# runs only the NUMA tests. If the module is loaded already, it is tested as it is.
#
# The output is TAP with subtests; the last line counts test cases. Arguments name the tests
# to run, all by default. Environment:
#
# ZB_PARAMS	module parameters of the first set
# ZB_BACKEND	backend for all sets that do not name one
# ZB_SETS	sets to use, of first, second, third and contig
# ZB_GROUPS	groups of tests to run, all by default: load, which load the module themselves,
#		faults, in which allocations fail and which depend on one another, and sets, all
#		others
# ZB_ONE_CPU	which of the marks `one` and `races` in test_names take effect: tests with such a
#		mark run with all CPUs but one offline, except in the second set, which repeats
#		tests. Those of kind load with the mark `one` always do.
# ZB_TIME_SCALE	factor for all timeouts, in test_names as well as in the tests; measured at
#		the start of each round if not given

cd "$(dirname "$0")" || exit 1
# Most tests need to allocate all memory, so disable the reserves. Tests of the reserves
# set them themselves, and the third set uses the defaults.
no_reserves="min_free_kbytes=0 lowmem_reserve_ratio=0,0,0,0,0"
ZB_PARAMS=${ZB_PARAMS:-size=256M zones=DMA:16M,DMA32:64M,Normal:*,Movable:64M $no_reserves}
ZB_SETS=${ZB_SETS:-first second third contig}
ZB_GROUPS=${ZB_GROUPS:-load faults sets}
ONLY=" $* "
scale_given=$ZB_TIME_SCALE
idle_work=100
PATH=$(pwd):$PATH
log=$(mktemp /tmp/zbuddy_run.XXXXXX) || exit 1
passed=0
failed=0
skipped=0
nr=0
cpus=all

# Print how many hundredths of a second a fixed amount of work takes.
work() {
	read -r begin _ </proc/uptime
	step=0
	while [ $step -lt 20000 ]; do step=$((step + 1)); done
	read -r end _ </proc/uptime
	echo $((${end%.*}${end#*.} - ${begin%.*}${begin#*.}))
}

# Set ZB_TIME_SCALE to how much slower this machine is than a stock guest on an idle
# host. It is measured again for each round because the load of the host changes.
measure_speed() {
	[ ! "$scale_given" ] || return
	ZB_TIME_SCALE=$((($(work) + idle_work - 1) / idle_work))
	[ "$ZB_TIME_SCALE" -ge 1 ] || ZB_TIME_SCALE=1
	export ZB_TIME_SCALE
	echo "# timeouts are multiplied by $ZB_TIME_SCALE"
}

# busy: print for how many hundredths of a second the CPUs have been busy since boot.
busy() {
	read -r _ user nice system _ _ irq softirq _ </proc/stat
	echo $((user + nice + system + irq + softirq))
}

# count PATTERN: print the number of matching lines of the log.
count() {
	grep -c "$1" "$log"
}

# abnormal_end STATUS: print what is inconsistent about the end of a program, if anything.
abnormal_end() {
	status=$1
	case $status in
	0 | 4) [ "$bad" -eq 0 ] || echo "exit status $status, although a test case failed" ;;
	1) [ "$bad" -ne 0 ] || echo "exit status 1, although no test case failed" ;;
	124 | 137 | 143) echo "timed out after $seconds seconds, or was killed" ;;
	*) echo "exit status $status" ;;
	esac
	[ "$plan" = "$cases" ] || echo "planned ${plan:-no} test cases, ran $cases"
}

# use_cpus one|all: take all CPUs but the first one offline, or bring them back.
use_cpus() {
	[ "$1" != "$cpus" ] || return
	cpus=$1
	[ "$cpus" = all ] && online=1 || online=0
	for file in /sys/devices/system/cpu/cpu[1-9]*/online; do
		[ ! -w "$file" ] || echo "$online" >"$file"
	done
}

# program NAME SECONDS CPUS: run a test, print its output indented, and update the totals.
program() {
	name=$1 seconds=$(($2 * ZB_TIME_SCALE))
	use_cpus "$3"
	echo "# Subtest: $name${round:+ ($round)}"
	read -r begin _ </proc/uptime
	worked=$(busy)
	timeout -s KILL "$seconds" "./$name" >"$log" 2>&1 </dev/null
	status=$?
	read -r end _ </proc/uptime
	sed 's/^/    /' "$log"
	worked=$(($(busy) - worked))
	echo "# $name: $((${end%.*} - ${begin%.*})) s, CPU $((worked / 100)).$((worked / 10 % 10)) s"
	good=$(count '^ok [0-9]')
	skips=$(count '^ok [0-9].*# SKIP')
	bad=$(count '^not ok [0-9]')
	cases=$((good + bad))
	plan=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$log")
	problem=$(abnormal_end $status)
	passed=$((passed + good - skips))
	skipped=$((skipped + skips))
	failed=$((failed + bad))
	nr=$((nr + 1))
	if [ "$problem" ]; then
		echo "$problem" | sed 's/^/# /'
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

# own_case STATUS NAME: report a test case of this script itself.
own_case() {
	nr=$((nr + 1))
	if [ "$1" -eq 0 ]; then
		passed=$((passed + 1))
		echo "ok $nr - $2"
	else
		failed=$((failed + 1))
		echo "not ok $nr - $2"
	fi
}

# in_groups KIND NAME: the test is in one of the groups $ZB_GROUPS.
in_groups() {
	case $1/$2 in
	*/fail_*) group=faults ;;
	load/* | last/*) group=load ;;
	*) group=sets ;;
	esac
	case " $ZB_GROUPS " in
	*" $group "*) ;;
	*) return 1 ;;
	esac
}

# names KIND...: print name, timeout and number of CPUs, `one` or `all`, of the selected
# tests of these kinds.
names() {
	for kind; do
		grep "^$kind	" test_names
	done | while read -r kind name seconds mark; do
		in_groups "$kind" "$name" || continue
		case "$kind/$mark/ $ZB_ONE_CPU " in
		load/one/* | */?*/*" $mark "*) cpus=one ;;
		*) cpus=all ;;
		esac
		[ "$round" != "second set" ] || cpus=all
		case $ONLY in
		"  " | *" $name "*) echo "$name $seconds $cpus" ;;
		esac
	done
}

# run_kinds KIND...: run the selected tests of these kinds.
run_kinds() {
	measure_speed
	names "$@" >"$log.names"
	while read -r name seconds cpus <&8; do
		program "$name" "$seconds" "$cpus"
	done 8<"$log.names"
	use_cpus all
}

# with_module KIND...: load the module with $params and run the selected tests of these kinds.
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
	own_case $loaded "insmod zbuddy.ko $params"
	[ $loaded -eq 0 ] || return
	run_kinds "$@"
	rmmod zbuddy
	own_case $? "rmmod zbuddy"
}

for set in $ZB_SETS; do
	case $set in
	first | second | third | contig) ;;
	*) echo "ZB_SETS: unknown set $set; valid sets: first, second, third, contig" >&2; exit 2 ;;
	esac
done
for group in $ZB_GROUPS; do
	case $group in
	load | faults | sets) ;;
	*) echo "ZB_GROUPS: unknown group $group; valid groups: load, faults, sets" >&2; exit 2 ;;
	esac
done
echo "TAP version 13"
if [ -d /sys/module/zbuddy ]; then
	echo "# zbuddy is loaded: testing it as it is"
	run_kinds once twice thrice
elif [ -d /sys/devices/system/node/node1 ]; then
	round="two nodes" params="size=0:128M,1:128M"
	with_module nodes
else
	run_kinds load
	round="first set" params=$ZB_PARAMS
	with_module once twice thrice
	round="second set" params="zones=auto size=256M $no_reserves"
	with_module twice thrice
	round="third set" params="zones=auto size=128M cma_pages=20480 poison=1"
	with_module thrice
	round="contig" params="backend=contig size=64M $no_reserves"
	with_module contig
	round=
	run_kinds last
fi
echo "1..$nr"
rm -f "$log" "$log.names"
if [ $skipped -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ $failed -eq 0 ]
