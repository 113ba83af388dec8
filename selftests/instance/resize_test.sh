#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Changing the parameter size at run time: memory is given back to the kernel and taken again
# while buffers are in use, and CmaFree shows it.

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/test_lib.sh
. ./test_lib.sh
# shellcheck source=selftests/instance/resize_lib.sh
. ./resize_lib.sh

ROUNDS=${ROUNDS:-25}	# loops have as many rounds or a multiple; fewer where each takes long

find_module
[ -d /sys/kernel/debug ] || skip_all "no debugfs"

echo "TAP version 13"

shrinks_and_grows() {
	look
	empty=$now
	resize 64M && free_is $((empty + 65536)) "after shrinking to 64M" &&
		resize 128M && free_is "$empty" "after growing to 128M" &&
		resize 2M && free_is $((empty + 126 * 1024)) "after shrinking to 2M" &&
		resize 128M && free_is "$empty" "after growing to 128M"
}

shrinks_and_grows_anyhow() {
	resize 64M && resize 128M && resize 2M && resize 128M
}

counts() {
	counter zb_offline
	offline=$value
	counter zb_online
	if [ "$offline" != "$value" ] || [ "$value" != $((190 * 256)) ]; then
		say "zb_offline $offline, zb_online $value"
		return 1
	fi
}

refuses_sizes() {
	refused 130M "must be a multiple of 2048 KiB from 2048 KiB to 128 MiB" &&
		refused 0 "must be a multiple" && refused 3M "must be a multiple" &&
		refused 1:4M "" && refused x "size=x: must be a size" && is_size 128M
}

# says STATUS TEXT COMMAND...: it must end with this status and print the text.
says() {
	expected=$1 text=$2
	shift 2
	run "$@"
	cat "$err" >>"$out"
	[ "$status" -eq "$expected" ] && grep -q "$text" "$out" && return
	say "$*: status $status, '$text' is missing in:"
	show "$out"
	return 1
}

zbctl_resizes() {
	says 0 "^size: 64M" zbctl resize 64M && is_size 64M &&
		says 0 '"total_bytes":134217728' zbctl resize 128M --node 0 --json && is_size 128M &&
		says 1 "must be a multiple of 2M" zbctl resize 130M &&
		says 1 "must be a multiple of 2M" zbctl resize 3M &&
		says 1 "must be a multiple of 2M" zbctl resize 0M &&
		says 1 "node 7 has no memory" zbctl resize 64M --node 7 &&
		says 2 "is not a size" zbctl resize x && is_size 128M && checks_out
}

# A part was given back, so the command tells how much and why not more.
zbctl_stops() {
	zbctl alloc 40M --gfp HIGHUSER --quiet >"$out" || { show "$out"; return 1; }
	read -r id <"$out"
	says 1 "the size is now 40M: the rest is in use" zbctl resize 2M && is_size 40M &&
		says 1 "nothing has changed: the rest is in use" zbctl resize 2M && is_size 40M
	result=$?
	zbctl free "$id" >/dev/null || kill "$id"
	resize 128M || result=1
	return $result
}

# user COMMAND: run it as an unprivileged user.
user() {
	su -s /bin/sh -c "cd $PWD && PATH=$PATH; $*" nobody
}

only_root() {
	grep -qs ^nobody: /etc/passwd || echo "nobody:x:65534:65534:nobody:/:/bin/sh" >>/etc/passwd
	grep -qs ^nogroup: /etc/group || echo "nogroup:x:65534:" >>/etc/group
	chmod 666 /dev/zbuddy
	result=0
	says 1 "requires CAP_SYS_ADMIN" user "zbctl resize 64M" || result=1
	if user "echo 64M >$SIZE" 2>/dev/null; then say "a user has written size"; result=1; fi
	if user "echo 1 >$PARAMETERS/idle" 2>/dev/null; then say "a user has written idle"; result=1; fi
	chmod 600 /dev/zbuddy
	is_size 128M || result=1
	return $result
}

# Readers of the parameters do not wait for the end of a write, which moves and clears memory.
reads_meanwhile() {
	(
		i=0
		while [ $i -lt 8 ]; do
			echo 2M >$SIZE
			echo 128M >$SIZE
			i=$((i + 1))
		done
		: >"$TMP/done"
	) &
	pid=$!
	reads=0
	while [ ! -e "$TMP/done" ]; do
		read -r text <$SIZE
		read -r text <$PARAMETERS/idle
		reads=$((reads + 1))
	done
	wait $pid
	say "reads during 16 writes: $reads"
	# Otherwise each of them would wait for a write.
	[ $reads -ge 64 ] && is_size 128M
}

waits() {
	counter zb_waiting
	[ "$value" -eq 1 ]
}

