# shellcheck shell=bash disable=SC2154  # variables of style.sh
# SPDX-License-Identifier: GPL-2.0-only
#
# For style.sh: tests of the scripts and of the awk programs in them.

# --- awk -----------------------------------------------------------------------------

# Create a folder for each awk on this machine and for the guests' busybox. The folder is
# named after the awk and contains no other command.
awk_folders() {
	local name path
	for name in mawk gawk original-awk; do
		path=$(command -v "$name") || continue
		mkdir "$1/$name"
		ln -s "$path" "$1/$name/awk"
	done
	mkdir "$1/busybox"
	ln -s "$("$here/../guest/kernel" busybox)/busybox" "$1/busybox/awk"
}

# Extract every quoted program after the word awk in a script or a makefile into a file of
# its own. Without input and variables, each must still parse and terminate.
inline_awk_programs() {
	# shellcheck disable=SC2016  # for perl
	{ shell_scripts; files '(^|/)Makefile$'; } | sort -u | grep -v '/style/scripts\.sh$' | xargs -d '\n' perl -0777 -ne '
		while (/\bawk\b(?:[^\x27\n;|]|\\\n|-F ?\x27[^\x27]*\x27)*?(?<!-F)(?<!-F )\x27([^\x27]+)\x27/g) {
			open(my $out, ">", sprintf("%s/%03d", $ENV{INTO}, ++$nr)) or die;
			(my $program = $1) =~ s/\\\n/\n/g;
			$program =~ s/\$\$/\$/g if $ARGV =~ /Makefile$/;
			print $out "# $ARGV\n$program\n";
		}'
}

# Run the files *.awk on samples.
results_of_files() {
	cd "$here/style/awk" || return
	awk -v json="$1/json" -v tsv="$1/tsv" -v date=2000-01-01 -f "$here/../bench/table.awk" \
		targets icount=icount uml=uml frag=frag
	echo "exit status $?"
	cat "$1/json" "$1/tsv"
	awk -v title=sample -f "$here/../bench/chart.awk" "$1/tsv"
	perl "$here/../bench/replay/record.pl" "$1/events" "$1/classes" <trace
	od -An -tx1 -w8 "$1/events"
	cat "$1/classes"
	awk -f "$here/../faults/alloc_sites.awk" objdump
	awk -f "$here/../docs/sessions.awk" document.md page.7
	for name in words want got; do
		sed -n "s/^$name	//p" compare >"$1/$name"
	done
	awk -f "$here/../docs/same.awk" "$1/words" "$1/want" "$1/got" && echo "the same"
	sed -i 's/free 3/free 4/' "$1/got"
	awk -f "$here/../docs/same.awk" "$1/words" "$1/want" "$1/got" || echo "not the same"
}

# Run programs inside scripts on samples.
# shellcheck disable=SC2034  # variables of those scripts
results_of_functions() {
	# shellcheck source=/dev/null
	. "$here/check.sh"
	how_long() { echo "took $1 s"; }
	logs=$1 SECONDS=7
	sum_up unit "$here/style/awk/tap"
	sum_up heap "$here/style/awk/tap"
	printf '%-12s %8d %8d %8d %8d\n' one 5 0 1 20 >"$1/one.row"
	show_table one two | sed 's/[0-9]* s$/N s/; /^all/s/[0-9]*$/N/'
	kind_row debian-6.1 | cut -f1
	kind_row none || echo "there is no kind none"
	# shellcheck source=/dev/null
	. "$here/matrix.sh"
	log=$here/style/awk/matrix
	guest_figures
	judge_edges <"$here/style/awk/edges"
}

# Run each program of a script without its input and variables: it must parse and
# terminate.
results_of_programs() {
	local program status
	for program in "$1"/*; do
		status=0
		timeout 20 awk -f "$program" </dev/null >/dev/null 2>&1 || status=$?
		[[ $status -le 1 ]] || echo "exit status $status of $(head -n 1 "$program"), ${program##*/}"
	done
}

awk_results() {
	(set +e; results_of_files "$1")
	(set +e; results_of_functions "$1")
	results_of_programs "$2"
	include_edges | judge_edges
	lengths
}

