#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the tests in a guest with two NUMA nodes, each with half of the memory, a
# CPU and a CMA area. swiotlb=force makes DMA mappings use bounce buffers, which
# sync_test needs. Part of `make check`.
# usage: numa.sh [OPTION OF guest/run]...
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")

nodes='-object memory-backend-ram,id=m0,size=1G -object memory-backend-ram,id=m1,size=1G'
nodes+=' -numa node,memdev=m0,cpus=0 -numa node,memdev=m1,cpus=1'

exec "$here/../guest/run" -k stock -t 300 "$@" -a "numa_cma=0:256M,1:256M swiotlb=force" -q "$nodes" -- ./run_tests.sh
