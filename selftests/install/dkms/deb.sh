# shellcheck shell=bash disable=SC2154  # set elsewhere
# SPDX-License-Identifier: GPL-2.0-only
#
# `make deb` and the packages that it builds.

build_packages() {
	make_in_root deb
	ls "$root/zbuddy/stage/deb/zbuddy_$version.dsc"
	cp "$root"/zbuddy/stage/deb/zbuddy-{dkms,tools}_"$version"_*.deb "$root/root/"
}

# Builds are reproducible.
build_packages_again() {
	make_in_root deb
	cmp "$root"/{root,zbuddy/stage/deb}/"zbuddy-dkms_${version}_all.deb"
	cmp "$root"/{root,zbuddy/stage/deb}/"zbuddy-tools_${version}_amd64.deb"
}

install_packages() {
	in_root sh -c 'cd /root && apt-get -q -y --no-install-recommends install \
		./zbuddy-dkms_*.deb ./zbuddy-tools_*.deb'
	is_installed "$old"
	is_installed "$new"
	in_root zbctl --help >/dev/null
	in_root dpkg --verify zbuddy-dkms
	in_root dpkg --verify zbuddy-tools
}

packages_are_left_alone() {
	fails_with 'apt-get purge zbuddy-dkms' make_in_root dkms-install
	fails_with 'apt-get purge zbuddy-dkms' make_in_root dkms-uninstall
	is_installed "$new"
}

purge_packages() {
	in_root apt-get -q -y purge zbuddy-dkms zbuddy-tools
	as_before "$box/before"
}

no_packaging_tools() {
	mv "$root/usr/bin/dh_dkms" "$root/usr/bin/dh_dkms.away"
	fails_with 'debhelper dh-dkms' make_in_root deb
	mv "$root/usr/bin/dh_dkms.away" "$root/usr/bin/dh_dkms"
}

part_deb() {
	all_files >"$box/before"
	check "make deb without dh_dkms" no_packaging_tools
	check "make deb" build_packages
	check "make deb again builds identical packages" build_packages_again
	check "apt-get install of the packages builds for both kernels" install_packages
	check "make dkms-install and dkms-uninstall do not touch the package" packages_are_left_alone
	check "apt-get purge leaves nothing behind" purge_packages
}
