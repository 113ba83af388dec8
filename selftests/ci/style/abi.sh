#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What user space was promised: selftests/device/abi_pinned.h has every number, structure
# and member of the user header, each with what it came with: V3, the version that
# was pinned first, or the feature bit that tells a program that it is there.
#
#   abi.sh check           prints what has changed without a new feature bit
#   abi.sh selftest        prints what this script should find and does not
#   abi.sh add FEATURE     pins what is new; FEATURE (ZB_FEATURE_...) is new as well
#   abi.sh start           pins all of the header as V3, where nothing is pinned: the
#                          file was removed because a new version breaks old programs
#
# abi_test.c compiles the same file, so that it is held against the header by each
# compiler that builds the tests.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
header=${ABI_HEADER:-$here/../../../include/uapi/linux/zbuddy.h}
pinned=${ABI_PINNED:-$here/../../device/abi_pinned.h}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# A C program's lines that print "VALUE(NAME, number" and the like. A macro with
# arguments is no promise, nor is the one against including the header twice.
questions() {
	awk '
		function ask(format, args) { printf "printf(\"%s\\n\", %s);\n", format, args }
		/^#define[ \t]+_*ZB_[A-Z0-9_]+[ \t]/ {
			ask("VALUE(" $2 ", %#llx", "(unsigned long long)(" $2 ")")
		}
		/^struct zb_[a-z_]+ \{/ {
			name = $2
			ask("SIZE(" name ", %zu", "sizeof(struct " name ")")
			next
		}
		/^\}/ { name = "" }
		name && /;/ {
			member = $0
			sub(/;.*/, "", member)
			sub(/\[.*/, "", member)
			sub(/.*[ \t]/, "", member)
			place = "struct " name ", " member
			ask("MEMBER(" name ", " member ", %zu, %zu",
			    "offsetof(" place "), sizeof(((struct " name " *)0)->" member ")")
		}' "$header"
}

# What the header says now.
current() {
	{
		printf '#include <%s>\n' stddef.h stdio.h
		echo "#include \"$header\""
		echo 'int main(void) {'
		questions
		echo 'return 0; }'
	} >"$tmp/ask.c"
	gcc -o "$tmp/ask" "$tmp/ask.c"
	"$tmp/ask"
}

# The lines of the file without what they came with.
promises() {
	sed -n 's/^\([A-Z]*(.*\), [A-Z0-9_]*)$/\1/p' "$pinned"
}

# A structure may grow: of its sizes the last one that was pinned is today's.
latest() {
	awk -F'[(,]' '
		$1 == "SIZE" { size[$2] = $0; next }
		{ print }
		END { for (name in size) print size[name] }' | sort
}

# A sum over what came with V3: it is complete, and nothing can join it.
sum_of_v3() {
	grep ', V3)$' "$pinned" | cksum | cut -d ' ' -f 1
}

check_tags() {
	local tag
	sed -n 's/^[A-Z]*(.*, \([A-Z0-9_]*\))$/\1/p' "$pinned" | sort -u | while read -r tag; do
		[[ $tag == V3 ]] || grep -q "^VALUE($tag, .*, $tag)$" "$pinned" ||
			echo "$pinned: $tag is no feature bit that came with what it stands for"
	done
	grep -q "^/\* V3: $(sum_of_v3) \*/$" "$pinned" ||
		echo "$pinned: what came with V3 has changed"
}

check() {
	current | sort >"$tmp/now"
	promises | latest >"$tmp/then"
	comm -13 "$tmp/now" "$tmp/then" | sed 's|.*|&) was promised, and is not so in the header|'
	comm -23 "$tmp/now" "$tmp/then" |
		sed 's|.*|&) is new: give it a feature bit, and pin both with selftests/ci/style/abi.sh add ZB_FEATURE_...|'
	check_tags
}

# Only in a structure that grew is a promise replaced by a larger one.
add() {
	local feature=$1
	[[ $feature == ZB_FEATURE_?* ]] || { echo "abi.sh: $feature is not ZB_FEATURE_..."; exit 2; }
	current >"$tmp/new"
	sort "$tmp/new" >"$tmp/now"
	promises | latest >"$tmp/then"
	if comm -13 "$tmp/now" "$tmp/then" | grep -v '^SIZE('; then
		echo "abi.sh: this was promised; a new version would have to break old programs"
		exit 1
	fi
	comm -23 "$tmp/now" "$tmp/then" >"$tmp/more"
	grep -q "^VALUE($feature, " "$tmp/more" || { echo "abi.sh: $feature is not new"; exit 1; }
	{
		echo
		grep -Fxf "$tmp/more" "$tmp/new" | sed "s/\$/, $feature)/"
	} >>"$pinned"
}

start() {
	[[ ! -e $pinned ]] || { echo "abi.sh: $pinned is there; see the top of this script"; exit 1; }
	{
		echo "/* SPDX-License-Identifier: GPL-2.0 */"
		echo "/* Written by style/abi.sh, which says how to change it: not by hand. */"
		current | sed 's/$/, V3)/'
	} >"$pinned"
	echo "/* V3: $(sum_of_v3) */" >>"$pinned"
}

# Whether all this finds what it is for, with the header changed in a few ways.
selftest() {
	local change header=$header pinned=$pinned
	cp "$pinned" "$tmp/pinned.h"
	pinned=$tmp/pinned.h
	for change in 's/__u32 nr_nodes;/__u64 nr_nodes;/' 's/__u32 nr_nodes;//' \
		's/(ZB_IOC_TYPE, 9)/(ZB_IOC_TYPE, 11)/' '/define ZB_SYNC_FOR_CPU/d' \
		's/^#define ZB_BULK_MAX.*/&\n#define ZB_BULK_MIN 1u/' \
		's/^#define ZB_BULK_MAX.*/#define ZB_BULK_MAX 8192u/' \
		's/__s32 fd;/&\n__u32 more;/'; do
		sed "$change" "${ABI_HEADER:-$here/../../../include/uapi/linux/zbuddy.h}" >"$tmp/changed.h"
		header=$tmp/changed.h
		[[ $(check) ]] || echo "abi.sh: finds nothing in a header with $change"
	done
	sed -i 's/^#define ZB_FEATURE_DMABUF.*/&\n#define ZB_FEATURE_NEW (1ull << 60)/' "$tmp/changed.h"
	[[ $(check) ]] || echo "abi.sh: takes a feature bit that is not pinned"
	add ZB_FEATURE_NEW && check
	sed -i 's/^VALUE(ZB_SYNC_FOR_CPU, .*/VALUE(ZB_SYNC_FOR_CPU, 0x7, V3)/' "$pinned"
	[[ $(check_tags) ]] || echo "abi.sh: lets a promise be changed by hand"
}

case ${1-} in
check) check ;;
selftest) selftest ;;
add) add "${2?a feature bit}" ;;
start) start ;;
*) sed -n 's/^#   //p' "$0" >&2; exit 2 ;;
esac
