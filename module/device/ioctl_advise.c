// SPDX-License-Identifier: GPL-2.0-only
/* ZB_IOC_ADVISE: checks the argument, and calls buffer/discard.c. */
#include <linux/err.h>

#include "cmd.h"

static int do_advise(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	struct zb_ioc_advise *advise = &arg->advise;
	struct zb_advice *a = &call->advice;
	int err;

	if (advise->flags)
		return zb_einval(call, "flags", advise->flags);
	if (advise->__reserved)
		return zb_einval(call, "__reserved", advise->__reserved);
	if (advise->advice != ZB_ADVISE_DONTNEED && advise->advice != ZB_ADVISE_WILLNEED)
		return zb_einval(call, "advice", advise->advice);
	a->advice = advise->advice;
	a->buf = zb_get_buffer(call, file, advise->handle, true);
	if (IS_ERR(a->buf))
		return PTR_ERR(a->buf);
	if (zb_gfp_migratetype(a->buf->gfp) == ZB_MIGRATE_RECLAIMABLE)
		err = zb_advise_prepare(a, file->account, &call->why, &advise->retained);
	else
		err = zb_einval(call, "handle", advise->handle);
	if (err)
		zb_buffer_put(a->buf);
	return err;
}

static void advise_commit(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	zb_advise_commit(&call->advice);
	zb_buffer_put(call->advice.buf);
}

static void advise_rollback(struct zb_file *file, union zb_arg *arg, struct zb_call *call)
{
	zb_advise_cancel(&call->advice);
	zb_buffer_put(call->advice.buf);
}

const struct zb_cmd zb_cmd_advise = {
	ZB_CMD(ZB_IOC_ADVISE, advise, __reserved),
	.prepare = do_advise,
	.copy_out = true,
	.commit = advise_commit,
	.rollback = advise_rollback,
};
