/* A text that grows in an arena. Pure, host side. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

struct policy_text {
	struct arena *arena;
	char *text;
	size_t len, size;
	size_t column; /* since the last newline */
	bool failed;   /* out of memory; sticky, so that callers look once, at the end */
};

void policy_text_init(struct policy_text *t, struct arena *a);

/* Add a formatted text of at most 500 bytes. */
void policy_text_add(struct policy_text *t, const char *fmt, ...) _printf_(2, 3);
