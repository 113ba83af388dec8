#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The commands of zbctl: their output as text and JSON, their exit status, and error lines
# that name a remedy.

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/test_lib.sh
. ./test_lib.sh

[ -c /dev/zbuddy ] || skip_all "no /dev/zbuddy: insmod zbuddy.ko first"
command -v zbctl >/dev/null || skip_all "no zbctl here"

echo "TAP version 13"

# is_json FILE: parse it by replacing values with V, strings with S and members with M until
# only one is left.
is_json() {
	awk '
	{ s = s $0 "\n" }
	END {
		gsub(/"([^"\\]|\\.)*"/, "S", s)
		gsub(/-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?/, "V", s)
		gsub(/true|false|null/, "V", s)
		gsub(/[ \t\n]/, "", s)
		do {
			was = s
			gsub(/S:[SV]/, "M", s)
			gsub(/[{](M(,M)*)?[}]/, "V", s)
			gsub(/\[([SV](,[SV])*)?\]/, "V", s)
		} while (s != was)
		exit s !~ /^[SV]$/
	}' "$1"
}

# number FILE KEY, word FILE KEY: print the first value of this key.
number() {
	awk -v key="^ *\"$2\": *" 'BEGIN { RS = "[,{]" }
		sub(key, "") { sub(/[^-0-9].*/, ""); print; exit }' "$1"
}

word() {
	sed 's/[,{]/\n/g' "$1" | sed -n "s/.*\"$2\": *\"\([^\"]*\)\".*/\1/p" | head -n 1
}

free_bytes() {
	json=$(zbctl info --json)
	json=${json#*\"free_bytes\":}
	echo "${json%%[,\}]*}"
}

explain() {
	say "command: $*"
	say "status $status; out, err:"
	show "$out"
	show "$err"
}

# works NAME TEXT COMMAND...: the command must succeed, print TEXT and print no error.
works() {
	name=$1 want=$2
	shift 2
	run "$@"
	if [ "$status" -eq 0 ] && [ ! -s "$err" ] && grep -q -e "$want" "$out"; then
		ok "$name"
	else
		explain "$@"
		not_ok "$name"
	fi
}

# refuses STATUS TEXT COMMAND...: the command must exit with STATUS, print one error line that
# contains TEXT, and change nothing.
refuses() {
	code=$1 want=$2
	shift 2
	run "$@"
	if [ "$status" -eq "$code" ] && one_line_of "$want" "$err" &&
		[ "$line" != "${line#zbctl: }" ] && [ "$(free_bytes)" = "$all" ]; then
		ok "refuses: $*"
	else
		explain "$@"
		not_ok "refuses: $*"
	fi
}

held() {
	[ $((all - $(free_bytes))) -eq "$1" ] || {
		say "held are $((all - $(free_bytes))), not $1"
		return 1
	}
}

help_texts() {
	works "help" "usage: zbctl" zbctl --help
	works "version" "zbctl [0-9]*[.][0-9.]* for" zbctl --version
	works "help without dashes" "usage: zbctl" zbctl help
	works "help of a command without dashes" "zbctl alloc ORDER" zbctl help alloc
	help=$(zbctl --help)
	for cmd in info alloc free hold holders owners exec export map-file watch bench-map stat map drain \
		compact pressure resize empty check stress; do
		works "help of $cmd" "zbctl $cmd" zbctl $cmd --help
		case $help in
		*"
  $cmd "*) ;;
		*) false ;;
		esac
		verdict "help lists $cmd" $?
	done
}

json_output() {
	for cmd in info holders owners stat map compact check "watch -n 1" "export 64K" \
		"pressure 64K -n 2"; do
		# shellcheck disable=SC2086  # several words
		run zbctl $cmd --json
		result=$status
		is_json "$out" || result=1
		[ $result -eq 0 ] || explain "zbctl $cmd --json"
		verdict "JSON of $cmd" $result
	done
	run zbctl stress --ops 50 --seed 1 --json
	result=$status
	is_json "$out" || result=1
	verdict "JSON of stress" $result
	printf '{"a": [1, 2,]}' >"$TMP/bad"
	is_json "$TMP/bad"
	verdict "the JSON parser finds errors" $((! $?))
}

# Prints what empties the zone of a movable buffer.
movable_and_empty() {
	id=$(zbctl alloc 1M --gfp HIGHUSER_MOVABLE --quiet) || return
	zbctl empty --zone Movable
	zbctl free --quiet "$id"
}

