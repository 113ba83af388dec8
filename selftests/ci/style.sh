#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Static checks of the sources: layout, conventions, and the kernel's own tools.
# usage: style.sh [CHECK]...    (--list lists the checks)
# Prints a line `ok` or `not ok` per check, followed by its findings, and finally
# `N passed, N failed`. Checks all files that git does not ignore, tracked or not.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/guest/lib.sh
. "$here/../guest/lib.sh"
# shellcheck source=selftests/ci/style/remember.sh
. "$here/style/remember.sh"
# shellcheck source=selftests/ci/style/analyzers.sh
. "$here/style/analyzers.sh"
# shellcheck source=selftests/ci/style/scripts.sh
. "$here/style/scripts.sh"
# shellcheck source=selftests/ci/style/documents.sh
. "$here/style/documents.sh"
cd "$here/../.."
export ZB_CACHE

checks=(
	"top_level        the top level contains only the expected names"
	"core_includes    module/core includes <zb_env.h> and core headers only"
	"layers           files include only headers, and call only functions, of lower layers"
	"figures          no files depend on each other cyclically, and a request takes few calls"
	"core_state       module/core has no global variables, never prints, never sleeps"
	"kernel_versions  only module/compat.h compares kernel versions"
	"spdx             every source file has its SPDX line in the right place"
	"lengths          files have at most 600 lines (except the user header), functions at most 80"
	"own_version      only dkms.conf has the module's version, and CHANGES.md has an entry for it"
	"machine_names    no names of package hosts, no paths of a particular machine"
	"documents        README.md is short; links, files and functions that documents name exist"
	"manuals          manual pages describe every ioctl, parameter, debugfs file, counter, command and option"
	"mandoc           manual pages pass mandoc -Tlint"
	"uapi             user headers compile on their own, as C and C++, without padding holes"
	"abi              the user header matches abi_pinned.h"
	"syzkaller        the syzkaller description matches the user header"
	"shell            scripts pass shellcheck"
	"guest_scripts    guest/run boots a guest again only when it should, and finds files"
	"packages         check.sh announces every package that its scripts need"
	"awks             awk programs give the same results with every installed awk"
	"remembering      kept results of tools are reused only while all of their inputs are unchanged"
	"kernel_doc       every function that crosses a file border has valid kernel-doc"
	"rendered         make docs renders kernel-doc without a warning"
	"checkpatch       sources pass checkpatch --strict"
	"warnings         the module builds without warnings of W=1, gcc -fanalyzer and sparse"
	"coccinelle       the module passes coccicheck"
	"clang_tidy       core and unit tests pass clang-tidy and clang's analyzer"
	"gcc_analyzer     core and unit tests pass gcc -fanalyzer"
)

# Checks whose result is kept, with an expression for the files that it depends on, and the
# tools. Results of checks that run a tool once per file are kept per file (remember.sh).
kept_checks=(
	"layers       ^(module|selftests/ci)/                      mawk gcc python3"
	"documents    .                                            mawk"
	"core_state   ^(module/core|selftests/unit/env|include/uapi)/  gcc nm"
	"uapi         ^include/uapi/                               gcc g++"
	"guest_scripts ^selftests/(guest|ci)/                      bash mawk"
	"awks         .                                            mawk gawk original-awk perl"
	"kernel_doc   ^(module|include)/                           python3"
	"rendered     ^(module|include)/                           python3 sphinx-build"
)

# --- the tree --------------------------------------------------------------------

list_tree() {
	if [[ -e .git ]]; then
		need git:git awk:mawk
		git -c safe.directory='*' ls-files -co --exclude-standard
	else
		find . -type f -printf '%P\n'
	fi | while read -r file; do
		[[ ! -f $file ]] || printf '%s\n' "$file"
	done | sort
}

# files REGEX: print the files that match. It is an error if there are none, because a
# check would then pass without checking anything.
files() {
	grep -E "$1" <<<"$tree" || { echo "no file matches $1"; return 1; }
}

