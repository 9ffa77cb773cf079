/* Records: what the store knows of an image, in a small document. */
#include <errno.h>
#include <string.h>

#include "base/io.h"
#include "base/json.h"
#include "base/str.h"
#include "image/document.h"
#include "image/repo.h"

#define RECORD_MAX 65536

static const char *const transforms[] = {
	[REPO_TRANSFORM_NONE] = "none",
	[REPO_TRANSFORM_OCI_1] = "oci-1",
};

const char *repo_transform_name(enum repo_transform t)
{
	return transforms[t];
}

bool repo_transform_parse(const char *name, enum repo_transform *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(transforms); i++) {
		if (!str_eq(name, transforms[i]))
			continue;
		*ret = (enum repo_transform)i;
		return true;
	}
	return false;
}

int repo_put_record(struct repo *r, const struct repo_record *rec, struct err *e)
{
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	struct json_writer w;
	struct arena a;
	const char *text;
	size_t len;
	int code;

	image_hex(rec->image, verity_digest_size(r->objects.hash), hex);
	arena_init(&a, NULL, 0);
	json_writer_init(&w, &a, false);
	json_object_begin(&w);
	json_kv_u64(&w, "version", 1);
	json_kv_string(&w, "mediaType", rec->manifest.media_type);
	json_kv_u64(&w, "manifestSize", rec->manifest.size);
	json_kv_string(&w, "image", hex);
	json_kv_string(&w, "transform", repo_transform_name(rec->transform));
	json_kv_bool(&w, "layers", rec->has_layers);
	json_kv_u64(&w, "size", rec->size);
	json_kv_u64(&w, "inodes", rec->inodes);
	json_kv_i64(&w, "imported", rec->imported);
	json_object_end(&w);
	code = json_writer_finish(&w, &text, &len);
	code = code < 0 ? err_sys(e, ERR_IMAGE, code, "write a record")
			: repo_put(r, "images", rec->manifest.digest, text, len, e);
	arena_done(&a);
	return code;
}

/* A record on its way from its document. */
struct reading {
	struct repo *repo;
	struct repo_record *out;
	const char *type, *image, *transform;
	uint64_t version;
};

/* The types that a manifest may have, as constants. */
static const char *known_type(const char *type)
{
	static const char *const types[] = {
		"application/vnd.oci.image.manifest.v1+json",
		"application/vnd.docker.distribution.manifest.v2+json",
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (str_eq(type, types[i]))
			return types[i];
	return NULL;
}

static int number(const struct json_value *v, uint64_t *ret, struct err *e)
{
	return v->type == JSON_NUMBER && json_to_u64(v, ret) == 0
		       ? 0
		       : document_bad(e, "expected a number");
}

static int member(void *ctx, const char *key, struct json *j, struct json_value *v, struct err *e)
{
	struct reading *rd = ctx;

	if (str_eq(key, "version"))
		return number(v, &rd->version, e);
	if (str_eq(key, "mediaType"))
		return members_string(v, &rd->type, e);
	if (str_eq(key, "manifestSize"))
		return number(v, &rd->out->manifest.size, e);
	if (str_eq(key, "image"))
		return members_string(v, &rd->image, e);
	if (str_eq(key, "transform"))
		return members_string(v, &rd->transform, e);
	if (str_eq(key, "layers")) {
		rd->out->has_layers = v->type == JSON_TRUE;
		return 0;
	}
	if (str_eq(key, "size"))
		return number(v, &rd->out->size, e);
	if (str_eq(key, "inodes"))
		return number(v, &rd->out->inodes, e);
	if (str_eq(key, "imported"))
		return v->type == JSON_NUMBER && json_to_i64(v, &rd->out->imported) == 0
			       ? 0
			       : document_bad(e, "expected a number");
	return json_skip(j, v, e);
}

static int finish(struct reading *rd, struct err *e)
{
	size_t len = verity_digest_size(rd->repo->objects.hash);
	struct repo_record *out = rd->out;

	out->manifest.media_type = rd->type ? known_type(rd->type) : NULL;
	if (rd->version != 1 || !out->manifest.media_type)
		return document_bad(e, "a record of an unknown kind");
	if (!rd->image || strlen(rd->image) != 2 * len ||
	    image_unhex(rd->image, len, out->image) < 0)
		return document_bad(e, "a digest that is none");
	if (!rd->transform || !repo_transform_parse(rd->transform, &out->transform))
		return document_bad(e, "an unknown transform");
	return 0;
}

int repo_get_record(struct repo *r, const char *digest, struct repo_record *ret, struct err *e)
{
	char path[sizeof("images/") + DIGEST_TEXT_MAX];
	struct repo_record rec = {0};
	struct reading rd = {.repo = r, .out = &rec};
	struct arena a;
	char *text;
	size_t len;
	int code;

	(void)str_copy(rec.manifest.digest, sizeof(rec.manifest.digest), digest);
	(void)str_format(path, sizeof(path), "images/%s", digest);
	arena_init(&a, NULL, 0);
	code = io_read_file_at(&a, r->fd, path, RECORD_MAX, &text, &len);
	if (code < 0) {
		(void)err_sys(e, ERR_IO, code, "read the record of %.19s", digest);
	} else {
		code = document_read(text, len, member, &rd, e);
		if (code == 0)
			code = finish(&rd, e);
		if (code < 0)
			(void)err_wrap(e, "%s/%s", r->path, path);
	}
	arena_done(&a);
	if (code == 0)
		*ret = rec;
	return code;
}
