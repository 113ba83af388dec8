#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs every check that a change must pass; what `make check` runs.
# usage: check.sh [PART]...    of debug_sets, kselftest, debug_load, kcsan, style,
#                              debug_faults, unit, bench, heap, nodes; debug stands for
#                              all parts debug_*
# Needs root and, the first time, a Debian mirror. Before the first step it lists and
# installs the packages that the file `packages` has for these parts. The last line
# is `N passed, N failed`, followed by `, N skipped` if tests were skipped; above it are the
# total time, a table of the parts, and the test cases that have failed. Two parts run at a
# time, and the output of each is shown when it has ended; a single part is shown while it
# runs. ZB_BUSY=N runs N busy loops in the background, to check that the result does not
# depend on an idle machine.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/guest/lib.sh
. "$here/../guest/lib.sh"

# The variables of a calling make must not reach the makefiles started here.
unset MAKEFLAGS MFLAGS MAKELEVEL

ZB_BUSY=${ZB_BUSY:-0}
# The longest part begins first, so that no long one is left over at the end.
debug_parts=(debug_sets debug_load debug_faults)
all_parts=(debug_sets kselftest debug_load kcsan style debug_faults unit bench heap nodes)

style() {
	"$here/style.sh"
}

unit() {
	need make:make gcc:gcc awk:mawk /usr/include/stdio.h:libc6-dev ccache:ccache
	PATH="/usr/lib/ccache:$PATH" CCACHE_DIR="$(objects_of host)" \
		CCACHE_BASEDIR=$(readlink -f "$here/../..") CCACHE_NOHASHDIR=1 \
		make --no-print-directory -C "$here/../unit" check
}

# Tests that detect races only with several CPUs run on one CPU here, because the debug guest,
# which notices more of them, runs the same tests on all its CPUs, although with fewer rounds.
kselftest() {
	"$here/../guest/run" -k stock -t 1800 -M brd -M ext4 -M vgem -- \
		env ZB_ONE_CPU='one races' ./run_tests.sh
}

nodes() {
	"$here/numa.sh"
}

# The same tests with KASAN, lockdep, kmemleak and other debugging options. Only this
# kernel injects allocation failures. It is slow, so the groups of run_tests.sh run in guests of
# their own, and:
# - ZB_TEST_SECONDS makes compat_test give up its longest case, which counts to a quarter of a
#   million, after 20 seconds;
# - the module is loaded in 5 rounds instead of 50, and kill_test kills 100 processes instead
#   of 300, and other long tests have fewer rounds as well;
# - the second set of parameters, a smaller variant of the first, is skipped;
# - the tests that test_names marks with `one` run on one CPU.
debug_guest() {
	"$here/../guest/run" -k debug -t 2400 -- env ZB_TEST_SECONDS=20 ROUNDS=5 ZB_TEST_KILLS=100 \
		ZB_FEWER=yes ZB_ONE_CPU=one ZB_SETS='first third contig' ZB_GROUPS="$1" ./run_tests.sh
}

debug_sets() {
	debug_guest sets
}

debug_load() {
	debug_guest load
}

debug_faults() {
	debug_guest faults
}

heap() {
	need gcc:gcc /usr/include/stdio.h:libc6-dev
	"$here/heap.sh" -k debug
}

