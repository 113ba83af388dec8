#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Debugfs files owners and processes: they have a correct line for each buffer or process,
# with unusual names and under load as well, and zbctl shows it.

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/test_lib.sh
. ./test_lib.sh

[ -c /dev/zbuddy ] || skip_all "no /dev/zbuddy: insmod zbuddy.ko first"
[ -r $DEBUGFS/owners ] || skip_all "no debugfs, or not root"
is_empty "$DEBUGFS/owners" || skip_all "there are buffers already"

echo "TAP version 13"

line="handle [0-9]+ pid [0-9]+ comm [^ ]+ label [^ ]+ node [0-9]+ zone [A-Za-z0-9]+ order [0-9]+"
line="$line length [0-9]+ type [A-Za-z]+ age [0-9]+ mappings [0-9]+ pins [0-9]+ exports [0-9]+"
line="$line state (held|file|orphan|deferred)"
process="pid [0-9]+ comm [^ ]+ buffers [0-9]+ length [0-9]+ mappings [0-9]+ exports [0-9]+"

# start COMMAND...: run it in the background until it has printed something; sets $pid.
start() {
	rm -f "$TMP/ready"
	"$@" >"$TMP/ready" 2>&1 &
	pid=$!
	await 5 [ -s "$TMP/ready" ]
}

stop() {
	kill "$pid"
	wait "$pid"
	await 3 is_empty "$DEBUGFS/owners"
}

# has PATTERN FILE: the file must have a matching line.
has() {
	grep -qE "$1" "$2" || {
		say "no line with '$1' in $2:"
		show "$2"
		return 1
	}
}

# well_formed FILE PATTERN: all lines of the file must match the pattern.
well_formed() {
	! grep -vE "^$2\$" "$1" >"$TMP/odd" || {
		show "$TMP/odd"
		return 1
	}
}

one_buffer() {
	start zbctl hold 3M --label camera --map --gfp USER
	well_formed $DEBUGFS/owners "$line"
	verdict "the line is well-formed" $?
	has "pid $pid comm zbctl label camera .* length 3145728 type Unmovable .* mappings 1 pins 0 exports 0 state held" \
		$DEBUGFS/owners
	verdict "the line has the right values" $?
	[ "$(wc -l <$DEBUGFS/owners)" -eq 1 ]
	verdict "there is exactly one line" $?
	well_formed $DEBUGFS/processes "$process" &&
		has "pid $pid comm zbctl buffers 1 length 3145728 mappings 1 exports 0" $DEBUGFS/processes
	verdict "the line of the process has the right values" $?
	zbctl owners >"$out"
	has "$pid +zbctl +[0-9]+ +camera .* 3M .* held" "$out"
	verdict "zbctl owners" $?
	zbctl owners --processes >"$out"
	has "$pid +zbctl +1 +3M +1 +0" "$out"
	verdict "zbctl owners --processes" $?
	zbctl owners --json >"$out"
	has "\"pid\":$pid,\"comm\":\"zbctl\",\"label\":\"camera\"" "$out"
	verdict "zbctl owners --json" $?
	stop
	is_empty "$DEBUGFS/owners" && is_empty "$DEBUGFS/processes"
	verdict "both files are empty after the buffer is freed" $?
	zbctl owners >"$out"
	has "no buffers" "$out"
	verdict "zbctl owners without buffers" $?
}

# The name of a process may contain blanks and newlines, which must not break the format.
strange_names() {
	strange=$(printf '/tmp/a b\nhandle 9')
	cp "$(command -v zbctl)" "$strange"
	start "$strange" hold 4K
	well_formed $DEBUGFS/owners "$line" && [ "$(wc -l <$DEBUGFS/owners)" -eq 1 ]
	verdict "owners: a process with a blank and a newline in its name" $?
	well_formed $DEBUGFS/processes "$process" && [ "$(wc -l <$DEBUGFS/processes)" -eq 1 ]
	verdict "processes: a process with a blank and a newline in its name" $?
	stop
	rm -f "$strange"
}

