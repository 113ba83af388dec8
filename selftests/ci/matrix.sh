#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Checks for each kernel that the module builds without warnings, loads, passes the
# kselftests and unloads; what `make matrix` runs. See --help.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/guest/lib.sh
. "$here/../guest/lib.sh"

unset MAKEFLAGS MFLAGS MAKELEVEL

usage() {
	cat <<-'END_OF_HELP'
	usage: matrix.sh [--readme] [ROW]...
	       matrix.sh --list
	       matrix.sh --kept [--readme]
	Runs the named rows of the file matrix.rows, or all of them, and prints a table.
	For each row the module is built with W=1, and a warning is a failure. Unless the
	row is only built, a guest then loads, tests and unloads the module, and the kernel
	log must be clean. If a row fails, the end of its log is shown.
	  --readme  also update these rows in the table of selftests/README.md, which has
	            the last result of every row
	  --kept    print the last result of every row that was run here; runs nothing
	SECONDS_PER_ROW is the time limit of a guest (default 3600). Logs are in
	$ZB_CACHE/matrix.
	END_OF_HELP
}

# --- rows ------------------------------------------------------------------------

rows() {
	grep -v '^#' "$here/matrix.rows"
}

names() {
	rows | cut -f1
}

# read_row NAME: sets $kind, $what, $backend and $options.
read_row() {
	local line
	line=$(rows | awk -v name="$1" '$1 == name')
	[[ $line ]] || die "unknown row $1: choose from $(names | paste -sd' ')"
	read -r _ kind what backend options <<<"$line"
}

# --- one row ---------------------------------------------------------------------

# Every message of the compiler, modpost or make that contains "warning" counts. All rows
# of a release use the compiler of that release.
build_row() {
	local status=0
	"$here/../guest/build" -k "$kind" W=1 >"$log.build" 2>&1 </dev/null || status=$?
	if [[ $status -ne 0 ]]; then
		built=fails
	elif grep -qi 'warning' "$log.build"; then
		built="$(grep -ci 'warning' "$log.build") warnings"
	else
		built=clean
	fi
	[[ $built == clean ]]
}

# Tests of per-CPU lists, interrupts, several processes and mappings, for rows with
# another number of CPUs, another backend or another page table layout.
some_tests='abi_test alloc_test mmap_test pin_test api_test.sh bulk_test dmabuf_test
	wait_test remap_test huge_test kill_test race_test unload_test'

# The commands of the guest: report the origin of the memory, then run the tests.
guest_command() {
	local tests=''
	[[ $what != some ]] || tests=$(tr '\n\t' '  ' <<<"$some_tests")
	cat <<-END_OF_COMMAND
	uname -r | sed 's/^/matrix: kernel /'
	size=size=256M
	[ ! -d /sys/devices/system/node/node1 ] || size=size=0:128M,1:128M
	insmod ./zbuddy.ko \$size backend=$backend || exit
	sed 's/^/matrix: region /' /sys/kernel/debug/zbuddy/regions
	rmmod zbuddy || exit
	[ $backend = auto ] || export ZB_BACKEND=$backend
	exec ./run_tests.sh $tests
	END_OF_COMMAND
}

boot_row() {
	local status=0 words=() modules=() run=("$here/../guest/run")
	read -r -a words <<<"$options"
	[[ $what != nodes ]] || run=("$here/../guest/run" "${two_nodes[@]}")
	[[ $what != all ]] || modules=(-M brd -M ext4 -M vgem)
	[[ $what != some ]] || modules=(-M vgem)
	"${run[@]}" -k "$kind" -t "${SECONDS_PER_ROW:-3600}" "${modules[@]}" "${words[@]}" \
		-- "$(guest_command)" >"$log.guest" 2>&1 </dev/null || status=$?
	return "$status"
}

# guest_figures: print "KERNEL BACKEND MIB PASSED FAILED SKIPPED" from the guest's output.
guest_figures() {
	sed 's/\r$//' "$log.guest" | awk '
	/^matrix: kernel / { kernel = $3 }
	/^matrix: region / {
		for (i = 1; i < NF; i++) {
			value = $(i + 1)
			sub(/,$/, "", value)
			if ($i == "backend")
				backend = value
			if ($i == "pages")
				pages += value
		}
	}
	/^[0-9]+ passed, [0-9]+ failed/ { p = $1; f = $3; s = $5 + 0; ended = 1 }
	END {
		print kernel ? kernel : "-", backend ? backend : "-", pages / 256,
			ended ? p " " f " " s : "- - -"
	}'
}

