/* Strings: a formatter of our own (libc's pulls floating point into init), comparison, bounded
 * copies, strict number parsing. No allocation. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"

static inline bool str_eq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static inline bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Format into @buf like vsnprintf, for the subset %s %.*s %c %d %i %u %x %o %p %% with the length
 * modifiers hh h l ll z j, width and zero padding. Always terminates @buf when @size > 0. Returns
 * the length that the whole text needs, without the NUL. */
size_t str_vformat(char *buf, size_t size, const char *fmt, va_list args);
size_t str_format(char *buf, size_t size, const char *fmt, ...) _printf_(3, 4);

/* Copy with truncation; @buf is always terminated when @size > 0. Returns strlen(@src). */
size_t str_copy(char *buf, size_t size, const char *src);

/* Parse all of @s as a decimal number without sign, blanks or leading '+'. Returns 0, -EINVAL or
 * -ERANGE; *@ret is written on success only. */
int str_to_u64(const char *s, uint64_t *ret) _must_check_;

/* As str_to_u64, with the upper bound @max. */
int str_to_u32(const char *s, uint32_t max, uint32_t *ret) _must_check_;