information() {
	works "info" "backend" zbctl info
	works "info has zones" "ZONE" zbctl info
	works "info names all flags it has, to the last" "^gfp: .*,KSWAPD_RECLAIM\$" zbctl info
	run zbctl info --json
	grep -q '"gfp":\["DMA","DMA32","HIGHMEM","MOVABLE",.*,"KSWAPD_RECLAIM"\]' "$out"
	verdict "and as an array in JSON" $?
	! grep -q '"features":[0-9]' "$out" && grep -q '"features":\[' "$out"
	verdict "info has features as an array of names" $?
	works "stat" "Node 0" zbctl stat
	works "map" "Node 0" zbctl map
	works "map in color" "$(printf '\033')" zbctl map --color always
	run zbctl map --color never
	! grep -q "$(printf '\033')" "$out"
	verdict "map without color" $?
	run zbctl alloc 1M --gfp HIGHUSER_MOVABLE --quiet
	id=$(cat "$out")
	works "map counts movable pages" "^ *pages in use: 256 movable, 0 discardable, 0 pinned\$" zbctl map
	works "map as lines" "^ *[0-9]*  Movable *256 *256 *0 *0\$" zbctl map --long
	works "map in JSON" '"free":256,[^}]*"movable":256,"discardable":0,"pinned":0' zbctl map --json
	zbctl free --quiet "$id"
	works "check" "^ok" zbctl check
	run zbctl drain
	[ "$status" -eq 0 ] && [ ! -s "$err" ]
	verdict "drain" $?
	works "compact" "^[0-9]* pages moved, [0-9]* could not be moved\$" zbctl compact
	works "pressure" "^needed again: 0 have their contents, 3 have lost them and are zero\$" \
		zbctl pressure 1M -n 3
	works "pressure that is low" "^needed again: 3 have their contents, 0 have lost them and are zero\$" \
		zbctl pressure 1M -n 3 --fill 10
	total=$(info_number total_bytes)
	works "resize to the present size" "^size: $((total >> 20))M\$" zbctl resize "$((total >> 20))M"
	works "resize in JSON" "\"total_bytes\":$total" zbctl resize "$((total >> 20))M" --json
	works "empty" "^1M moved, 0B discarded, 0B left\$" movable_and_empty
	works "empty in JSON" '"moved":0,"discarded":0,"left":0,"in_use":0,"no_room":0' \
		zbctl empty --zone movable --json
	works "options before the command" "^{" zbctl --json info
	run env ZBUDDY_DEVICE=/dev/zbuddy zbctl info
	verdict "device from the environment" "$status"
}

alloc_and_free() {
	works "holders: none" "no holders" zbctl holders
	run zbctl alloc 10M -q
	id=$(cat "$out")
	result=$status
	held 10485760 || result=1
	verdict "alloc keeps 10M" $result
	works "holders lists it" "$id" zbctl holders
	grep -q '10M' "$out"
	verdict "holders tells how much" $?
	run zbctl holders --json
	is_json "$out" && [ "$(number "$out" id)" = "$id" ] && [ "$(number "$out" total)" = 10485760 ]
	verdict "holders in JSON" $?
	works "free" "freed $id" zbctl free "$id"
	held 0
	verdict "free gives it back" $?
	works "holders: none again" "no holders" zbctl holders

	first=$(zbctl alloc 9 --count 4 -q)
	second=$(zbctl alloc 12345B -q --gfp KERNEL)
	held $((4 * 512 * page + (12345 + page - 1) / page * page))
	verdict "two holders" $?
	run zbctl free "$first" "$second"
	held 0
	verdict "free of two" $?
	zbctl alloc 0 -q >/dev/null
	zbctl alloc 1 -q >/dev/null
	works "free all" "freed" zbctl free all
	held 0
	verdict "free all gives everything back" $?

	run zbctl alloc 3 --json
	is_json "$out" && [ "$(number "$out" order)" = 3 ] && [ "$(number "$out" length)" = $((8 * page)) ]
	verdict "alloc in JSON" $?
	id=$(number "$out" id)
	kill -9 "$id"
	await 2 held 0 >/dev/null
	held 0
	verdict "kill -9 of a holder" $?
}

# A holder must not keep the pipe open from which its ID is read.
substitution() {
	# If the pipe stayed open, run_tests.sh would end this script at its time limit.
	id=$(zbctl alloc 5 | sed -n 's/^id //p')
	[ "$id" ] && zbctl free "$id" >/dev/null
	verdict "alloc in a pipe returns" $?
}

holding() {
	works "hold for a time" "holding" zbctl hold 64K --seconds 0
	works "hold and map" "mapped" zbctl hold 1M --map --seconds 0
	zbctl hold 2M >"$TMP/hold" 2>&1 &
	pid=$!
	await 5 grep -q holding "$TMP/hold"
	held 2097152
	verdict "hold holds" $?
	kill $pid
	wait $pid
	verdict "SIGTERM ends hold with 0" $?
	held 0
	verdict "hold gives back" $?
}