# each REGEX COMMAND...: run COMMAND with the files that match.
each() {
	local list
	list=$(files "$1") || { echo "$list"; return 1; }
	shift
	xargs -d '\n' "$@" <<<"$list"
}

# matches REGEX GREP-ARGUMENT...: print matching lines of these files, possibly none.
matches() {
	local regex=$1
	shift
	each "$regex" grep -nHE "$@" 2>&1 || [[ $? -eq 123 ]]
}

kernel_code='^(module|include)/.*\.[ch]$'
c_code='^(module|include|selftests)/.*\.[ch]$'

shell_scripts() {
	grep -E '\.sh$' <<<"$tree" || true
	xargs -d '\n' grep -lE -m1 '^#!.*/(ba|da)?sh' <<<"$tree"
}

# --- what goes where ----------------------------------------------------------------

top_level() {
	cut -d/ -f1 <<<"$tree" | sort -u |
		grep -vxE 'module|include|selftests|Kbuild|Makefile|dkms\.conf|README\.md|COPYING|\..*' || true
}

core_includes() {
	matches '^module/core/.*\.[ch]$' '^\s*#\s*include\s*[<"]' |
		grep -vE '#include (<zb_env\.h>|"[a-z_]+\.h")$' || true
	matches '^module/core/.*\.[ch]$' '__KERNEL__'
}

# Print "UNIT RANK" for each unit in the table of module/README.md. A unit may include
# and call itself and units of lower rows. In some folders each source file with its header
# is a unit, or the header alone if the table names it; other folders are one unit as a
# whole. env is below all others; only core includes it, as <zb_env.h>.
layer_ranks() {
	awk '/^<!-- layers -->$/ { inside = 1 }
		/^<!-- end of layers -->$/ { inside = 0 }
		inside && /^ *[|]/ {
			n = split($0, column, "|")
			n = split(column[2], unit, " ")
			for (i = 1; i <= n; i++)
				print unit[i], 1000 - NR
		}' module/README.md
}
ranks=$(layer_ranks)
# Includes that are forbidden although they point to a lower layer.
never='region core|core/.* compat|((device|debugfs|api)/.*|main|buffer) region'

# Print "FILE UNIT OTHER-UNIT includes FILE" for each include of another file of the module.
include_edges() {
	matches '^module/' '^#include "' | sed -E 's/:[0-9]+:#include "(.*)"$/ \1/' |
		while read -r file name; do
			name=$(realpath -m --relative-to=module "${file%/*}/$name")
			echo "$file $(unit_of "${file#module/}") $(unit_of "$name") includes $name"
		done
}

# Print "FILE UNIT OTHER-UNIT calls FUNCTION" for each call between source files.
call_edges() {
	need python3:python3 cscope:cscope ctags:universal-ctags
	selftests/ci/figures --calls module "$planted_layers" |
		while read -r file caller other callee; do
			echo "$file:$caller() $(unit_of "${file#module/}") $(unit_of "${other#module/}") calls $callee()"
		done
}

planted_layers=selftests/ci/style/planted_layers.c

unit_of() {
	case $ranks in
	"$1 "* | *$'\n'"$1 "*)
		echo "$1"
		return
		;;
	esac
	case $1 in
	"$planted_layers") echo core/alloc_flags ;;
	core/* | instance/* | api/* | device/* | debugfs/*) echo "${1%.[ch]}" ;;
	*/*) echo "${1%%/*}" ;;
	*) echo "${1%.[ch]}" ;;
	esac
}

layers() {
	local unit
	{ include_edges; call_edges; } | judge_edges |
		without_planted "the check of layers" planted_layers.c "calls zb_instance_free_pages" \
			"calls zb_instance_drain_all"
	[[ $ranks ]] || echo "module/README.md: the table of layers is missing"
	while read -r unit _; do
		compgen -G "module/$unit.[ch]" >/dev/null || [[ -e module/$unit ]] ||
			echo "module/README.md: $unit does not exist"
	done <<<"$ranks"
}

