#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Checks of the text itself: what goes where, and what the kernel's own tools say.
# usage: style.sh [CHECK]...    (--list tells which there are)
# A line `ok` or `not ok` per check, with the findings below; `N passed, N failed`
# at last. Whatever git would take is looked at, not only what it has already.
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
	"top_level        nothing but the fixed names at the top"
	"core_includes    module/core includes <zb_env.h> and core headers only"
	"layers           includes point downward"
	"core_state       module/core has no globals, prints nothing, never sleeps"
	"kernel_versions  kernel versions are known to module/compat.h only"
	"spdx             every source file tells its licence where it should"
	"lengths          files up to 600 lines but for the user header, functions up to 80"
	"own_version      the module's version is in dkms.conf only, and has an entry in CHANGES.md"
	"machine_names    no name of a package host, no path of a machine"
	"documents        README.md is short; links, files and functions that documents name are there"
	"manuals          manual pages have every ioctl, parameter, debugfs file, command and option"
	"mandoc           mandoc -Tlint says nothing of the manual pages"
	"uapi             user headers compile alone, as C and C++, without holes"
	"abi              the user header is what abi_pinned.h promises, but for new feature bits"
	"syzkaller        the description of the device is what the header says"
	"shell            shellcheck"
	"guest_scripts    guest/run boots guests again when and only when it should, and finds files"
	"packages         check.sh announces every package that a script of its needs"
	"awks             awk programs do the same with every awk that is here"
	"remembering      what a tool has said is used again only where nothing else could be said now"
	"kernel_doc       kernel-doc is there and right"
	"rendered         make docs renders kernel-doc without a warning"
	"checkpatch       checkpatch --strict"
	"warnings         W=1, gcc -fanalyzer and sparse say nothing of the module"
	"coccinelle       nor does coccicheck"
	"clang_tidy       clang-tidy and clang's analyzer say nothing of core and unit tests"
	"gcc_analyzer     nor does gcc -fanalyzer"
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

# files REGEX: an error when there are none, or a check would pass for nothing.
files() {
	grep -E "$1" <<<"$tree" || { echo "no file is like $1"; return 1; }
}

# each REGEX COMMAND...: run it with those files.
each() {
	local list
	list=$(files "$1") || { echo "$list"; return 1; }
	shift
	xargs -d '\n' "$@" <<<"$list"
}

# matches REGEX GREP-ARGUMENT...: lines of those files; none is fine.
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

# A unit may include those of lower rows of the table in module/README.md, and itself.
# "UNIT RANK" for each unit there: files of some folders, and other folders as a whole;
# env is below all and included by core alone, as <zb_env.h>.
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
# Lower, and yet not for them.
never='region core|core/.* compat|((device|debugfs|api)/.*|main|buffer) region'

# "FILE UNIT INCLUDED-UNIT" for each include of another file of the module.
include_edges() {
	matches '^module/' '^#include "' | sed -E 's/:[0-9]+:#include "(.*)"$/ \1/' |
		while read -r file name; do
			name=$(realpath -m --relative-to=module "${file%/*}/$name")
			echo "$file $(unit_of "${file#module/}") $(unit_of "$name")"
		done
}

unit_of() {
	case $1 in
	core/* | instance/* | api/* | device/* | debugfs/*) echo "${1%.[ch]}" ;;
	*/*) echo "${1%%/*}" ;;
	*) echo "${1%.[ch]}" ;;
	esac
}

layers() {
	local unit
	include_edges | judge_edges
	[[ $ranks ]] || echo "module/README.md: no table of layers"
	while read -r unit _; do
		compgen -G "module/$unit.[ch]" >/dev/null || [[ -d module/$unit ]] ||
			echo "module/README.md: there is no $unit"
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
		!($2 in rank) { print $1 ": give " $2 " a row in module/README.md"; next }
		!($3 in rank) { print $1 ": includes " $3 ", which has no row in module/README.md"; next }
		rank[$3] >= rank[$2] { print $1 ": includes " $3 ", which is not below it"; next }
		$2 " " kind($3) ~ never { print $1 ": includes " $3 }'
}

# Compiled for user space and for a fixed address, so that constant tables of
# pointers stay constant.
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
		FNR == line && $0 !~ regex { print FILENAME ":" line ": no SPDX-License-Identifier here, or not like that" }'
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
		# The user header is one file, however much it describes.
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
		echo "module/CHANGES.md: its first version is not $version"
}