buffers() {
	works "alloc with a label" "^[0-9]" zbctl alloc 64K --label camera -q
	works "owners shows the label" " camera " zbctl owners
	works "owners by process" "64K" zbctl owners --processes
	zbctl free all >/dev/null
	works "no owners" "no buffers" zbctl owners
	works "watch" "poll: readable" zbctl watch -n 1
	works "export" "as they were written" zbctl export 2M
	# shellcheck disable=SC2016  # for the inner shell
	works "exec" "from a program" zbctl exec 64K --label pipe -- sh -c \
		'echo from a program | dd of={} conv=notrunc 2>/dev/null; head -n 1 "$ZBUDDY_FILE"'
	works "exec: length" "^65536$" zbctl exec 16K --gfp DMA32 -- sh -c 'cat {} {} {} {} | wc -c'
	run zbctl exec 64K -- no-such-program
	[ "$status" -eq 1 ] && one_line_of "exec: no-such-program: No such file" "$err"
	verdict "exec: unknown program" $?
	works "alloc waits" "^id" zbctl alloc 0 --wait 5
	zbctl free all >/dev/null
	id=$(zbctl alloc "$max_order" -q --gfp KERNEL,HIGHMEM,MOVABLE,MEMALLOC)
	others=$(zbctl alloc "$max_order" -q --count 1 --gfp KERNEL,HIGHMEM,MOVABLE,MEMALLOC 2>/dev/null)
	run zbctl alloc "$max_order" --wait 1
	[ "$status" -eq 1 ] && grep -q 'zbctl owners' "$err"
	verdict "alloc --wait tells who holds it" $?
	# shellcheck disable=SC2086  # perhaps none
	zbctl free "$id" $others >/dev/null
	held 0
	verdict "buffers leaves nothing behind" $?
}

files() {
	dd if=/dev/urandom of="$TMP/in" bs=1000 count=5555 2>/dev/null
	run zbctl map-file "$TMP/in"
	if grep -q "does not support O_DIRECT" "$err"; then
		# tmpfs supports it since 6.6; older kernels print a note and nothing else.
		how="through the page cache" notes=1
	else
		how="with O_DIRECT" notes=0
	fi
	[ "$status" -eq 0 ] && grep -q "5555000 bytes read $how" "$out" &&
		[ "$(wc -l <"$err")" -eq "$notes" ]
	result=$?
	[ $result -eq 0 ] || explain "map-file"
	verdict "map-file reads" $result
	run zbctl map-file "$TMP/in" --out "$TMP/copy"
	[ "$status" -eq 0 ] && cmp "$TMP/in" "$TMP/copy"
	verdict "map-file copies" $?
	: >"$TMP/empty"
	run zbctl map-file "$TMP/empty" --out "$TMP/copy"
	[ "$status" -eq 0 ] && [ ! -s "$TMP/copy" ]
	verdict "map-file copies nothing" $?
	run zbctl map-file "$TMP/in" --out "$TMP/copy" --json
	is_json "$out"
	verdict "JSON of map-file" $?
	run zbctl map-file "$TMP/in" --out "$TMP/in"
	[ "$status" -eq 1 ] && [ "$(wc -c <"$TMP/in")" -eq 5555000 ] && grep -q 'another name' "$err"
	verdict "map-file does not write over its input" $?
}

limited() {
	limit=/sys/module/zbuddy/parameters/max_bytes_per_open
	[ -w $limit ] || { skip "refuses more than max_bytes_per_open" "must be root"; return; }
	echo 1M >$limit
	refuses 1 "max_bytes_per_open" zbctl alloc 2M
	echo 0 >$limit
}

