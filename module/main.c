// SPDX-License-Identifier: GPL-2.0-only
/*
 * zbuddy: a zoned buddy allocator over memory that is taken from the kernel at load.
 *
 * This file has the parameters that are read only at load. It initializes the parts of
 * the module in order, and removes them in reverse order. An exception is debugfs, which
 * is removed first, because its file "owners" uses the buffers of the device.
 */
#define pr_fmt(fmt) "zbuddy: " fmt

#include <linux/err.h>
#include <linux/module.h>

#include "api/api.h"
#include "device/chardev.h"
#include "debugfs/compact.h"
#include "debugfs/debugfs.h"
#include "debugfs/modules.h"
#include "debugfs/owners.h"
#include "debugfs/pageblocks.h"
#include "fs/fs.h"
#include "instance/fault.h"
#include "instance/hotplug.h"
#include "instance/idle.h"
#include "instance/instance.h"
#include "instance/params.h"
#include "instance/request.h"
#include "instance/tunables.h"
#include "reclaim/reclaim.h"

static char *zones = "auto";
module_param(zones, charp, 0444);
MODULE_PARM_DESC(zones, "auto: split at the physical addresses 16 MiB and 4 GiB; or a list of sizes, multiples of 2M, in this order: DMA:16M,DMA32:64M,Normal:*,Movable:64M; * is the rest (default auto)");

static char *max_order = "";
module_param(max_order, charp, 0444);
MODULE_PARM_DESC(max_order, "largest order to which free blocks merge, 9 to 18 (default: the largest that fits)");

static char *backend = "auto";
module_param(backend, charp, 0444);
MODULE_PARM_DESC(backend, "how to obtain the memory: auto, cma, dma or contig (default auto)");

static unsigned long cma_pages;
module_param_cb(cma_pages, &zb_ulong_ops, &cma_pages, 0444);
__MODULE_PARM_TYPE(cma_pages, "ulong");
MODULE_PARM_DESC(cma_pages, "pages of the largest zone for movable allocations only, rounded up to whole pageblocks (default 0)");

static bool poison;
module_param_cb(poison, &zb_bool_ops, &poison, 0444);
__MODULE_PARM_TYPE(poison, "bool");
MODULE_PARM_DESC(poison, "fill free memory with a pattern and verify the pattern at allocation (default N)");

static struct zb_chardev zb_chardev;
static struct zb_reclaim zb_reclaim;
static struct dentry *zb_debugfs;

static struct zb_instance *create_instance(void)
{
	struct zb_params params;
	struct zb_instance *inst;
	int err;

	err = zb_params_parse(&params, zb_size_at_load(), zones, max_order, backend);
	if (err)
		return ERR_PTR(err);
	params.cma_pages = cma_pages;
	params.poison = poison;
	inst = zb_instance_create(&params);
	zb_params_free(&params);
	return inst;
}

/*
 * Programs may use the module from now on, so nothing may fail any more: the device cannot be
 * taken away from them.
 */
static void __init start_services(void)
{
	if (zb_fs_register(&zb_chardev.bpool))
		pr_warn("files can't be mounted, because the name of the file system is taken\n");
	zb_kcompactd_start(&zb_reclaim);
	zb_idle_start(zb_instance);
	zb_resize_attach(zb_instance);
	zb_owners_create(zb_debugfs, &zb_chardev.bpool);
	zb_debugfs_create_compact(zb_debugfs, &zb_reclaim);
	zb_debugfs_create_modules(zb_debugfs, &zb_reclaim);
	zb_debugfs_create_pageblocks(zb_debugfs, &zb_reclaim);
	zb_api_gfp_init();
}

static int __init zb_init(void)
{
	struct zb_instance *inst;
	int err;

	err = zb_drain_init();
	if (err)
		return err;
	err = zb_hotplug_init();
	if (err)
		goto exit_drain;
	zb_fault_init();
	inst = create_instance();
	if (IS_ERR(inst)) {
		err = PTR_ERR(inst);
		goto exit_fault;
	}
	zb_instance = inst;
	err = zb_tunables_attach();
	if (err)
		goto destroy_instance;
	zb_instance_check_at_load(inst);
	zb_request_attach(inst);
	err = zb_reclaim_attach(&zb_reclaim, inst, &zb_chardev.bpool);
	if (err)
		goto detach_tunables;
	err = zb_idle_attach(inst);
	if (err)
		goto detach_reclaim;
	zb_debugfs = zb_debugfs_create(inst);
	err = zb_chardev_register(&zb_chardev, inst);
	if (err)
		goto remove_debugfs;
	start_services();
	return 0;

remove_debugfs:
	zb_debugfs_remove(zb_debugfs);
	zb_idle_detach(inst);
detach_reclaim:
	zb_reclaim_detach(&zb_reclaim);
detach_tunables:
	zb_tunables_detach();
destroy_instance:
	zb_instance_destroy(inst);
exit_fault:
	zb_fault_exit();
	zb_hotplug_exit();
exit_drain:
	zb_drain_exit();
	return err;
}

static void __exit zb_exit(void)
{
	zb_resize_detach();
	zb_debugfs_remove(zb_debugfs);
	zb_fs_unregister();
	/* The queue ends first, because it wakes background reclaim and compaction. */
	zb_chardev_unregister(&zb_chardev);
	zb_idle_detach(zb_instance);
	zb_reclaim_detach(&zb_reclaim);
	zb_buffer_pool_destroy(&zb_chardev.bpool);
	zb_tunables_detach();
	zb_instance_destroy(zb_instance);
	zb_fault_exit();
	zb_hotplug_exit();
	zb_drain_exit();
}

module_init(zb_init);
module_exit(zb_exit);

MODULE_AUTHOR("The zbuddy developers");
MODULE_DESCRIPTION("A zoned buddy allocator in contiguous regions of memory");
MODULE_LICENSE("GPL");
MODULE_VERSION(ZB_VERSION);