# Number of steps that readers have taken in the list of all buffers.
steps() {
	sed -n 's/^zb_owners_steps //p' $DEBUGFS/vmstat
}

without_age() {
	sed 's/ age [0-9]* / /'
}

# A reader continues where it stopped, however long the list is. Otherwise, for each part of
# the file it would walk the list from the first buffer, and block all allocations and frees.
one_step_per_line() {
	before=$(steps)
	lines=$(wc -l <$DEBUGFS/owners)
	after=$(steps)
	say "$lines lines, ${before:-no counter} .. $after steps"
	[ "$lines" -eq 3000 ] && [ $((after - before)) -ge 3000 ] && [ $((after - before)) -le 3010 ]
	verdict "owners takes one step in the list per line" $?
	before=$(steps)
	cat $DEBUGFS/processes >"$out"
	after=$(steps)
	[ $((after - before)) -ge 3000 ] && [ $((after - before)) -le 3010 ]
	verdict "processes takes one step in the list per buffer" $?
}

# The part of the file behind an offset is the end of the whole file.
from_the_middle() {
	without_age <$DEBUGFS/owners >"$TMP/all"
	dd if=$DEBUGFS/owners bs=1000 skip=200 2>/dev/null | tail -n +2 | without_age >"$out"
	lines=$(wc -l <"$out")
	say "$lines lines behind offset 200000"
	[ "$lines" -gt 1000 ] && [ "$lines" -lt 3000 ] && tail -n "$lines" "$TMP/all" | cmp -s - "$out"
	verdict "owners can be read from an offset" $?
}

# The position of a reader does not depend on the buffers around it.
buffers_gone_meanwhile() {
	exec 3<$DEBUGFS/owners
	read -r first <&3
	stop
	cat <&3 >"$out"
	exec 3<&-
	echo "$first" >>"$out"
	well_formed "$out" "$line" && [ "$(wc -l <"$out")" -lt 100 ]
	verdict "owners can be read while all buffers are freed" $?
}

many_buffers() {
	start zbctl hold 0 --count 3000
	[ "$(wc -l <$DEBUGFS/owners)" -eq 3000 ] && well_formed $DEBUGFS/owners "$line"
	verdict "owners has 3000 lines for 3000 buffers" $?
	has "pid $pid comm zbctl buffers 3000 length 12288000 " $DEBUGFS/processes
	verdict "processes has the sum of 3000 buffers" $?
	one_step_per_line
	from_the_middle
	buffers_gone_meanwhile
}

# Lines are complete even if buffers are allocated and freed while the files are read, and
# each buffer that exists all the time has one line.
under_load() {
	start zbctl hold 0 --count 300 --label permanent
	holder=$pid
	zbctl stress --seconds 6 --seed 4 >/dev/null 2>&1 &
	pid=$!
	result=0
	missed=0
	rounds=0
	while kill -0 "$pid" 2>/dev/null && [ $rounds -lt 200 ]; do
		cat $DEBUGFS/owners >"$out" || result=1
		well_formed "$out" "$line" || result=1
		[ "$(grep -c ' label permanent ' "$out")" -eq 300 ] || missed=1
		cat $DEBUGFS/processes >"$out" || result=1
		well_formed "$out" "$process" || result=1
		rounds=$((rounds + 1))
	done
	say "read $rounds times"
	[ $rounds -gt 0 ] || result=1
	verdict "lines are well-formed under load" $result
	verdict "no buffer is missed or shown twice under load" $missed
	wait "$pid"
	verdict "zbctl stress succeeds while the files are read" $?
	pid=$holder
	stop
}

only_root() {
	[ "$(stat -c %a $DEBUGFS/owners)" = 400 ] && [ "$(stat -c %a $DEBUGFS/processes)" = 400 ]
	verdict "only root can read the files" $?
	result=0
	echo x 2>/dev/null >$DEBUGFS/owners && result=1
	verdict "writing is refused" $result
}

one_buffer
strange_names
many_buffers
under_load
only_root
finish
