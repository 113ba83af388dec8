# SPDX-License-Identifier: GPL-2.0
#
# Reads what `objdump -dr zbuddy.ko` prints and tells each call of something that
# needs memory: `function+0xoffset callee`, with the offset that it returns to, as the
# kernel's log has it. fail_sites_test.sh wants each of them to have failed once.

function number(hex,   i, n) {
	n = 0
	for (i = 1; i <= length(hex); i++)
		n = n * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
	return n
}

BEGIN {
	needs = "^(__k[vm]*alloc|kmem_cache_alloc|v[mz]alloc|pcpu_alloc|alloc_workqueue|" \
		"alloc_contig_range|cma_alloc|dma_alloc_pages|sg_alloc_table|dma_buf_export|" \
		"dma_heap_add|__xa_alloc_cyclic|xa_store|seq_open|single_open|misc_register|" \
		"platform_device_register_full|anon_inode_getfile|dmem_cgroup_register_region|" \
		"dmem_cgroup_try_charge|get_unused_fd_flags|vm_insert_pages|vmf_insert_pfn|" \
		"debugfs_create_|fault_create_debugfs_attr|should_fail$)"
}

/^[0-9a-f]+ <.*>:$/ {
	start = number($1)
	name = substr($2, 2, length($2) - 3)
}

# The place of a call's operand; the next instruction is behind its four bytes.
$2 ~ /^R_(X86_64_(PLT32|PC32)|AARCH64_CALL26)$/ {
	callee = $3
	sub(/[-+]0x[0-9a-f]+$/, "", callee)
	if (callee ~ needs) {
		sub(/:$/, "", $1)
		printf "%s+0x%x %s\n", name, number($1) + 4 - start, callee
	}
}
