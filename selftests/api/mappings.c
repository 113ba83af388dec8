// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations on user space mappings that only the kernel can do, for mapping_test.c:
 * unmap everything in the struct address_space of a mapping, and hold a reference to a
 * page. They are performed when one of two parameters is written after loading.
 */
#include "zb_api_test.h"

#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/sched.h>

static struct file *file_mapped_at(unsigned long addr)
{
	struct vm_area_struct *vma;
	struct file *file = NULL;

	mmap_read_lock(current->mm);
	vma = find_vma(current->mm, addr);
	if (vma && vma->vm_start <= addr && vma->vm_file)
		file = get_file(vma->vm_file);
	mmap_read_unlock(current->mm);
	return file;
}

/* Takes an address of the writing process; unmaps all mappings of the file mapped there. */
static int set_unmap(const char *text, const struct kernel_param *kp)
{
	unsigned long addr;
	struct file *file;
	int err = kstrtoul(text, 0, &addr);

	if (err)
		return err;
	file = file_mapped_at(addr);
	if (!file)
		return -EFAULT;
	unmap_mapping_range(file->f_mapping, 0, 0, 1);
	fput(file);
	return 0;
}

static const struct kernel_param_ops unmap_ops = {
	.set = set_unmap,
};
module_param_cb(unmap, &unmap_ops, NULL, 0200);
MODULE_PARM_DESC(unmap, "a virtual address: unmap the pages of all mappings in the same struct address_space");

static struct page *held_page;
static DEFINE_MUTEX(held_lock);

static int set_hold(const char *text, const struct kernel_param *kp)
{
	unsigned long pfn;
	int err = kstrtoul(text, 0, &pfn);

	if (err)
		return err;
	if (pfn && !pfn_valid(pfn))
		return -EINVAL;
	mutex_lock(&held_lock);
	if (held_page)
		put_page(held_page);
	held_page = pfn ? pfn_to_page(pfn) : NULL;
	if (held_page)
		get_page(held_page);
	mutex_unlock(&held_lock);
	return 0;
}

static const struct kernel_param_ops hold_ops = {
	.set = set_hold,
};
module_param_cb(hold, &hold_ops, NULL, 0200);
MODULE_PARM_DESC(hold, "a frame number: hold a reference to its page until 0 or another number is written");

/**
 * zbt_mappings_exit() - drop the reference to the held page
 */
void zbt_mappings_exit(void)
{
	set_hold("0", NULL);
}
