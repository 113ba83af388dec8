/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_API_H
#define ZB_API_H

struct zb_host;

void zb_api_attach(struct zb_host *host);
void zb_api_detach(void);

#endif /* ZB_API_H */
