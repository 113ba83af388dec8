/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_TUNABLES_H
#define ZB_TUNABLES_H

#include "../core/watermark.h"

int zb_tunables_attach(void);
void zb_tunables_detach(void);
void zb_tunables_apply(void);

#endif /* ZB_TUNABLES_H */
