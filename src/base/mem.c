/* The arena. Runs in the host half only: init never allocates. */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/str.h"

#define CHUNK_SIZE 65536
#define ALIGNMENT  16

struct arena_chunk {
	struct arena_chunk *next;
	_Alignas(ALIGNMENT) char data[];
};

void arena_init(struct arena *a, void *buf, size_t size)
{
	uintptr_t start = ((uintptr_t)buf + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);

	*a = (struct arena){0};
	if (buf && size >= ALIGNMENT) {
		a->cur = (char *)start;
		a->end = (char *)buf + size;
	}
}

void arena_done(struct arena *a)
{
	while (a->chunks) {
		struct arena_chunk *next = a->chunks->next;

		free(a->chunks);
		a->chunks = next;
	}
	*a = (struct arena){0};
}

void arena_adopt(struct arena *a, struct arena *from)
{
	struct arena_chunk **last = &from->chunks;

	while (*last)
		last = &(*last)->next;
	*last = a->chunks;
	a->chunks = from->chunks;
	*from = (struct arena){0};
}

void *arena_alloc(struct arena *a, size_t size)
{
	size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	void *p;

	if (rounded < size)
		return NULL;
	if ((size_t)(a->end - a->cur) < rounded) {
		size_t data = MAX(rounded, (size_t)CHUNK_SIZE);
		struct arena_chunk *chunk;

		if (data > SIZE_MAX - sizeof(*chunk))
			return NULL;
		chunk = malloc(sizeof(*chunk) + data);
		if (!chunk)
			return NULL;
		chunk->next = a->chunks;
		a->chunks = chunk;
		a->cur = chunk->data;
		a->end = chunk->data + data;
	}
	p = a->cur;
	a->cur += rounded;
	return memset(p, 0, size);
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total))
		return NULL;
	return arena_alloc(a, total);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	if (copy)
		memcpy(copy, s, n);
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_format(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	size_t n;
	char *text;

	va_start(ap, fmt);
	n = str_vformat(NULL, 0, fmt, ap);
	va_end(ap);
	text = arena_alloc(a, n + 1);
	if (!text)
		return NULL;
	va_start(ap, fmt);
	(void)str_vformat(text, n + 1, fmt, ap);
	va_end(ap);
	return text;
}