# The tests with threads, in a kernel that detects data races.
# The second set of parameters is skipped: zones of other sizes take the same locks. Values
# of parameters are checked one after the other, so that is left to the other kernels.
kcsan() {
	"$here/../guest/run" -k kcsan -a kcsan.skip_watch=2000 -t 1800 -- \
		env ZB_SETS='first third contig' ZB_CONCURRENT=1 ./run_tests.sh tunables_test.sh lifetime_test \
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

# --- two parts at a time ---------------------------------------------------------------

# Print the next part, or nothing when none is left.
next_part() {
	local part=''
	exec 8>"$logs/lock"
	flock 8
	read -r part <"$logs/queue" || true
	sed -i 1d "$logs/queue"
	exec 8>&-
	echo "$part"
}

# Run parts from the queue, and write `begin PART` and `end PART` to the events.
run_queue() {
	local part
	while part=$(next_part) && [[ $part ]]; do
		echo "begin $part" >&3
		run_part "$part" >"$logs/$part.out" 2>&1 3>&-
		echo "end $part" >&3
	done
}

# Each runner has a process group of its own, so that everything in it can be killed at once.
begin_runners() {
	printf '%s\n' "$@" >"$logs/queue"
	mkfifo "$logs/events"
	exec 3<>"$logs/events"
	set -m
	run_queue &
	runners=($!)
	run_queue &
	runners+=($!)
	set +m
}

# Show the output of the parts as they end.
show_runners() {
	local event part left=$#
	while [[ $left -gt 0 ]]; do
		if ! read -r -t 5 event part <&3; then
			kill -0 "${runners[@]}" 2>/dev/null || break
		elif [[ $event == begin ]]; then
			echo "$part begins"
		else
			cat "$logs/$part.out"
			left=$((left - 1))
		fi
	done
	wait "${runners[@]}" || true
	runners=()
}

# how_long SECONDS: print it in minutes and seconds, with the load of the machine.
how_long() {
	echo "took $(($1 / 60)) min $(($1 % 60)) s on $(nproc) CPUs, load average at the end: $(
		cut -d' ' -f1-3 /proc/loadavg)"
}

# Print the failed test cases again, each with its comments, because a log that is kept
# somewhere else may contain only the end of the output. Style checks write their comments
# after the result, all other tests before it.
show_failures() {
	local part
	for part; do
		sed 's/\r$//' "$logs/$part" 2>/dev/null | awk -v part="$part" '
			/# Subtest: / { test = substr($0, index($0, ": ") + 2) }
			/^ *#/ && part == "style" { if (failed) print "\t" $0; next }
			/^ *#/ { comments[nr++ % 6] = $0; next }
			/^ *(not )?ok / { failed = /^ *not / }
			/^ *not ok / {
				print part ": " (/^ / ? test ": " : "") $0
				for (i = nr < 6 ? 0 : nr - 6; i < nr; i++)
					print "\t" comments[i % 6]
			}
			/^ *(not )?ok / { nr = 0 }' | head -n 60
	done
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
	[[ ${#runners[@]} -eq 0 ]] || kill -- "${runners[@]/#/-}" 2>/dev/null || true
	[[ ${#busy[@]} -eq 0 ]] || kill "${busy[@]}" 2>/dev/null || true
	rm -rf "$logs"
}

# Set $parts to the parts with these names.
choose_parts() {
	local part
	[[ $# -gt 0 ]] || set -- "${all_parts[@]}"
	parts=()
	for part; do
		if [[ $part == debug ]]; then
			parts+=("${debug_parts[@]}")
		elif [[ " ${all_parts[*]} " == *" $part "* ]]; then
			parts+=("$part")
		else
			die "unknown part $part: choose from ${all_parts[*]} debug"
		fi
	done
}

main() {
	local parts
	choose_parts "$@"
	as_root
	preparing='' runners=() busy=()
	logs=$(mktemp -d "${TMPDIR:-/tmp}/zbuddy-check.XXXXXX")
	trap finish EXIT
	trap 'exit 130' INT TERM HUP
	install_packages "${parts[@]}"
	keep_busy
	[[ ! " ${parts[*]} " =~ \ (kselftest|nodes)\  ]] || prepare_guest
	if [[ ${#parts[@]} -eq 1 ]]; then
		run_part "${parts[0]}"
	else
		begin_runners "${parts[@]}"
		show_runners "${parts[@]}"
	fi
	show_failures "${parts[@]}"
	show_table "${parts[@]}"
}

# style.sh sources this file to test some of these functions.
[[ ${BASH_SOURCE[0]} != "$0" ]] || main "$@"
