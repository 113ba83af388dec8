# shellcheck shell=bash disable=SC2154  # set elsewhere
# SPDX-License-Identifier: GPL-2.0-only
#
# `make dkms-install` with two kernels, a third one that is installed and removed, and guests.

# Builds are slow, so the first ones are for one kernel only: the headers of the other one
# are removed. Stale build products in the tree must not be installed.
install_for_one() {
	away "$old"
	touch "$root/zbuddy/zbuddy.ko" "$root/zbuddy/module/"{main.o,.main.o.cmd}
	make_in_root dkms-install
	is_installed "$new"
	[[ ! $(find "$root/usr/src/zbuddy-$version" -name '*.o' -o -name '*.ko' -o -name '.*.cmd') ]]
}

times() {
	(cd "$root" && find usr/src/zbuddy-* usr/lib/modules/*/updates var/lib/dkms -printf '%T@ %p\n' | sort)
}

install_again() {
	times >"$box/times"
	make_in_root dkms-install
	times | diff "$box/times" -
}

# A changed source with the same version is installed again.
install_changed() {
	echo '/* changed */' >>"$root/zbuddy/module/main.c"
	make_in_root dkms-install
	diff "$root/zbuddy/module/main.c" "$root/usr/src/zbuddy-$version/module/main.c"
	is_installed "$new"
}

# own_version VERSION: change the version of the tree.
own_version() {
	sed -i "s/^PACKAGE_VERSION=.*/PACKAGE_VERSION=\"$1\"/" "$root/zbuddy/dkms.conf"
}

# Another version replaces the installed one.
install_other_version() {
	own_version "$version.1"
	make_in_root dkms-install
	[[ ! -e $root/usr/src/zbuddy-$version && ! -e $root/var/lib/dkms/zbuddy/$version ]]
	[[ $(in_root modinfo -k "$new" -F version zbuddy) == "$version.1" ]]
}

# DKMS signs the modules for both kernels.
install_for_two() {
	local kernel
	own_version "$version"
	back "$old"
	make_in_root dkms-install
	[[ ! -e $root/usr/src/zbuddy-$version.1 && ! -e $root/var/lib/dkms/zbuddy/$version.1 ]]
	for kernel in "$old" "$new"; do
		is_installed "$kernel"
		[[ $(in_root modinfo -k "$kernel" -F vermagic zbuddy) == "$kernel "* ]]
		[[ $(in_root modinfo -k "$kernel" -F version zbuddy) == "$version" ]]
		[[ $(in_root modinfo -k "$kernel" -F signer zbuddy) == "DKMS module signing key" ]]
	done
}

# Installing a kernel package builds the module by its hooks, without a call of dkms.
upgrade() {
	in_root apt-get -q -y --no-install-recommends --no-download install \
		"linux-image-$later" "linux-headers-$later"
	is_installed "$later"
	[[ $(in_root modinfo -k "$later" -F vermagic zbuddy) == "$later "* ]]
}

downgrade() {
	in_root apt-get -q -y purge "linux-*$later"
	[[ ! -e $root/usr/lib/modules/$later && ! -e $root/var/lib/dkms/zbuddy/$version/$later ]]
	is_installed "$old"
	is_installed "$new"
}

# Users may remove the sources manually.
install_without_source() {
	rm -r "$root/usr/src/zbuddy-$version"
	away "$old"
	make_in_root dkms-install
	is_installed "$new"
	not is_installed "$old"
	back "$old"
}

uninstall_without_source() {
	rm -r "$root/usr/src/zbuddy-$version"
	make_in_root dkms-uninstall
	as_before "$box/before"
}

remove_program_and_module() {
	make_in_root uninstall
	rm -r "$root"/usr/lib/modules/{"$new","$later"}/extra
	in_root depmod "$new"
}

part_dkms() {
	all_files >"$box/before"
	check "make dkms-install" install_for_one
	check "make dkms-install again changes nothing" install_again
	check "make dkms-install of a changed source" install_changed
	check "make dkms-install of another version" install_other_version
	check "make dkms-install for $old and $new" install_for_two
	check "kernel $later is installed: its hooks build the module" upgrade
	check "make install" make_in_root install
	check "a program and a module build with the installed files" program_and_module
	guest "$new"
	guest "$later"
	check "make uninstall" remove_program_and_module
	check "kernel $later is removed together with the module" downgrade
	check "make dkms-install after the sources were removed" install_without_source
	check "make dkms-uninstall after that leaves nothing behind" uninstall_without_source
}
