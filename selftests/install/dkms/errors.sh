# shellcheck shell=bash disable=SC2154  # set elsewhere
# SPDX-License-Identifier: GPL-2.0-only
#
# Error messages of `make dkms-install` and `make dkms-uninstall`.

without_dkms() {
	mv "$root/usr/sbin/dkms" "$root/usr/sbin/dkms.away"
	fails_with 'apt-get install dkms' make_in_root dkms-install
	fails_with 'apt-get install dkms' make_in_root dkms-uninstall
	mv "$root/usr/sbin/dkms.away" "$root/usr/sbin/dkms"
}

without_root() {
	fails_with 'as root' in_root setpriv --reuid=65534 make -C /zbuddy dkms-install
}

# away KERNEL, back KERNEL: remove the headers of a kernel, and restore them.
away() {
	mv "$root/usr/lib/modules/$1/build" "$root/usr/lib/modules/$1/build.away"
}

back() {
	mv "$root/usr/lib/modules/$1/build.away" "$root/usr/lib/modules/$1/build"
}

without_headers() {
	away "$old"
	away "$new"
	fails_with 'apt-get install linux-headers-' make_in_root dkms-install
	fails_with 'apt-get install linux-headers-' make_in_root modules "KDIR=/lib/modules/$new/build"
	back "$old"
	back "$new"
}

# The module is built for the kernel with headers, and a message names the other one.
without_some_headers() {
	away "$old"
	make_in_root dkms-install >"$box/output" 2>&1 || { cat "$box/output"; return 1; }
	grep "^zbuddy: .*apt-get install linux-headers-$old\$" "$box/output"
	is_installed "$new"
	not is_installed "$old"
	back "$old"
	make_in_root dkms-install
	is_installed "$old"
	make_in_root dkms-uninstall
}

# If the build fails for one kernel, the module is still installed for the other one.
broken_build() {
	sed -i '1i #if defined(CONFIG_CMA)\n#error no such thing\n#endif' "$root/zbuddy/module/main.c"
	fails_with "$new, see /var/lib/dkms/zbuddy/$version/build/make.log" make_in_root dkms-install
	grep -q 'no such thing' "$root/var/lib/dkms/zbuddy/$version/build/make.log"
	is_installed "$old"
	not is_installed "$new"
	sed -i 1,3d "$root/zbuddy/module/main.c"
	away "$old"
	make_in_root dkms-install
	is_installed "$new"
	make_in_root dkms-uninstall
	back "$old"
}

nothing_to_undo() {
	make_in_root dkms-uninstall >"$box/output" 2>&1
	grep '^zbuddy: nothing to remove' "$box/output"
}

part_errors() {
	all_files >"$box/before"
	check "dkms is not installed" without_dkms
	check "the user is not root" without_root
	check "no kernel has headers" without_headers
	check "make dkms-uninstall without an installation" nothing_to_undo
	check "one kernel has no headers" without_some_headers
	check "a build that fails, and succeeds after a fix" broken_build
	check "nothing is left behind" as_before "$box/before"
}
