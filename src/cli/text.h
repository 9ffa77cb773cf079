/* Text that grows in an arena, to be written by one write(2): help, tables, completion scripts. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/mem.h"

/* @failed is sticky, so that callers check once at the end. */
struct text {
	struct arena *arena;
	char *data;
	size_t len, cap;
	bool failed; /* out of memory */
};

void text_init(struct text *t, struct arena *a);

/* Append what str_format() makes of @fmt. */
void text_add(struct text *t, const char *fmt, ...) _printf_(2, 3);

/* The length of the last line in bytes. */
size_t text_column(const struct text *t);

/* Append spaces until the last line is @width bytes long, if it is shorter. */
void text_pad(struct text *t, size_t width);

/* Returns 0 and the NUL-terminated text, owned by the arena, or -ENOMEM. */
int text_finish(const struct text *t, const char **ret) _must_check_;