# There are two blocks of 64 MiB. When a part of each has been given back, a request for one
# can't be served any more, and fails without waiting for its deadline.
fails_waiting_requests() {
	zbctl alloc 40M --gfp HIGHUSER --quiet >"$out" && read -r a <"$out" &&
		zbctl alloc 40M --gfp HIGHUSER --quiet >"$out" && read -r b <"$out" || return 1
	zbctl alloc 64M --wait 3000 >"$TMP/wait" 2>&1 &
	pid=$!
	result=0
	await 10 waits || { say "the request does not wait"; result=1; }
	echo 2M 2>/dev/null >$SIZE
	is_size 80M || result=1
	gone() { ! kill -0 "$pid" 2>/dev/null; }
	await 10 gone || { say "the request still waits"; kill $pid; result=1; }
	wait $pid
	[ $? -eq 1 ] || result=1
	sed 's/^/# /' "$TMP/wait"
	grep -q "or increase the size (zbctl resize)" "$TMP/wait" || result=1
	# Others wait as before.
	resize 128M || result=1
	zbctl alloc 64M --wait 3000 --quiet >"$TMP/wait" 2>&1 &
	pid=$!
	await 10 waits || { say "the request does not wait"; result=1; }
	echo 126M >$SIZE || result=1
	zbctl free "$a" "$b" >/dev/null
	await 10 gone || { say "the request was not served"; kill $pid; result=1; }
	wait $pid || { sed 's/^/# /' "$TMP/wait"; result=1; }
	zbctl free all >/dev/null
	resize 128M || result=1
	return $result
}

# sum EVENT: print the number of pages in these events.
sum() {
	sed -n "s/.*: $1: nid=0 pfn=0x[0-9a-f]* nr_pages=\([0-9]*\)\$/\1/p" $T/trace >"$out"
	total=0
	while read -r pages; do
		total=$((total + pages))
	done <"$out"
	echo $total
}

traces() {
	T=/sys/kernel/tracing
	echo >$T/trace
	echo 1 >$T/events/zbuddy/region_give_back/enable
	echo 1 >$T/events/zbuddy/region_take_back/enable
	resize 64M && resize 96M
	result=$?
	echo 0 >$T/events/zbuddy/region_give_back/enable
	echo 0 >$T/events/zbuddy/region_take_back/enable
	gave=$(sum region_give_back)
	took=$(sum region_take_back)
	say "pages in trace events: gave $gave, took $took"
	resize 128M && [ $result -eq 0 ] && [ "$gave" -eq 16384 ] && [ "$took" -eq 8192 ]
}

shown_as_offline() {
	resize 64M || return 1
	result=0
	says 0 "pageblocks 64: 32 free, 0 partly used, 0 full, 32 offline" zbctl map || result=1
	if ! grep -q -e "--------" "$out" || ! grep -q -e "- Offline" "$out"; then
		show "$out"
		result=1
	fi
	says 0 '"offline":32' zbctl map --json || result=1
	resize 128M || result=1
	says 0 "0 partly used, 0 full; largest" zbctl map || result=1
	return $result
}

# The file system has what is left. Memory that was given back is not in use.
file_system_shrinks() {
	mkdir -p $MNT && mount -t zbuddy none $MNT || return 1
	result=0
	frees 131072 || result=1
	resize 64M && frees 65536 || result=1
	resize 128M && frees 131072 || result=1
	umount $MNT || result=1
	return $result
}

# Buffers are written and verified by other processes while they are moved.
breathes_under_load() {
	zbctl stress --seconds 1000 --threads 2 --fill 30 >"$out" 2>&1 &
	pid=$!
	result=0
	i=0
	counter pgmigrate_success
	moved=$value
	# The first rounds may be over before the load begins on a busy machine.
	while [ $i -lt "$ROUNDS" ] || { [ "$value" -eq "$moved" ] && [ $i -lt 1000 ]; }; do
		# As far as it gets: what is in use moves together.
		echo 2M 2>/dev/null >$SIZE
		checks_out || result=1
		echo 128M >$SIZE 2>"$err" || { show "$err"; result=1; }
		counter pgmigrate_success
		i=$((i + 1))
	done
	say "pages moved in $i rounds: $((value - moved))"
	[ "$value" -gt "$moved" ] || result=1
	counter zb_offline
	say "pages given back: $value"
	# What is being given back is not idle, so requests do not wait for it.
	counter zb_idle_fail
	[ "$value" -eq 0 ] || { say "requests have asked for it $value times"; result=1; }
	kill -INT $pid
	wait $pid || { status=$?; [ $status -eq 130 ] || result=1; show "$out"; }
	is_size 128M && checks_out || result=1
	return $result
}

# What is in use by unmovable buffers stays.
stops_at_unmovable() {
	zbctl alloc 40M --gfp HIGHUSER --quiet >"$out" || { show "$out"; return 1; }
	read -r id <"$out"
	result=0
	refused 2M "can't shrink to 2 MiB" || result=1
	read -r text <$SIZE
	say "size with 40M in use: $text"
	[ "${text%M}" -ge 40 ] && [ "${text%M}" -le 46 ] || result=1
	zbctl free "$id" >/dev/null || kill "$id"
	resize 128M || result=1
	return $result
}

