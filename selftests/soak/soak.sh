#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# `make soak`: a long stress test in a guest. See --help.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/guest/lib.sh
. "$here/../guest/lib.sh"

usage() {
	cat <<-'END'
	usage: soak.sh [--kind debug|stock] [--cpus N] [DURATION [SEED]]
	Runs rounds for DURATION seconds (default 300). Each round loads the module with random
	parameters while memory is short, and runs zbctl stress, processes that map, export,
	pin and wait, and kernel threads concurrently, while CPUs go offline and online,
	processes are killed and tunables change. At the end of a round, all memory must be
	free and the module must unload. Prints a line per round and `N passed, N failed`.
	SEED repeats the same random choices, but not the same timing.
	END
}

kind=debug cpus=3 duration=300
seed=$((RANDOM * 32768 + RANDOM))

parse() {
	local numbers=()
	while [[ $# -gt 0 ]]; do
		case $1 in
		-h | --help) usage; exit 0 ;;
		--kind | --cpus)
			[[ $# -gt 1 ]] || die "$1 needs a value"
			declare -g "${1#--}=$2"
			shift
			;;
		'' | *[!0-9]*) die "invalid DURATION or SEED '$1', see --help" ;;
		*) numbers+=("$1") ;;
		esac
		shift
	done
	[[ ${#numbers[@]} -le 2 ]] || die "too many arguments, see --help"
	duration=${numbers[0]:-$duration} seed=${numbers[1]:-$seed}
	[[ $kind == @(debug|stock) ]] || die "invalid guest kind $kind: must be debug or stock"
	[[ $duration -ge 1 && $seed -lt 2147483648 ]] || die "DURATION must be at least 1, SEED less than 2147483648"
}

# The timeout allows a slow machine to boot, to finish the last round and to scan for leaks.
# The kernel's own watchdogs are relaxed for the same reason.
boot() {
	"$here/../guest/run" -k "$kind" -s "$cpus" -t $((duration * 2 + 1200)) \
		-a "rcupdate.rcu_cpu_stall_timeout=300 watchdog_thresh=60 hung_task_timeout_secs=600" \
		-- ./soak_guest.sh "$duration" "$seed"
}

main() {
	local status=0 passed failed
	parse "$@"
	echo "soak: $duration seconds, $kind guest with $cpus CPUs, seed $seed"
	log=$(mktemp "${TMPDIR:-/tmp}/zbuddy-soak.XXXXXX")
	trap 'rm -f "$log"' EXIT
	set +e
	boot | tee "$log" | grep --line-buffered -vE '^[0-9]+ passed, [0-9]+ failed$'
	status=${PIPESTATUS[0]}
	set -e
	read -r passed failed < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' "$log" || true) || true
	# The guest died, or guest/run found a problem that the guest does not know about.
	if [[ $status -ne 0 && ${failed:-0} -eq 0 ]]; then
		say "the guest exited with status $status"
		failed=1
	fi
	[[ ${failed:-1} -eq 0 ]] ||
		echo "to reproduce: make soak SECONDS=$duration SEED=$seed KIND=$kind"
	echo "${passed:-$(grep -c '^ok' "$log")} passed, ${failed:-1} failed"
	[[ ${failed:-1} -eq 0 ]]
}

main "$@"
