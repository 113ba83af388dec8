/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZB_HOLDS_H
#define ZB_HOLDS_H

#include <linux/types.h>

struct seq_file;

extern bool zb_holds_measured;

void zb_hold_begin(void);
void zb_hold_end(const char *site);
void zb_holds_show(struct seq_file *m);
void zb_holds_measure(bool on);

#endif /* ZB_HOLDS_H */