# Of the bytes that are free after churn, nearly all are given back, each time.
gives_back_what_is_free() {
	zbctl alloc 0 --count 2000 --gfp HIGHUSER_MOVABLE --quiet >"$out" || return 1
	read -r id <"$out"
	result=0
	worst=1000
	i=0
	while [ $i -lt $((4 * ROUNDS)) ]; do
		counter nr_free_pages
		free=$value
		echo 2M 2>/dev/null >$SIZE
		read -r text <$SIZE
		given=$(((128 - ${text%M}) * 256))
		share=$((given * 1000 / free))
		[ $share -ge $worst ] || worst=$share
		echo 128M >$SIZE || result=1
		i=$((i + 1))
	done
	say "given back of the free memory, worst of $i times: $((worst / 10)).$((worst % 10)) %"
	[ $worst -ge 950 ] || result=1
	zbctl free "$id" >/dev/null || kill "$id"
	is_size 128M && checks_out || result=1
	return $result
}

unloads_shrunken() {
	resize 64M || return 1
	rmmod zbuddy 2>"$err" || { show "$err"; return 1; }
}

look
before=$now
if load size=128M; then
	kind=$(backend)
	say "backend $kind"
	if [ "$kind" = dma ]; then
		refused 64M "can't be changed with backend=dma"
		verdict "the backend can't give back a part" $?
		rmmod zbuddy
	else
		if [ "$kind" = cma ]; then
			shrinks_and_grows
		else
			shrinks_and_grows_anyhow
		fi
		verdict "shrinks and grows" $?
		counts
		verdict "counters" $?
		refuses_sizes
		verdict "refuses sizes" $?
		zbctl_resizes
		verdict "zbctl resizes" $?
		zbctl_stops
		verdict "zbctl tells how far it came" $?
		only_root
		verdict "only root may change the size" $?
		reads_meanwhile
		verdict "parameters can be read meanwhile" $?
		if [ "$kind" = cma ]; then
			fails_waiting_requests
			verdict "waiting requests fail if they can't be served any more" $?
		else
			skip "waiting requests fail if they can't be served any more" \
				"the kernel may keep pages of the region"
		fi
		if [ "$kind" = cma ] && [ -d /sys/kernel/tracing/events/zbuddy ]; then
			traces
			verdict "trace events" $?
		else
			skip "trace events" "the kernel has none, or may keep pages of the region"
		fi
		shown_as_offline
		verdict "map shows what is offline" $?
		file_system_shrinks
		verdict "the file system shrinks as well" $?
		stops_at_unmovable
		verdict "stops at memory that can't be moved" $?
		gives_back_what_is_free
		verdict "gives back what is free" $?
		breathes_under_load
		verdict "breathes under load" $?
		unloads_shrunken
		verdict "unloads in a shrunken state" $?
	fi
else
	not_ok "load"
fi
if load size=32M backend=dma; then
	refused 16M "can't be changed with backend=dma" && is_size 32M &&
		says 1 "the backend can't give back a part" zbctl resize 16M &&
		says 0 "^size: 32M" zbctl resize 32M && checks_out
	verdict "dma refuses" $?
	rmmod zbuddy
else
	skip "dma refuses" "no such memory"
fi
# The file exists before the module is initialized.
refused_while_loading() {
	i=0
	while [ $i -lt 20 ]; do
		mark
		insmod $module size=256M 2>/dev/null &
		pid=$!
		while kill -0 $pid 2>/dev/null; do
			[ ! -e $SIZE ] || echo 64M 2>/dev/null >$SIZE
		done
		wait $pid
		errors >"$out"
		rmmod zbuddy 2>/dev/null
		! grep -q "size: can't be changed while the module is being loaded" "$out" || return 0
		i=$((i + 1))
	done
	say "no write came while the module was being loaded, in $i loads"
	return 1
}

refused_while_loading
verdict "refused while loading" $?
expected=
if load size=64M backend=contig; then
	# The allocation has emptied the kernel's own per-CPU lists.
	expected=$before
	resize 32M && [ "$(backend)" = contig ]
	verdict "contig shrinks" $?
	mark
	result=0
	if ! echo 64M 2>/dev/null >$SIZE; then
		errors >"$out"
		show "$out"
		[ -s "$out" ] || result=1
	fi
	checks_out || result=1
	verdict "contig grows, or says why not" $result
	echo 16M >$SIZE
	rmmod zbuddy
	verdict "contig unloads in a shrunken state" $?
else
	skip "contig" "no such memory"
fi
# Nothing is missing after what has been done so far, and nothing is lost each time.
result=0
[ ! "$expected" ] || await 2 free_near "$expected" || result=1
look
first=$now
i=0
while [ $i -lt $((ROUNDS * 4 / 5)) ]; do
	load size=128M || { result=1; break; }
	echo 32M >$SIZE || result=1
	echo 96M >$SIZE || result=1
	rmmod zbuddy || result=1
	look
	[ $i -gt 0 ] || second=$now
	i=$((i + 1))
done
say "CmaFree: $before kB before the first load, $first kB, $second kB after one load, $now kB after $i"
has_free "${second:-$first}" || result=1
verdict "$i unloads in a shrunken state" $result
finish
