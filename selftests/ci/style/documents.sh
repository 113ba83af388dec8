# shellcheck shell=bash disable=SC2154  # variables of style.sh
# SPDX-License-Identifier: GPL-2.0-only
#
# For style.sh: checks of the documents. docs/sessions_test.sh runs the sessions in them.

document='(^|/)(README|CHANGES)\.md$'

# --- what documents name -----------------------------------------------------------------

documents() {
	local lines
	lines=$(wc -l <README.md)
	[[ $lines -le 200 ]] || echo "README.md: $lines lines, more than 200"
	lost_links
	lost_files
	lost_functions
	lock_letters
}

# If a comment explains letters for locking rules, each member must have one of them.
lock_letters() {
	# shellcheck disable=SC2016  # for awk
	each '^module/.*\.h$' awk '
		/^\/\*\*$/ { members = legend = ""; split("", letter) }
		/^ \* @[a-z_]+:/ { members = members " " $2 substr($3 "   ", 1, 3) }
		/^ \* The letters tell/ { legend = "yes" }
		legend && /^ \*  - \([a-z-]\)/ { letter[$3] }
		/^ \*\/$/ && legend {
			n = split(members, member, " ")
			for (i = 1; i <= n; i++) {
				name = member[i]
				mark = name
				sub(/:.*/, "", name)
				sub(/^[^:]*:/, "", mark)
				if (!(mark in letter))
					print FILENAME ": " name " does not have a letter that the comment explains"
			}
			legend = ""
		}'
}

# Links to other files must resolve.
lost_links() {
	local file link
	matches "$document" -o '\]\([^)#:]+' | sed 's/:[0-9]*:\](/ /' | while read -r file link; do
		[[ -e $(dirname "$file")/$link ]] || echo "$file: $link does not exist"
	done
}

# For each `name.c`, `folder/name.h`, ... a file with this path or ending must exist. NAME
# is a placeholder.
lost_files() {
	local file name
	# shellcheck disable=SC2016  # backquotes
	matches "$document" -o '`[a-zA-Z0-9_/.-]+\.([ch]|sh|awk|cocci|md|config)`' |
		sed 's/:[0-9]*:`/ /; s/`$//' | grep -v NAME | sort -u | while read -r file name; do
			grep -qE "(^|/)${name//./\\.}\$" <<<"$tree" || echo "$file: $name does not exist"
		done
}

# For each `name()` the sources must define a function or a macro of this name. A definition
# begins in the first column, unlike calls and comments. For each other `zb_name` the
# sources must contain this word. Names of the kernel are written as *name()*.
lost_functions() {
	local file name sources='^(module|include|selftests)/.*\.([ch]|sh)$' defined known
	defined=$(matches "$sources" -oh '^(#define |[a-z_][a-zA-Z0-9_ *]*[ *])?[a-z_][a-zA-Z0-9_]*\(' |
		sed -E 's/^.*[ *:]//; s/\($//' | sort -u)
	known=$(matches "$sources" -ohw '[a-z_][a-zA-Z0-9_]+' | sed 's/.*://' | sort -u)
	# shellcheck disable=SC2016  # backquotes
	matches "$document" -o '`[a-z_][a-z0-9_]*\(\)`' | sed -E 's/:[0-9]+:`/ /; s/\(\)`$//' | sort -u |
		while read -r file name; do
			grep -qxF "$name" <<<"$defined" || echo "$file: the sources do not define $name()"
		done
	# shellcheck disable=SC2016  # backquotes
	matches "$document" -o '`(struct |enum )?_*zb_[a-z0-9_]+(\.[a-z_]+(\(\))?)?`' |
		sed -E 's/:[0-9]+:`(struct |enum )?/ /; s/(\.[a-z_]+(\(\))?)?`$//' | sort -u |
		while read -r file name; do
			grep -qxF "$name" <<<"$known" || echo "$file: the sources do not contain $name"
		done
}

rendered() {
	local dir
	need sphinx-build:python3-sphinx
	dir=$(mktemp -d)
	"$here/docs.sh" "$dir" 2>&1 || echo "docs.sh failed"
	rm -r "$dir"
}

# --- manual pages -------------------------------------------------------------------------

# manual_has PAGE MACRO NAME...: PAGE must have a line `.It MACRO NAME` for each NAME, and
# none for other names that match the regular expression in $kind.
manual_has() {
	local page=$1 macro=$2
	shift 2
	diff <(printf '%s\n' "$@" | sort -u) \
		<(sed -nE "s/^\\.It ($macro [hVqn] , )?$macro ($kind)( .*)?\$/\\2/p" "$page" | sort -u) |
		sed -n "s,^< ,$page: does not have ,p; s,^> \\(.*\\),$page: has \\1\\, which does not exist,p"
}

manuals() {
	local man=module/install/man zbctl list name
	zbctl=$(files '/zbctl\.1$') || { echo "$zbctl"; return; }
	mapfile -t list < <(matches '^include/uapi/' -ho '\<ZB_IOC_[A-Z_]+\s+_IO' | sed 's/^[0-9]*://; s/\s.*//')
	kind='ZB_IOC_[A-Z_]+' manual_has $man/zbuddy.4 Dv "${list[@]}" |
		grep -v 'has ZB_IOC_PHYS, which' || true
	mapfile -t list < <(matches '^include/uapi/' -ho '\<ZB_FEATURE_[A-Z_]+' | sed 's/^[0-9]*://')
	kind='ZB_FEATURE_[A-Z_]+' manual_has $man/zbuddy.4 Dv "${list[@]}"
	mapfile -t list < <(matches '^module/.*\.c$' -ho '^module_param[a-z_]*\([a-z_]+' | sed 's/.*(//')
	kind='[a-z_]+' manual_has $man/zbuddy.7 Va "${list[@]}"
	mapfile -t list < <(matches '^module/.*\.c$' -ho 'debugfs_create_(file|u[0-9]+|bool)\("[a-z_]+"' | sed 's/.*("//; s/"//')
	kind='[a-z_]+' manual_has $man/zbuddy.7 Pa "${list[@]}"
	# The kinds of zb_bad_free_ share one entry.
	mapfile -t list < <(matches '^module/debugfs/vm\.c$' -ho '"zb_[a-z_]*[a-z][ "]' | sed 's/^[^"]*"//; s/[ "]$//')
	kind='zb_[a-z_]+' manual_has $man/zbuddy.7 Cm "${list[@]}"
	mapfile -t list < <(matches '^module/api/.*\.c$' -ho '^EXPORT_SYMBOL_GPL\(zb_\w+' | sed 's/.*(//')
	for name in "${list[@]}"; do
		grep -qE "\<Fn $name\>" $man/zbuddy.7 || echo "$man/zbuddy.7: does not have $name()"
	done
	mapfile -t list < <(matches '^selftests/zbctl/.*\.c$' -ho '\.name = "[a-z-]+", \.fn = cmd_' | sed 's/[^"]*"//; s/".*//')
	kind='[a-z][a-z-]+' manual_has "$zbctl" Cm "${list[@]}"
	mapfile -t list < <(matches '^selftests/zbctl/.*\.c$' -ho '= \{ "--[a-z-]+"' | sed 's/.*"-//; s/"//')
	kind='-[a-z-]+' manual_has "$zbctl" Fl "${list[@]}"
}

mandoc() {
	need mandoc:mandoc
	each '^(module|selftests/zbctl)/.*\.[1-9]$' mandoc -Tlint -W warning || [[ $? -eq 123 ]]
}
