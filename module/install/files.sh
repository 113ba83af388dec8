#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What `make install` and `make uninstall` run: everything but the module itself.
# usage: [DESTDIR=DIR] [PREFIX=DIR] [ZB_GROUP=NAME] files.sh install|uninstall
set -eu

cd "$(dirname "$0")/../.."
DESTDIR=${DESTDIR:-} PREFIX=${PREFIX:-/usr/local} ZB_GROUP=${ZB_GROUP:-zbuddy}
options=/etc/modprobe.d/zbuddy.conf

die() {
	echo "zbuddy: $*" >&2
	exit 1
}

# MODE SOURCE TARGET. Folders behind /./ go with the last file in them. The kernel's
# own include/ has no place for headers of other modules, hence src/zbuddy-headers.
files() {
	headers=$PREFIX/src/./zbuddy-headers/include
	cat <<-END
	755 selftests/zbctl/zbctl $PREFIX/bin/./zbctl
	644 include/uapi/linux/zbuddy.h $PREFIX/include/./linux/zbuddy.h
	644 include/linux/zbuddy.h $headers/linux/zbuddy.h
	644 include/uapi/linux/zbuddy.h $headers/uapi/linux/zbuddy.h
	644 module/install/60-zbuddy.rules $PREFIX/lib/./udev/rules.d/60-zbuddy.rules
	END
}

install_files() {
	files | while read -r mode source target; do
		install -D -m "$mode" "$source" "$DESTDIR$target"
	done
	sed -i "s/@GROUP@/$ZB_GROUP/g" "$DESTDIR$PREFIX/lib/udev/rules.d/60-zbuddy.rules"
	if [ -e "$DESTDIR$options" ] && ! cmp -s module/install/zbuddy.conf "$DESTDIR$options"; then
		echo "zbuddy: kept $DESTDIR$options, it was edited" >&2
	else
		install -D -m 644 module/install/zbuddy.conf "$DESTDIR$options"
	fi
}

# remove_folders BASE FOLDER: those that are empty now.
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
		echo "zbuddy: kept $DESTDIR$options, it was edited: remove it if it is of no use" >&2
	fi
}

# The rules that are there count from now on, unless this is for another machine.
reload_udev() {
	[ "$DESTDIR" ] || [ ! -S /run/udev/control ] || udevadm control --reload
}

case $PREFIX in
/*) ;;
*) die "PREFIX=$PREFIX is not an absolute path" ;;
esac
case $ZB_GROUP in
*[!a-zA-Z0-9_-]*) die "ZB_GROUP=$ZB_GROUP is no name of a group" ;;
esac
case ${1:-} in
install) install_files ;;
uninstall) uninstall_files ;;
*) die "usage: files.sh install|uninstall" ;;
esac
reload_udev
