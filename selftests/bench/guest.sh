#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs the benchmark on this machine, usually a throwaway guest.
# usage: guest.sh ROWS ZBUDDY-PARAMETERS [ZB_BENCH-PARAMETER]...
# "loaded" as ZBUDDY-PARAMETERS means that zbuddy is loaded already and stays loaded.
# Prints lines ROW,VARIANT,UNIT,MIN,MEDIAN,MAX,N, and comments that begin with "#".

rows=$1
params=$2
shift 2
here=$(dirname "$0")
debug=/sys/kernel/debug

# Trace the functions whose times tell how long loading takes apart from acquiring the
# region. Fails without ftrace in the kernel.
trace_load() {
	cd /sys/kernel/tracing 2>/dev/null || return 1
	[ -e set_graph_function ] &&
		echo 'zb_instance_create:mod:zbuddy' >set_ftrace_filter &&
		echo 'zb_region_acquire:mod:zbuddy' >>set_ftrace_filter &&
		echo 'zb_zone_init:mod:zbuddy' >>set_ftrace_filter &&
		echo function_graph >current_tracer
}

# Print "FUNCTION TIME" in microseconds for each traced call.
trace_lines() {
	sed -E 's/^ *[0-9]+\) +([^|]*)\|(.*)$/\1 \2/; s/[+!#*@$] / /' \
		/sys/kernel/tracing/trace | awk '
		/\{$/ { name[++depth] = $1 }
		/us/ && /;$/ { sub(/\(.*/, "", $3); print $3, $1 }
		/us/ && /\}/ { sub(/\(.*/, "", name[depth]); print name[depth--], $1 }'
}

load() {
	# shellcheck disable=SC2086  # several parameters
	insmod "$here/zbuddy.ko" $params
}

say_load() {
	trace_lines | awk -v pages="$1" '
		{ t[$1] += $2 }
		END {
			if (!("zb_instance_create" in t))
				exit
			gib = pages / 262144
			printf "load.all,ours,us/GiB,%.2f,%.2f,%.2f,1\n",
				t["zb_instance_create"] / gib, t["zb_instance_create"] / gib,
				t["zb_instance_create"] / gib
			own = t["zb_instance_create"] - t["zb_region_acquire"]
			printf "load.own,ours,us/GiB,%.2f,%.2f,%.2f,1\n",
				own / gib, own / gib, own / gib
			printf "# load: zb_zone_init %.2f us\n", t["zb_zone_init"]
		}'
	echo nop >/sys/kernel/tracing/current_tracer
	echo >/sys/kernel/tracing/set_ftrace_filter
}

# Print the memory for tables according to the kernel, to be compared with the computed one.
say_vmalloc() {
	awk -v pages="$1" '
		/\[zbuddy\]/ && / pages=/ {
			sub(/.* pages=/, "")
			nr += $1
		}
		END {
			if (nr)
				printf "# meta: vmalloc has %.3f bytes per page for zbuddy\n",
					nr * 4096 / pages
		}' /proc/vmallocinfo
}

# Print the longest hold of a zone lock, by the function that drops it, and how many holds are
# below which length, in percent. Interrupts are disabled during a hold, and hardly anywhere else
# in zbuddy. Measuring takes time, so no other rows are measured meanwhile.
say_holds() {
	echo 1 >$debug/zbuddy/holds
	insmod "$here/zb_bench.ko" rows=holds || exit 1
	rmmod zb_bench
	awk '
		{ print "# holds: " $0 }
		NR == 1 {
			for (i = 4; i < NF; i++)
				limit[i] = substr($i, 2)
			columns = NF
			next
		}
		{ printf "holds.%s,ours,time,%d,%d,%d,%d\n", $1, $2, $2, $2, $3 }
		$2 > longest { longest = $2 }
		{
			nr += $3
			for (i = 4; i < columns; i++)
				below[i] += $i
		}
		END {
			printf "holds.max,ours,time,%d,%d,%d,%d\n", longest, longest, longest, nr
			for (i = 4; i < columns && sum < nr; i++) {
				sum += below[i]
				percent = 100 * sum / nr
				printf "holds.below_%d,ours,percent,%.4f,%.4f,%.4f,%d\n", limit[i],
					percent, percent, percent, nr
			}
		}' $debug/zbuddy/holds
	echo 0 >$debug/zbuddy/holds
}

# Wait until all free memory is known to be zero, or there is no more progress.
await_zeroed() {
	for _ in $(seq 300); do
		now=$(awk '/^zb_zeroed /{ z = $2 } /^nr_free_pages /{ f = $2 }
			END { print z, f }' $debug/zbuddy/vmstat)
		[ "${now% *}" != "${now#* }" ] || return 0
		sleep 0.2
	done
	echo "# only ${now% *} of ${now#* } free pages are known to be zero"
}

# Print the rows of zb_bench.ko twice, as GROUP.ROW: "host" is zbuddy without memory that is
# cleared in advance, and "ours" is zbuddy with all of its free memory cleared.
say_with_ahead() {
	group=$1
	shift
	for percent in 0 100; do
		echo $percent >/sys/module/zbuddy/parameters/zero_ahead
		[ $percent = 0 ] || await_zeroed
		insmod "$here/zb_bench.ko" "$@" || exit 1
		sed -n "s/^\([^,]*\),ours,/$group.\1,$percent,/p" $debug/zb_bench/results |
			sed 's/,0,/,host,/; s/,100,/,ours,/'
		rmmod zb_bench
	done
	echo 0 >/sys/module/zbuddy/parameters/zero_ahead
}

# Large allocations while the memory is nearly full: say_ranges HOST-NODE TRIES. The kernel gets
# a fifth of the tries, because each of them takes longer.
say_ranges() {
	"$here/bench_ranges" ours "$2" && "$here/bench_ranges" waits 20 &&
		insmod "$here/zb_bench.ko" rows=none host_node="$1" &&
		"$here/bench_ranges" host "$((($2 + 4) / 5))" && rmmod zb_bench
}

wanted() {
	case ,$rows, in
	*,"$1",* | ,all, | ,quick,) return 0 ;;
	esac
	return 1
}

# The value of a parameter of zb_bench.ko, or else a default: parameter NAME DEFAULT ARGUMENT...
parameter() {
	name=$1 value=$2
	shift 2
	for one in "$@"; do
		[ "${one%%=*}" != "$name" ] || value=${one#*=}
	done
	echo "$value"
}

main() {
	traced=''
	if [ "$params" != loaded ]; then
		# Wait for background work of booting to finish.
		sleep "${SETTLE:-4}"
		! wanted load || ! (trace_load) || traced=yes
		load || exit 1
	fi
	region=$(head -n 1 $debug/zbuddy/regions)
	pages=$(echo "$region" | sed 's/.*pages \([0-9]*\).*/\1/')
	start=$(echo "$region" | sed 's/.*range \(0x[0-9a-f]*\)-.*/\1/')
	echo "# $(uname -r), $(nproc) CPUs, region $region"
	[ ! "$traced" ] || say_load "$pages"
	! wanted meta || say_vmalloc "$pages"
	sleep "${SETTLE:-4}"
	insmod "$here/zb_bench.ko" rows="$rows" region_start="$((start / 4096))" \
		region_pages="$pages" "$@" || exit 1
	cat $debug/zb_bench/results
	! wanted dev || "$here/bench_device" || exit 1
	[ "$rows" = quick ] || ! wanted ahead || "$here/bench_ahead" "$(parameter rounds 7 "$@")" || exit 1
	[ "$rows" = quick ] || ! wanted peer || "$here/bench_peers" "$(parameter rounds 7 "$@")" || exit 1
	dmesg | sed -n 's/.*zb_bench: \([^,]*\)$/# \1/p'
	rmmod zb_bench
	[ "$rows" = quick ] || ! wanted holds || say_holds
	trace=$(parameter trace '' "$@")
	[ ! "$trace" ] || ! wanted replay || "$here/bench_replay_movable" "$trace" || exit 1
	[ "$rows" != ranges ] || say_ranges "$(parameter host_node '' "$@")" "${TRIES:-1000}" || exit 1
	[ "$rows" = quick ] || ! wanted ahead || say_with_ahead ahead rows=pair "$@"
	[ "$rows" = quick ] || ! wanted frag ||
		say_with_ahead ahead rows=frag.single,frag.mixed zero=1 \
			region_start="$((start / 4096))" region_pages="$pages"
	echo "# check: $(cat $debug/zbuddy/check)"
	grep -q '^ok' $debug/zbuddy/check || exit 1
	[ "$params" = loaded ] || rmmod zbuddy
}

main "$@"
