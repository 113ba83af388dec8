#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What record.sh records: an archive of sources is made, unpacked and copied, compiled by two
# processes at once, read by Perl programs, and most of it is deleted.

compile() {
	for file in "$@"; do
		gcc -O2 -g -std=gnu11 -pthread -I/src/env -I/src/core -I/src/uapi \
			-c "$file" -o "/build/$(basename "$file" .c).o" || return
	done
}

# shellcheck disable=SC2016  # for perl
count_words() {
	find "$1" -type f -print0 | xargs -0 perl -ne '
		$n{$_}++ for /\w+/g;
		END { printf "%d words\n", scalar keys %n }'
}

set -e
mkdir -p /build /copy
tar -cf /build/tree.tar -C /src tree
tar -xf /build/tree.tar -C /build
cp -r /build/tree /copy/
# shellcheck disable=SC2046  # file names without blanks
set -- $(ls /src/core/*.c)
half=$(($# / 2))
first='' nr=0
for file in "$@"; do
	[ $nr -lt $half ] || break
	first="$first $file" nr=$((nr + 1))
	shift
done
# shellcheck disable=SC2086  # several names
compile $first &
compile "$@"
wait $!
rm -r /copy/tree
count_words /build/tree
cp -r /build/tree/lib /copy/
ld -r -o /build/core.o /build/*.o
rm -r /build/tree /build/tree.tar
count_words /copy/lib
