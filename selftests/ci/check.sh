#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs every check that a change must pass; what `make check` runs.
# usage: check.sh [PART]...    of style, unit, kselftest, nodes, debug, heap, kcsan,
#	bench
# Needs root and, the first time, a Debian mirror. Before the first step it lists and
# installs the packages that the file `packages` has for these parts. The last line
# is `N passed, N failed`, followed by `, N skipped` if tests were skipped; the line
# above it shows the total time. ZB_BUSY=N runs N endless loops meanwhile, to check
# that the result does not depend on an idle machine.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/guest/lib.sh
. "$here/../guest/lib.sh"

# The variables of a calling make must not reach the makefiles started here.
unset MAKEFLAGS MFLAGS MAKELEVEL

ZB_BUSY=${ZB_BUSY:-0}
all_parts=(style unit kselftest nodes debug heap kcsan bench)

style() {
	"$here/style.sh"
}

unit() {
	need make:make gcc:gcc awk:mawk /usr/include/stdio.h:libc6-dev
	make --no-print-directory -C "$here/../unit" check
}

kselftest() {
	"$here/../guest/run" -k stock -t 1800 -M brd -M ext4 -M vgem -- ./run_tests.sh
}

nodes() {
	"$here/numa.sh"
}

# The same tests with KASAN, lockdep, kmemleak and other debugging options. Only this
# kernel injects allocation failures. Because it is slow, ZB_TEST_SECONDS makes compat_test
# give up its longest case, which counts to a quarter of a million, after 20 seconds; the
# module is loaded in 5 rounds instead of 50, kill_test kills 100 processes instead of 300;
# and the second set of parameters, a smaller variant of the first, is skipped.
debug() {
	"$here/../guest/run" -k debug -t 2400 -- env ZB_TEST_SECONDS=20 ROUNDS=5 ZB_TEST_KILLS=100 \
		ZB_SETS='first third contig' ./run_tests.sh
}

heap() {
	need gcc:gcc /usr/include/stdio.h:libc6-dev
	"$here/heap.sh" -k debug
}

# The tests with threads, in a kernel that detects data races.
# The second set of parameters is skipped: zones of other sizes take the same locks.
kcsan() {
	"$here/../guest/run" -k kcsan -a kcsan.skip_watch=2000 -t 1800 -- env ZB_SETS='first third contig' \
		./run_tests.sh tunables_test.sh lifetime_test \
		wait_test kill_test race_test bulk_test pin_test api_test.sh alloc_test owners_test.sh
}

# Counts instructions, which is exact and so detects every added cost.
bench() {
	"$here/../bench/bench" --quick
}

# --- parts and their figures -----------------------------------------------------

closing='^(# )?([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$'

# sum_up PART LOG: "PASSED FAILED SKIPPED CLOSINGS". Every program of the unit tests prints
# a closing line of its own; the other parts end with one for all tests.
sum_up() {
	local last=1
	[[ $1 != unit ]] || last=+1
	sed 's/\r$//' "$2" | grep -E "$closing" | tail -n "$last" |
		sed -E "s/$closing/\\2 \\3 0\\5/" |
		awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0, NR }'
}

# run_part PART: show its output and write a line for the table to PART.row. A part that
# ends with an error or prints no figures counts as at least one failure.
run_part() {
	local part=$1 start=$SECONDS status=0 p f s closings
	printf '\n===== %s =====\n' "$part"
	ZB_PACKAGES=$(packages_of "$part")
	export ZB_PACKAGES
	set +e
	(set -e; "$part") </dev/null 2>&1 | tee "$logs/$part"
	status=${PIPESTATUS[0]}
	set -e
	read -r p f s closings < <(sum_up "$part" "$logs/$part" || true)
	if [[ $closings -eq 0 ]]; then
		say "$part ended without figures; its exit status is $status"
		f=1
	elif [[ $status -ne 0 && $f -eq 0 ]]; then
		say "$part reported no failure, but its exit status is $status"
		f=1
	fi
	printf '%-12s %8d %8d %8d %8d\n' "$part" "$p" "$f" "$s" $((SECONDS - start)) >"$logs/$part.row"
}

