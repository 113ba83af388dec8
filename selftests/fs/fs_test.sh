#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The file system with the programs that administrators use: mount options, messages, df,
# stat, cp, cmp, dd, and unloading.

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/test_lib.sh
. ./test_lib.sh

[ -c /dev/zbuddy ] || skip_all "no /dev/zbuddy: insmod zbuddy.ko first"
command -v kernel_log >/dev/null || skip_all "no program kernel_log"
echo "TAP version 13"

mnt=$TMP/mnt
mkdir "$mnt"

# refused OPTIONS TEXT: mounting fails with one line in the log that contains the text.
refused() {
	mark
	run mount -t zbuddy none "$mnt" -o "$1"
	[ "$status" -ne 0 ] || { umount "$mnt"; say "mounted with $1"; return 1; }
	logged >"$TMP/log"
	one_line_of "$2" "$TMP/log"
}

nonsense() {
	while read -r options text; do
		refused "$options" "$text"
		verdict "mount -o $options is refused: $text" $?
	done <<-END
	size=much size=much: must be a size such as 64M
	size=-1 size=-1: must be a size such as 64M
	size=1 size=1: no file would fit
	node=77 node=77: this node has no region
	gfp=fast gfp=fast: must be movable, highuser
	mode=77777 mode=77777: must be permissions
	uid=4294967295 uid=4294967295: not a valid user ID in this user namespace
	gid=4294967295 gid=4294967295: not a valid group ID in this user namespace
	END
	for options in node=x mode=9 uid=x colour=red size node=-1; do
		run mount -t zbuddy none "$mnt" -o $options
		[ "$status" -ne 0 ]
		verdict "mount -o $options is refused" $?
	done
}

options_are_shown() {
	mount -t zbuddy none "$mnt" -o size=4M,node=0,gfp=user,mode=1770,uid=7,gid=8 || return
	grep -q " $mnt zbuddy rw,relatime,size=4194304,node=0,gfp=user,mode=1770,uid=7,gid=8 " \
		/proc/mounts &&
		[ "$(stat -c '%a %u %g %F' "$mnt")" = "1770 7 8 directory" ]
}

df_is_true() {
	truncate -s 1M "$mnt/a" || return
	# shellcheck disable=SC2046  # words
	set -- $(df -k "$mnt" | tail -n 1)
	[ "$2 $3 $4" = "4096 1024 3072" ] || { say "df: $*"; return 1; }
	[ "$(stat -c '%s %b' "$mnt/a")" = "1048576 2048" ]
}

programs() {
	dd if=/dev/urandom of="$TMP/data" bs=4096 count=256 2>/dev/null
	dd if="$TMP/data" of="$mnt/a" bs=10000 conv=notrunc 2>/dev/null || return
	cmp "$TMP/data" "$mnt/a" || return
	cp "$mnt/a" "$TMP/copy" || return
	cmp "$TMP/data" "$TMP/copy" || return
	truncate -s 1M "$mnt/b" || return
	dd if="$mnt/a" of="$mnt/b" conv=notrunc 2>/dev/null || return
	cmp "$TMP/data" - <"$mnt/b" || return
	run dd if=/dev/zero of="$mnt/b" bs=1M count=1 seek=1 conv=notrunc
	[ "$status" -ne 0 ] && grep -q "No space left on device" "$err"
}

remount() {
	mount -o remount,size=8M "$mnt" || return
	truncate -s 5M "$mnt/c" || return
	run mount -o remount,size=1M "$mnt"
	[ "$status" -ne 0 ] || return
	run mount -o remount,gfp=dma "$mnt"
	[ "$status" -ne 0 ] && grep -q "size=8388608,node=0,gfp=user" /proc/mounts
}

owners() {
	zbctl owners >"$out" || return
	grep -q '\<a .*\<file\>' "$out" || { show "$out"; return 1; }
}

unmount() {
	exec 5<"$mnt/a"
	run umount "$mnt"
	exec 5<&-
	[ "$status" -ne 0 ] || return
	run rmmod zbuddy
	[ "$status" -ne 0 ] && umount "$mnt"
}

# Files with data, at several times, do not keep the module or memory after unmounting.
nothing_is_left() {
	mount -t zbuddy none "$mnt" || return
	truncate -s 2M "$mnt/x" || return
	umount "$mnt" && await 5 is_empty "$DEBUGFS/owners"
}

nonsense
for case in options_are_shown df_is_true programs remount owners unmount nothing_is_left; do
	if [ $case = owners ] && [ ! -r "$DEBUGFS/owners" ]; then
		skip owners "no debugfs, or not root"
		continue
	fi
	$case
	verdict "$case" $?
done
finish
