#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What `make docs` runs: renders the kernel-doc of the user header, of the functions
# for other modules and of the core as HTML into folder DIR. Warnings are errors.
# usage: docs.sh [DIR]
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/guest/lib.sh
. "$here/../guest/lib.sh"

# page NAME TITLE FILE...: write the kernel-doc of these files as a page for Sphinx.
page() {
	local name=$1 title=$2
	shift 2
	printf '   %s\n' "$name" >>"$text/index.rst"
	printf '%s\n%s\n\n' "$title" "${title//?/=}" >"$text/$name.rst"
	PYTHONDONTWRITEBYTECODE=1 python3 "$linux/tools/docs/kernel-doc" -rst -Wall -Werror "$@" >>"$text/$name.rst"
	grep -q '^\.\. c:' "$text/$name.rst" || die "found no kernel-doc for $name"
}

main() {
	local dir=${1:-stage/docs} linux text
	cd "$here/../.."
	need python3:python3 sphinx-build:python3-sphinx
	linux=$("$here/../guest/kernel" source)
	text=$(mktemp -d)
	# shellcheck disable=SC2064  # it is local
	trap "rm -rf '$text'" EXIT
	printf 'zbuddy\n======\n\n.. toctree::\n\n' >"$text/index.rst"
	page programs "For programs" include/uapi/linux/zbuddy.h
	page modules "For other modules" module/api/*.c
	page core "The allocator" module/core/*.[ch]
	mkdir -p "$dir"
	sphinx-build -C -D project=zbuddy -W --keep-going -q -E -b html "$text" "$dir"
	[[ -s $dir/programs.html ]] || die "$dir/programs.html was not written"
}

main "$@"
