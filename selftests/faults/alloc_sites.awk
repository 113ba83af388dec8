# SPDX-License-Identifier: GPL-2.0
#
# Reads the output of `objdump -dr zbuddy.ko` and lists all calls of functions that allocate
# memory, as `function+0xoffset callee`, with the return address as in stack traces of the
# kernel. fail_sites_test.sh checks that each of these calls has failed once.

function number(hex,   i, n) {
	n = 0
	for (i = 1; i <= length(hex); i++)
		n = n * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
	return n
}

BEGIN {
	needs = "^(__k[vm]*alloc|kmem_cache_alloc|v[mz]alloc|pcpu_alloc|alloc_workqueue|" \
		"alloc_contig_range|cma_alloc|dma_alloc_pages|sg_alloc_table|dma_buf_export|" \
		"dma_heap_add|__xa_alloc_cyclic|xa_store|seq_open|__seq_open_private|single_open|misc_register|" \
		"platform_device_register_full|anon_inode_getfile|dmem_cgroup_register_region|" \
		"alloc_pages_noprof|__alloc_pages|dmem_cgroup_try_charge|get_unused_fd_flags|vm_insert_pages|vmf_insert_|" \
		"debugfs_create_|fault_create_debugfs_attr|should_fail$|" \
		"new_inode$|dentry_open$|d_make_root$|get_tree_nodev$)"
}

/^[0-9a-f]+ <.*>:$/ {
	start = number($1)
	name = substr($2, 2, length($2) - 3)
}

# A relocation of a call's 4-byte operand, which is followed by the return address.
$2 ~ /^R_(X86_64_(PLT32|PC32)|AARCH64_CALL26)$/ {
	callee = $3
	sub(/[-+]0x[0-9a-f]+$/, "", callee)
	if (callee ~ needs) {
		sub(/:$/, "", $1)
		printf "%s+0x%x %s\n", name, number($1) + 4 - start, callee
	}
}
