# shellcheck shell=bash disable=SC2154  # set elsewhere
# SPDX-License-Identifier: GPL-2.0-only
#
# `make install` and `make uninstall`.

staged_files() {
	make_in_root install DESTDIR=/root/stage PREFIX=/usr ZB_GROUP=video
	diff - <(cd "$root/root/stage" && find . -type f -printf '%m %P\n' | sort -k2) <<-'END'
		644 etc/modprobe.d/zbuddy.conf
		755 usr/bin/zbctl
		644 usr/include/linux/zbuddy.h
		644 usr/lib/udev/rules.d/60-zbuddy.rules
		644 usr/share/man/man1/zbctl.1
		644 usr/share/man/man4/zbuddy.4
		644 usr/share/man/man5/zbuddyfs.5
		644 usr/share/man/man7/zbuddy.7
		644 usr/src/zbuddy-headers/include/linux/zbuddy.h
		644 usr/src/zbuddy-headers/include/uapi/linux/zbuddy.h
	END
	in_root udevadm verify /root/stage/usr/lib/udev/rules.d/60-zbuddy.rules
	grep 'GROUP="video"' "$root/root/stage/usr/lib/udev/rules.d/60-zbuddy.rules"
	not grep -r @GROUP@ "$root/root/stage"
	make_in_root uninstall DESTDIR=/root/stage PREFIX=/usr
	[[ ! $(find "$root/root/stage" -type f) ]]
}

bad_arguments() {
	fails_with 'give an absolute path' make_in_root install PREFIX=usr
	fails_with 'give the name of a group' make_in_root install ZB_GROUP='a b'
}

install_and_undo() {
	make_in_root install
	make_in_root install
	not as_before "$box/before"
	make_in_root uninstall
	as_before "$box/before"
	make_in_root uninstall
	as_before "$box/before"
}

# An edited configuration file is neither overwritten nor removed.
edited_options() {
	make_in_root install
	echo 'options zbuddy size=32M' >>"$root/etc/modprobe.d/zbuddy.conf"
	make_in_root install 2>&1 | grep '^zbuddy: kept /etc/modprobe.d/zbuddy.conf'
	make_in_root uninstall 2>&1 | grep '^zbuddy: kept /etc/modprobe.d/zbuddy.conf'
	tail -n 1 "$root/etc/modprobe.d/zbuddy.conf" | grep size=32M
	rm "$root/etc/modprobe.d/zbuddy.conf"
	as_before "$box/before"
}

sample_is_harmless() {
	not grep -v '^#' "$tree/module/install/zbuddy.conf"
	make_in_root install
	in_root modprobe --showconfig | not grep zbuddy
	make_in_root uninstall
}

part_files() {
	make_in_root tools >/dev/null
	all_files >"$box/before"
	check "paths and modes of installed files" staged_files
	check "invalid arguments" bad_arguments
	check "make install twice, make uninstall twice" install_and_undo
	check "an edited file is kept" edited_options
	check "the sample configuration sets no parameters" sample_is_harmless
}
