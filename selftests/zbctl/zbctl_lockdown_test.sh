#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The error line of zbctl when the kernel is locked down, so that not even root may write to
# debugfs. Lockdown lasts until the next boot and forbids unsigned modules. Therefore this
# test runs last, and only in a guest.

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/lib/test_lib.sh
. ./test_lib.sh

lockdown=/sys/kernel/security/lockdown
[ -d /etc/zb ] || skip_all "not in a guest of guest/run"
[ ! -d /sys/module/zbuddy ] || skip_all "zbuddy is loaded: rmmod zbuddy first"
[ -e $lockdown ] || mount -t securityfs securityfs /sys/kernel/security 2>/dev/null
grep -q '\[none\]' $lockdown 2>/dev/null || skip_all "this kernel has no lockdown"

echo "TAP version 13"
insmod ./zbuddy.ko size=64M
verdict "loads" $?
zbctl drain
verdict "drain works before lockdown" $?
echo integrity >$lockdown
run zbctl drain
[ "$status" -eq 1 ] && one_line_of "the kernel is locked down, so that not even root may use this file: boot without lockdown (Secure Boot), or close the device" "$err"
verdict "drain names lockdown and the remedy" $?
run zbctl check
[ "$status" -eq 0 ]
verdict "check only reads, and works" $?
id=$(zbctl alloc 1M -q) && zbctl free -q "$id"
verdict "the device works" $?
rmmod zbuddy
verdict "unloads" $?
finish