# The first bytes of the region, by addresses as sizes and as numbers; the last one is included.
ranges() {
	read -r first <"$DEBUGFS/regions"
	first=${first##*range }
	first=${first%-*}
	last=$((first + page - 1))
	for min in $((first)) $((first))B $((first / 1024))K $((first / 1048576))M; do
		works "--min-addr $min" "offset" zbctl hold "${page}B" --seconds 0 --min-addr "$min" --max-addr $last
	done
	works "--min-addr as printed by the kernel" "offset" \
		zbctl hold "${page}B" --seconds 0 --min-addr "$first" --max-addr ${last}B
	refuses 1 "less memory" zbctl hold "${page}B" --min-addr "$first" --max-addr $((last - 1))
	for bad in 3X 0x3G -1 "" G 0x; do
		refuses 2 "not an address" zbctl hold 4K "--min-addr=$bad"
	done
}

refusals() {
	refuses 1 "printable" zbctl alloc 4K --label "a b"
	refuses 1 "printable" zbctl alloc 4K --label 12345678901234567890123456789012
	refuses 1 "No such file" zbctl map-file /nowhere
	refuses 2 "needs a value" zbctl alloc 4K --wait
	refuses 2 "zbctl --help" zbctl
	refuses 2 "did you mean alloc" zbctl aloc 5
	refuses 2 "zbctl --help" zbctl xyzzy
	refuses 2 "count" zbctl alloc 5 --cuont 3
	refuses 2 "usage: alloc" zbctl alloc
	refuses 2 "usage: alloc" zbctl alloc 1 2
	refuses 2 "neither" zbctl alloc lots
	refuses 2 "unit" zbctl alloc 4096
	refuses 2 "neither" zbctl alloc -- -1
	refuses 2 "neither" zbctl alloc 12X
	refuses 2 "count" zbctl alloc 5 --count 0
	refuses 2 "count" zbctl alloc 5 --count
	refuses 2 "unknown flag" zbctl alloc 5 --gfp NONSENSE
	grep -q ' HIGH .* ATOMIC\| ATOMIC .* HIGH ' "$err" && ! grep -q 'NOFAIL\|COMP\|TRANSHUGE\|ATOMIC.* ATOMIC' "$err"
	verdict "the flags that are suggested are accepted, and none is listed twice" $?
	refuses 2 "not a whole number" zbctl alloc 5 --wait 0.2
	refuses 1 "TRANSHUGE includes COMP" zbctl alloc 5 --gfp TRANSHUGE
	refuses 2 "takes no --seed" zbctl alloc 5 --seed 1
	refuses 2 "zbctl holders" zbctl free x
	refuses 1 "largest is order" zbctl alloc 31
	refuses 1 "largest is order" zbctl alloc 1T
	refuses 1 "at least 1" zbctl alloc 0B
	refuses 1 "choose from 0" zbctl alloc 5 --node 77
	refuses 1 "choose one" zbctl alloc 5 --gfp DMA,HIGHMEM
	refuses 1 "choose one" zbctl alloc 5 --gfp MOVABLE,RECLAIMABLE
	refuses 1 "choose one" zbctl alloc 5 --gfp ATOMIC,DIRECT_RECLAIM
	refuses 1 "leave them out" zbctl alloc 5 --gfp 0x80000000
	refuses 1 "none is kept" zbctl alloc 9 --count 100000
	refuses 1 "zbctl holders" zbctl free 1
	refuses 1 "zbctl holders" zbctl free 2000000000
	refuses 1 "but the module is loaded" zbctl --device /dev/nothing info
	refuses 1 "device" zbctl --device /dev/null info
	refuses 1 "name the right directory" zbctl --debugfs /nowhere stat
	refuses 2 "zone or --node is needed" zbctl empty
	refuses 2 "not one of DMA" zbctl empty --zone lowmem
	refuses 1 "choose another --zone" zbctl empty --zone HighMem
	refuses 1 "node 77 has no memory" zbctl empty --node 77
	refuses 2 "largest order" zbctl stress --max-order 30 --ops 1
}

full() {
	: >"$TMP/ids"
	order=$max_order
	while [ "$order" -ge 0 ]; do
		while zbctl alloc "$order" -q --gfp KERNEL,HIGHMEM,MOVABLE,MEMALLOC >>"$TMP/ids" 2>/dev/null; do
			:
		done
		order=$((order - 1))
	done
	held "$all"
	verdict "everything can be had" $?
	run zbctl alloc 0
	[ "$status" -eq 1 ] && grep -q 'free something' "$err"
	verdict "and then the error tells to free something" $?
	run zbctl free all
	held 0
	verdict "and all of it comes back" $?
}

stress() {
	works "stress" "stress: ok" zbctl stress --seed 1 --ops 300
	run zbctl stress --seed 2 --ops 200 --threads 4 --json
	[ "$(number "$out" free_bytes_before)" = "$(number "$out" free_bytes_after)" ]
	verdict "stress gives everything back" $?
	works "check after stress" "^ok" zbctl check
	works "stress ends in time" "stress: ok" zbctl stress --seconds 1 --seed 3
}

[ "$(zbctl holders)" = "no holders" ] || skip_all "there are holders: zbctl free all"
zbctl info --json >"$TMP/first" || { not_ok "info"; finish; }
all=$(number "$TMP/first" free_bytes)
page=$(number "$TMP/first" page_size)
max_order=$(number "$TMP/first" max_order)
help_texts
json_output
information
alloc_and_free
substitution
holding
buffers
files
limited
ranges
refusals
full
stress
held 0
verdict "nothing is left behind" $?
finish
