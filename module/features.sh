#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Arguments: the kernel's source tree and its object tree, as in Kbuild.
# Prints one -DZB_HAVE_... per line for each feature that the target kernel offers to
# modules. Distributions backport features, so this inspects the headers, the
# configuration and Module.symvers of that kernel and never its version.
#
# Kbuild runs this script for every makefile that it reads, so the script starts as few
# processes as possible.

set -u

if [ $# -ne 2 ]; then
	echo "usage: $0 KERNEL_SRCTREE KERNEL_OBJTREE" >&2
	exit 2
fi

include=$1/include/linux
conf=$2/include/config/auto.conf
symvers=$2/Module.symvers
[ -r "$symvers" ] || symvers=$2/vmlinux.symvers

warn()
{
	echo "zbuddy: probing the kernel: $*" >&2
}

have()
{
	echo "-DZB_HAVE_$1"
}

# in_header HEADER EXTENDED-REGEX
in_header()
{
	grep -Eqs "$2" "$include/$1"
}

config()
{
	grep -Eqs "^CONFIG_$1=y" "$conf"
}

# Prints which of the given symbols any module may use. A symbol with a fifth column has
# an export namespace, or is exported to certain modules only.
find_exports()
{
	awk -F'\t' -v asked="$1" '
	BEGIN {
		n = split(asked, name, " ")
		for (i = 1; i <= n; i++)
			want[name[i]] = want[name[i] "_noprof"] = 1
	}
	$2 in want && $5 == "" {
		sub(/_noprof$/, "", $2)
		printf "%s ", $2
	}' "$symvers"
}

# exported SYMBOL...: true if all of them are exported. SYMBOL_noprof counts as well,
# because SYMBOL is then a macro that calls it.
exported()
{
	for sym; do
		case " $exports " in
		*" $sym "*) ;;
		*) return 1 ;;
		esac
	done
}

# exported_in NAMESPACE SYMBOL
exported_in()
{
	grep -qs "	$2	.*	EXPORT_SYMBOL_GPL	$1\$" "$symvers"
}

# Without Module.symvers, guess from the configuration. The CMA functions are exported if
# dev_get_cma_area() is not an inline function.
assume_exports()
{
	config CONTIG_ALLOC && echo alloc_contig_range free_contig_range
	config DMA_CMA && echo dma_alloc_pages dma_free_pages
	config DMA_CMA &&
		in_header dma-map-ops.h '^struct cma \*dev_get_cma_area\(.*\);' &&
		echo dev_get_cma_area cma_alloc cma_release cma_get_name
}

[ -r "$conf" ] || warn "no $conf: is this a configured kernel?"

if [ -r "$symvers" ]; then
	exports=$(find_exports "dev_get_cma_area cma_alloc cma_release \
		cma_get_name dma_alloc_pages dma_free_pages \
		alloc_contig_range free_contig_range vmf_insert_pfn_pmd \
		vmf_insert_folio_pmd vmf_insert_page_mkwrite dmem_cgroup_try_charge lockdep_assert_cpus_held d_make_persistent")
else
	warn "no Module.symvers in $2: guessing what is exported"
	exports=$(assume_exports | tr '\n' ' ')
fi

if config DMA_CMA; then
	exported dev_get_cma_area cma_alloc cma_release && have CMA_ALLOC
	exported cma_get_name && have CMA_NAME
	exported dma_alloc_pages dma_free_pages && have DMA_ALLOC_PAGES
fi
if config CONTIG_ALLOC; then
	exported alloc_contig_range free_contig_range && have CONTIG_RANGE
fi

if config ARCH_SUPPORTS_PMD_PFNMAP && config TRANSPARENT_HUGEPAGE; then
	exported vmf_insert_pfn_pmd && have PMD_PFNMAP
fi
# KMSAN has members of its own in struct page, which huge.c does not know.
if config TRANSPARENT_HUGEPAGE && config 64BIT && ! config KMSAN; then
	exported vmf_insert_folio_pmd vmf_insert_page_mkwrite && have HUGE_FOLIO
fi
if config CGROUP_DMEM; then
	exported dmem_cgroup_try_charge && have DMEM
fi
# user_struct.locked_vm exists if at least one of these options is set.
if config PERF_EVENTS || config BPF_SYSCALL || config NET || config IO_URING; then
	have USER_LOCKED_VM
fi
config DMABUF_HEAPS && exported_in DMA_BUF_HEAP dma_heap_add && have DMA_HEAP

exported lockdep_assert_cpus_held && have ASSERT_CPUS_HELD

in_header gfp.h 'acr_flags_t' && have ACR_FLAGS
in_header fs.h 'get_file_active\(' && have GET_FILE_ACTIVE
in_header workqueue.h 'WQ_PERCPU' && have WQ_PERCPU
in_header workqueue.h 'system_dfl_wq;' && have WQ_DFL
in_header huge_mm.h 'vmf_insert_pfn_pmd\(struct vm_fault \*vmf, pfn_t' && have PFN_T
in_header page-flags.h 'set_compound_head\(struct page \*page, (const )?struct page \*head\)' &&
	have COMPOUND_HEAD_2
in_header module.h 'define MODULE_IMPORT_NS\(ns\)[[:space:]]*MODULE_INFO\(import_ns, ns\)' &&
	have NS_STRINGS
in_header mm.h 'void vm_flags_set\(' && have VM_FLAGS_SET
exported d_make_persistent && have D_MAKE_PERSISTENT
in_header fs.h 'simple_rename\(struct mnt_idmap' && have MNT_IDMAP
in_header fs.h 'simple_inode_init_ts\(' && have INODE_INIT_TS
in_header fs.h 'inode_just_drop\(' && have INODE_JUST_DROP
in_header fs.h ' copy_splice_read\(' && have COPY_SPLICE_READ
in_header fs.h 'struct dentry \*\(\*mkdir\)' && have MKDIR_DENTRY
in_header fs.h ' simple_nosetlease\(' && have SIMPLE_NOSETLEASE

exit 0
