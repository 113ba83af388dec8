# SPDX-License-Identifier: GPL-2.0
#
# Helpers for tests that compare CmaFree, the free memory of all CMA areas.
#
# shellcheck shell=sh disable=SC2034  # variables are used by the scripts that include this

SLACK=16384	# kB of CMA memory that the kernel may use itself

# number_of KEY FILE: set $number to the sum of the numbers in the lines of a file that begin with
# this word, or to nothing if there are none. The program that reads the files runs until the end
# of the test; its standard error is closed, so that nobody waits for it.
answers=
number_of() {
	if [ ! "$answers" ]; then
		mkfifo "$TMP/question" "$TMP/answer"
		numbers <"$TMP/question" >"$TMP/answer" 2>/dev/null &
		exec 5>"$TMP/question" 6<"$TMP/answer"
		answers=yes
	fi
	echo "$2 $1" >&5
	read -r number <&6
}

# Set $now to the free CMA memory in kB, or to nothing.
look() {
	number_of CmaFree: /proc/meminfo
	now=$number
}

# Set $listed to the memory in kB on the kernel's per-CPU lists, which CmaFree does not include.
# Pages that are given back go there. When many pages are freed in a short time, the kernel makes
# these lists longer, up to an eighth of its memory.
look_at_lists() {
	number_of count: /proc/zoneinfo
	listed=$((number * 4))
}

# has_free KB: CmaFree has this value or more, if the per-CPU lists are included.
has_free() {
	listed=0
	look
	[ $(($1 - now)) -gt "$SLACK" ] || return 0
	look_at_lists
	[ $(($1 - now - listed)) -le "$SLACK" ]
}
