#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Implements `make deb`: creates a Debian source package in directory DIR and builds
# the packages zbuddy-dkms and zbuddy-tools from it.
# usage: deb.sh DIR
set -eu

[ $# -eq 1 ] || { echo "usage: $0 DIR" >&2; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
build=$dir/zbuddy-$version

for tool in dpkg-buildpackage g++ dh dh_dkms; do
	command -v $tool >/dev/null || {
		echo "zbuddy: $tool is not installed: apt-get install build-essential debhelper dh-dkms" >&2
		exit 1
	}
done

# Use the time of the last commit, so that the packages are reproducible.
seconds=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y dkms.conf)}

rm -rf "$build" "$dir"/zbuddy*_"$version"[._]*
module/install/copy-source.sh --tools "$build"
cp -r module/install/debian "$build/debian"
cat >"$build/debian/changelog" <<END
zbuddy ($version) unstable; urgency=medium

  * Built by make deb.

 -- zbuddy developers <zbuddy@localhost>  $(date -u -R -d "@$seconds")
END

cd "$build"
SOURCE_DATE_EPOCH=$seconds dpkg-buildpackage -us -uc
ls "$dir"/*.deb
