#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Keeps the results of slow tools below $ZB_CACHE/style. A result is reused only while all
# of its inputs are unchanged: the tool and its libraries, its arguments, the file and
# every header that the file includes. The name of a result is the hash of these inputs,
# so it cannot become stale. gcc lists the headers each time, so a new header that shadows
# another one changes the hash as well. The result of a tool that fails is not kept.
# usage: remember.sh TOOL ID COMMAND... FILE
#	prints the output of COMMAND... FILE. ID identifies the tool (see tool_id). If the
#	command has options -I, they determine which headers the file includes.
set -euo pipefail

# tool_id COMMAND-OR-PATH...: print a hash that identifies these: the version that a command
# reports, and path, size and time of its binary, its libraries and the files of a folder.
tool_id() {
	local tool path
	for tool; do
		path=$(readlink -f "$(command -v "$tool" || echo "$tool")") || continue
		[[ -e $path ]] || continue
		if [[ -d $path ]]; then
			find "$path" -type f -printf '%p %s %T@\n' | sort
			continue
		fi
		"$tool" --version 2>&1 || true
		{ echo "$path"; ldd "$path" 2>/dev/null | grep -o '/[^ ]*' || true; } |
			xargs stat -L -c '%n %s %Y' || true
	done | sha256sum | cut -c1-16
}

# remembered TOOL KEY COMMAND...: print the kept output for KEY, or run COMMAND and keep its
# output. Results are renamed into place, because another process may do the same at the
# same time. Paths become relative, because a copy of the tree elsewhere has the same key.
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

# forget_old: remove results that have not been used for a month.
forget_old() {
	[[ ! -d $ZB_CACHE/style ]] || find "$ZB_CACHE/style" -type f -mtime +30 -delete
}

# contents_of FILE [ARGUMENT...]: print hashes of FILE and of all files that it includes.
# clang-tidy receives the arguments of the compiler in an option of its own.
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
