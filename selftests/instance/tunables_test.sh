#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Parameters that can be changed while the module is loaded, and parameters of the policy
# that can't: accepted and refused values, and their effects in zoneinfo and other files.
# With ZB_CONCURRENT, only what several tasks do at the same time.
#
# shellcheck disable=SC2154  # look() sets variables with eval

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/test_lib.sh
. ./test_lib.sh

find_module

P=/sys/module/zbuddy/parameters
ZONES="size=256M zones=DMA:16M,DMA32:64M,Normal:*,Movable:64M"
numbers="min_free_kbytes watermark_scale_factor watermark_boost_factor dirty_ratio percpu_pagelist_high_fraction"
tunables="$numbers lowmem_reserve_ratio page_owner"

load() {
	# shellcheck disable=SC2086  # several parameters
	insmod $module "$@" 2>"$err" || { show "$err"; return 1; }
	[ -e "$DEBUGFS/zoneinfo" ] || { say "no debugfs"; return 1; }
}

unload() {
	rmmod zbuddy
}

# look: read zoneinfo into variables ZONE_FIELD, such as DMA_min; those that begin with
# pcp_ are of the first CPU's per-CPU lists. ZONE_protectionN is how much of a zone is
# protected from requests that may use zones up to type N. The sum of managed pages of the
# zones that share min_free_kbytes is lowmem: a quarter of them is the largest reserve, which
# in KiB is the same number. One program reads all, because this takes long with KASAN.
look() {
	eval "$(awk '
		/^Node/ { zone = $4; cpu = "" }
		/^ *pages free/ { print zone "_free=" $3 }
		$1 ~ /^(min|low|high|managed|cma|nr_free_cma)$/ && NF == 2 { print zone "_" $1 "=" $2 }
		$1 == "cpu:" { cpu = $2 }
		$1 ~ /^(high|batch):$/ && cpu == "0" { sub(":", "", $1); print zone "_pcp_" $1 "=" $2 }
		$1 == "protection:" {
			gsub(/[(),]/, "")
			for (i = 2; i <= NF; i++)
				print zone "_protection" (i - 2) "=" $i
		}' "$DEBUGFS/zoneinfo")"
	lowmem=$((DMA_managed + DMA32_managed + Normal_managed))
}

# same WHAT ACTUAL EXPECTED
same() {
	[ "$2" = "$3" ] || { say "$1 is $2, expected $3"; result=1; }
}

# at_least NUMBER NUMBER: set $larger to the larger one.
at_least() {
	larger=$1
	[ "$1" -ge "$2" ] || larger=$2
}

# accepted NAME VALUE: the value must be accepted and read back unchanged.
accepted() {
	echo "$2" 2>/dev/null >"$P/$1" || { say "$1=$2 is refused"; result=1; }
	read -r now <"$P/$1"
	same "$1" "$now" "$2"
}

# set_to NAME VALUE: change a parameter and look at its effects.
set_to() {
	accepted "$@"
	look
}

# refused NAME VALUE: the write must fail with EINVAL, log one message that names the
# parameter, and leave its value unchanged.
refused() {
	read -r old <"$P/$1"
	mark
	result=0
	if echo "$2" 2>"$err" >"$P/$1"; then say "the value was accepted"; result=1; fi
	read -r text <"$err"
	same "the error" "${text##*: }" "Invalid argument"
	read -r now <"$P/$1"
	same "$1" "$now" "$old"
	errors >"$out"
	one_line_of "zbuddy: $1=$2: must be " "$out" || result=1
	verdict "refused: $1=$2" $result
}

# good_at_load NAME=VALUE...: the module loads and the parameters have these values.
good_at_load() {
	result=0
	# shellcheck disable=SC2086  # several parameters
	if load $ZONES "$@"; then
		for pair; do
			read -r now <"$P/${pair%%=*}"
			same "${pair%%=*}" "$now" "${pair#*=}"
		done
		unload || result=1
	else
		result=1
	fi
	verdict "at load: $*" $result
}

bad_at_load() {
	result=0
	# shellcheck disable=SC2086  # several parameters
	if load_once $module $ZONES "$1" >"$TMP/errors" 2>"$err"; then
		say "the module loaded"
		unload
		result=1
	fi
	# The kernel logs a message of its own as well.
	grep -v ' invalid for parameter ' "$TMP/errors" >"$out"
	one_line_of "zbuddy: ${1%%=*}=" "$out" || result=1
	verdict "refused at load: $1" $result
}

