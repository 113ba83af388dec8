#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of lib.sh and run that need no guest. Prints TAP; style.sh runs it.
#
# shellcheck disable=SC2016,SC2317  # commands for in_script(); functions that they call
set -euo pipefail

# The scripts under test look for other scripts in the folder of $0.
[[ $0 == /* ]] || exec "$(readlink -f "$0")"
here=$(dirname "$(readlink -f "$0")")
tmp=$(mktemp -d "${TMPDIR:-/tmp}/zbuddy-script.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
nr=0 failed=0

# verdict NAME STATUS
verdict() {
	nr=$((nr + 1))
	if [[ $2 -eq 0 ]]; then
		echo "ok $nr $1"
	else
		failed=$((failed + 1))
		echo "not ok $nr $1"
		sed 's/^/# /' "$tmp/out"
	fi
}

# in_script SCRIPT COMMANDS: run COMMANDS with the functions of SCRIPT, in the folder
# $tmp/here and with an empty cache. Their output goes to $tmp/out.
in_script() {
	rm -rf "$tmp/here" "$tmp/cache"
	mkdir "$tmp/here"
	(
		set -euo pipefail
		cd "$tmp/here"
		export ZB_CACHE=$tmp/cache
		# shellcheck source=/dev/null
		. <(sed '/^main "\$@"$/d' "$here/$1")
		as_root() { :; }
		eval "$2"
	) >"$tmp/out" 2>&1
}

# quiet NAME SCRIPT COMMANDS: check that COMMANDS succeed and that no message about a
# missing file appears.
quiet() {
	local status=0
	in_script "$2" "$3" || status=$?
	! grep -q 'No such file' "$tmp/out" || status=1
	verdict "$1" "$status"
}

quiet "an empty cache: packages are installed without a message about missing files" lib.sh '
	apt-get() { echo "apt-get $*"; }
	install some-package
	grep -q "apt-get .* install some-package" "$ZB_CACHE/logs/packages.log"'
quiet "an empty cache: packages are installed after the index is fetched" lib.sh '
	apt-get() { [[ "$*" == *update || -e $ZB_CACHE/again ]] || { touch "$ZB_CACHE/again"; return 1; }; }
	install some-package'
quiet "an empty cache: a command is logged" lib.sh '
	quietly "$ZB_CACHE/logs/some.log" echo text
	[[ $(cat "$ZB_CACHE/logs/some.log") == text ]]'
quiet "run -f resolves a path relative to the current folder" run '
	echo text >file
	parse -f file -- true
	tree_files >/dev/null
	cmp "${files[0]}" "$tmp/here/file" && [[ ${files[0]##*/} == file ]]'
quiet "run -f keeps the name of a symbolic link" run '
	echo text >file
	ln -s file link
	parse -f link -- true
	[[ ${files[0]} == */link ]]'
quiet "run lists the tree without changing the current folder" run '
	tree_files >list
	grep -qx Kbuild list'

# --- a guest that died ----------------------------------------------------------------

# twice NAME BOOTS LOG COMMANDS: the first boot leaves LOG behind and runs COMMANDS. Check
# that the guest is booted BOOTS times in total and that `run` reports the reason.
twice() {
	local name=$1 boots=$2 log=$3 status=0
	in_script run "
		mode=command kind=stock box=\$PWD
		boot() {
			[[ ! -e booted ]] || { echo again >>booted; printf '%s\n' up 'exit 0' >result; return; }
			echo first >booted
			cp '$here/emulation/$log' console
			: >vm.err
			echo up >result
			$4
		}
		boot_up
		cat booted
		[[ \$(wc -l <booted) -eq $boots ]]" || status=$?
	[[ $boots -eq 1 ]] || grep -qE 'qemu ran|did not come up' "$tmp/out" || status=1
	verdict "$name" "$status"
}

twice "a known fault of the emulator: one more boot" 2 known-schedule :
twice "the guest died before init ran: one more boot" 2 unknown-page-fault ': >result'
twice "zbuddy is in the trace: no second boot" 1 unknown-zbuddy :
twice "the command ended: no second boot" 1 known-schedule "echo 'exit 1' >>result"
twice "a problem was reported before: no second boot" 1 known-schedule "echo 'problem log: text' >>result"
twice "the guest timed out: no second boot" 1 known-schedule 'touch timeout'

for log in "$here"/emulation/*; do
	status=0
	awk -v problems="$here/kernel-problems" -f "$here/emulation.awk" "$here/emulation-faults" \
		"$log" >"$tmp/out" || status=$?
	case ${log##*/}:$status in
	known-*:0 | unknown-*:1) verdict "emulation: ${log##*/}: $(cat "$tmp/out")" 0 ;;
	*) verdict "emulation: ${log##*/}" 1 ;;
	esac
done

# --- the time limit of a guest ----------------------------------------------------------

# An idle process never waits for a CPU, so its time is the wall-clock time.
quiet "an idle guest times out" run '
	how=qemu box=$PWD seconds=2
	sleep 100 &
	watch_guest $!
	[[ -e timeout ]] && ! wait $!'
quiet "the watch ends with the guest" run '
	how=qemu box=$PWD seconds=100
	true &
	watch_guest $!
	[[ ! -e timeout ]]'
quiet "time spent waiting for a CPU does not count" run '
	how=qemu box=$PWD seconds=1
	guest_tasks() { echo "..$PWD"; }
	starved=0
	sleep() {
		command sleep 0.2
		starved=$((starved + 1000000000))
		echo "0 $starved 0" >schedstat
	}
	command sleep 3 &
	watch_guest $!
	[[ ! -e timeout ]]'

echo "1..$nr"
echo "$((nr - failed)) passed, $failed failed"
[[ $failed -eq 0 ]]