# prepare_row: prepare the kernel and set $kernel. Returns 4 if Debian does not have such
# a kernel (any more).
prepare_row() {
	local status=0 dir
	dir=$("$here/../guest/kernel" "$kind" 2> >(tee "$log.build" >&2)) || status=$?
	[[ $status -ne 0 ]] || kernel=$(cut -d/ -f4 "$dir/kdir")
	return "$status"
}

# run_row NAME: write a line of figures to $ZB_CACHE/matrix/NAME.row; sets $verdict.
run_row() {
	local name=$1 start=$SECONDS kernel='-' from='-' mib='-' p='-' f='-' s='-' built='-'
	local status=0
	read_row "$name"
	log=$logs/$name
	rm -f "$log".*
	verdict=ok
	prepare_row || status=$?
	if [[ $status -eq 4 ]]; then
		verdict=SKIP
	elif [[ $status -ne 0 ]] || ! build_row; then
		verdict=FAILED
	elif [[ $what != build ]]; then
		boot_row || verdict=FAILED
		read -r kernel from mib p f s < <(guest_figures)
		[[ $f == 0 ]] || verdict=FAILED
	fi
	printf '%s\t' "$name" "$kernel" "$from" "$mib" "$built" "$p" "$f" "$s" >"$log.row"
	printf '%s\t%s\n' "$verdict" $((SECONDS - start)) >>"$log.row"
}

show_failure() {
	local file=$log.guest
	[[ -e $file ]] || file=$log.build
	printf '\n--- %s failed: the end of %s\n' "$1" "$file"
	! grep -E '^ *not ok ' "$file" | head -n 20 || true
	tail -n 30 "$file"
	echo ---
}

# --- tables ------------------------------------------------------------------------

header=$'row\tkernel\tbackend\tMiB\tW=1\tpassed\tfailed\tskipped\tverdict\tseconds\n'

# Print the kept results of these rows.
kept() {
	local name
	for name; do
		[[ ! -e $logs/$name.row ]] || cat "$logs/$name.row"
	done
}

as_text() {
	{ printf '%s' "$header"; cat; } | column -t -s$'\t'
}

as_markdown() {
	{ printf '%s' "$header"; printf -- '---\t%.0s' {1..9}; echo ---; cat; } |
		sed 's/\t/ | /g; s/^/| /; s/$/ |/'
}

# Replace the lines of the rows that just ran; keep the others.
write_readme() {
	local readme=$here/../README.md table
	table=$(mktemp)
	grep -q '^<!-- matrix -->$' "$readme" || die "README.md does not have a line <!-- matrix -->"
	names | while read -r name; do
		if [[ " $* " == *" $name "* ]]; then
			kept "$name"
		else
			sed -n '/^<!-- matrix -->$/,/^<!-- end of matrix -->$/p' "$readme" |
				grep -F "| $name | " | sed 's/^| //; s/ |$//; s/ | /\t/g' || true
		fi
	done | as_markdown >"$table"
	sed -i -e "/^<!-- matrix -->$/,/^<!-- end of matrix -->$/ {
		/^<!-- matrix -->$/ r $table
		/^<!-- /!d
	}" "$readme"
	rm -f "$table"
}

show_kept() {
	local name have=()
	while read -r name; do
		[[ ! -e $logs/$name.row ]] || have+=("$name")
	done < <(names)
	kept "${have[@]}" | as_text
	[[ $1 != --readme ]] || write_readme "${have[@]}"
}

main() {
	local readme='' wanted name passed=0 failed=0 skipped=0
	logs=$ZB_CACHE/matrix
	mkdir -p "$logs"
	case ${1:-} in
	-h | --help) usage; return ;;
	--list) names; return ;;
	--kept) show_kept "${2:-}"; return ;;
	--readme) readme=yes; shift ;;
	-*) die "unknown option $1, see --help" ;;
	esac
	wanted=("$@")
	[[ $# -gt 0 ]] || mapfile -t wanted < <(names)
	for name in "${wanted[@]}"; do
		read_row "$name"
	done
	as_root
	for name in "${wanted[@]}"; do
		say "$name"
		run_row "$name"
		case $verdict in
		ok) passed=$((passed + 1)) ;;
		SKIP) skipped=$((skipped + 1)) ;;
		*) failed=$((failed + 1)); show_failure "$name" ;;
		esac
	done
	kept "${wanted[@]}" | as_text
	[[ ! $readme ]] || write_readme "${wanted[@]}"
	echo "$passed passed, $failed failed, $skipped skipped"
	[[ $failed -eq 0 ]]
}

# style.sh sources this file to test some of these functions.
[[ ${BASH_SOURCE[0]} != "$0" ]] || main "$@"