# --- one by one ------------------------------------------------------------------

modes() {
	result=0
	for name in $tunables; do
		read -r old <"$P/$name"
		accepted "$name" "$old"
	done
	same "tunables without mode 644" "$(cd $P && echo "$tunables" | xargs stat -c '%a %n' | grep -v '^644 ')" ""
	same "mode of size" "$(stat -c %a $P/size)" 644
	same "parameters without mode 444" "$(cd $P && stat -c '%a %n' \
		zones max_order backend cma_pages poison | grep -v '^444 ')" ""
	verdict "modes, and writing the current value" $result
}

bad_values() {
	for name in $numbers; do
		for value in "" x -1 1x "1 2" 1.5 99999999999999999999; do
			refused "$name" "$value"
		done
	done
	refused watermark_scale_factor 0
	refused watermark_scale_factor 3001
	refused watermark_boost_factor 2147483648
	refused dirty_ratio 101
	refused percpu_pagelist_high_fraction 1000001
	refused percpu_pagelist_high_fraction 7
	look
	for value in $((lowmem + 1)) 1000000000 4294967295 18446744073709551615; do
		refused min_free_kbytes $value
		one_line_of "from 0 to $lowmem" "$out"
		verdict "the message has the largest value" $?
	done
	for value in 4294967297,1,1,1,1 2147483648,1,1,1,1 99999999999999999999,1,1,1,1 \
		"" x 1 1,2,3,4 1,2,3,4,5,6 1,2,3,4,x -1,2,3,4,5 "1,2,3,4,5 x" \
		'1,2,3,4,5,'; do
		refused lowmem_reserve_ratio "$value"
	done
	refused page_owner x
	for value in "" x -1 101 1x 4294967296; do
		refused zero_ahead "$value"
	done
	for name in max_waiting_per_open max_waiting_per_user max_discardable_per_user; do
		refused $name foo
		refused $name -1
		refused $name 4294967296
	done
	refused max_bytes_per_open foo
	refused max_bytes_per_user foo
	refused charge foo
}

# What buffers can be charged to depends on the kernel; the message names what there is.
charge() {
	result=0
	mark
	if zbctl info | grep -q '^features:.*memlock' && ! echo dmem 2>/dev/null >$P/charge; then
		errors >"$out"
		one_line_of "use auto, memlock or none" "$out" || result=1
	fi
	accepted charge none
	accepted charge auto
	verdict "charge" $result
}

limits() {
	result=0
	look
	read -r default <$P/min_free_kbytes
	accepted min_free_kbytes 0
	accepted min_free_kbytes "$lowmem"
	accepted min_free_kbytes "$default"
	accepted watermark_scale_factor 1
	accepted watermark_scale_factor 3000
	accepted watermark_scale_factor 10
	accepted watermark_boost_factor 0
	accepted watermark_boost_factor 2147483647
	accepted watermark_boost_factor 15000
	accepted dirty_ratio 0
	accepted dirty_ratio 100
	accepted dirty_ratio 20
	accepted percpu_pagelist_high_fraction 1000000
	accepted percpu_pagelist_high_fraction 0
	accepted lowmem_reserve_ratio 0,0,0,0,0
	echo "256 256 32 0 0" >$P/lowmem_reserve_ratio || result=1
	read -r now <$P/lowmem_reserve_ratio
	same lowmem_reserve_ratio "$now" 256,256,32,0,0
	verdict "smallest and largest values are accepted" $result
}

# marks ZONE FACTOR: check that low and high are derived from min.
marks() {
	eval "managed=\$$1_managed min=\$$1_min low=\$$1_low high=\$$1_high"
	at_least $((managed * $2 / 10000)) $((min / 4))
	same "low of $1" "$low" $((min + larger))
	same "high of $1" "$high" $((min + 2 * larger))
}

