/* Any bytes through the JSON reader. What it accepts is written again and must be read again: the
 * writer never makes what the reader refuses. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int copy_value(struct json *j, const struct json_value *v, struct json_writer *w);

static int copy_items(struct json *j, struct json_writer *w)
{
	struct json_value item;
	struct err e;
	int r;

	for (bool first = true; (r = json_next_item(j, first, &e)) > 0; first = false) {
		r = json_read(j, &item, &e);
		if (r == 0)
			r = copy_value(j, &item, w);
		if (r < 0)
			return r;
	}
	return r;
}

static int copy_members(struct json *j, struct json_writer *w)
{
	struct json_value value;
	struct err e;
	char *key;
	int r;

	for (bool first = true; (r = json_next_key(j, first, &key, &e)) > 0; first = false) {
		json_key(w, key);
		r = json_read(j, &value, &e);
		if (r == 0)
			r = copy_value(j, &value, w);
		if (r < 0)
			return r;
	}
	return r;
}

/* Numbers that are no integers have no writer: they become 0. */
static void copy_number(const struct json_value *v, struct json_writer *w)
{
	uint64_t u = 0;
	int64_t i = 0;

	if (json_to_u64(v, &u) == 0)
		json_u64(w, u);
	else if (json_to_i64(v, &i) == 0)
		json_i64(w, i);
	else
		json_i64(w, 0);
}

static int copy_value(struct json *j, const struct json_value *v, struct json_writer *w)
{
	int r = 0;

	switch (v->type) {
	case JSON_NULL:
		json_null(w);
		break;
	case JSON_FALSE:
	case JSON_TRUE:
		json_bool(w, v->type == JSON_TRUE);
		break;
	case JSON_NUMBER:
		copy_number(v, w);
		break;
	case JSON_STRING:
		/* No NUL inside, whatever the escapes said. */
		if (strlen(v->text) != v->len)
			abort();
		json_string(w, v->text);
		break;
	case JSON_ARRAY:
		json_array_begin(w);
		r = copy_items(j, w);
		json_array_end(w);
		break;
	case JSON_OBJECT:
		json_object_begin(w);
		r = copy_members(j, w);
		json_object_end(w);
		break;
	}
	return r;
}

/* Read one document and write it again. */
static int copy(char *text, size_t len, struct json_writer *w)
{
	struct json_value v;
	struct json j;
	struct err e;
	int r;

	json_init(&j, text, len);
	r = json_read(&j, &v, &e);
	if (r == 0)
		r = copy_value(&j, &v, w);
	if (r == 0)
		r = json_finish(&j, &e);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *out = NULL, *again = NULL;
	char *text = malloc(size ? size : 1); /* exact, so that a byte too far is seen */
	struct arena a;
	struct json_writer w;
	size_t n = 0, m = 0;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	arena_init(&a, NULL, 0);
	json_writer_init(&w, &a, size & 1);
	if (copy(text, size, &w) == 0 && json_writer_finish(&w, &out, &n) == 0) {
		char *second = arena_strndup(&a, out, n);

		json_writer_init(&w, &a, size & 1);
		if (!second || copy(second, n, &w) < 0 || json_writer_finish(&w, &again, &m) < 0)
			abort();
		if (n != m || memcmp(out, again, n) != 0)
			abort();
	}
	arena_done(&a);
	free(text);
	return 0;
}
