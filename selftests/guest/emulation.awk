# SPDX-License-Identifier: GPL-2.0
#
# Did a guest die of a known fault of its emulator, outside of our code?
#
#	awk -v problems=kernel-problems -f emulation.awk emulation-faults LOG
#
# Prints what happened and ends with 0 if so. Otherwise it prints why the log is not one
# of those and ends with 1. Every problem in the log must belong to the fault: the first
# one has to be the fault's own, and nothing may follow but the end of the kernel. From
# the fault on no line may name zbuddy, except the list of modules.

BEGIN {
	FS = "\t"
	while ((getline line < problems) > 0)
		problem = problem (problem ? "|" : "") "(" line ")"
	function_name = "[A-Za-z_][A-Za-z0-9_.]*[+]0x[0-9a-f]+/0x[0-9a-f]+"
}

FNR == NR {
	if ($0 !~ /^#/ && NF == 4) {
		nr_faults++
		first[nr_faults] = $1
		place[nr_faults] = "^(" $2 ")([.][a-z0-9]+)*$"
		patched[nr_faults] = $3
		text[nr_faults] = $4
	}
	next
}

# Without its time, and its task or CPU.
{
	sub(/\r$/, "")
	sub(/^(\[ *[0-9]+[.][0-9]+\])?(\[ *[CT][0-9]+\])? */, "")
}

!fault && $0 ~ problem {
	for (i = 1; i <= nr_faults; i++)
		if ($0 ~ first[i])
			fault = i
	if (!fault)
		give_up("unknown: " $0)
	next
}

!fault { next }

/zbuddy|[^a-z]zb_/ && !/^Modules linked in:/ {
	give_up("it names zbuddy: " $0)
}

$0 ~ problem && !/^Kernel panic - not syncing: Fatal exception( in interrupt)?$/ {
	give_up("another problem follows: " $0)
}

/^RIP: 0010:/ && !where {
	if (!match($0, function_name) || $0 ~ /\[[a-z0-9_]+\]/)
		give_up("not in the kernel itself: " $0)
	where = substr($0, RSTART, RLENGTH)
	sub(/[+].*/, "", where)
	if (where !~ place[fault])
		give_up("unknown place: " $0)
}

# From the byte in front of the one that is marked: what was run, as memory has it now.
/^Code: / && !code {
	code = match($0, /[0-9a-f][0-9a-f] </) ? substr($0, RSTART) : "none"
	if (code !~ patched[fault] || code ~ /^cc <cc>/)
		give_up("the code there is not what was patched: " $0)
}

function give_up(why) {
	if (!ended)
		print why
	ended = 1
	exit 1
}

END {
	if (ended)
		exit 1
	if (!fault || !where || !code) {
		print "no known fault of the emulator"
		exit 1
	}
	print text[fault] ", in " where "()"
}
