#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Init process of a guest of dkms.sh: a Debian system where everything was installed as a
# user would do it. Loads the module by its name and uses all installed files. Prints a
# line `ok` or `not ok` per check, the output of failed checks, and finally `done`.

export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
exec </dev/null >/dev/ttyS1 2>&1
stty -F /dev/ttyS1 raw -echo -opost
log=/tmp/log

# check TEXT COMMAND...: a check that passes if the command succeeds. It is not called by
# `if COMMAND` because that would disable `set -e` inside of it.
check() {
	text=$1
	shift
	(set -ex; "$@") >$log 2>&1
	status=$?
	if [ $status -eq 0 ]; then
		echo "ok $text"
	else
		echo "not ok $text"
		sed 's/^/#   /' $log
	fi
}

set_up() {
	mount -t tmpfs tmpfs /tmp
	mount -t debugfs debugfs /sys/kernel/debug
	/usr/lib/systemd/systemd-udevd --daemon
	udevadm trigger --type=all --action=add
	udevadm settle
} >/dev/null 2>&1

dkms_module_is_found() {
	case $(modinfo -n zbuddy) in
	/lib/modules/$(uname -r)/updates/dkms/zbuddy.ko*) ;;
	*) return 1 ;;
	esac
}

# region_of KIBIBYTES: the region has this size.
region_of() {
	udevadm settle
	awk -v wanted="$1" '/^zone/ || $3 == "zone" { next } /present/ { n += $2 } END { exit n * 4 != wanted }' \
		/sys/kernel/debug/zbuddy/zoneinfo
}

loads() {
	modprobe zbuddy size=64M
	region_of 65536
}

# Without the group, only root can use the device. The commands are those of the README.
group_may() {
	test "$(stat -c '%a %U %G' /dev/zbuddy)" = '660 root root'
	groupadd --system zbuddy
	touch /usr/local/lib/udev/rules.d/60-zbuddy.rules
	udevadm control --reload && udevadm trigger --sysname-match=zbuddy
	udevadm settle
	test "$(stat -c '%a %U %G' /dev/zbuddy)" = '660 root zbuddy'
	setpriv --reuid=65534 --regid="$(getent group zbuddy | cut -d: -f3)" --clear-groups \
		/root/program
}

others_may_not() {
	! setpriv --reuid=65534 --regid=65534 --clear-groups /root/program
}

tool_works() {
	zbctl alloc 2M --count 4 -q
	zbctl stat
}

other_module_works() {
	modprobe -r zbuddy
	modprobe zb_other
	dmesg | grep 'zb_other: a page'
	modprobe -r zb_other
}

options_count() {
	test ! -d /sys/module/zbuddy
	sed -i '0,/^#options zbuddy size=256M$/ s/^#options zbuddy size=256M$/options zbuddy size=32M/' \
		/etc/modprobe.d/zbuddy.conf
	echo zbuddy >/etc/modules-load.d/zbuddy.conf
	/usr/lib/systemd/systemd-modules-load
	region_of 32768
	modprobe -r zbuddy
}

# Like Secure Boot with a key that the firmware does not know. This is the last check because
# the setting can't be undone.
unknown_key_is_refused() {
	test "$(modinfo -F signer zbuddy)" = "DKMS module signing key"
	echo 1 >/sys/module/module/parameters/sig_enforce
	if modprobe zbuddy size=64M 2>/tmp/refused; then
		return 1
	fi
	grep 'Key was rejected by service' /tmp/refused
	test ! -d /sys/module/zbuddy
}

log_is_clean() {
	dmesg | tail -n 30
	! dmesg | grep -E -f /root/kernel-problems
}

set_up
check "modprobe finds the module that DKMS installed" dkms_module_is_found
check "modprobe zbuddy size=64M" loads
check "the group can use the device, and a program built with the header works" group_may
check "other users can't use the device" others_may_not
check "zbctl" tool_works
pkill zbctl
check "a module built with the headers loads zbuddy as its dependency" other_module_works
check "modules-load.d loads the module, with options of modprobe.d" options_count
check "no problems in the kernel log" log_is_clean
check "with enforced signatures, a signature by an unknown key is rejected" unknown_key_is_refused
echo "done $(uname -r)"
sync
stty -F /dev/ttyS1 raw -echo -opost
echo o >/proc/sysrq-trigger
sleep 60