# The min watermark of a zone is its share of min_free_kbytes in proportion to its size.
min_free_kbytes() {
	result=0
	read -r default <$P/min_free_kbytes
	[ "$default" -gt 0 ] || result=1
	look
	token=$Movable_min
	for kbytes in "$default" 4096 100 30000 "$lowmem"; do
		set_to min_free_kbytes "$kbytes"
		pages=$((kbytes / 4))
		for name in DMA DMA32 Normal; do
			eval "min=\$${name}_min managed=\$${name}_managed"
			same "min of $name" "$min" $((pages * managed / lowmem))
			marks $name 10
		done
		same "min of Movable" "$Movable_min" "$token"
	done
	set_to min_free_kbytes 0
	same "min of all zones" "$DMA_min $DMA32_min $Normal_min $Movable_min" "0 0 0 0"
	set_to min_free_kbytes "$default"
	verdict "min_free_kbytes sets the watermarks" $result
}

watermark_scale_factor() {
	result=0
	for factor in 1 10 500 3000; do
		set_to watermark_scale_factor $factor
		for name in DMA DMA32 Normal Movable; do
			marks $name $factor
		done
	done
	set_to watermark_scale_factor 10
	verdict "watermark_scale_factor sets low and high" $result
}

lowmem_reserve_ratio() {
	result=0
	look
	upper=$((DMA32_managed + Normal_managed))
	for ratio in 256 1 7; do
		set_to lowmem_reserve_ratio $ratio,$ratio,$ratio,0,0
		same "DMA for DMA" "$DMA_protection0" 0
		same "DMA for DMA32" "$DMA_protection1" $((DMA32_managed / ratio))
		same "DMA for Normal" "$DMA_protection2" $((upper / ratio))
		same "DMA for Movable" "$DMA_protection4" $(((upper + Movable_managed) / ratio))
		same "DMA32 for Normal" "$DMA32_protection2" $((Normal_managed / ratio))
		same "DMA32 for DMA32" "$DMA32_protection1" 0
		same "Normal for Movable" "$Normal_protection4" $((Movable_managed / ratio))
		same "Movable for Movable" "$Movable_protection4" 0
	done
	set_to lowmem_reserve_ratio 0,0,0,0,0
	same "DMA for Normal" "$DMA_protection2" 0
	set_to lowmem_reserve_ratio 256,256,32,0,0
	verdict "lowmem_reserve_ratio sets the protection of zones" $result
}

# shared NAME LENGTH PAGES LEAST MOST: check the length of lists if PAGES are divided by a number of
# CPUs from LEAST to MOST, rounded up to a power of two.
shared() {
	cpus=1
	expected=
	while :; do
		[ "$cpus" -lt "$4" ] || expected="$expected $(($3 / cpus))"
		[ "$cpus" -lt "$5" ] || break
		cpus=$((cpus * 2))
	done
	for one in $expected; do
		[ "$2" != "$one" ] || return 0
	done
	say "$1 is $2, expected one of$expected"
	result=1
}

percpu_pagelist_high_fraction() {
	result=0
	for fraction in 1000000 1000 200 50 8; do
		set_to percpu_pagelist_high_fraction $fraction
		shared "high with $fraction" "$DMA_pcp_high" $((DMA_managed / fraction)) 1 "$(nproc)"
	done
	set_to percpu_pagelist_high_fraction 0
	look
	shared "high by default" "$DMA_pcp_high" "$DMA_low" 1 "$(nproc)"
	verdict "percpu_pagelist_high_fraction limits the per-CPU lists" $result
}

page_owner() {
	result=0
	set_to page_owner N
	! grep -q 'Number of mixed blocks' "$DEBUGFS/pagetypeinfo" || result=1
	echo 1 >$P/page_owner || result=1
	same "tables of mixed blocks" "$(grep -c 'Number of mixed blocks' "$DEBUGFS/pagetypeinfo")" 1
	sed '1,/Number of mixed blocks/d' "$DEBUGFS/pagetypeinfo" >"$out"
	same "its lines" "$(grep -c '^Node 0, zone' "$out")" 4
	same "mixed blocks of an empty region" "$(sed 's/.*zone *[A-Za-z0-9]*//' "$out" | tr -d ' 0\n')" ""
	set_to page_owner N
	! grep -q 'Number of mixed blocks' "$DEBUGFS/pagetypeinfo" || result=1
	verdict "page_owner adds the mixed blocks to pagetypeinfo" $result
}

check_is_ok() {
	zbctl check >"$out" 2>&1 || { show "$out"; result=1; }
}

