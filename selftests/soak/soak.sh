#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Everything at once, for as long as you like, in a guest. See --help.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/guest/lib.sh
. "$here/../guest/lib.sh"

usage() {
	cat <<-'END'
	usage: soak.sh [--kind debug|stock] [--cpus N] [DURATION [SEED]]
	For DURATION seconds (default 300) rounds of: load with some parameters or others
	while the kernel is short of memory; zbctl stress, processes that map, export, pin
	and wait, and threads in the kernel, all at once; meanwhile CPUs go and come,
	processes are killed, tunables change. At the end of each round the region must be
	whole again, and the module go. A line per round; `N passed, N failed` at last.
	SEED makes the same choices again, though not the same timing.
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
		'' | *[!0-9]*) die "'$1' is no number of seconds and no seed, see --help" ;;
		*) numbers+=("$1") ;;
		esac
		shift
	done
	[[ ${#numbers[@]} -le 2 ]] || die "too many arguments, see --help"
	duration=${numbers[0]:-$duration} seed=${numbers[1]:-$seed}
	[[ $kind == @(debug|stock) ]] || die "no soak in a guest of kind $kind: debug or stock"
	[[ $duration -ge 1 && $seed -lt 2147483648 ]] || die "DURATION is 1 or more, SEED below 2147483648"
}

# The time of a slow machine to boot, to end the last round and to look for leaks;
# and no complaints of the kernel's that it is slow.
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
	# It did not come so far, or all was well but for what only the outside sees.
	if [[ $status -ne 0 && ${failed:-0} -eq 0 ]]; then
		say "the guest ended with status $status"
		failed=1
	fi
	[[ ${failed:-1} -eq 0 ]] ||
		echo "again: make soak SECONDS=$duration SEED=$seed KIND=$kind"
	echo "${passed:-$(grep -c '^ok' "$log")} passed, ${failed:-1} failed"
	[[ ${failed:-1} -eq 0 ]]
}

main "$@"
