#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Process 1 of a guest of dkms.sh: a Debian where everything was installed as a
# user would. Loads the module by its name and uses what came with it. Prints a
# line `ok` or `not ok` per check, with what went wrong below, and at last `done`.

export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
exec </dev/null >/dev/ttyS1 2>&1
stty -F /dev/ttyS1 raw -echo -opost
log=/tmp/log

# check TEXT COMMAND...	(`if COMMAND` would switch off `set -e` inside of it)
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

# region_of KIBIBYTES
region_of() {
	udevadm settle
	awk -v wanted="$1" '/^zone/ || $3 == "zone" { next } /present/ { n += $2 } END { exit n * 4 != wanted }' \
		/sys/kernel/debug/zbuddy/zoneinfo
}

loads() {
	modprobe zbuddy size=64M
	region_of 65536
}

# Without such a group the device is root's. The commands are those of the README.
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

# The last one, for it cannot be taken back: as under Secure Boot, with a key that
# the firmware does not know.
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
check "the udev rule lets the group in, and a program made with the header works" group_may
check "nobody else" others_may_not
check "zbctl" tool_works
pkill zbctl
check "a module made with the headers brings zbuddy with it" other_module_works
check "a line in modules-load.d loads it, a line in modprobe.d counts" options_count
check "nothing in the kernel log" log_is_clean
check "where signatures count, one of an unknown key does not" unknown_key_is_refused
echo "done $(uname -r)"
sync
stty -F /dev/ttyS1 raw -echo -opost
echo o >/proc/sysrq-trigger
sleep 60
