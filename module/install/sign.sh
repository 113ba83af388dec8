#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Implements `make sign`: signs ./zbuddy.ko for Secure Boot with an existing key.
# usage: [KDIR=DIR] [SIGN_KEY=FILE SIGN_CERT=FILE] sign.sh
#
# The default is the key that DKMS signs with: on Ubuntu the machine owner key of shim,
# elsewhere the key that DKMS has generated.
set -eu

PATH=$PATH:/usr/sbin:/sbin
cd "$(dirname "$0")/../.."
module=zbuddy.ko
kernel=${KDIR:-/lib/modules/$(uname -r)/build}
key=${SIGN_KEY:-} cert=${SIGN_CERT:-}

die() {
	echo "zbuddy: $*" >&2
	exit 1
}

default_key() {
	key=/var/lib/shim-signed/mok/MOK.priv cert=/var/lib/shim-signed/mok/MOK.der
	[ -e "$key" ] || key=/var/lib/dkms/mok.key cert=/var/lib/dkms/mok.pub
}

# readable WHAT FILE
readable() {
	[ -e "$2" ] || die "there is no $1 $2: run dkms generate_mok, or set SIGN_KEY= and SIGN_CERT="
	[ -r "$2" ] || die "cannot read the $1 $2: run this as its owner or as root"
}

find_tool() {
	tool=$kernel/scripts/sign-file
	[ -x "$tool" ] || tool=$(command -v kmodsign) ||
		die "no sign-file in $kernel/scripts: apt-get install linux-headers-$(uname -r), or set KDIR"
}

# Prints the digest that the kernel is configured for: it may support no other.
digest() {
	sed -n 's/^CONFIG_MODULE_SIG_HASH="\(.*\)"/\1/p' "$kernel/include/config/auto.conf" 2>/dev/null |
		grep . || echo sha256
}

# Removes an existing signature from $new. It consists of the signature data, a
# 12-byte description whose last four bytes are the length of the data, and a 28-byte
# marker line.
drop_signature() {
	tail -c 28 "$new" | grep -qx '~Module signature appended~' || return 0
	length=$(tail -c 32 "$new" | head -c 4 | od -An -tx1 | tr -d ' ')
	truncate -s "-$((0x$length + 40))" "$new"
}

[ -e "$module" ] || die "there is no $module in this tree: run make first"
[ "$key$cert" ] || default_key
readable key "$key"
readable certificate "$cert"
find_tool
new=$(mktemp)
trap 'rm -f "$new"' EXIT
cp "$module" "$new"
drop_signature
"$tool" "$(digest)" "$key" "$cert" "$new" || die "signing failed: is $cert the certificate of $key?"
cat "$new" >"$module"
echo "$module: signed by$(modinfo -F signer "./$module" | sed 's/^/ /')"
