/* SPDX-License-Identifier: GPL-2.0-only */
/* Accounts of open files, mounts and users, and their limits. */
#ifndef ZB_ACCOUNT_H
#define ZB_ACCOUNT_H

#include "buffer.h"

/* The sums of an account. */
enum zb_sum { ZB_SUM_BYTES, ZB_SUM_WAITING, ZB_SUM_DISCARDABLE };

bool zb_account_add(struct zb_account *account, enum zb_sum which, u64 nr, u64 max);
u64 zb_max_per_open(enum zb_sum sum);
void zb_explain_limit(struct zb_ioc_explain *why, u32 cause, u64 limit, u64 used);
int zb_charge_users(struct zb_buffer_pool *bpool, const struct cred *cred, enum zb_sum sum,
		    u64 nr, struct zb_ioc_explain *why);
void zb_uncharge_users(struct zb_buffer_pool *bpool, const struct cred *cred,
		       enum zb_sum sum, u64 nr);

#endif /* ZB_ACCOUNT_H */
