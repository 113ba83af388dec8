#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Copies the sources that DKMS needs to build the module to directory DIR. Build results
# are left out, so that an object for one kernel is never linked into a module for
# another.
# usage: copy-source.sh [--tools] DIR
# With --tools, also copies the files that `make install` needs.
set -eu

usage() {
	echo "usage: $0 [--tools] DIR" >&2
	exit 2
}

tools=
if [ "${1:-}" = --tools ]; then
	tools=yes
	shift
fi
[ $# -eq 1 ] || usage
mkdir -p "$1"
dir=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."

list() {
	find COPYING Kbuild Makefile dkms.conf include module -type f ! -name '.*' ! -name '*.o' \
		! -name '*.ko' ! -name '*.mod' ! -name '*.mod.c' ! -name '*.a' ! -name modules.order
	[ ! "$tools" ] ||
		printf '%s\n' README.md selftests/lib/test.mk selftests/lib/zb_ioctl.h selftests/zbctl/Makefile selftests/zbctl/*.[ch1]
}

list | tar -cf - --mode=u=rwX,go=rX --owner=0 --group=0 -T - | tar -xf - -C "$dir" --no-same-permissions
