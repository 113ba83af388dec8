/* SPDX-License-Identifier: GPL-2.0-only */
/* Single-stepping: calls a function after each instruction. */
#ifndef UNIT_STEP_H
#define UNIT_STEP_H

#include <stdbool.h>

bool unit_step_start(bool (*each)(void));
void unit_step_on(void);
void unit_step_off(void);

#endif /* UNIT_STEP_H */
