#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs the sessions of all documents and compares what the commands print with what the
# documents say. Each session starts with the module loaded by the insmod line of the
# first one, unless it continues the one before. What is shown is Debian's kernel in the
# stock guest, so elsewhere this is skipped. All runs on CPU 0: on which CPU's lists
# memory is would otherwise differ from run to run.
# usage: sessions_test.sh [TEXT]     only sessions with TEXT in their DOCUMENT:LINE

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/test_lib.sh
. ./test_lib.sh

# Into folders $TMP/001, ...: title, words, 1.command, 1.want, 2.command, ...
unpack() {
	awk -F '\t' -v dir="$TMP" '
		{ text = substr($0, 3) }
		$1 == "S" {
			if (n)
				close(want)
			at = sprintf("%s/%03d", dir, ++sessions)
			system("mkdir " at)
			n = 0
			print text >(at "/title")
			close(at "/title")
			printf "" >(at "/words")
		}
		$1 == "W" { print text >(at "/words") }
		$1 == "C" {
			close(at "/words")
			if (n)
				close(want)
			want = at "/" ++n ".want"
			printf "" >want
			print text >(at "/" n ".command")
			close(at "/" n ".command")
		}
		$1 == "O" { print text >want }' sessions
}

has_word() {
	grep -qw "$2" "$1/words"
}

unload() {
	[ -d /sys/module/zbuddy ] || return 0
	zbctl free -q all >/dev/null 2>&1
	rmmod zbuddy
}

# The module as the session wants it.
prepare() {
	has_word "$1" continues && return
	unload
	grep -q '^insmod' "$1/1.command" || eval "$load"
}

# In one shell, so that variables live as long as the session.
run_commands() (
	n=1
	while [ -e "$1/$n.command" ]; do
		eval "$(cat "$1/$n.command")" >"$1/$n.got" 2>&1 </dev/null
		n=$((n + 1))
	done
)

compare() {
	n=1 differs=0
	while [ -e "$1/$n.command" ]; do
		if ! awk -f same.awk "$1/words" "$1/$n.want" "$1/$n.got"; then
			differs=1
			say "$(cat "$1/$n.command")"
			say "should print:"
			show "$1/$n.want"
			say "prints:"
			show "$1/$n.got"
		fi
		n=$((n + 1))
	done
	return $differs
}

session() {
	prepare "$1"
	run_commands "$1"
	compare "$1"
	verdict "$(cat "$1/title"): $(cat "$1/1.command")" $?
}

if [ -d /sys/devices/system/node/node1 ]; then
	kind=nodes
elif [ -d /sys/module/zbuddy ]; then
	skip_all "zbuddy is loaded"
else
	kind=one
fi
case $(uname -r) in
7.2.*-amd64) ;;
*) skip_all "the documents show Debian's 7.2" ;;
esac
if [ "$ZB_BACKEND" ] || [ "$(nproc)" -ne 2 ] || [ -e /sys/kernel/debug/kmemleak ]; then
	skip_all "the documents show the stock guest"
fi
taskset -p 1 $$ >/dev/null
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
unpack
load=$(cat "$TMP"/*/1.command | grep -m1 '^insmod')
for dir in "$TMP"/[0-9]*; do
	case $(cat "$dir/title") in
	*"$1"*) ;;
	*) continue ;;
	esac
	if has_word "$dir" python && ! command -v python3 >/dev/null; then
		skip "$(cat "$dir/title")" "no python3: see make programs-test"
	elif has_word "$dir" nodes; then
		[ $kind != nodes ] || session "$dir"
	else
		[ $kind = nodes ] || session "$dir"
	fi
done
zbctl free -q all >/dev/null 2>&1
[ $kind = nodes ] || unload
finish
