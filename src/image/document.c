/* Documents that describe images. Pure. */
#include "image/document.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

int document_bad(struct err *e, const char *what)
{
	return err_set(e, ERR_IMAGE, -EINVAL, "%s", what);
}

int document_object(struct json *j, struct json_value *v, document_member_fn member, void *ctx,
		    struct err *e)
{
	struct json_value value;
	char *key;
	int r;

	if (v->type == JSON_NULL)
		return 0;
	if (v->type != JSON_OBJECT)
		return document_bad(e, "expected an object");
	for (bool first = true; (r = json_next_key(j, first, &key, e)) > 0; first = false) {
		r = json_read(j, &value, e);
		if (r == 0)
			r = member(ctx, key, j, &value, e);
		if (r < 0)
			return r;
	}
	return r;
}

int document_read(char *text, size_t len, document_member_fn member, void *ctx, struct err *e)
{
	struct json_value v;
	struct json j;
	int r;

	json_init(&j, text, len);
	r = json_read(&j, &v, e);
	if (r == 0 && v.type != JSON_OBJECT)
		r = document_bad(e, "expected an object");
	if (r == 0)
		r = document_object(&j, &v, member, ctx, e);
	return r < 0 ? r : json_finish(&j, e);
}

int document_array(struct json *j, struct json_value *v, document_member_fn item, void *ctx,
		   struct err *e)
{
	struct json_value value;
	int r;

	if (v->type == JSON_NULL)
		return 0;
	if (v->type != JSON_ARRAY)
		return document_bad(e, "expected an array");
	for (bool first = true; (r = json_next_item(j, first, e)) > 0; first = false) {
		r = json_read(j, &value, e);
		if (r == 0)
			r = item(ctx, "", j, &value, e);
		if (r < 0)
			return r;
	}
	return r;
}

int document_string(const struct json_value *v, const char **ret, struct err *e)
{
	if (v->type == JSON_NULL)
		return 0;
	if (v->type != JSON_STRING)
		return document_bad(e, "expected a string");
	if (*ret)
		return document_bad(e, "a key that is there twice");
	*ret = v->text;
	return 0;
}

/* An array of strings on its way. */
struct strings {
	struct arena *arena;
	struct document_strings *out;
	size_t cap;
};

static int add_string(void *ctx, const char *key, struct json *j, struct json_value *v,
		      struct err *e)
{
	struct strings *s = ctx;

	(void)key;
	(void)j;
	if (v->type != JSON_STRING)
		return document_bad(e, "expected a string");
	if (s->out->n == DOCUMENT_STRINGS_MAX)
		return document_bad(e, "more than 4096 strings");
	if (s->out->n + 1 >= s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 16;
		const char **grown = arena_newn(s->arena, const char *, cap);

		if (!grown)
			return err_sys(e, ERR_IMAGE, -ENOMEM, "read a document");
		if (s->out->n)
			memcpy(grown, s->out->items, s->out->n * sizeof(*grown));
		s->out->items = grown;
		s->cap = cap;
	}
	s->out->items[s->out->n++] = v->text;
	return 0;
}

int document_strings(struct json *j, struct json_value *v, struct arena *a,
		     struct document_strings *ret, struct err *e)
{
	struct document_strings out = {0};
	struct strings s = {.arena = a, .out = &out};
	int r;

	if (ret->items)
		return document_bad(e, "a key that is there twice");
	r = document_array(j, v, add_string, &s, e);
	if (r == 0)
		*ret = out;
	return r;
}

/* Cut blanks, and the comma before a member. */
static const char *skip_separator(const char *at, const char *end)
{
	while (at < end && strchr(" \t\r\n,", *at))
		at++;
	return at;
}

/* Where the reader of the copy stands tells where it is in the text: unescaping in place moves
 * nothing but what is in a string. */
int document_each_raw(const char *text, size_t len, struct arena *a, document_raw_fn fn, void *ctx,
		      struct err *e)
{
	char *copy = arena_strndup(a, text, len), *key;
	struct json_value v;
	struct json j;
	int r;

	if (!copy)
		return err_sys(e, ERR_IMAGE, -ENOMEM, "read a document");
	json_init(&j, copy, len);
	r = json_read(&j, &v, e);
	if (r == 0 && v.type != JSON_OBJECT)
		r = document_bad(e, "expected an object");
	for (bool first = true; r == 0; first = false) {
		const char *from = text + (j.cur - copy), *value, *end;
		struct document_raw m;

		r = json_next_key(&j, first, &key, e);
		if (r <= 0)
			return r;
		value = text + (j.cur - copy);
		r = json_read(&j, &v, e);
		if (r == 0)
			r = json_skip(&j, &v, e);
		if (r < 0)
			return r;
		end = text + (j.cur - copy);
		m = (struct document_raw){.key = key,
					  .member = skip_separator(from, end),
					  .value = skip_separator(value, end)};
		m.member_len = (size_t)(end - m.member);
		m.value_len = (size_t)(end - m.value);
		r = fn(ctx, &m);
	}
	return r;
}
