// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/zbuddy: the file operations.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "chardev.h"
#include "ioctl.h"

static int zb_open(struct inode *inode, struct file *filp)
{
	struct zb_chardev *dev = container_of(filp->private_data,
					      struct zb_chardev, misc);
	struct zb_file *file = zb_file_open(&dev->bpool, filp->f_mode);

	if (IS_ERR(file))
		return PTR_ERR(file);
	filp->private_data = file;
	return 0;
}

static int zb_release(struct inode *inode, struct file *filp)
{
	zb_file_close(filp->private_data);
	return 0;
}

static int zb_mmap(struct file *filp, struct vm_area_struct *vma)
{
	return zb_file_mmap(filp->private_data, vma);
}

static __poll_t zb_poll(struct file *filp, struct poll_table_struct *wait)
{
	struct zb_file *file = filp->private_data;

	return zb_watch_poll(file->bpool, filp, wait);
}

static const struct file_operations zb_fops = {
	.owner = THIS_MODULE,
	.open = zb_open,
	.release = zb_release,
	.unlocked_ioctl = zb_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = zb_mmap,
	.get_unmapped_area = thp_get_unmapped_area,
	.poll = zb_poll,
};

/**
 * zb_chardev_register() - register /dev/zbuddy
 * @dev: the device
 * @inst: the instance that the device allocates from
 *
 * Programs may open the device before this function returns.
 *
 * Context: may sleep.
 * Return: 0 or -errno.
 */
int zb_chardev_register(struct zb_chardev *dev, struct zb_instance *inst)
{
	int err = zb_buffer_pool_init(&dev->bpool, inst);

	if (err)
		return err;
	dev->misc = (struct miscdevice){
		.minor = MISC_DYNAMIC_MINOR,
		.name = "zbuddy",
		.fops = &zb_fops,
		.mode = 0600,
	};
	err = misc_register(&dev->misc);
	if (err) {
		zb_line_destroy(&dev->bpool.line);
		zb_buffer_pool_destroy(&dev->bpool);
		return err;
	}
	zb_heap_add(&dev->bpool);
	return 0;
}

/**
 * zb_chardev_unregister() - unregister /dev/zbuddy
 * @dev: the device. No program has it open, because an open file pins the module
 *
 * The queue of requests ends. Destroy the buffer pool afterwards.
 *
 * Context: may sleep.
 */
void zb_chardev_unregister(struct zb_chardev *dev)
{
	misc_deregister(&dev->misc);
	zb_line_destroy(&dev->bpool.line);
}
