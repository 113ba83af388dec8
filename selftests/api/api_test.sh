#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The functions exported to other modules: zb_api_test.ko calls all of them when it is loaded
# and logs the results. This script reports these as test cases and adds checks that need
# user space.

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/test_lib.sh
. ./test_lib.sh

module=./zb_api_test.ko
[ "$(id -u)" -eq 0 ] || skip_all "must be root"
[ -c /dev/zbuddy ] || skip_all "no /dev/zbuddy: insmod zbuddy.ko first"
[ -e $module ] || skip_all "no $module: make stage builds it"
grep -q "vermagic=$(uname -r) " $module || skip_all "$module was built for another kernel"
[ -e "$DEBUGFS/vmstat" ] || skip_all "no debugfs"

# A test allocates up to 4 MiB at once, which must be a small part of the region.
total=$(sed -n 's/^ok .* \([0-9]*\) pages$/\1/p' "$DEBUGFS/check")
[ "${total:-0}" -ge 8192 ] || skip_all "the region is smaller than 32 MiB"

counters="outside not_allocated wrong_order compound"

vmstat() {
	sed -n "s/^$1 //p" "$DEBUGFS/vmstat"
}

# bad_frees: print the counters of refused frees in vmstat, in the order of $counters.
bad_frees() {
	awk -v counters="$counters" '
		/^zb_bad_free_/ { nr[substr($1, 13)] = $2 }
		END {
			n = split(counters, name, " ")
			for (i = 1; i <= n; i++)
				printf "%s ", nr[name[i]]
		}' "$DEBUGFS/vmstat"
}

# Write the kernel log since $marker to $log and the results to $TMP/results.
read_log() {
	dmesg | sed "1,/$marker/d" >"$log"
	sed -n 's/^.*zb_api_test: //p' "$log" >"$TMP/results"
}

one_result() {
	case $1 in
	"ok "*) ok "${1#ok * - }" ;;
	"not ok "*) not_ok "${1#not ok * - }" ;;
	*) say "$1" ;;
	esac
}

check_is_ok() {
	head -n 1 "$DEBUGFS/check" >"$out"
	grep -q '^ok' "$out" || show "$out"
	grep -q '^ok' "$out"
	verdict "consistency check of the allocator" $?
}

# The module logs how many frees it expects to be refused; vmstat must agree.
counted() {
	# shellcheck disable=SC2046,SC2086  # several numbers each
	set -- $before $after $(sed -n 's/^done: bad frees//p' "$TMP/results" | tr -dc '0-9 ')
	result=0
	for name in $counters; do
		[ $(($5 - $1)) -eq "$9" ] || {
			say "zb_bad_free_$name has increased by $(($5 - $1)), expected $9"
			result=1
		}
		shift
	done
	[ "$1" ] && [ $result -eq 0 ]
	verdict "refused frees are counted" $?
}

# Each kind of a refused free is reported once since zbuddy was loaded, with a stack trace.
reported() {
	sed -n 's/^.*zbuddy: \([^:]*\): .*: it is left unchanged$/\1/p' "$log" | sort >"$out"
	result=0
	[ -z "$(uniq -d "$out")" ] || { say "reported more than once:"; show "$out"; result=1; }
	if [ "$before" = "0 0 0 0 " ]; then
		cat >"$TMP/wanted" <<-'END'
		free of a frame that does not belong to zbuddy
		free of a frame that is free or inside a block
		free with a different order than the allocation
		split of a compound block
		END
		diff "$TMP/wanted" "$out" >"$err" || { show "$err"; result=1; }
		grep -q ' dump_stack_lvl' "$log" || { say "no stack trace"; result=1; }
	fi
	verdict "each kind of a refused free is reported once" $result
}

# misused WORDS: this misuse is reported once since zbuddy was loaded, or not at all if an
# earlier run of this test has caused the report.
misused() {
	reports=$(grep -c "zbuddy: a module requested memory with mode .*$1" "$log")
	[ "$reports" -eq 1 ] || { [ "$reports" -eq 0 ] && [ "$before" != "0 0 0 0 " ]; }
	result=$?
	[ $result -eq 0 ] || say "reported $reports times"
	verdict "reported once: $1" $result
}

# The per-CPU fast path is annotated with the locks that the slow path takes.
locks_are_known() {
	name="lockdep knows the locks of a request served from a per-CPU list"
	[ -e /proc/lockdep ] || { skip "$name" "no lockdep"; return; }
	sed -n '/zbt_fast_path_mutex/,/^$/p' /proc/lockdep >"$out"
	grep -q 'zone->lock' "$out" && grep -q 'drain_lock' "$out"
	result=$?
	[ $result -eq 0 ] || show "$out"
	verdict "$name" $result
}

