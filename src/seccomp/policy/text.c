/* Growing texts. Pure, host side. */
#include "seccomp/policy/text.h"

#include <stdarg.h>

#include "base/str.h"

#define PIECE_MAX  512
#define SIZE_FIRST 4096

void policy_text_init(struct policy_text *t, struct arena *a)
{
	*t = (struct policy_text){.arena = a};
}

void policy_text_add(struct policy_text *t, const char *fmt, ...)
{
	char piece[PIECE_MAX];
	const char *newline;
	va_list args;
	size_t n;

	va_start(args, fmt);
	n = MIN(str_vformat(piece, sizeof(piece), fmt, args), sizeof(piece) - 1);
	va_end(args);
	if (t->len + n + 1 > t->size) {
		size_t size = t->size ? 2 * t->size : SIZE_FIRST;
		char *text = arena_alloc(t->arena, size);

		if (!text) {
			t->failed = true;
			return;
		}
		if (t->len)
			memcpy(text, t->text, t->len);
		t->text = text;
		t->size = size;
	}
	memcpy(t->text + t->len, piece, n + 1);
	t->len += n;
	newline = strrchr(piece, '\n');
	t->column = newline ? strlen(newline + 1) : t->column + n;
}
