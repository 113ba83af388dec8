#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Results of slow tools, kept below $ZB_CACHE/style. A result is used again only where all
# that it was made of is the same: the tool with its libraries, its arguments, the file
# and every header that the file includes. The name of a kept result is the hash of
# these, so that there is nothing that could become stale; a new header that hides
# another one changes it as well, because gcc lists the headers anew each time.
# A tool that fails is run again the next time.
# usage: remember.sh TOOL ID COMMAND... FILE
#	prints what COMMAND... FILE prints. ID stands for the tool (tool_id). Where the
#	command has options -I, the headers are taken to be what gcc includes with them.
set -euo pipefail

# tool_id COMMAND-OR-PATH...: a hash of what these are: the version that a command tells of
# itself, place, size and time of its binary and its libraries, and of what is in a folder.
tool_id() {
	local tool path
	for tool; do
		path=$(readlink -f "$(command -v "$tool" || echo "$tool")") || continue
		if [[ -d $path ]]; then
			find "$path" -type f -printf '%p %s %T@\n' | sort
			continue
		fi
		"$tool" --version 2>&1 || true
		{ echo "$path"; ldd "$path" 2>/dev/null | grep -o '/[^ ]*' || true; } |
			xargs stat -L -c '%n %s %Y' || true
	done | sha256sum | cut -c1-16
}

# remembered TOOL KEY COMMAND...: what the command prints, or printed for this key.
# Another one may do the same at the same time: a result is put in its place whole. Paths
# become relative, because a copy of the tree elsewhere has the same key.
remembered() {
	local kept=$ZB_CACHE/style/$1/$2 status=0
	shift 2
	if [[ -e $kept ]]; then
		touch -c "$kept"
		cat "$kept"
		return
	fi
	mkdir -p "${kept%/*}"
	set +e
	(set -e; "$@") >"$kept.$$" 2>&1
	status=$?
	set -e
	sed -i "s,$PWD/,,g" "$kept.$$"
	cat "$kept.$$"
	if [[ $status -eq 0 ]]; then
		mv "$kept.$$" "$kept"
	else
		rm -f "$kept.$$"
	fi
	return "$status"
}

# forget_old: what nobody has wanted for a month.
forget_old() {
	[[ ! -d $ZB_CACHE/style ]] || find "$ZB_CACHE/style" -type f -mtime +30 -delete
}

# contents_of FILE [ARGUMENT...]: hashes of the file and of all that it includes. clang-tidy
# has the compiler's arguments in an option of its own.
contents_of() {
	local file=$1 argument flags=()
	shift
	for argument; do
		argument=${argument#--extra-arg-before=}
		[[ $argument != -[IDs]* ]] || flags+=("$argument")
	done
	if [[ " ${flags[*]} " == *" -I"* ]]; then
		gcc -M -MT x "${flags[@]}" "$file" | sed 's/^x: //; s/\\$//' | xargs sha256sum
	else
		sha256sum "$file"
	fi
}

remember() {
	local tool=$1 id=$2 contents key
	shift 2
	contents=$(contents_of "${!#}" "$@")
	key=$(printf '%s\n' "$id" "$@" "$contents" | sha256sum | cut -d' ' -f1)
	remembered "$tool" "$key" "$@"
}

[[ ${BASH_SOURCE[0]} != "$0" ]] || remember "$@"
