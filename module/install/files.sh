#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Implements `make install` and `make uninstall`: installs and removes all files but the
# module itself.
# usage: [DESTDIR=DIR] [PREFIX=DIR] [ZB_GROUP=NAME] files.sh install|uninstall
set -eu

cd "$(dirname "$0")/../.."
DESTDIR=${DESTDIR:-} PREFIX=${PREFIX:-/usr/local} ZB_GROUP=${ZB_GROUP:-zbuddy}
options=/etc/modprobe.d/zbuddy.conf

die() {
	echo "zbuddy: $*" >&2
	exit 1
}

# Prints a line "MODE SOURCE TARGET" for each file. uninstall_files() removes the
# directories behind "/./" when they are empty. The kernel's include/ has no place for
# the headers of other modules, so they are installed in src/zbuddy-headers.
files() {
	headers=$PREFIX/src/./zbuddy-headers/include
	cat <<-END
	755 selftests/zbctl/zbctl $PREFIX/bin/./zbctl
	644 include/uapi/linux/zbuddy.h $PREFIX/include/./linux/zbuddy.h
	644 include/linux/zbuddy.h $headers/linux/zbuddy.h
	644 include/uapi/linux/zbuddy.h $headers/uapi/linux/zbuddy.h
	644 selftests/zbctl/zbctl.1 $PREFIX/share/man/./man1/zbctl.1
	644 module/install/man/zbuddy.4 $PREFIX/share/man/./man4/zbuddy.4
	644 module/install/man/zbuddyfs.5 $PREFIX/share/man/./man5/zbuddyfs.5
	644 module/install/man/zbuddy.7 $PREFIX/share/man/./man7/zbuddy.7
	644 module/install/60-zbuddy.rules $PREFIX/lib/./udev/rules.d/60-zbuddy.rules
	END
}

install_files() {
	files | while read -r mode source target; do
		install -D -m "$mode" "$source" "$DESTDIR$target"
	done
	sed -i "s/@GROUP@/$ZB_GROUP/g" "$DESTDIR$PREFIX/lib/udev/rules.d/60-zbuddy.rules"
	if [ -e "$DESTDIR$options" ] && ! cmp -s module/install/zbuddy.conf "$DESTDIR$options"; then
		echo "zbuddy: kept $DESTDIR$options, because it was edited" >&2
	else
		install -D -m 644 module/install/zbuddy.conf "$DESTDIR$options"
	fi
}

# remove_folders BASE DIR: removes BASE/DIR, and its parents below BASE, if empty.
remove_folders() {
	[ ! -d "$1/$2" ] || (cd "$1" && rmdir -p --ignore-fail-on-non-empty "$2")
}

uninstall_files() {
	files | while read -r _ _ target; do
		rm -f "$DESTDIR$target"
		case ${target#*/./} in
		*/*) target=$(dirname "$target")
		     remove_folders "$DESTDIR${target%%/./*}" "${target#*/./}" ;;
		esac
	done
	if cmp -s module/install/zbuddy.conf "$DESTDIR$options"; then
		rm "$DESTDIR$options"
	elif [ -e "$DESTDIR$options" ]; then
		echo "zbuddy: kept $DESTDIR$options, because it was edited: remove it if you do not need it" >&2
	fi
}

# Makes a running udev read its rules again. With DESTDIR, the files are for another
# machine.
reload_udev() {
	[ "$DESTDIR" ] || [ ! -S /run/udev/control ] || udevadm control --reload
}

case $PREFIX in
/*) ;;
*) die "PREFIX=$PREFIX: give an absolute path" ;;
esac
case $ZB_GROUP in
*[!a-zA-Z0-9_-]*) die "ZB_GROUP=$ZB_GROUP: give the name of a group" ;;
esac
case ${1:-} in
install) install_files ;;
uninstall) uninstall_files ;;
*) die "usage: files.sh install|uninstall" ;;
esac
reload_udev
