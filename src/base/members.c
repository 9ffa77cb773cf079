/* Reading JSON by its members, with errors that name the line. */
#include "base/members.h"

#include <errno.h>
#include <string.h>

int members_bad(struct err *e, unsigned line, const char *what)
{
	return err_set(e, ERR_CONFIG_TYPE, -EINVAL, "line %u: %s", line, what);
}

int members_object(struct json *j, const struct json_value *v, member_fn member, void *ctx,
		   struct err *e)
{
	struct json_value value;
	char *key;
	int r;

	if (v->type == JSON_NULL)
		return 0;
	if (v->type != JSON_OBJECT)
		return members_bad(e, v->line, "expected an object");
	for (bool first = true; (r = json_next_key(j, first, &key, e)) > 0; first = false) {
		r = json_read(j, &value, e);
		if (r == 0)
			r = member(ctx, key, j, &value, e);
		if (r < 0)
			return r;
	}
	return r;
}

int members_array(struct json *j, const struct json_value *v, member_fn item, void *ctx,
		  struct err *e)
{
	struct json_value value;
	int r;

	if (v->type == JSON_NULL)
		return 0;
	if (v->type != JSON_ARRAY)
		return members_bad(e, v->line, "expected an array");
	for (bool first = true; (r = json_next_item(j, first, e)) > 0; first = false) {
		r = json_read(j, &value, e);
		if (r == 0)
			r = item(ctx, "", j, &value, e);
		if (r < 0)
			return r;
	}
	return r;
}

typedef int (*reader_fn)(struct json *j, const struct json_value *v, member_fn member, void *ctx,
			 struct err *e);

/* All of @text, which is of @type. */
static int read_whole(char *text, size_t len, enum json_type type, reader_fn reader,
		      member_fn member, void *ctx, struct err *e)
{
	struct json_value v;
	struct json j;
	int r;

	json_init(&j, text, len);
	r = json_read(&j, &v, e);
	if (r == 0 && v.type != type)
		r = members_bad(e, v.line,
				type == JSON_OBJECT ? "expected an object" : "expected an array");
	if (r == 0)
		r = reader(&j, &v, member, ctx, e);
	return r < 0 ? r : json_finish(&j, e);
}

int members_read(char *text, size_t len, member_fn member, void *ctx, struct err *e)
{
	return read_whole(text, len, JSON_OBJECT, members_object, member, ctx, e);
}

int members_read_array(char *text, size_t len, member_fn item, void *ctx, struct err *e)
{
	return read_whole(text, len, JSON_ARRAY, members_array, item, ctx, e);
}

int members_string(const struct json_value *v, const char **ret, struct err *e)
{
	if (v->type == JSON_NULL)
		return 0;
	if (v->type != JSON_STRING)
		return members_bad(e, v->line, "expected a string");
	if (*ret)
		return members_bad(e, v->line, "a key that is there twice");
	*ret = v->text;
	return 0;
}

/* An array of strings on its way. */
struct filling {
	struct arena *arena;
	struct strings *out;
	size_t max;
};

static int add_string(void *ctx, const char *key, struct json *j, struct json_value *v,
		      struct err *e)
{
	struct filling *f = ctx;
	struct strings *s = f->out;

	(void)key;
	(void)j;
	if (v->type != JSON_STRING)
		return members_bad(e, v->line, "expected a string");
	if (s->n == f->max)
		return members_bad(e, v->line, "too many strings");
	if (s->n + 1 >= s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 8;
		const char **grown = arena_newn(f->arena, const char *, cap);

		if (!grown)
			return err_sys(e, ERR_INTERNAL, -ENOMEM, "read a document");
		if (s->n)
			memcpy(grown, s->items, s->n * sizeof(*grown));
		s->items = grown;
		s->cap = cap;
	}
	s->items[s->n++] = v->text;
	s->items[s->n] = NULL;
	return 0;
}

int members_strings(struct json *j, const struct json_value *v, struct arena *a, size_t max,
		    struct strings *ret, struct err *e)
{
	struct filling f = {.arena = a, .out = ret, .max = max};

	if (ret->items)
		return members_bad(e, v->line, "a key that is there twice");
	return members_array(j, v, add_string, &f, e);
}