# The usual hosts, those of this machine's apt, homes, and where this tree is.
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
					-Iinclude/uapi -fsyntax-only - 2>&1 || echo "$header: not as $standard"
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

# 0.9, which Debian 12 has, takes every function called by its name in a variable
# for unreachable (SC2317).
shell() {
	need shellcheck:shellcheck
	shell_scripts | sort -u | xargs -d '\n' shellcheck -x -e SC2317 -f gcc
}

# Those cases that need no guest.
guest_scripts() {
	local output
	output=$("$here/../guest/script_test.sh" 2>&1) || grep -v '^ok ' <<<"$output"
}

# Also: whatever other files can see has one.
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

# Findings that are let pass: a regular expression for "FILE:LINE: LEVEL:TYPE: text".
checkpatch_exceptions() {
	sed -n 's/^\([^ ].*[^ ]\)  *##.*/\1/p' <<-'END'
	:FILE_PATH_CHANGES:                             ## there is no MAINTAINERS file
	:LINUX_VERSION_CODE:                            ## kernel_versions is about that
	^module/compat\.h:.*:CONSTANT_COMPARISON:       ## versions are always written so
	:MACRO_ARG_REUSE:                               ## a for_each cannot do without
	:MACRO_ARG_PRECEDENCE:.*'_?member'              ## the name of a member takes no ()
	:NEW_TYPEDEFS:                                  ## zb_lock_t is another thing in user space
	:UNCOMMENTED_DEFINITION:                        ## kernel-doc describes the members
	:REPEATED_WORD:                                 ## drawings and tables in comments
	:CAMELCASE:.*<_(Static_assert|Thread_local)>    ## words of C
	:CAMELCASE:.*<LLVMFuzzerTestOneInput>           ## what libFuzzer calls
	^include/trace/.*:(PARENTHESIS_ALIGNMENT|OPEN_ENDED_LINE):  ## TRACE_EVENT has a layout of its own
	^include/trace/events/zbuddy_names\.h:.*:COMPLEX_MACRO:  ## elements of an array
	:LONG_LINE_STRING:                              ## texts stay in one piece
	^(selftests|include/uapi)/.*:BIT_MACRO:         ## user space has no BIT()
	^selftests/.*:PREFER_KERNEL_TYPES:              ## nor these,
	^selftests/.*:PREFER_DEFINED_ATTRIBUTE_MACRO:   ## nor these,
	^selftests/.*:USE_NEGATIVE_ERRNO:               ## and its errno is positive
	^selftests/.*:(ENOSYS|VOLATILE|NR_CPUS):        ## means there what it says
	^selftests/.*:EMBEDDED_FUNCTION_NAME:           ## "usage: " is no function
	^selftests/.*:SPACING:.*that '\*' \(ctx:WxV\)   ## FIXTURE_DATA(name) *self
	^selftests/.*:MACRO_WITH_FLOW_CONTROL:          ## as the harness's own SKIP()
	^selftests/ci/style/planted                        ## faults on purpose
	^selftests/ci/style/sparse_context\.h:.*:(MACRO_ARG_(UNUSED|PRECEDENCE)|CONTEXT_UNSAFE):  ## the kernel's own macros, empty
	^module/core/pcp\.h:.*:COMPLEX_MACRO:           ## a row of a table
	^module/core/slowpath\.c:.*:COMPLEX_MACRO:      ## a loop over what fits a request
	^selftests/unit/env/.*:COMPLEX_MACRO:           ## barrier() is as the kernel's
	^selftests/unit/.*:FUNCTION_ARGUMENTS:.*'void'  ## an attribute, taken for one
	END
}

# texts_in_one_piece: drop findings about long lines that are a text and little else,
# like `return "...";`, which checkpatch does not know.
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

# checkpatch_file LINUX FILE: run elsewhere, for it leaves a file where it is run. With
# findings it ends with 1.
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

# A check prints its findings; without any, and without an error, it has passed.
# What it has to say besides goes to stderr.
run_check() {
	local name=$1 text=$2 findings status=0
	number=$((number + 1))
	set +e
	findings=$(set -e; "$name")
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
	[[ $number -gt 0 ]] || die "no such check, see --list"
	echo "1..$number"
	if [[ $skipped -eq 0 ]]; then
		echo "$passed passed, $failed failed"
	else
		echo "$passed passed, $failed failed, $skipped skipped"
	fi
	[[ $failed -eq 0 ]]
}

main "$@"
