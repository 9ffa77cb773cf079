/* Any bytes as a state document. What is accepted is written again, and that must be read again and
 * mean the same: whatever a container's directory holds, a command does not make it worse. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "container/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(struct arena *a, const struct state *s)
{
	const char *text = NULL, *second = NULL;
	struct err e = {0};
	struct state read;
	size_t len, second_len;
	char *copy;

	if (state_format(a, s, &text, &len, &e) < 0)
		abort();
	copy = arena_strndup(a, text, len);
	if (!copy || state_parse(a, copy, len, &read, &e) < 0)
		abort();
	if (state_format(a, &read, &second, &second_len, &e) < 0)
		abort();
	if (len != second_len || memcmp(text, second, len) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size ? size : 1); /* exact, so that a byte too far is seen */
	struct err e = {0};
	struct state s;
	struct arena a;
	int r;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	arena_init(&a, NULL, 0);
	r = state_parse(&a, text, size, &s, &e);
	if (r == 0)
		again(&a, &s);
	else if (e.code != r || e.id == ERR_NONE || !e.text[0])
		abort();
	arena_done(&a);
	free(text);
	return 0;
}
