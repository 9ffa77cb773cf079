/* Any bytes as a config.json, and as a process.json, through parse and check. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oci/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *copy(const uint8_t *data, size_t size)
{
	char *text = malloc(size ? size : 1); /* exact, so that a byte too far is seen */

	if (text && size)
		memcpy(text, data, size);
	return text;
}

/* A failure must say what is wrong. */
static void proven(int r, const struct err *e)
{
	if (r < 0 && (e->code != r || e->id == ERR_NONE || !e->text[0]))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = copy(data, size);
	char *process_text = copy(data, size);
	struct spec_process process;
	struct spec spec;
	struct err e = {0};
	struct arena a;
	int r;

	arena_init(&a, NULL, 0);
	if (text) {
		r = spec_parse(&a, text, size, &spec, &e);
		if (r == 0)
			r = spec_check(&spec, &e);
		proven(r, &e);
	}
	if (process_text) {
		e = (struct err){0};
		r = spec_process_parse(&a, process_text, size, &process, &e);
		if (r == 0)
			r = spec_process_check(&process, &e);
		proven(r, &e);
	}
	arena_done(&a);
	free(text);
	free(process_text);
	return 0;
}
