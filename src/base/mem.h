/* One arena for everything that lives as long as a command: bump allocation, one free. Used by the
 * host half only; init allocates nothing. */
#pragma once

#include <stddef.h>

#include "base/attr.h"

struct arena_chunk;

struct arena {
	char *cur;                  /* next free byte */
	char *end;                  /* end of the current chunk */
	struct arena_chunk *chunks; /* chunks from the heap, newest first */
};

/* Start with caller-owned memory, so that small commands never touch the heap. @buf may be NULL. */
void arena_init(struct arena *a, void *buf, size_t size);

/* Free all chunks. The arena is empty afterwards and can be used again. */
void arena_done(struct arena *a);

/* What was allocated from @from lives as long as @a's from now on; @from is empty afterwards, and
 * must have begun without memory of its caller. */
void arena_adopt(struct arena *a, struct arena *from);

/* @size zeroed bytes aligned for any object, or NULL when memory is exhausted. */
void *arena_alloc(struct arena *a, size_t size) _must_check_;

/* @n elements of @size zeroed bytes; NULL on overflow too. */
void *arena_array(struct arena *a, size_t n, size_t size) _must_check_;

/* Copies; NULL when memory is exhausted. */
char *arena_strdup(struct arena *a, const char *s) _must_check_;
char *arena_strndup(struct arena *a, const char *s, size_t n) _must_check_;
char *arena_format(struct arena *a, const char *fmt, ...) _printf_(2, 3) _must_check_;

#define arena_new(a, type)     ((type *)arena_alloc((a), sizeof(type)))
#define arena_newn(a, type, n) ((type *)arena_array((a), (n), sizeof(type)))
