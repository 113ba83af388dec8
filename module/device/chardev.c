// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/zbuddy: the file operations and the dispatcher of the ioctls.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "chardev.h"
#include "ioctl.h"

static int copy_in(const struct zb_cmd *cmd, union zb_arg *arg,
		   void __user *uarg, u32 *usize, struct zb_call *call)
{
	int err;

	if (get_user(*usize, (u32 __user *)uarg))
		return -EFAULT;
	if (*usize < cmd->min_size)
		return zb_einval(call, "size", *usize);
	if (*usize > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(arg, cmd->size, uarg, *usize);
	/* The size was read twice, and may have changed in between. */
	arg->size = *usize;
	return err;
}

static int do_cmd(const struct zb_cmd *cmd, struct zb_file *file,
		  void __user *to, struct zb_call *call)
{
	union zb_arg arg;
	u32 usize;
	int err;

	err = copy_in(cmd, &arg, to, &usize, call);
	if (err)
		return err;
	err = cmd->fn(file, &arg, call);
	if (err)
		return err;
	/* Without a result to copy, the command can't fail any more. */
	if (cmd->tells &&
	    copy_to_user(to, &arg, min_t(size_t, usize, cmd->size)))
		err = -EFAULT;
	if (cmd->done)
		cmd->done(file, &arg, call->priv, !err);
	return err;
}

/* A BULK command that succeeds for some buffers only has set call->why.error. */
static void remember_failure(const struct zb_cmd *cmd, struct zb_file *file,
			     struct zb_call *call, int err)
{
	if (err)
		call->why.error = err == -ERESTARTSYS ? EINTR : -err;
	if (!call->why.error || cmd->nr == ZB_IOC_EXPLAIN)
		return;
	call->why.command = cmd->nr;
	zb_file_failed(file, &call->why);
}

static long zb_ioctl(struct file *filp, unsigned int nr, unsigned long uarg)
{
	const struct zb_cmd *cmd = zb_find_cmd(nr);
	struct zb_call call = { .why = { .node = -1, .largest_order = -1 } };
	struct zb_file *file = filp->private_data;
	int err;

	if (!cmd)
		return -ENOTTY;
	err = do_cmd(cmd, file, (void __user *)uarg, &call);
	remember_failure(cmd, file, &call, err);
	return err;
}

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
 * Context: may sleep. Programs may open the device before this returns.
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
		zb_buffer_pool_destroy(&dev->bpool);
		return err;
	}
	zb_heap_add(&dev->bpool);
	return 0;
}

/**
 * zb_chardev_unregister() - unregister /dev/zbuddy
 * @dev: the device, which is not open, because an open file holds the module
 *
 * Context: may sleep.
 */
void zb_chardev_unregister(struct zb_chardev *dev)
{
	misc_deregister(&dev->misc);
	zb_buffer_pool_destroy(&dev->bpool);
}
