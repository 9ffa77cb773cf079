/* Growing text. Runs in the command-line half only. */
#include "cli/text.h"

#include <errno.h>
#include <stdarg.h>

#include "base/str.h"

#define FIRST_CAPACITY 2048

void text_init(struct text *t, struct arena *a)
{
	*t = (struct text){.arena = a};
}

/* Room for @n more bytes and a NUL. */
static bool reserve(struct text *t, size_t n)
{
	size_t cap = t->cap ? t->cap : FIRST_CAPACITY;
	char *data;

	if (t->failed)
		return false;
	if (t->cap - t->len > n)
		return true;
	while (cap - t->len <= n)
		cap *= 2;
	data = arena_alloc(t->arena, cap);
	if (!data) {
		t->failed = true;
		return false;
	}
	if (t->len)
		memcpy(data, t->data, t->len);
	t->data = data;
	t->cap = cap;
	return true;
}

void text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = str_vformat(NULL, 0, fmt, ap);
	va_end(ap);
	if (!reserve(t, n))
		return;
	va_start(ap, fmt);
	t->len += str_vformat(t->data + t->len, t->cap - t->len, fmt, ap);
	va_end(ap);
}

size_t text_column(const struct text *t)
{
	size_t column = 0;

	while (column < t->len && t->data[t->len - column - 1] != '\n')
		column++;
	return column;
}

void text_pad(struct text *t, size_t width)
{
	size_t column = text_column(t), n;

	n = column < width ? width - column : 0;
	if (!reserve(t, n))
		return;
	memset(t->data + t->len, ' ', n);
	t->len += n;
	t->data[t->len] = '\0';
}

int text_finish(const struct text *t, const char **ret)
{
	if (t->failed)
		return -ENOMEM;
	*ret = t->data ? t->data : "";
	return 0;
}
