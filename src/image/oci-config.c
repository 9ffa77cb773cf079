/* Configs of images. Pure. */
#include "image/oci-config.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"

struct reading {
	struct oci_config *out;
	struct arena *arena;
	size_t cap_labels;
};

static int no_memory(struct err *e)
{
	return err_sys(e, ERR_IMAGE, -ENOMEM, "read the config");
}

static int add_label(void *ctx, const char *key, struct json *j, struct json_value *v,
		     struct err *e)
{
	struct reading *rd = ctx;
	struct oci_config *c = rd->out;

	(void)j;
	if (v->type != JSON_STRING)
		return document_bad(e, "a label that is no string");
	if (c->n_labels == DOCUMENT_STRINGS_MAX)
		return document_bad(e, "more than 4096 labels");
	if (c->n_labels == rd->cap_labels) {
		size_t cap = rd->cap_labels ? 2 * rd->cap_labels : 16;
		struct oci_label *grown = arena_newn(rd->arena, struct oci_label, cap);

		if (!grown)
			return no_memory(e);
		if (c->n_labels)
			memcpy(grown, c->labels, c->n_labels * sizeof(*grown));
		c->labels = grown;
		rd->cap_labels = cap;
	}
	c->labels[c->n_labels++] = (struct oci_label){key, v->text};
	return 0;
}

/* A set: an object whose values are empty objects. */
struct set {
	struct strings *out;
	struct arena *arena;
	size_t cap;
};

static int add_key(void *ctx, const char *key, struct json *j, struct json_value *v, struct err *e)
{
	struct set *s = ctx;

	if (s->out->n == DOCUMENT_STRINGS_MAX)
		return document_bad(e, "more than 4096 keys");
	if (s->out->n + 1 >= s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 16;
		const char **grown = arena_newn(s->arena, const char *, cap);

		if (!grown)
			return no_memory(e);
		if (s->out->n)
			memcpy(grown, s->out->items, s->out->n * sizeof(*grown));
		s->out->items = grown;
		s->cap = cap;
	}
	s->out->items[s->out->n++] = key;
	return json_skip(j, v, e);
}

static int read_set(struct reading *rd, struct json *j, struct json_value *v, struct strings *ret,
		    struct err *e)
{
	struct set s = {.out = ret, .arena = rd->arena};

	return members_object(j, v, add_key, &s, e);
}

static int run_member(void *ctx, const char *key, struct json *j, struct json_value *v,
		      struct err *e)
{
	struct reading *rd = ctx;
	struct oci_config *c = rd->out;

	if (str_eq(key, "User"))
		return members_string(v, &c->user, e);
	if (str_eq(key, "WorkingDir"))
		return members_string(v, &c->cwd, e);
	if (str_eq(key, "StopSignal"))
		return members_string(v, &c->stop_signal, e);
	if (str_eq(key, "Env"))
		return document_strings(j, v, rd->arena, &c->env, e);
	if (str_eq(key, "Entrypoint"))
		return document_strings(j, v, rd->arena, &c->entrypoint, e);
	if (str_eq(key, "Cmd"))
		return document_strings(j, v, rd->arena, &c->cmd, e);
	if (str_eq(key, "Volumes"))
		return read_set(rd, j, v, &c->volumes, e);
	if (str_eq(key, "ExposedPorts"))
		return read_set(rd, j, v, &c->ports, e);
	if (str_eq(key, "Labels"))
		return members_object(j, v, add_label, rd, e);
	return json_skip(j, v, e);
}

static int member(void *ctx, const char *key, struct json *j, struct json_value *v, struct err *e)
{
	struct reading *rd = ctx;

	if (str_eq(key, "architecture"))
		return members_string(v, &rd->out->architecture, e);
	if (str_eq(key, "os"))
		return members_string(v, &rd->out->os, e);
	if (str_eq(key, "created"))
		return members_string(v, &rd->out->created, e);
	if (str_eq(key, "config"))
		return members_object(j, v, run_member, rd, e);
	return json_skip(j, v, e);
}

int oci_config_read(char *text, size_t len, struct arena *a, struct oci_config *ret, struct err *e)
{
	struct oci_config c = {0};
	struct reading rd = {.out = &c, .arena = a};
	int r = document_read(text, len, member, &rd, e);
	const char **words[] = {&c.architecture, &c.os,  &c.created,
				&c.user,         &c.cwd, &c.stop_signal};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!*words[i])
			*words[i] = "";
	if (r == 0)
		*ret = c;
	return r < 0 ? err_wrap(e, "config") : 0;
}