judge_edges() {
	awk -v ranks="$ranks" -v never="^($never)\$" '
		BEGIN {
			n = split(ranks, word, /[ \t\n]+/)
			for (i = 1; i < n; i += 2)
				rank[word[i]] = word[i + 1]
		}
		function kind(unit) { return unit ~ /^core\// && $2 !~ /^core\// ? "core" : unit }
		$2 == $3 { next }
		!($2 in rank) { print $1 ": add a row for " $2 " to module/README.md"; next }
		!($3 in rank) { print $1 ": " $4 " " $5 " of " $3 ", which has no row in module/README.md"; next }
		rank[$3] >= rank[$2] { print $1 ": " $4 " " $5 " of " $3 ", which is not in a lower layer"; next }
		$4 == "includes" && $2 " " kind($3) ~ never { print $1 ": must not include " $3 }'
}

figures() {
	need python3:python3 cscope:cscope ctags:universal-ctags
	selftests/ci/figures --check
}

# Compile without PIC, so that constant tables of pointers stay in read-only data and do
# not look like variables.
core_state() {
	local list file objects
	matches '^module/core/.*\.[ch]$' '\<(printk|pr_[a-z]+|dev_[a-z]+|seq_[a-z]+|printf|trace_printk|BUG|BUG_ON|panic|dump_stack)\('
	matches '^module/core/.*\.[ch]$' '\<(k[mz]alloc|kvmalloc|vmalloc|kfree|msleep|schedule|might_sleep|mutex_[a-z]+|GFP_[A-Z]+)\>'
	need gcc:gcc nm:binutils /usr/include/stdio.h:libc6-dev
	list=$(files '^module/core/.*\.c$')
	objects=$(mktemp -d)
	for file in $list; do
		gcc -std=gnu11 -O1 -fno-pic -Iselftests/unit/env -Iinclude/uapi -c "$file" -o "$objects/object.o" 2>&1
		nm "$objects/object.o" | awk -v file="$file" \
			'$2 ~ /^[BbDdCcGgSs]$/ { print file ": " $3 " is a global variable" }'
	done
	rm -r "$objects"
}

kernel_versions() {
	matches "$c_code" '\<(LINUX_VERSION_CODE|KERNEL_VERSION)\>' | grep -v '^module/compat\.h:' || true
}

# --- text ---------------------------------------------------------------------------

# first_line REGEX-OF-FILES LINE-NUMBER REGEX
first_line() {
	# shellcheck disable=SC2016  # for awk
	each "$1" awk -v line="$2" -v regex="$3" '
		FNR == line && $0 !~ regex { print FILENAME ":" line ": the SPDX-License-Identifier line is missing or malformed" }'
}

spdx() {
	local id='SPDX-License-Identifier: GPL-2\.0(-only)?' script
	first_line '^(module|selftests)/.*\.c$' 1 "^// $id\$"
	first_line '^(module|selftests)/.*\.h$' 1 "^/[*] $id [*]/\$"
	first_line '^include/linux/.*\.h$|^include/trace/.*\.h$|^module/env/' 1 "^/[*] $id [*]/\$"
	first_line '^include/uapi/.*\.h$' 1 "^/[*] $id WITH Linux-syscall-note [*]/\$"
	first_line '(^|/)(Makefile|Kbuild)$' 1 "^# $id\$"
	for script in $(shell_scripts | sort -u); do
		head -n 2 "$script" | grep -qE "^# $id\$" || echo "$script: no SPDX-License-Identifier in the first two lines"
	done
}

lengths() {
	# shellcheck disable=SC2016  # for awk
	each '\.([ch]|sh)$|^selftests/guest/(run|kernel|init|build)$|^selftests/fuzz/fuzz$|^\.ci/' awk '
		FNR == 1 { start = 0; last = FILENAME }
		# The user header must stay a single file.
		FNR == 601 && FILENAME !~ /^include\/uapi\// { print FILENAME ": more than 600 lines" }
		/^[a-zA-Z_].*\(/ { name = $0 }
		/^\{|^[a-z_0-9]+\(\) \{$/ { start = FNR }
		/^\}/ && start {
			if (FNR - start > 81)
				print FILENAME ":" start ": " FNR - start - 1 " lines: " name
			start = 0
		}'
}

own_version() {
	local version
	version=$(sed -n 's/^PACKAGE_VERSION="\([0-9.]*\)"$/\1/p' dkms.conf)
	[[ $version ]] || echo "dkms.conf: no PACKAGE_VERSION"
	matches '.' -I -e "(^|[^0-9.])${version//./\\.}([^0-9.]|\$)" -e 'MODULE_VERSION\("' |
		grep -v '^\(dkms\.conf\|module/CHANGES\.md\):' || true
	[[ $(grep -m1 '^## ' module/CHANGES.md) == "## $version" ]] ||
		echo "module/CHANGES.md: the first entry is not for version $version"
}

# Well-known mirrors, the hosts in this machine's apt sources, home folders, and the path
# of this tree.
machine_names() {
	local names='(deb|security|snapshot|ftp[.a-z]*)\.debian\.org|(archive|ports)\.ubuntu\.com|/home/[a-z]|/(Users|mnt|opt)/[a-z]'
	local host
	# shellcheck disable=SC2016  # apt fills it in
	while read -r host; do
		names+="|${host//./\\.}"
	done < <({ apt-get indextargets --format '$(SITE)' 2>/dev/null || true; } |
		sed -E 's,^[a-z+]*://([^/:]+).*,\1,' | grep -F . | sort -u)
	[[ $PWD != /*/* ]] || names+="|(^|[^[:alnum:]_.-])$PWD\\>"
	matches '^[^C]' -I "$names"
}

# --- compilers and other tools ---------------------------------------------------------

uapi() {
	local header standard list
	need gcc:gcc g++:g++ /usr/include/stdio.h:libc6-dev
	list=$(files '^include/uapi/.*\.h$')
	for header in $list; do
		for standard in c:gnu89 c:c99 c:c11 c++:c++98 c++:c++17; do
			echo "#include <${header#include/uapi/}>" |
				gcc -x "${standard%:*}" -std="${standard#*:}" -Wall -Wextra -Wpadded -Werror \
					-Iinclude/uapi -fsyntax-only - 2>&1 || echo "$header: does not compile as $standard"
		done
	done
}

abi() {
	need gcc:gcc awk:mawk /usr/include/stdio.h:libc6-dev
	selftests/ci/style/abi.sh check 2>&1
	selftests/ci/style/abi.sh selftest 2>&1
}

syzkaller() {
	need make:make gcc:gcc /usr/include/stdio.h:libc6-dev
	make -s -C selftests/fuzz/syzkaller check 2>&1
}

# Version 0.9, which is in Debian 12, reports functions that are called through a
# variable as unreachable (SC2317).
shell() {
	local list id
	need shellcheck:shellcheck
	list=$(shell_scripts | sort -u)
	# -x also reads the files that a script sources.
	id=$(tool_id shellcheck)$(xargs -d '\n' sed -n 's/^\s*# shellcheck source=\([^ /]\S*\)$/\1/p' <<<"$list" |
		sort -u | xargs cat | hash_of -)
	xargs -d '\n' -n 1 -P "$(nproc)" "$here/style/remember.sh" shell "$id" \
		shellcheck -x -e SC2317 -f gcc <<<"$list"
}

# Test cases that do not need a guest.
guest_scripts() {
	local output
	output=$("$here/../guest/script_test.sh" 2>&1) || grep -v '^ok ' <<<"$output"
}

# Also checks that every function with external linkage has kernel-doc.
kernel_doc() {
	local linux list
	need python3:python3
	linux=$("$here/../guest/kernel" source)
	list=$(files "$kernel_code")
	PYTHONDONTWRITEBYTECODE=1 xargs -d '\n' python3 "$linux/tools/docs/kernel-doc" \
		-none -Wall -Werror <<<"$list" 2>&1 | sort -u || true
	# shellcheck disable=SC2016  # for awk
	each '^module/.*\.c$' awk '
		FNR == 1 { doc = head = "" }
		/^\/\*\*$/ { doc = "yes" }
		/^[a-zA-Z_].*\(/ && !/^(static|DEFINE|MODULE|module|#)/ { head = $0; line = FNR }
		/^static|^#|;$/ { head = "" }
		/^\{/ && head && !doc { print FILENAME ":" line ": no kernel-doc: " head }
		/^\}/ { doc = head = "" }'
}

# Findings that are ignored: a regular expression for "FILE:LINE: LEVEL:TYPE: text".
checkpatch_exceptions() {
	sed -n 's/^\([^ ].*[^ ]\)  *##.*/\1/p' <<-'END'
	:FILE_PATH_CHANGES:                             ## there is no MAINTAINERS file
	:LINUX_VERSION_CODE:                            ## the check kernel_versions covers this
	^module/compat\.h:.*:CONSTANT_COMPARISON:       ## the usual form of version comparisons
	:MACRO_ARG_REUSE:                               ## unavoidable in for_each macros
	:MACRO_ARG_PRECEDENCE:.*'_?member'              ## the name of a member cannot be in parentheses
	:NEW_TYPEDEFS:                                  ## zb_lock_t is another type in user space
	:UNCOMMENTED_DEFINITION:                        ## kernel-doc describes the members
	:REPEATED_WORD:                                 ## drawings and tables in comments
	:CAMELCASE:.*<_(Static_assert|Thread_local)>    ## keywords of C
	:CAMELCASE:.*<LLVMFuzzerTestOneInput>           ## libFuzzer calls this name
	^include/trace/.*:(PARENTHESIS_ALIGNMENT|OPEN_ENDED_LINE):  ## TRACE_EVENT has a layout of its own
	^include/trace/events/zbuddy_names\.h:.*:COMPLEX_MACRO:  ## elements of an array
	:LONG_LINE_STRING:                              ## messages are not split
	^(selftests|include/uapi)/.*:BIT_MACRO:         ## user space has no BIT()
	^selftests/.*:PREFER_KERNEL_TYPES:              ## nor the kernel's types
	^selftests/.*:PREFER_DEFINED_ATTRIBUTE_MACRO:   ## nor its attribute macros
	^selftests/.*:USE_NEGATIVE_ERRNO:               ## errno is positive in user space
	^selftests/.*:(ENOSYS|VOLATILE|NR_CPUS):        ## these have their usual meaning there
	^selftests/.*:EMBEDDED_FUNCTION_NAME:           ## "usage: " does not name a function
	^selftests/.*:SPACING:.*that '\*' \(ctx:WxV\)   ## FIXTURE_DATA(name) *self
	^selftests/.*:MACRO_WITH_FLOW_CONTROL:          ## like SKIP() of the kselftest harness
	^selftests/ci/style/planted                        ## deliberate faults
	^selftests/ci/style/sparse_context\.h:.*:(MACRO_ARG_(UNUSED|PRECEDENCE)|CONTEXT_UNSAFE):  ## empty versions of the kernel's macros
	^module/core/pcp_list\.h:.*:COMPLEX_MACRO:           ## a row of a table
	^module/core/slowpath\.c:.*:COMPLEX_MACRO:      ## a loop over the candidates of a request
	^selftests/unit/env/.*:COMPLEX_MACRO:           ## barrier() as in the kernel
	^selftests/unit/.*:FUNCTION_ARGUMENTS:.*'void'  ## an attribute taken for an argument
	END
}

# texts_in_one_piece: drop findings about long lines that contain little besides a string,
# such as `return "...";`, because checkpatch does not recognize them.
texts_in_one_piece() {
	local finding file line
	while read -r finding; do
		if [[ $finding == *:LONG_LINE:* ]]; then
			IFS=: read -r file line _ <<<"$finding"
			! sed -n "${line}p" "$file" | grep -qE '^\s*[a-z_ (]*".*"[),;]*$' || continue
		fi
		printf '%s\n' "$finding"
	done
}

# checkpatch_file LINUX FILE: run checkpatch in a temporary folder, because it leaves a
# file in the current one. checkpatch exits with 1 if it has findings.
checkpatch_file() {
	local top=$PWD dir status=0
	dir=$(mktemp -d)
	(cd "$dir" && exec perl "$1/scripts/checkpatch.pl" --root="$1" --no-summary --strict --terse \
		--show-types -f "$top/$2" 2>&1) | sed "s,^$top/,," || status=$?
	rm -r "$dir"
	[[ $status -le 1 ]]
}

checkpatch() {
	local linux id
	need prove:perl
	linux=$("$here/../guest/kernel" source)
	id=$linux$(tool_id perl "$linux/scripts/checkpatch.pl")$(hash_of "$linux/scripts/"{checkpatch.pl,spelling.txt,const_structs.checkpatch})
	export -f checkpatch_file
	# shellcheck disable=SC2016  # for the inner shell
	each "$c_code" -n 1 -P "$(nproc)" "$here/style/remember.sh" checkpatch "$id" \
		bash -c 'set -euo pipefail; checkpatch_file "$@"' checkpatch "$linux" |
		grep -vE -f <(checkpatch_exceptions) | texts_in_one_piece | sort -V || true
}


# -----------------------------------------------------------------------------------------

number=0 passed=0 failed=0 skipped=0

# Run the check, or print what it printed when all files it depends on, its tools and these
# scripts were the same. A check that fails is run again.
run_or_recall() {
	local entry name regex tools
	for entry in "${kept_checks[@]}"; do
		read -r name regex tools <<<"$entry"
		[[ $name == "$1" ]] || continue
		# shellcheck disable=SC2086  # several tools
		remembered check "$1-$(all_of "$regex|^selftests/ci/.*sh\$" "$("$here/../guest/kernel" source)" \
			"$("$here/../guest/kernel" busybox)" "$(tool_id $tools)" "$PWD")" without_findings "$1"
		return
	done
	"$1"
}

# A result is kept only if the check succeeds, so findings must make it fail.
without_findings() {
	local findings status
	set +e
	findings=$(set -e; "$1")
	status=$?
	set -e
	[[ ! $findings ]] || { printf '%s\n' "$findings"; return 1; }
	return "$status"
}

# A check passes if it prints no findings and exits with 0. Other messages go to stderr.
run_check() {
	local name=$1 text=$2 findings status=0 start=$SECONDS
	number=$((number + 1))
	set +e
	findings=$(set -e; run_or_recall "$name")
	status=$?
	set -e
	if [[ $findings == SKIP:* ]]; then
		skipped=$((skipped + 1))
		echo "ok $number - $name: $text # $findings"
	elif [[ $findings || $status -ne 0 ]]; then
		failed=$((failed + 1))
		echo "not ok $number - $name: $text"
		printf '%s\n' "${findings:-exit status $status}" | sed -n 's/^/#   /; 1,40 p; 41 s/.*/#   .../p'
	else
		passed=$((passed + 1))
		echo "ok $number - $name: $text"
	fi
	[[ $((SECONDS - start)) -eq 0 ]] || echo "# $name: $((SECONDS - start)) s"
}

main() {
	local entry name text
	if [[ ${1:-} == --list ]]; then
		printf '%s\n' "${checks[@]}"
		return
	fi
	tree=$(list_tree)
	forget_old
	for entry in "${checks[@]}"; do
		read -r name text <<<"$entry"
		[[ $# -gt 0 && " $* " != *" $name "* ]] || run_check "$name" "$text"
	done
	[[ $number -gt 0 ]] || die "unknown check, see --list"
	echo "1..$number"
	if [[ $skipped -eq 0 ]]; then
		echo "$passed passed, $failed failed"
	else
		echo "$passed passed, $failed failed, $skipped skipped"
	fi
	[[ $failed -eq 0 ]]
}

main "$@"
