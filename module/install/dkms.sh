#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Implements `make dkms-install` and `make dkms-uninstall`.
# usage: dkms.sh install|uninstall
#
# install may be run again: it registers the source anew if it has changed, and builds
# the modules that are missing. uninstall removes every version that was installed this
# way, even if its source in /usr/src has been deleted. Both refuse to run if a Debian
# package has installed zbuddy.
set -u

PATH=$PATH:/usr/sbin:/sbin
cd "$(dirname "$0")/../.." || exit 1
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
sources=/usr/src/zbuddy-
state=/var/lib/dkms/zbuddy

say() {
	echo "zbuddy: $*" >&2
}

die() {
	say "$*"
	exit 1
}

check_machine() {
	[ "$(id -u)" -eq 0 ] || die "DKMS writes to /usr/src and /lib/modules: run this as root"
	command -v dkms >/dev/null || die "dkms is not installed: apt-get install dkms"
	for file in "$sources"[0-9]*/dkms.conf; do
		! dpkg-query -S "$file" >/dev/null 2>&1 ||
			die "$file belongs to a package: run apt-get purge zbuddy-dkms first"
	done
}

# Prints every version that has sources in /usr/src or is registered with DKMS.
versions() {
	for dir in "$sources"[0-9]*/ "$state"/[0-9]*/; do
		dir=${dir%/}
		[ ! -d "$dir" ] || echo "${dir##*[-/]}"
	done | sort -u
}

# DKMS needs the dkms.conf of a version to remove it. If that file has been deleted, use
# the one of this tree.
remove_version() {
	if [ -e "$state/$1" ]; then
		[ -e "$sources$1/dkms.conf" ] || module/install/copy-source.sh "$sources$1"
		dkms remove "zbuddy/$1" --all || return
	fi
	rm -rf "$sources$1"
}

remove_all() {
	for old in $(versions); do
		remove_version "$old" || die "DKMS could not remove zbuddy/$old, see its messages above"
	done
}

uninstall() {
	[ "$(versions)" ] || { say "nothing to remove: zbuddy is not installed with DKMS"; return; }
	remove_all
}

# Registers the source of this tree with DKMS, as the only version of zbuddy.
register() {
	new=$(mktemp -d) || exit 1
	module/install/copy-source.sh "$new" || exit 1
	if [ "$(versions)" != "$version" ] || [ ! -e "$state/$version/source/dkms.conf" ] ||
	   ! diff -r "$new" "$sources$version" >/dev/null; then
		remove_all
		cp -r "$new" "$sources$version" && chmod 755 "$sources$version" &&
			dkms add "zbuddy/$version"
	fi
	status=$?
	rm -r "$new"
	[ $status -eq 0 ] || die "DKMS could not add zbuddy/$version, see its messages above"
}

# kernels with|without: prints the installed kernels with or without headers. The
# directory that a removed kernel leaves behind has neither file and is skipped.
kernels() {
	for dir in /lib/modules/*/; do
		dir=${dir%/}
		if [ -e "$dir/build/Makefile" ]; then
			[ "$1" = with ] && echo "${dir##*/}"
		elif [ -e "$dir/modules.builtin" ]; then
			[ "$1" = without ] && echo "${dir##*/}"
		fi
	done
}

# Some versions of dkms fail if the module is installed already, so check first.
is_installed() {
	dkms status "zbuddy/$version" -k "$1" 2>/dev/null | grep ': installed$' >/dev/null
}

install() {
	with=$(kernels with)
	without=$(kernels without)
	[ "$with" ] || die "no kernel headers are installed: apt-get install linux-headers-$(uname -r)"
	register
	failed=
	for kernel in $with; do
		if is_installed "$kernel" || dkms install "zbuddy/$version" -k "$kernel"; then
			echo "zbuddy: installed for kernel $kernel"
		else
			failed=yes
			say "not installed for kernel $kernel, see $state/$version/build/make.log"
		fi
	done
	for kernel in $without; do
		say "not installed for kernel $kernel, which has no headers: apt-get install linux-headers-$kernel"
		[ "$kernel" != "$(uname -r)" ] || failed=yes
	done
	[ ! "$failed" ]
}

case ${1:-} in
install | uninstall) ;;
*) die "usage: dkms.sh install|uninstall" ;;
esac
check_machine
"$1"
