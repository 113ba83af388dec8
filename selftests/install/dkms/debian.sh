# shellcheck shell=bash disable=SC2154,SC2016  # set elsewhere; for inner shells
# SPDX-License-Identifier: GPL-2.0-only
#
# The Debian system of dkms.sh, with two kernels and a third one to be installed later, and
# helpers to work in it.

debian_packages=build-essential,dkms,kmod,udev,openssl,procps,debhelper,dh-dkms,initramfs-tools
recipe=$(hash_of - <<<"$ZB_RELEASE $ZB_SERIES $debian_packages 1")

# Determine the names of the kernels: that of the release, that of backports, and the one to
# upgrade to.
name_kernels() {
	local name
	old=$(newest_package '6\.12\.[0-9]+\+deb[0-9]+' linux-headers- -amd64)
	old=${old#linux-headers-}
	[[ $old ]] || die "$ZB_RELEASE has no kernel 6.12"
	name=$(pick_package linux-headers- '\.[0-9]+\+deb[0-9]+' -amd64)
	new=${name#linux-headers-}
	later=${new%-amd64}-cloud-amd64
}

debian() {
	base=$(newest_complete dkms "-$recipe") || {
		locked apt guest_apt_update
		name_kernels
		base=$ZB_CACHE/dkms-$new-$recipe
		make_once "$base" make_debian
	}
	read -r old new later <"$base/kernels"
}

make_debian() {
	need mmdebstrap:mmdebstrap
	say "creating a Debian system with kernels $old and $new (two minutes)"
	quietly "$ZB_CACHE/logs/dkms.log" debootstrap "$1/root"
	echo "$old $new $later" >"$1/kernels"
}

# The initial ramdisks are kept small because they are built often. The packages of the
# upgrade are downloaded here, so that the test itself needs no network.
debootstrap() {
	local acquire=$ZB_CACHE/apt/acquire.conf kernels='' kernel
	for kernel in "$old" "$new"; do
		kernels+=linux-image-$kernel,linux-headers-$kernel,
	done
	apt-config dump Acquire | grep -E '::(Proxy|Check-|Retries|Verify)' >"$acquire" || true
	confined mmdebstrap --mode=root --variant=minbase --aptopt="$acquire" \
		--aptopt="APT::Default-Release \"$ZB_KERNELS\"" --dpkgopt=force-unsafe-io \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-include=/usr/share/man/man?/zb*' --dpkgopt='path-exclude=/usr/share/locale/*' --skip=cleanup/apt \
		--essential-hook='mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/usr/share/initramfs-tools/modules.d"' \
		--essential-hook='echo MODULES=list >"$1/etc/initramfs-tools/conf.d/small"' \
		--essential-hook='printf "%s\n" virtio_blk virtio_pci ext4 >"$1/usr/share/initramfs-tools/modules.d/disk"' \
		--customize-hook='chroot "$1" apt-get clean' \
		--customize-hook="chroot \"\$1\" apt-get -q -y --no-install-recommends --download-only install linux-image-$later linux-headers-$later" \
		--include="$kernels$debian_packages" "$ZB_RELEASE" "$1" - <"$ZB_CACHE/apt/sources.list"
}

# --- working in it ----------------------------------------------------------------------

# Start with a fresh overlay, or a copy where overlays can't be mounted.
fresh_root() {
	! mountpoint -q "$box/root" || umount "$box/root"
	rm -rf --one-file-system "$box/root" "$box/upper" "$box/work"
	mkdir "$box/root" "$box/upper" "$box/work"
	root=$box/root
	mount -t overlay -o "lowerdir=$base/root,upperdir=$box/upper,workdir=$box/work" overlay "$root" 2>/dev/null ||
		cp -a --reflink=auto "$base/root/." "$root/"
	"$tree/module/install/copy-source.sh" --tools "$root/zbuddy"
	# DKMS generates a signing key at its first build and keeps it.
	in_root dkms generate_mok >/dev/null
}

# in_root COMMAND...: run it in the Debian system.
in_root() {
	confined bash -euc '
		root=$1
		shift
		mount -t proc proc "$root/proc"
		mount --rbind /dev "$root/dev"
		exec chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"
	' in_root "$root" "$@" </dev/null
}

make_in_root() {
	in_root make -C /zbuddy "$@"
}

# List all files except those that change by themselves. The size of folders is irrelevant.
all_files() {
	(cd "$root" && find . \( -path ./zbuddy -o -path ./proc -o -path ./dev -o -path ./run -o -path ./tmp -o -path ./root \
		-o -path ./var/log -o -path ./var/cache -o -path ./var/lib/apt -o -path ./var/lib/dpkg \) -prune -o \
		\( -type d -printf '%y %m %P\n' -o -printf '%y %m %s %P %l\n' \) | sort)
}

# as_before FILE: the files are the same as in this list.
as_before() {
	all_files | diff "$1" -
}
