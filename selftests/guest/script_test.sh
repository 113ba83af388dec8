#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of lib.sh and run that need no guest. Prints TAP; style.sh runs it.
#
# shellcheck disable=SC2016,SC2317  # commands for in_script(); functions that they call
set -euo pipefail

# The scripts under test look for their neighbours beside $0.
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
# $tmp/here and with an empty cache; what they print goes to $tmp/out.
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

# quiet NAME SCRIPT COMMANDS: they succeed, and nothing complains of a missing file.
quiet() {
	local status=0
	in_script "$2" "$3" || status=$?
	! grep -q 'No such file' "$tmp/out" || status=1
	verdict "$1" "$status"
}

quiet "an empty cache: packages are installed without a complaint" lib.sh '
	apt-get() { echo "apt-get $*"; }
	install some-package
	grep -q "apt-get .* install some-package" "$ZB_CACHE/logs/packages.log"'
quiet "an empty cache: also when the index has to be fetched first" lib.sh '
	apt-get() { [[ "$*" == *update || -e $ZB_CACHE/again ]] || { touch "$ZB_CACHE/again"; return 1; }; }
	install some-package'
quiet "an empty cache: a command is logged" lib.sh '
	quietly "$ZB_CACHE/logs/some.log" echo text
	[[ $(cat "$ZB_CACHE/logs/some.log") == text ]]'
quiet "run -f takes a path relative to where it was called" run '
	echo text >file
	parse -f file -- true
	tree_files >/dev/null
	cmp "${files[0]}" "$tmp/here/file" && [[ ${files[0]##*/} == file ]]'
quiet "run -f takes a link under its own name" run '
	echo text >file
	ln -s file link
	parse -f link -- true
	[[ ${files[0]} == */link ]]'
quiet "run lists the tree and stays where it is" run '
	tree_files >list
	grep -qx Kbuild list'

# --- a guest that died ----------------------------------------------------------------

# twice NAME BOOTS LOG COMMANDS: the guest of the first boot leaves LOG and then runs
# COMMANDS; it has to be booted BOOTS times in all, and `run` tells why.
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
twice "one that ran no command of ours: one more boot" 2 unknown-page-fault ': >result'
twice "zbuddy is in the trace: no other boot" 1 unknown-zbuddy :
twice "the command came to its end: no other boot" 1 known-schedule "echo 'exit 1' >>result"
twice "a problem was told before: no other boot" 1 known-schedule "echo 'problem log: text' >>result"
twice "its time was over: no other boot" 1 known-schedule 'touch timeout'

for log in "$here"/emulation/*; do
	status=0
	awk -v problems="$here/kernel-problems" -f "$here/emulation.awk" "$here/emulation-faults" \
		"$log" >"$tmp/out" || status=$?
	case ${log##*/}:$status in
	known-*:0 | unknown-*:1) verdict "emulation: ${log##*/}: $(cat "$tmp/out")" 0 ;;
	*) verdict "emulation: ${log##*/}" 1 ;;
	esac
done

# --- how long a guest may take ----------------------------------------------------------

# An idle process gets all the CPU it wants, and its time is that of the clock.
quiet "the time of a guest that waits is over" run '
	how=qemu box=$PWD seconds=2
	sleep 100 &
	watch_guest $!
	[[ -e timeout ]] && ! wait $!'
quiet "the end of a guest ends the watch" run '
	how=qemu box=$PWD seconds=100
	true &
	watch_guest $!
	[[ ! -e timeout ]]'
quiet "time without a CPU does not count" run '
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
