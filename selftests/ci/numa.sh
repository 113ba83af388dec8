#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the tests in a guest with two NUMA nodes, each with half of the memory, a
# CPU and a CMA area. swiotlb=force makes DMA mappings use bounce buffers, which
# sync_test needs. Part of `make check`.
# usage: numa.sh [OPTION OF guest/run]...
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/guest/lib.sh
. "$here/../guest/lib.sh"

exec "$here/../guest/run" -k stock -t 300 "$@" "${two_nodes[@]}" -a swiotlb=force -- ./run_tests.sh