# The debug guest takes longest and uses one CPU, so it runs in parallel with the other
# parts. Its output is shown after theirs. It has a process group of its own, so that
# all of it can be killed at once.
begin_beside() {
	beside=$1
	set -m
	run_part "$beside" >"$logs/beside" 2>&1 &
	set +m
	running=$!
}

show_beside() {
	tail -n +1 -f --pid="$running" "$logs/beside"
	wait "$running" || true
	running=''
}

# how_long SECONDS: print it in minutes and seconds, with the load of the machine.
how_long() {
	echo "took $(($1 / 60)) min $(($1 % 60)) s on $(nproc) CPUs, load average at the end: $(
		cut -d' ' -f1-3 /proc/loadavg)"
}

# Print the table of all parts and the line with the totals.
show_table() {
	local part
	printf '\n%-12s %8s %8s %8s %8s\n' part passed failed skipped seconds
	for part; do
		cat "$logs/$part.row" 2>/dev/null || printf '%-12s %8d %8d\n' "$part" 0 1
	done | awk -v seconds="$SECONDS" -v took="$(how_long "$SECONDS")" '
		{ print; p += $2; f += $3; s += $4 }
		END {
			printf "%-12s %8d %8d %8d %8d\n", "all", p, f, s, seconds
			print took
			print p " passed, " f " failed" (s ? ", " s " skipped" : "")
			exit f > 0
		}'
}

# --- before the parts begin ---------------------------------------------------------

# Packages are installed before all other steps, so that an unreachable mirror is noticed
# at once and parts do not wait for each other's packages later.
install_packages() {
	local part pairs missing
	need awk:mawk
	for part; do
		pairs=$(packages_of "$part")
		# shellcheck disable=SC2086  # several pairs
		missing=$(missing_packages $pairs | sort -u | paste -sd' ')
		if [[ $missing ]]; then
			echo "$part: will install $missing"
		else
			echo "$part: all packages are installed"
		fi
	done
	# shellcheck disable=SC2046  # several pairs
	need $(for part; do packages_of "$part"; done)
}

# The loops are killed when this script ends for any reason.
keep_busy() {
	local i
	[[ $ZB_BUSY =~ ^[0-9]+$ ]] || die "ZB_BUSY must be a number of processes, not $ZB_BUSY"
	for ((i = 0; i < ZB_BUSY; i++)); do
		setpriv --pdeathsig KILL bash -c 'while :; do :; done' &
		busy+=($!)
	done
	[[ $ZB_BUSY -eq 0 ]] || echo "$ZB_BUSY processes keep this machine busy meanwhile"
}

# Building the guest's root filesystem takes a minute the first time, so start it while
# the first parts run. Parts that need it wait for it.
prepare_guest() {
	"$here/../guest/kernel" stock </dev/null >"$logs/prepare" 2>&1 &
	preparing=$!
}

finish() {
	[[ ! $preparing ]] || kill "$preparing" 2>/dev/null || true
	[[ ! $running ]] || kill -- "-$running" 2>/dev/null || true
	[[ ${#busy[@]} -eq 0 ]] || kill "${busy[@]}" 2>/dev/null || true
	rm -rf "$logs"
}

check_parts() {
	local part
	for part; do
		[[ " ${all_parts[*]} " == *" $part "* ]] || die "unknown part $part: choose from ${all_parts[*]}"
	done
}

main() {
	local parts=("$@") part
	[[ $# -gt 0 ]] || parts=("${all_parts[@]}")
	check_parts "${parts[@]}"
	as_root
	preparing='' beside='' running='' busy=()
	logs=$(mktemp -d "${TMPDIR:-/tmp}/zbuddy-check.XXXXXX")
	trap finish EXIT
	trap 'exit 130' INT TERM HUP
	install_packages "${parts[@]}"
	keep_busy
	[[ ! " ${parts[*]} " =~ \ (kselftest|nodes)\  ]] || prepare_guest
	[[ ${#parts[@]} -eq 1 || " ${parts[*]} " != *" debug "* ]] || begin_beside debug
	for part in "${parts[@]}"; do
		[[ $part == "$beside" ]] || run_part "$part"
	done
	[[ ! $beside ]] || show_beside
	show_table "${parts[@]}"
}

# style.sh sources this file to test some of these functions.
[[ ${BASH_SOURCE[0]} != "$0" ]] || main "$@"
