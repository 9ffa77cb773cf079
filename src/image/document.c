/* Documents that describe images. Pure. */
#include "image/document.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

int document_bad(struct err *e, const char *what)
{
	return err_set(e, ERR_IMAGE, -EINVAL, "%s", what);
}

/* What is no document of that kind is no image either. */
static int blame_image(int r, struct err *e)
{
	if (r < 0 && e->id == ERR_CONFIG_TYPE)
		e->id = ERR_IMAGE;
	return r;
}

int document_read(char *text, size_t len, member_fn member, void *ctx, struct err *e)
{
	return blame_image(members_read(text, len, member, ctx, e), e);
}

int document_read_array(char *text, size_t len, member_fn item, void *ctx, struct err *e)
{
	return blame_image(members_read_array(text, len, item, ctx, e), e);
}

int document_strings(struct json *j, const struct json_value *v, struct arena *a,
		     struct strings *ret, struct err *e)
{
	return members_strings(j, v, a, DOCUMENT_STRINGS_MAX, ret, e);
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