# Parameters change frequently while other processes allocate.
under_load() {
	result=0
	read -r default <$P/min_free_kbytes
	zbctl stress --seconds 3 --threads 4 >"$out" 2>&1 &
	pid=$!
	rounds=0
	while kill -0 $pid 2>/dev/null; do
		rounds=$((rounds + 1))
		for value in 0 2048 20000; do
			echo $value >$P/min_free_kbytes || result=1
			echo $((value / 1000)),9,9,0,0 >$P/lowmem_reserve_ratio || result=1
			echo $((value / 10)) >$P/percpu_pagelist_high_fraction || result=1
			cat "$DEBUGFS/zoneinfo" "$DEBUGFS/vmstat" "$DEBUGFS/fallbacks" \
				"$DEBUGFS/extfrag_index" "$DEBUGFS/unusable_index" >/dev/null || result=1
		done
	done
	wait $pid || { show "$out"; result=1; }
	say "changed $rounds times"
	[ $rounds -gt 0 ] || result=1
	set_to min_free_kbytes "$default"
	set_to percpu_pagelist_high_fraction 0
	set_to lowmem_reserve_ratio 256,256,32,0,0
	check_is_ok
	verdict "changes while other processes allocate" $result
}

# Frames on the per-CPU lists of a CPU are returned when it goes offline.
cpu_offline() {
	cpu=/sys/devices/system/cpu/cpu1/online
	[ -w $cpu ] || { skip "CPU offline drains its lists" "no CPU can go offline"; return; }
	result=0
	total=$(sed -n 's/^ok .* \([0-9]*\) pages$/\1/p' "$DEBUGFS/check")
	# The last close() drains the per-CPU lists; prevent that by an open file.
	exec 7<>/dev/zbuddy
	taskset 2 zbctl stress --ops 300 --threads 1 >"$out" 2>&1 || { show "$out"; result=1; }
	[ "$(sed -n 's/^nr_free_pages //p' "$DEBUGFS/vmstat")" -lt "$total" ] ||
		{ say "the per-CPU lists are empty"; result=1; }
	echo 0 >$cpu || result=1
	same nr_free_pages "$(sed -n 's/^nr_free_pages //p' "$DEBUGFS/vmstat")" "$total"
	echo 1 >$cpu || result=1
	exec 7>&-
	check_is_ok
	verdict "CPU offline drains its lists" $result
}

# Use the lists of all CPUs that are online, and read the lengths at once: a CPU that has not used
# its lists for some seconds does not count.
use_all_cpus() {
	numbers=$(sed -n 's/^processor.*: //p' /proc/cpuinfo)
	for number in $numbers; do
		taskset "$(printf %x $((1 << number)))" zbctl stress --ops 300 --threads 1 >"$out" 2>&1 ||
			{ show "$out"; result=1; }
	done
	look
}

# A CPU that goes offline is not counted any more.
lengths_by_cpus() {
	cpu=/sys/devices/system/cpu/cpu1/online
	[ -w $cpu ] || { skip "lengths of lists by CPUs" "no CPU can go offline"; return; }
	result=0
	exec 7<>/dev/zbuddy
	set_to percpu_pagelist_high_fraction 8
	for step in 1 0; do
		echo $step >$cpu 2>/dev/null
		online=$(grep -c ^processor /proc/cpuinfo)
		for attempt in 1 2 3 4 5; do
			use_all_cpus
			[ $((Normal_pcp_high * online)) -gt $((Normal_managed / 8)) ] || break
		done
		shared "length with $online CPUs (attempt $attempt)" "$Normal_pcp_high" \
			$((Normal_managed / 8)) "$online" "$online"
	done
	echo 1 >$cpu || result=1
	set_to percpu_pagelist_high_fraction 0
	exec 7>&-
	check_is_ok
	verdict "lengths of lists by CPUs" $result
}

cma_pages() {
	result=0
	# shellcheck disable=SC2086  # several parameters
	if load $ZONES cma_pages=1000; then
		look
		same "cma of Normal" "$Normal_cma" 1024
		same nr_free_cma "$Normal_nr_free_cma" 1024
		same "cma of DMA" "$DMA_cma" 0
		same "CMA pageblocks" "$(sed -n '/Number of blocks/,$p' "$DEBUGFS/pagetypeinfo" |
			awk '/zone *Normal/ { print $9 }')" 2
		check_is_ok
		unload || result=1
	else
		result=1
	fi
	verdict "cma_pages=1000 are two pageblocks of the largest zone" $result
}

