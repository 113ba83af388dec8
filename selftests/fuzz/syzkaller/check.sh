#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Compares the description of the device with the user header: every command is described,
# every structure has the same size as in C, every name that is used has a value, and the
# .const file has these values. Prints differences only.
# usage: check.sh [--const] HEADER DESCRIPTION     (--const prints the .const file)
set -euo pipefail

only_const=
[[ $1 != --const ]] || { only_const=yes; shift; }
header=$(readlink -f "$1") text=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# Print the names from headers: flags, and const[] with a name.
names() {
	sed 's/#.*//' "$text" | grep -oE '\<(_*ZB_[A-Z0-9_]+|O_[A-Z]+|MAP_[A-Z]+|AT_FDCWD)\>' |
		grep -v '^ZB_IOC_[A-Z_]*]*$' | sort -u
	commands
}

commands() {
	grep -oE '\<ZB_IOC_[A-Z_]+\s+_IO\(' "$header" | sed 's/\s.*//'
}

# Print "size NAME BYTES" and "value NAME NUMBER" as determined by the compiler.
from_header() {
	local name
	{
		echo '#define _GNU_SOURCE'
		printf '#include <%s>\n' stdio.h fcntl.h sys/mman.h
		echo "#include \"$header\""
		echo 'int main(void) {'
		grep -oE '^struct zb_[a-z_]+ ' "$header" | while read -r _ name; do
			printf 'printf("size %%s %%zu\\n", "%s", sizeof(struct %s));\n' "$name" "$name"
		done
		for name in $(names | sort -u); do
			printf 'printf("value %%s %%llu\\n", "%s", (unsigned long long)(%s));\n' "$name" "$name"
		done
		echo 'return 0; }'
	} >"$tmp/names.c"
	gcc -o "$tmp/names" "$tmp/names.c"
	"$tmp/names"
}

# Print "size NAME BYTES" of each structure in the description, by the layout rules of C.
sizes_in_text() {
	awk -v label="$1" '
		function bytes(type,   part) {
			if (match(type, /int(8|16|32|64)/))
				return substr(type, RSTART + 3, RLENGTH - 3) / 8
			if (type ~ /^ptr64/)
				return 8
			return type in resource ? bytes(resource[type]) : type ~ /^fd/ ? 4 : 0
		}
		/^resource/ {
			split($2, part, "[")
			sub(/].*/, "", part[2])
			resource[part[1]] = part[2] == "fd" ? "int32" : part[2]
			next
		}
		/^[a-z_0-9$]+ \{/ { name = $1; size = 0; most = 1; next }
		/^\}/ && name { print "size", name, int((size + most - 1) / most) * most; name = ""; next }
		name && NF {
			type = $0
			sub(/^[ \t]*[a-z_]+[ \t]+/, "", type)
			sub(/[ \t]*\((in|out|inout)\)$/, "", type)
			count = 1
			if (type ~ /^array/) {
				count = type
				sub(/.*, */, "", count)
				sub(/\].*/, "", count)
				count = count == "ZB_LABEL_LEN" ? label : count
			}
			one = bytes(type)
			if (!one)
				print "no size for " type
			most = one > most ? one : most
			size = int((size + one - 1) / one) * one + one * count
		}' "$text"
}

print_const() {
	echo "# Values of include/uapi/linux/zbuddy.h; see Makefile."
	echo "arches = amd64, arm64"
	sed -n 's/^value \(.*\) \(.*\)/\1 = \2/p' "$tmp/header" | sort
}

from_header >"$tmp/header"
print_const >"$tmp/const"
if [[ $only_const ]]; then
	cat "$tmp/const"
	exit
fi
for command in $(commands); do
	grep -q "^ioctl\$$command(.*const\[$command\]" "$text" || echo "$text: $command is missing"
done
sizes_in_text "$(sed -n 's/^value ZB_LABEL_LEN //p' "$tmp/header")" >"$tmp/text"
while read -r what name size; do
	[[ $what == size ]] || continue
	grep -qx "size $name $size" "$tmp/text" || echo "$text: the size of $name is not $size bytes"
done <"$tmp/header"
while read -r _ name size; do
	grep -qx "size ${name%\$*} $size" "$tmp/header" || echo "$text: the size of $name is $size bytes, which differs from C"
done <"$tmp/text"
cmp -s "$tmp/const" "$text.const" || echo "$text.const: outdated, run make -C selftests/fuzz/syzkaller const"
