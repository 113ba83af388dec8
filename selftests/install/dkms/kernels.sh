# shellcheck shell=bash disable=SC2154  # set elsewhere
# SPDX-License-Identifier: GPL-2.0-only
#
# `make dkms-install`: two kernels, a third one that comes and goes, and guests.

# A build is slow, so the first ones are for one kernel: the other one's headers
# are away. Whatever was built here before must not get in.
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

# The same version, another source: what counts is what is here.
install_changed() {
	echo '/* changed */' >>"$root/zbuddy/module/main.c"
	make_in_root dkms-install
	diff "$root/zbuddy/module/main.c" "$root/usr/src/zbuddy-$version/module/main.c"
	is_installed "$new"
}

# own_version VERSION: as if the tree had that one.
own_version() {
	sed -i "s/^PACKAGE_VERSION=.*/PACKAGE_VERSION=\"$1\"/" "$root/zbuddy/dkms.conf"
}

# It takes the place of the one that is there.
install_other_version() {
	own_version "$version.1"
	make_in_root dkms-install
	[[ ! -e $root/usr/src/zbuddy-$version && ! -e $root/var/lib/dkms/zbuddy/$version ]]
	[[ $(in_root modinfo -k "$new" -F version zbuddy) == "$version.1" ]]
}

# Signed, as all that DKMS builds.
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

# With the hooks of the packages; nobody calls dkms.
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

# Sources removed by hand, which is what people do.
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
	check "a program and a module made with what was installed" program_and_module
	guest "$new"
	guest "$later"
	check "make uninstall" remove_program_and_module
	check "kernel $later is removed, and the module with it" downgrade
	check "make dkms-install where the sources are lost" install_without_source
	check "make dkms-uninstall where they are lost leaves nothing" uninstall_without_source
}