poison() {
	result=0
	# shellcheck disable=SC2086  # several parameters
	if load $ZONES poison=1; then
		read -r now <$P/poison
		same poison "$now" Y
		zbctl stress --seconds 2 --threads 2 >"$out" 2>&1 || { show "$out"; result=1; }
		same zb_bad_block "$(sed -n 's/^zb_bad_block //p' "$DEBUGFS/vmstat")" 0
		check_is_ok
		unload || result=1
	else
		result=1
	fi
	verdict "poison=1: no damaged block under load" $result
}

# A damaged page stays out of use until the module is unloaded.
spoiled() {
	name="poison=1: a free page that was written to is taken out of use"
	[ -e ./zb_api_test.ko ] || { skip "$name" "no zb_api_test.ko"; return; }
	mark
	result=0
	# shellcheck disable=SC2086  # several parameters
	if load $ZONES poison=1; then
		insmod ./zb_api_test.ko poison=1 spoil=1 only=written_while_free 2>"$err" ||
			{ show "$err"; result=1; }
		read -r bad </sys/module/zb_api_test/parameters/failed
		[ "$bad" = 0 ] || result=1
		same zb_bad_block "$(sed -n 's/^zb_bad_block //p' "$DEBUGFS/vmstat")" 1
		errors | grep -q 'zbuddy: a free block was written to: frame' || result=1
		check_is_ok
		rmmod zb_api_test 2>/dev/null
		unload || result=1
	else
		result=1
	fi
	verdict "$name" $result
}

too_small() {
	mark
	result=0
	if load size=8M; then
		logged | grep -q 'zbuddy: .*not grouped by mobility' || result=1
		zbctl stress --seconds 1 --threads 2 >"$out" 2>&1 || { show "$out"; result=1; }
		same "pageblocks that are not Unmovable" "$(sed -n '/Number of blocks/,$p' \
			"$DEBUGFS/pagetypeinfo" | awk '/^Node/ { n += $6 + $7 + $8 + $9 + $10 } END { print n + 0 }')" 0
		unload || result=1
	else
		result=1
	fi
	verdict "a region too small for grouping by mobility logs a message" $result
}

values_at_run_time() {
	modes
	bad_values
	charge
	limits
	min_free_kbytes
	watermark_scale_factor
	lowmem_reserve_ratio
	percpu_pagelist_high_fraction
	page_owner
}

values_at_load() {
	good_at_load min_free_kbytes=4096 watermark_scale_factor=200 dirty_ratio=5
	good_at_load lowmem_reserve_ratio=8,9,10,11,12 percpu_pagelist_high_fraction=100
	good_at_load zero_ahead=100 min_free_kbytes=4096
	bad_at_load zero_ahead=101
	bad_at_load "zero_ahead=1 poison=Y"
	bad_at_load min_free_kbytes=x
	# A quarter of 192 MiB is the largest value; zone Movable does not count.
	bad_at_load min_free_kbytes=49153
	one_line_of "from 0 to 49152" "$out"
	verdict "the message has the largest value" $?
	good_at_load min_free_kbytes=49152
	bad_at_load max_bytes_per_open=64
	one_line_of "do you mean 64M" "$out"
	verdict "the message suggests a unit" $?
	bad_at_load watermark_scale_factor=0
	bad_at_load dirty_ratio=101
	bad_at_load percpu_pagelist_high_fraction=-1
	bad_at_load max_waiting_per_open=-1
	bad_at_load cma_pages=-1
	bad_at_load poison=maybe
	bad_at_load heap=maybe
	bad_at_load check_at_load=maybe
	bad_at_load lowmem_reserve_ratio=1,2,3
}

echo "TAP version 13"
# shellcheck disable=SC2086  # several parameters
if load $ZONES; then
	[ "$ZB_CONCURRENT" ] || values_at_run_time
	under_load
	cpu_offline
	lengths_by_cpus
	unload
	verdict "unloads" $?
else
	not_ok "loads"
fi
if [ ! "$ZB_CONCURRENT" ]; then
	values_at_load
	cma_pages
	spoiled
fi
poison
too_small
finish
