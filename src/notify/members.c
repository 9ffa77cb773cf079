/* Reading JSON by its members, with errors that name the line. */
#include "notify/members.h"

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

int members_read(char *text, size_t len, member_fn member, void *ctx, struct err *e)
{
	struct json_value v;
	struct json j;
	int r;

	json_init(&j, text, len);
	r = json_read(&j, &v, e);
	if (r == 0)
		r = members_object(&j, &v, member, ctx, e);
	return r < 0 ? r : json_finish(&j, e);
}

int members_string(const struct json_value *v, const char **ret, struct err *e)
{
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
	if (s->n == s->cap) {
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
	return 0;
}

int members_strings(struct json *j, const struct json_value *v, struct arena *a, size_t max,
		    struct strings *ret, struct err *e)
{
	struct filling f = {.arena = a, .out = ret, .max = max};

	if (ret->n)
		return members_bad(e, v->line, "a key that is there twice");
	return members_array(j, v, add_string, &f, e);
}
