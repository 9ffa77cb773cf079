/* Showing the way of a command: `--trace-steps` and `--trace-picture`. */
#pragma once

#include "base/err.h"
#include "base/mem.h"
#include "base/trace.h"

/* The table on standard error: when each part began, in microseconds from the first, how long it
 * took, and a bar. The last mark is an end, and no part. @t's marks are put in order. */
int trace_print(struct arena *a, struct trace *t, struct err *e) _must_check_;

/* The same as an SVG picture in the file @path, which is made or replaced. */
int trace_draw(struct arena *a, struct trace *t, const char *path, struct err *e) _must_check_;
