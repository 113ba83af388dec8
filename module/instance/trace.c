// SPDX-License-Identifier: GPL-2.0-only
/* Exactly one file has to define the tracepoints. */
#define CREATE_TRACE_POINTS
#include <trace/events/zbuddy.h>
