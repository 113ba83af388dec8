# SPDX-License-Identifier: GPL-2.0
#
# Decide whether a known fault of the emulator, unrelated to our code, killed a guest.
#
#	awk -v problems=kernel-problems -f emulation.awk emulation-faults LOG
#
# If so, the program prints what happened and exits with 0. Otherwise it prints the reason
# why the log does not match and exits with 1. The fault must be the first problem in the
# log, and only the final panic may follow it. From the fault on, no line except the list
# of modules may name zbuddy.

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

# Strip the timestamp and the task or CPU.
{
	sub(/\r$/, "")
	sub(/^(\[ *[0-9]+[.][0-9]+\])?(\[ *[CT][0-9]+\])? */, "")
}

!fault && $0 ~ problem {
	for (i = 1; i <= nr_faults; i++)
		if ($0 ~ first[i])
			fault = i
	if (!fault)
		give_up("unknown problem: " $0)
	next
}

!fault { next }

/zbuddy|[^a-z]zb_/ && !/^Modules linked in:/ {
	give_up("the trace names zbuddy: " $0)
}

$0 ~ problem && !/^Kernel panic - not syncing: Fatal exception( in interrupt)?$/ {
	give_up("another problem follows: " $0)
}

/^RIP: 0010:/ && !where {
	if (!match($0, function_name) || $0 ~ /\[[a-z0-9_]+\]/)
		give_up("not in the kernel image: " $0)
	where = substr($0, RSTART, RLENGTH)
	sub(/[+].*/, "", where)
	if (where !~ place[fault])
		give_up("unknown place: " $0)
}

# The code as memory holds it now, starting one byte before the marked one.
/^Code: / && !code {
	code = match($0, /[0-9a-f][0-9a-f] </) ? substr($0, RSTART) : "none"
	if (code !~ patched[fault] || code ~ /^cc <cc>/)
		give_up("the code bytes do not match a patched branch: " $0)
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
		print "not a known fault of the emulator"
		exit 1
	}
	print text[fault] ", in " where "()"
}
