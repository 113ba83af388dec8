#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# `make programs-test`: unchanged programs of Debian (see image.sh) use files of the file
# system, in one guest whose region is CMA memory and one whose region is not. QEMU
# boots a guest of its own, whose memory is a file. Also runs the sessions that need Python.
# usage: programs.sh [BACKEND]...    default cma contig
#
# The programs are on a disk image, see image.sh. The guests write to a snapshot of it.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/guest/lib.sh
. "$here/../guest/lib.sh"
# shellcheck source=selftests/programs/image.sh
. "$here/image.sh"

# test_with BACKEND
test_with() {
	"$here/../guest/run" -k stock -t 2400 -M virtio_blk -M ext4 -f "$stock/vmlinuz" \
		-q "-drive if=virtio,format=raw,snapshot=on,file=$programs_image" \
		-- ./programs_guest.sh "$1"
}

main() {
	local backends=("$@") backend stock status=0
	[[ $# -gt 0 ]] || backends=(cma contig)
	as_root
	stock=$("$here/../guest/kernel" stock)
	find_programs_image
	for backend in "${backends[@]}"; do
		echo "# region: $backend"
		test_with "$backend" || status=1
	done
	return "$status"
}

main "$@"
