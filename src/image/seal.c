/* Statements in manifests and configs. A manifest is changed as text: what is not ours stays as it
 * stands. Pure but for signing. */
#include "image/seal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "image/document.h"
#include "image/oci-config.h"

#define PREFIX "composefs."
#define LABEL  "containers.composefs.fsverity"

/* Keys by hash: blocks of 2^12 bytes. */
static const struct names {
	const char *merged, *config;
} names[] = {
	[IMAGE_SHA256] = {"composefs.merged.erofs.v1.fsverity-sha256-12",
			  "composefs.config.fsverity-sha256-12"},
	[IMAGE_SHA512] = {"composefs.merged.erofs.v1.fsverity-sha512-12",
			  "composefs.config.fsverity-sha512-12"},
};

static enum image_hash other(enum image_hash hash)
{
	return hash == IMAGE_SHA256 ? IMAGE_SHA512 : IMAGE_SHA256;
}

int seal_config_digest(const struct layout *l, enum image_hash hash, uint8_t *ret, struct err *e)
{
	struct verity *v;
	int r = verity_new(hash, &v);

	if (r == 0) {
		verity_update(v, l->config_text, (size_t)l->config.size);
		r = verity_finish(v, ret);
		verity_free(v);
	}
	return r < 0 ? err_sys(e, ERR_INTERNAL, r, "compute a digest") : 0;
}

/* --- reading --------------------------------------------------------------------------------- */

struct reading {
	enum image_hash hash;
	struct seal *out;
	bool in_config; /* the annotations are those of the config's descriptor */
};

static int read_digest(const char *text, enum image_hash hash, uint8_t *ret, struct err *e)
{
	size_t len = verity_digest_size(hash);

	if (strlen(text) != 2 * len || image_unhex(text, len, ret) < 0)
		return document_bad(e, "a digest that is none");
	return 0;
}

static int read_statement(struct seal_statement *s, const char *rest, enum image_hash hash,
			  const struct json_value *v, struct err *e)
{
	if (v->type != JSON_STRING)
		return document_bad(e, "an annotation that is no string");
	if (str_eq(rest, ".sig")) {
		if (s->signature)
			return document_bad(e, "a key that is there twice");
		s->signature = v->text;
		return 0;
	}
	if (rest[0])
		return 0;
	if (s->there)
		return document_bad(e, "a key that is there twice");
	s->there = true;
	return read_digest(v->text, hash, s->digest, e);
}

static int annotation(void *ctx, const char *key, struct json *j, struct json_value *v,
		      struct err *e)
{
	struct reading *rd = ctx;
	const struct names *own = &names[rd->hash], *their = &names[other(rd->hash)];
	const char *name = rd->in_config ? own->config : own->merged;
	struct seal_statement *s = rd->in_config ? &rd->out->config : &rd->out->merged;

	if (str_starts(key, name))
		return read_statement(s, key + strlen(name), rd->hash, v, e);
	rd->out->other_hash |= str_eq(key, rd->in_config ? their->config : their->merged);
	return json_skip(j, v, e);
}

static int config_member(void *ctx, const char *key, struct json *j, struct json_value *v,
			 struct err *e)
{
	if (str_eq(key, "annotations"))
		return members_object(j, v, annotation, ctx, e);
	return json_skip(j, v, e);
}

static int manifest_member(void *ctx, const char *key, struct json *j, struct json_value *v,
			   struct err *e)
{
	struct reading *rd = ctx;
	int r;

	if (str_eq(key, "annotations"))
		return members_object(j, v, annotation, rd, e);
	if (!str_eq(key, "config"))
		return json_skip(j, v, e);
	rd->in_config = true;
	r = members_object(j, v, config_member, rd, e);
	rd->in_config = false;
	return r;
}

static int read_label(const struct layout *l, enum image_hash hash, struct arena *a,
		      struct seal *out, struct err *e)
{
	char *copy = arena_strndup(a, l->config_text, (size_t)l->config.size), prefix[16];
	struct oci_config config;
	int r;

	if (!copy)
		return err_sys(e, ERR_IMAGE, -ENOMEM, "read the config");
	r = oci_config_read(copy, (size_t)l->config.size, a, &config, e);
	(void)str_format(prefix, sizeof(prefix), "%s:", verity_hash_name(hash));
	for (size_t i = 0; r == 0 && i < config.n_labels; i++) {
		const char *value = config.labels[i].value;

		if (!str_eq(config.labels[i].key, LABEL))
			continue;
		if (!str_starts(value, prefix)) {
			out->other_hash = true;
			continue;
		}
		out->has_label = true;
		r = read_digest(value + strlen(prefix), hash, out->label, e);
	}
	return r < 0 ? err_wrap(e, "label") : 0;
}

