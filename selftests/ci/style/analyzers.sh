# shellcheck shell=bash disable=SC2154  # variables of style.sh
# SPDX-License-Identifier: GPL-2.0-only
#
# For style.sh: tools that find faults in the code. Each tool must also find the
# deliberate faults in planted.c or planted_unit.c.
#
# Not used: smatch, which is not in Debian, and scan-build, whose analyzer clang-tidy
# runs as well.

# without_planted TOOL FILE TEXT...: drop the findings in FILE, and report each TEXT that
# none of them contains.
without_planted() {
	local tool=$1 file=$2 findings text
	shift 2
	findings=$(cat)
	for text; do
		grep -qE "$file:.*($text)" <<<"$findings" ||
			echo "$tool does not find \"$text\" in style/$file"
	done
	grep -vF "$file:" <<<"$findings" | grep . || true
}

# Findings that are ignored: a regular expression for "FILE:LINE:COLUMN: text".
analyzer_exceptions() {
	sed -n 's/^\([^ ].*[^ ]\)  *##.*/\1/p' <<-'END'
	dereference of NULL .zone. .*-Wanalyzer            ## zb_pfn_zone() of a frame that was looked up before
	^module/core/watermark\.c:.*Division by zero       ## there is no zone without pages
	^module/core/fast\.h:.*implicit-widening           ## an order below 4 times 3
	^module/core/.*opportunity for (min|max)           ## core has neither
	^selftests/bench/unit_bench\.c:.*opportunity for   ## nor has user space
	^selftests/unit/(fast|property)_test\.c:.*misc-redundant-expression ## one random number & another
	^selftests/unit/unit_pool\.c:.*-Wanalyzer-malloc-leak             ## pointers that go into an array
	^selftests/unit/pcp_test\.c:.*suspicious-memory-comparison          ## a copy made by memcpy(), padding too
	END
}

let_pass() {
	grep -vE -f <(analyzer_exceptions) || true
}

# --- the module -------------------------------------------------------------------

# all_of REGEX ID...: print a hash of the matching files, their names, and the IDs.
all_of() {
	local list
	list=$(files "$1")
	{
		xargs -d '\n' sha256sum <<<"$list"
		printf '%s\n' "${@:2}"
	} | hash_of -
}

# Run the compiler, its analyzer and sparse in one build. The result is reused while the
# sources, the scripts and the guest's Debian are unchanged.
warnings() {
	local log status=0 key linux
	log=$(mktemp)
	linux=$("$here/../guest/kernel" stock)
	key=$(all_of '^(module|include|selftests/(guest|ci/style))/|^(Kbuild|Makefile|dkms\.conf)$' "$linux" \
		"$(tool_id "$linux/root/usr/"{bin,libexec} "$ZB_CACHE"/sparse-*/usr/bin)")
	remembered warnings "$key" "$here/../guest/build" --sparse --planted W=1 KCFLAGS=-fanalyzer >"$log" || status=$?
	grep -q '^ *CHECK  *module/main\.c' "$log" || echo "sparse did not run"
	# The analyzer explains each of its warnings in further lines; keep only the first.
	grep -E '^[^ ]+: (warning|error|fatal error): |^(ld|ERROR|WARNING|make.*\*\*\*)' "$log" |
		without_planted "the build" planted.c "imbalance in 'planted_spin'" \
			"imbalance in 'planted_mutexes'" noderef "different base types" \
			"restricted zb_gfp_t degrades" Wanalyzer Wunused | let_pass
	rm "$log"
	return "$status"
}

coccinelle_sources='^(module|include|selftests/(api|bench|ci/style))/.*\.[ch]$'

# Two rules need an OCaml compiler of 500 MB and are left out: one is for a driver, the
# other for pointers compared with 0, which sparse finds. All other rules report through
# the library of Python, which Debian's package does not depend on.
coccinelle() {
	local linux key
	need spatch:coccinelle python3-config:python3-dev
	linux=$("$here/../guest/kernel" source)
	key=$(all_of "$coccinelle_sources" "$linux" "$(tool_id spatch python3 "$linux/scripts/coccinelle")" \
		"$(hash_of "$linux/scripts/coccicheck" "$here/style/analyzers.sh")")
	remembered coccinelle "$key" coccicheck "$linux" | grep . |
		without_planted coccicheck planted.c "NULL check before" | let_pass
}

# coccicheck LINUX: run all rules on a copy of the sources and print their findings.
coccicheck() {
	local linux=$1 dir status=0
	dir=$(mktemp -d)
	mkdir -p "$dir/rules/scripts" "$dir/tree"
	cp -r "$linux/scripts/coccinelle" "$dir/rules/scripts/"
	grep -rl ocaml "$dir/rules" | xargs rm
	files "$coccinelle_sources" |
		xargs -d '\n' cp --parents -t "$dir/tree"
	(
		cd "$dir/tree"
		srctree=$dir/rules srcroot=. KBUILD_EXTMOD=. LINUXINCLUDE='' MODE=report J=$(nproc) \
			SPFLAGS=--include-headers DEBUG_FILE=$dir/log "$linux/scripts/coccicheck" 2>&1
	) >"$dir/report" || { status=1; cat "$dir/report"; grep -v '^/.*spatch' "$dir/log"; }
	grep -E '^(\./)?[a-z_/]+\.[ch]:[0-9]' "$dir/report" | sed 's,^\./,,' | sort -u || true
	rm -r "$dir"
	return "$status"
}

# --- the core and its tests, as a program ----------------------------------------------

unit_sources='^(module/core|selftests/unit)/.*\.c$|^selftests/ci/style/planted_unit\.c$'
unit_flags=(-std=gnu11 '-DUNIT_CORE="."' '-DUNIT_CORPUS="."' -Iselftests/unit/env -Iselftests/unit
	-Imodule/core -Iinclude/uapi)

# relative: make paths relative to the tree and drop duplicate findings.
relative() {
	sed "s,^$PWD/,," | sort -V -u
}

# clang's analyzer gets one file at a time, because with several files it confuses its
# state of va_list. Its own headers and its settings are part of the ID.
clang_tidy() {
	local flags id
	need gcc:gcc clang-tidy:clang-tidy /usr/include/stdio.h:libc6-dev
	mapfile -t flags < <(printf -- '--extra-arg-before=%s\n' "${unit_flags[@]}")
	id=$(tool_id clang-tidy "$(dirname "$(readlink -f "$(command -v clang-tidy)")")/../lib/clang")
	id+=$(hash_of "$here/style/clang-tidy")
	each "$unit_sources" -n 1 -P "$(nproc)" "$here/style/remember.sh" clang_tidy "$id" clang-tidy --quiet \
		--config-file=selftests/ci/style/clang-tidy "${flags[@]}" 2>&1 |
		grep -E '(warning|error): |^Error while processing' | relative |
		without_planted clang-tidy planted_unit.c core.uninitialized unix.Malloc bugprone-sizeof | let_pass
}

gcc_analyzer() {
	local id
	need gcc:gcc /usr/include/stdio.h:libc6-dev
	id=$(tool_id gcc "$(gcc -print-prog-name=cc1)")
	each "$unit_sources" -n 1 -P "$(nproc)" "$here/style/remember.sh" gcc_analyzer "$id" \
		gcc -fanalyzer -O1 -c -o /dev/null "${unit_flags[@]}" 2>&1 |
		grep -E '(warning|error): ' | relative |
		without_planted "gcc -fanalyzer" planted_unit.c malloc-leak uninitialized | let_pass
}