# An owner whose scan lies is logged once, and so is one that a module forgets to unregister.
lies_are_logged() {
	result=0
	for words in "cache of module zb_api_test: scan returned 100 pages, but only [01] of the zone" \
		"can't be registered: it has no callbacks" \
		"oom of module zb_api_test: oom returned 1000 pages, but only 0 were freed" \
		"store of module zb_api_test: migrate returned 0, but did not write" \
		"store of module zb_api_test: a block was freed while it was registered" \
		"store of module zb_api_test: unregistered while [0-9]* of its blocks"; do
		grep -q "zbuddy: .*$words" "$log" || { say "not logged: $words"; result=1; }
	done
	verdict "lies of callbacks and wrong registrations are logged with the module" $result
}

# Lockdep knows that callbacks take the lock of the cache, and that requests may call them.
callbacks_are_known() {
	name="lockdep knows the locks that callbacks take, and the requests that call them"
	[ -e /proc/lockdep ] || { skip "$name" "no lockdep"; return; }
	result=0
	for map in zb_reclaim zb_fs_reclaim; do
		sed -n "/[[:space:]]$map\$/,/^\$/p" /proc/lockdep >"$out"
		grep -q '&cache.lock' "$out" || { show "$out"; result=1; }
		sed -n '/zbt_fast_path_mutex/,/^$/p' /proc/lockdep >"$out"
		grep -q "$map" "$out" || { show "$out"; result=1; }
	done
	verdict "$name" $result
}

# The module is unloaded while its owner is registered.
forgets() {
	echo 1 >/sys/module/zb_api_test/parameters/registered
	grep -q '^module zb_api_test name cache needs - ' "$DEBUGFS/modules"
	verdict "the file modules shows a registered owner" $?
}

forgotten() {
	dmesg | sed "1,/$marker/d" >"$log"
	[ "$(grep -c 'cache of module zb_api_test: is being unloaded without' "$log")" -eq 1 ] &&
		[ ! "$(cat "$DEBUGFS/modules")" ]
	verdict "unloading a module unregisters its owners" $?
}

dirty_is_counted() {
	result=0
	base=$(vmstat nr_dirty)
	for pages in 1 7 3 0; do
		echo $pages >/sys/module/zb_api_test/parameters/dirty || result=1
		[ "$(vmstat nr_dirty)" -eq $((base + pages)) ] || {
			say "nr_dirty is $(vmstat nr_dirty), expected $base + $pages"
			result=1
		}
	done
	verdict "dirty pages are counted" $result
}

holds_the_module() {
	result=0
	if rmmod zbuddy 2>"$err"; then result=1; fi
	[ -d /sys/module/zbuddy ] || result=1
	verdict "zbuddy can't be unloaded before a module that uses it" $result
}

unloads() {
	rmmod zb_api_test 2>"$err"
	status=$?
	show "$err"
	verdict "zb_api_test can be unloaded" $status
}

echo "TAP version 13"
before=$(bad_frees)
log=$TMP/log
marker="zb_api_test mark $$ $(cut -d' ' -f1 /proc/uptime)"
echo "$marker" >/dev/kmsg
how="poison=$(cat /sys/module/zbuddy/parameters/poison)"
[ "$(cat /sys/module/zbuddy/parameters/cma_pages)" = 0 ] || how="$how cma=1"
# shellcheck disable=SC2086  # several parameters
insmod $module $how ${ONLY:+only="$ONLY"} 2>"$err"
loaded=$?
after=$(bad_frees)
read_log
while read -r line; do
	one_result "$line"
done <"$TMP/results"
[ "$(grep -c '^done:' "$TMP/results")" -eq 1 ]
verdict "zb_api_test has run to completion, once" $?
check_is_ok
if [ $loaded -eq 0 ]; then
	[ "$ONLY" ] || counted
	[ "$ONLY" ] || reported
	[ "$ONLY" ] || misused "zb_gfp_from_kernel()"
	[ "$ONLY" ] || misused "COMP and HIGHMEM"
	[ "$ONLY" ] || misused "exclude each other"
	[ "$ONLY" ] || locks_are_known
	[ "$ONLY" ] || lies_are_logged
	[ "$ONLY" ] || callbacks_are_known
	forgets
	dirty_is_counted
	holds_the_module
	unloads
	forgotten
else
	show "$err"
	not_ok "zb_api_test is loaded"
fi
finish