awks() {
	local tmp folder name
	need awk:mawk
	tmp=$(mktemp -d)
	mkdir "$tmp/awk" "$tmp/out" "$tmp/programs"
	awk_folders "$tmp/awk"
	INTO=$tmp/programs inline_awk_programs
	[[ $(find "$tmp/programs" -type f | wc -l) -ge 20 ]] || echo "found fewer than 20 awk programs in the scripts"
	for folder in "$tmp/awk"/*; do
		name=${folder##*/}
		(PATH=$folder:$PATH; awk_results "$tmp/out" "$tmp/programs") >"$tmp/$name.txt" 2>&1 || true
		diff --label expected --label "$name" -U 1 "$here/style/awk/expected" "$tmp/$name.txt" 2>&1 || true
	done
	rm -r "$tmp"
}

# --- packages ------------------------------------------------------------------------

# Print "COMMAND-OR-FILE:PACKAGE" of every call of need() in the scripts that `make check`
# runs. Emulators of other architectures are needed only by the matrix.
needed_pairs() {
	cd "$here" || return
	cat check.sh style.sh style/*.sh heap.sh numa.sh ../bench/bench ../guest/{kernel,run,build,lib.sh} |
		sed -E ':a; /\\$/ { N; s/\\\n//; ta }; s/^[^#]*\<need (.*)/need \1/; t; d' |
		tr -s '" \t;()' '\n' | sed "s,^\\\$ZB_KEYRING:,$ZB_KEYRING:," |
		grep -E '^[a-z0-9/][^ :$]*:[a-z0-9.+-]+$' | grep -v '^qemu-system-aarch64:' | sort -u
}

packages() {
	local part list
	# shellcheck source=/dev/null
	list=$(. "$here/check.sh"; echo "${all_parts[@]}")
	comm -3 <(for part in $list; do packages_of "$part"; done | tr ' ' '\n' | sort -u) <(needed_pairs) |
		sed 's/^\t\(.*\)/selftests\/ci\/packages: does not have \1, which a script needs/; t
			s/^/selftests\/ci\/packages: no script needs /'
}

# --- kept results --------------------------------------------------------------------

# runs HOW-MANY WHAT: check how often the tool in $tmp has run until now.
runs() {
	local runs
	runs=$(wc -l <"$tmp/runs")
	[[ $runs -eq $1 ]] || echo "remember.sh: the tool ran $runs times instead of $1 times after $2"
}

# remember_sample [ID [FLAG]]
remember_sample() {
	ZB_CACHE=$tmp/cache "$here/style/remember.sh" sample "${1:-1}" "$tmp/tool" -I"$tmp/first" -I"$tmp" "${2:--DX}" "$tmp/a.c" || true
}

remembering() {
	local tmp
	need gcc:gcc
	tmp=$(mktemp -d)
	mkdir "$tmp/first"
	echo '#include <a.h>' >"$tmp/a.c"
	echo '#include <b.h>' >"$tmp/a.h"
	echo 'int b;' | tee "$tmp/b.h" >"$tmp/unused.h"
	# shellcheck disable=SC2016  # for the tool
	printf '%s\n' '#!/bin/sh' 'dir=${0%/*}' 'echo run >>$dir/runs' 'echo said' 'test ! -e $dir/broken' >"$tmp/tool"
	chmod +x "$tmp/tool"
	[[ $(remember_sample) == said ]] || echo "remember.sh: the output is lost"
	[[ $(remember_sample) == said ]] || echo "remember.sh: the kept output is lost"
	echo 'int c;' >"$tmp/unused.h"
	remember_sample >/dev/null
	runs 1 "nothing that matters had changed"
	remember_sample 2 >/dev/null
	runs 2 "the tool had changed"
	remember_sample 1 -DY >/dev/null
	runs 3 "an argument had changed"
	echo 'int c;' >"$tmp/b.h"
	remember_sample >/dev/null
	runs 4 "a header of a header had changed"
	echo 'int d;' >"$tmp/first/a.h"
	remember_sample >/dev/null
	runs 5 "a new header hid another one"
	echo 'int e;' >>"$tmp/a.c"
	touch "$tmp/broken"
	remember_sample >/dev/null
	remember_sample >/dev/null
	runs 7 "the tool had failed"
	rm -r "$tmp"
}
