// SPDX-License-Identifier: GPL-2.0-only
/* Options of a mount. */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../compat.h"
#include "../core/layout.h"
#include "fs.h"

/* Without an fs_context of user space (fsopen()), messages go to the kernel log. */
#define complain(fc, fmt, ...)	invalf(fc, "zbuddy: " fmt, ##__VA_ARGS__)

enum { OPT_SIZE, OPT_NODE, OPT_GFP, OPT_MODE, OPT_UID, OPT_GID };

const struct fs_parameter_spec zb_fs_parameters[] = {
	fsparam_string("size", OPT_SIZE),
	fsparam_u32("node", OPT_NODE),
	fsparam_string("gfp", OPT_GFP),
	fsparam_u32oct("mode", OPT_MODE),
	fsparam_u32("uid", OPT_UID),
	fsparam_u32("gid", OPT_GID),
	{}
};

/* Values of the option gfp. */
static const struct {
	const char *name;
	zb_gfp_t gfp;
} gfp_names[] = {
	{ "movable", ZB_GFP_HIGHUSER_MOVABLE },
	{ "highuser", ZB_GFP_HIGHUSER },
	{ "user", ZB_GFP_USER },
	{ "reclaimable", ZB_GFP_USER | __ZB_GFP_RECLAIMABLE },
	{ "dma32", ZB_GFP_USER | __ZB_GFP_DMA32 },
	{ "dma", ZB_GFP_USER | __ZB_GFP_DMA },
};

static int parse_size(struct fs_context *fc, const char *text, u64 *size)
{
	const char *end = zb_parse_size(text, size);

	if (!end || *end)
		return complain(fc, "size=%s: must be a size such as 64M, or 0 for no limit", text);
	if (*size && *size < PAGE_SIZE)
		return complain(fc, "size=%s: no file would fit, because this is less than a page",
			      text);
	return 0;
}

static int parse_node(struct fs_context *fc, unsigned int node, int *nid)
{
	struct zb_pool *pool = &zb_fs_pool()->inst->pool;

	if (node > INT_MAX || !zb_pool_node(pool, node))
		return complain(fc, "node=%u: this node has no region", node);
	*nid = node;
	return 0;
}

static int parse_gfp(struct fs_context *fc, const char *text, zb_gfp_t *gfp)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(gfp_names); i++)
		if (!strcmp(text, gfp_names[i].name)) {
			*gfp = gfp_names[i].gfp;
			return 0;
		}
	return complain(fc, "gfp=%s: must be movable, highuser, user, reclaimable, dma32 or dma",
		      text);
}

static int parse_uid(struct fs_context *fc, unsigned int id, kuid_t *uid)
{
	*uid = make_kuid(current_user_ns(), id);
	return uid_valid(*uid) ? 0 :
	       complain(fc, "uid=%u: not a valid user ID in this user namespace", id);
}

static int parse_gid(struct fs_context *fc, unsigned int id, kgid_t *gid)
{
	*gid = make_kgid(current_user_ns(), id);
	return gid_valid(*gid) ? 0 :
	       complain(fc, "gid=%u: not a valid group ID in this user namespace", id);
}

static int parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct zb_fs_options *options = fc->fs_private;
	struct fs_parse_result result;
	int opt = fs_parse(fc, zb_fs_parameters, param, &result);

	switch (opt) {
	case OPT_SIZE:
		return parse_size(fc, param->string, &options->size);
	case OPT_NODE:
		return parse_node(fc, result.uint_32, &options->nid);
	case OPT_GFP:
		return parse_gfp(fc, param->string, &options->gfp);
	case OPT_MODE:
		if (result.uint_32 & ~S_IALLUGO)
			return complain(fc, "mode=%o: must be permissions such as 0755",
				      result.uint_32);
		options->mode = result.uint_32;
		return 0;
	case OPT_UID:
		return parse_uid(fc, result.uint_32, &options->uid);
	case OPT_GID:
		return parse_gid(fc, result.uint_32, &options->gid);
	default:
		return opt;
	}
}

static bool same_but_size(const struct zb_fs_options *a, const struct zb_fs_options *b)
{
	return a->nid == b->nid && a->gfp == b->gfp && a->mode == b->mode &&
	       uid_eq(a->uid, b->uid) && gid_eq(a->gid, b->gid);
}

static int reconfigure(struct fs_context *fc)
{
	struct zb_fs *fs = zb_fs_of(fc->root->d_sb);
	const struct zb_fs_options *options = fc->fs_private;
	u64 used = atomic64_read(&fs->account->bytes);

	if (!same_but_size(options, &fs->options))
		return complain(fc, "only size= can be changed by a remount");
	if (options->size && options->size < used)
		return complain(fc, "size=%llu: less than the %llu bytes that are in use",
			      options->size, used);
	WRITE_ONCE(fs->options.size, options->size);
	WRITE_ONCE(fs->account->max, options->size ?: U64_MAX);
	return 0;
}

static int get_tree(struct fs_context *fc)
{
	return get_tree_nodev(fc, zb_fs_fill_super);
}

static void free_context(struct fs_context *fc)
{
	kfree(fc->fs_private);
}

static const struct fs_context_operations context_ops = {
	.free = free_context,
	.parse_param = parse_param,
	.get_tree = get_tree,
	.reconfigure = reconfigure,
};

/**
 * zb_fs_init_context() - start to mount or to remount
 * @fc: the context, which gets the options of the mount or the default ones
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int zb_fs_init_context(struct fs_context *fc)
{
	struct zb_fs_options *options = kzalloc_obj(*options);

	if (!options)
		return -ENOMEM;
	if (fc->purpose == FS_CONTEXT_FOR_RECONFIGURE)
		*options = zb_fs_of(fc->root->d_sb)->options;
	else
		*options = (struct zb_fs_options){
			.nid = NUMA_NO_NODE,
			.gfp = gfp_names[0].gfp,
			.mode = 0755,
			.uid = current_fsuid(),
			.gid = current_fsgid(),
		};
	fc->fs_private = options;
	fc->ops = &context_ops;
	return 0;
}

/**
 * zb_fs_show_options() - show the options in /proc/mounts
 * @m: the file
 * @root: root directory of the mount
 *
 * Return: 0.
 */
int zb_fs_show_options(struct seq_file *m, struct dentry *root)
{
	const struct zb_fs_options *options = &zb_fs_of(root->d_sb)->options;
	unsigned int i;

	if (READ_ONCE(options->size))
		seq_printf(m, ",size=%llu", READ_ONCE(options->size));
	if (options->nid != NUMA_NO_NODE)
		seq_printf(m, ",node=%d", options->nid);
	for (i = 0; i < ARRAY_SIZE(gfp_names); i++)
		if (options->gfp == gfp_names[i].gfp)
			seq_printf(m, ",gfp=%s", gfp_names[i].name);
	seq_printf(m, ",mode=%04o", options->mode);
	if (!uid_eq(options->uid, GLOBAL_ROOT_UID))
		seq_printf(m, ",uid=%u", from_kuid_munged(&init_user_ns, options->uid));
	if (!gid_eq(options->gid, GLOBAL_ROOT_GID))
		seq_printf(m, ",gid=%u", from_kgid_munged(&init_user_ns, options->gid));
	return 0;
}
