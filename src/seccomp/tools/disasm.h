/* Programs as text. Pure, host side. */
#pragma once

#include <linux/filter.h>

#include "base/json.h"
#include "seccomp/policy/language.h"

/* The @n instructions, a line each, with the names of calls and architectures where they are
 * certain. Returns the text in @a, or NULL when memory is exhausted. */
const char *disasm_text(struct arena *a, const struct sock_filter *insns, size_t n) _must_check_;