int seal_read(const struct layout *l, enum image_hash hash, struct arena *a, struct seal *ret,
	      struct err *e)
{
	struct seal s = {0};
	struct reading rd = {.hash = hash, .out = &s};
	char *copy = arena_strndup(a, l->manifest_text, (size_t)l->manifest.size);
	int r;

	if (!copy)
		return err_sys(e, ERR_IMAGE, -ENOMEM, "read the manifest");
	r = document_read(copy, (size_t)l->manifest.size, manifest_member, &rd, e);
	if (r < 0)
		return err_wrap(e, "manifest");
	r = read_label(l, hash, a, &s, e);
	if (r == 0)
		*ret = s;
	return r;
}

/* --- writing --------------------------------------------------------------------------------- */

/* A document on its way, in a buffer that is large enough. */
struct text {
	char *text;
	size_t len;
	struct document_raw annotations, config; /* that were left out */
};

static void add(struct text *t, const char *text, size_t len)
{
	memcpy(t->text + t->len, text, len);
	t->len += len;
}

static void add_string(struct text *t, const char *text)
{
	add(t, text, strlen(text));
}

static void add_member(struct text *t, const struct document_raw *m)
{
	add(t, m->member, m->member_len);
	add(t, ",", 1);
}

static int copy_annotation(void *ctx, const struct document_raw *m)
{
	if (!str_starts(m->key, PREFIX))
		add_member(ctx, m);
	return 0;
}

static int copy_member(void *ctx, const struct document_raw *m)
{
	struct text *t = ctx;

	if (str_eq(m->key, "annotations"))
		t->annotations = *m;
	else if (str_eq(m->key, "config"))
		t->config = *m;
	else
		add_member(t, m);
	return 0;
}

static int copy_descriptor(void *ctx, const struct document_raw *m)
{
	struct text *t = ctx;

	if (str_eq(m->key, "annotations"))
		t->annotations = *m;
	else
		add_member(t, m);
	return 0;
}

/* What @digest is, and perhaps its signature, behind the annotations that are there already. */
static int add_statement(struct text *t, const char *key, enum image_hash hash,
			 const uint8_t *digest, const struct signer *s, struct arena *a,
			 struct err *e)
{
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	const char *signature;
	int r = 0;

	add_string(t, "\"annotations\":{");
	if (t->annotations.value && t->annotations.value[0] == '{')
		r = document_each_raw(t->annotations.value, t->annotations.value_len, a,
				      copy_annotation, t, e);
	if (r == 0 && s)
		r = signer_sign(s, hash, digest, a, &signature, e);
	if (r < 0)
		return r;
	image_hex(digest, verity_digest_size(hash), hex);
	add_string(t, "\"");
	add_string(t, key);
	add_string(t, "\":\"");
	add_string(t, hex);
	if (s) {
		add_string(t, "\",\"");
		add_string(t, key);
		add_string(t, ".sig\":\"");
		add_string(t, signature);
	}
	add_string(t, "\"}");
	t->annotations = (struct document_raw){0};
	return 0;
}

int seal_write(const struct layout *l, enum image_hash hash, const uint8_t *image,
	       const struct signer *s, struct arena *a, const char **ret, size_t *ret_len,
	       struct err *e)
{
	size_t size = (size_t)l->manifest.size;
	/* Two statements, with signatures of some kilobytes. */
	struct text t = {.text = arena_alloc(a, size + (size_t)256 * 1024)};
	struct document_raw annotations;
	uint8_t config[IMAGE_DIGEST_MAX];
	int r = seal_config_digest(l, hash, config, e);

	if (r == 0 && !t.text)
		r = err_sys(e, ERR_IMAGE, -ENOMEM, "write the manifest");
	if (r < 0)
		return r;
	add_string(&t, "{");
	r = document_each_raw(l->manifest_text, size, a, copy_member, &t, e);
	annotations = t.annotations;
	t.annotations = (struct document_raw){0};
	add_string(&t, "\"config\":{");
	if (r == 0)
		r = document_each_raw(t.config.value, t.config.value_len, a, copy_descriptor, &t,
				      e);
	if (r == 0)
		r = add_statement(&t, names[hash].config, hash, config, s, a, e);
	add_string(&t, "},");
	t.annotations = annotations;
	if (r == 0)
		r = add_statement(&t, names[hash].merged, hash, image, s, a, e);
	add_string(&t, "}");
	if (r < 0)
		return err_wrap(e, "manifest");
	*ret = t.text;
	*ret_len = t.len;
	return 0;
}
