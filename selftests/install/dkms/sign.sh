# shellcheck shell=bash disable=SC2154  # set elsewhere
# SPDX-License-Identifier: GPL-2.0-only
#
# `make sign`.

sign() {
	make_in_root sign "KDIR=/lib/modules/$new/build" "$@"
}

throw_away_key() {
	in_root openssl req -new -x509 -newkey rsa:2048 -nodes -days 1 -outform DER \
		-subj "/CN=zbuddy throw-away key/" -keyout /root/key -out /root/cert
	in_root openssl x509 -inform DER -in /root/cert -out /root/cert.pem
	in_root openssl genrsa -out /root/other.key
}

signer() {
	in_root modinfo -F signer "$1"
}

# The signature of the unsigned module is correct. DIGITS is the length of the signature.
signature_is_right() {
	local ko=$root/zbuddy/zbuddy.ko digits length
	digits=$(tail -c 32 "$ko" | head -c 4 | od -An -tx1 | tr -d ' ')
	length=$((16#$digits))
	tail -c $((length + 40)) "$ko" | head -c "$length" >"$root/root/signature"
	head -c -$((length + 40)) "$ko" >"$root/root/signed"
	cmp "$root/root/signed" "$root/root/unsigned"
	in_root openssl cms -verify -binary -noverify -inform DER -in /root/signature \
		-content /root/signed -certfile /root/cert.pem -nointern -out /dev/null
}

sign_with_own_key() {
	cp "$root/zbuddy/zbuddy.ko" "$root/root/unsigned"
	sign SIGN_KEY=/root/key SIGN_CERT=/root/cert
	[[ $(signer /zbuddy/zbuddy.ko) == "zbuddy throw-away key" ]]
	signature_is_right
	sign SIGN_KEY=/root/key SIGN_CERT=/root/cert
	signature_is_right
}

sign_with_wrong_key() {
	cp "$root/zbuddy/zbuddy.ko" "$root/root/kept"
	fails_with 'is /root/cert the certificate of /root/other.key?' sign \
		SIGN_KEY=/root/other.key SIGN_CERT=/root/cert
	cmp "$root/zbuddy/zbuddy.ko" "$root/root/kept"
}

sign_with_default_key() {
	sign
	[[ $(signer /zbuddy/zbuddy.ko) == "DKMS module signing key" ]]
}

sign_without_default_key() {
	rm "$root"/var/lib/dkms/mok.*
	fails_with 'dkms generate_mok' sign
	[[ ! -e $root/var/lib/dkms/mok.key ]]
}

part_sign() {
	throw_away_key 2>/dev/null
	check "there is no module to sign" fails_with 'run make' sign
	check "make" make_in_root modules "KDIR=/lib/modules/$new/build"
	check "the key does not exist" fails_with 'set SIGN_KEY=' sign SIGN_KEY=/root/no.key SIGN_CERT=/root/cert
	check "the certificate does not exist" fails_with 'certificate /root/no.cert' sign SIGN_KEY=/root/key SIGN_CERT=/root/no.cert
	check "the headers are missing" fails_with 'apt-get install linux-headers-' make_in_root sign \
		KDIR=/lib/modules/none/build SIGN_KEY=/root/key SIGN_CERT=/root/cert
	check "sign twice with a given key" sign_with_own_key
	check "key and certificate do not match" sign_with_wrong_key
	check "sign with the key of DKMS" sign_with_default_key
	check "no key is generated if there is none" sign_without_default_key
}
