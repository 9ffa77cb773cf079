/* Image layouts: image-layout.md, image-index.md, manifest.md and config.md of the image
 * specification 1.1, and Docker's media types for the same. Keys that mean nothing here are
 * skipped; those that mean something come once. */
#include "image/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "base/str.h"
#include "base/sys.h"

#define DOCUMENT_MAX ((size_t)4 * 1024 * 1024)
#define NESTED_MAX   4
#define REF_NAME     "org.opencontainers.image.ref.name"

/* A descriptor among others: what chooses it. */
struct choice {
	struct descriptor d;
	const char *reference, *os, *architecture;
};

static int bad(struct err *e, const char *what)
{
	return err_set(e, ERR_IMAGE, -EINVAL, "%s", what);
}

/* --- JSON ------------------------------------------------------------------------------------ */

/* What to do with the value of a key: 0, or -errno. */
typedef int (*member_fn)(void *ctx, const char *key, struct json *j, struct json_value *v,
			 struct err *e);

/* Read the members of the object @v. */
static int read_object(struct json *j, struct json_value *v, member_fn member, void *ctx,
		       struct err *e)
{
	struct json_value value;
	char *key;
	int r;

	if (v->type != JSON_OBJECT)
		return bad(e, "expected an object");
	for (bool first = true; (r = json_next_key(j, first, &key, e)) > 0; first = false) {
		r = json_read(j, &value, e);
		if (r == 0)
			r = member(ctx, key, j, &value, e);
		if (r < 0)
			return r;
	}
	return r;
}

static int read_document(char *text, size_t len, member_fn member, void *ctx, struct err *e)
{
	struct json_value v;
	struct json j;
	int r;

	json_init(&j, text, len);
	r = json_read(&j, &v, e);
	if (r == 0)
		r = read_object(&j, &v, member, ctx, e);
	return r < 0 ? r : json_finish(&j, e);
}

static int get_string(const struct json_value *v, const char **ret, struct err *e)
{
	if (v->type != JSON_STRING)
		return bad(e, "expected a string");
	if (*ret)
		return bad(e, "a key that is there twice");
	*ret = v->text;
	return 0;
}

static int get_digest(const struct json_value *v, char ret[static DIGEST_TEXT_MAX], struct err *e)
{
	if (v->type != JSON_STRING || !blob_is_digest(v->text))
		return bad(e, "expected a sha256 or sha512 digest");
	if (*ret)
		return bad(e, "a key that is there twice");
	(void)str_copy(ret, DIGEST_TEXT_MAX, v->text);
	return 0;
}

/* --- descriptors ----------------------------------------------------------------------------- */

static int platform_member(void *ctx, const char *key, struct json *j, struct json_value *v,
			   struct err *e)
{
	struct choice *c = ctx;

	if (str_eq(key, "os"))
		return get_string(v, &c->os, e);
	if (str_eq(key, "architecture"))
		return get_string(v, &c->architecture, e);
	return json_skip(j, v, e);
}

static int annotation_member(void *ctx, const char *key, struct json *j, struct json_value *v,
			     struct err *e)
{
	struct choice *c = ctx;

	if (str_eq(key, REF_NAME))
		return get_string(v, &c->reference, e);
	return json_skip(j, v, e);
}

static int descriptor_member(void *ctx, const char *key, struct json *j, struct json_value *v,
			     struct err *e)
{
	struct choice *c = ctx;

	if (str_eq(key, "mediaType"))
		return get_string(v, &c->d.media_type, e);
	if (str_eq(key, "digest"))
		return get_digest(v, c->d.digest, e);
	if (str_eq(key, "size")) {
		if (v->type != JSON_NUMBER || json_to_u64(v, &c->d.size) < 0)
			return bad(e, "a size that is none");
		return 0;
	}
	if (str_eq(key, "platform"))
		return read_object(j, v, platform_member, c, e);
	if (str_eq(key, "annotations"))
		return read_object(j, v, annotation_member, c, e);
	return json_skip(j, v, e);
}

static int read_descriptor(struct json *j, struct json_value *v, struct choice *ret, struct err *e)
{
	struct choice c = {0};
	int r = read_object(j, v, descriptor_member, &c, e);

	if (r < 0)
		return r;
	if (!*c.d.digest)
		return bad(e, "a descriptor without a digest");
	if (!c.d.media_type)
		c.d.media_type = "";
	*ret = c;
	return 0;
}

/* --- indexes --------------------------------------------------------------------------------- */

struct index {
	const char *reference; /* NULL: any */
	const char *machine;   /* the architecture wanted among several; NULL: none */
	struct choice found;
	unsigned n_found;
};

static const char *architecture(void)
{
	static const char *const names[][2] = {
		{"x86_64", "amd64"}, {"aarch64", "arm64"},       {"i686", "386"},
		{"armv7l", "arm"},   {"loongarch64", "loong64"},
	};
	static struct utsname u;

	if (uname(&u) < 0)
		return "";
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_eq(u.machine, names[i][0]))
			return names[i][1];
	return u.machine; /* riscv64, s390x, ppc64le */
}

static bool is_wanted(const struct index *x, const struct choice *c)
{
	if (x->reference && (!c->reference || !str_eq(c->reference, x->reference)))
		return false;
	if (!x->machine || !c->os)
		return true;
	return str_eq(c->os, "linux") && c->architecture && str_eq(c->architecture, x->machine);
}

static int index_member(void *ctx, const char *key, struct json *j, struct json_value *v,
			struct err *e)
{
	struct index *x = ctx;
	struct json_value item;
	struct choice c;
	int r;

	if (str_eq(key, "layers") || str_eq(key, "config"))
		return bad(e, "a document that is an index and a manifest");
	if (!str_eq(key, "manifests"))
		return json_skip(j, v, e);
	if (v->type != JSON_ARRAY)
		return bad(e, "manifests: expected an array");
	for (bool first = true; (r = json_next_item(j, first, e)) > 0; first = false) {
		r = json_read(j, &item, e);
		if (r == 0)
			r = read_descriptor(j, &item, &c, e);
		if (r < 0)
			return r;
		if (!is_wanted(x, &c))
			continue;
		/* Two names of one image are one. */
		x->n_found += x->n_found == 0 || !str_eq(x->found.d.digest, c.d.digest);
		x->found = c;
	}
	return r;
}

static bool is_index(const char *type)
{
	return str_eq(type, "application/vnd.oci.image.index.v1+json") ||
	       str_eq(type, "application/vnd.docker.distribution.manifest.list.v2+json");
}

static bool is_manifest(const char *type)
{
	return str_eq(type, "application/vnd.oci.image.manifest.v1+json") ||
	       str_eq(type, "application/vnd.docker.distribution.manifest.v2+json");
}

/* From index.json to a manifest, through indexes that it may lead to. */
static int find_manifest(struct layout *l, char *text, size_t len, const char *reference,
			 struct err *e)
{
	struct index x = {.reference = reference};
	int r;

	for (unsigned nested = 0; nested <= NESTED_MAX; nested++) {
		r = read_document(text, len, index_member, &x, e);
		if (r < 0)
			return r;
		if (x.n_found == 0)
			return err_set(e, ERR_IMAGE, -ENOENT, "no such image in the layout");
		if (x.n_found > 1) {
			(void)err_set(e, ERR_IMAGE, -EINVAL, "more than one image in the layout");
			return err_hint(e, "name it: DIR:REFERENCE");
		}
		if (!is_index(x.found.d.media_type)) {
			l->manifest = x.found.d;
			return is_manifest(l->manifest.media_type)
				       ? 0
				       : bad(e, "what the index leads to is no image");
		}
		r = blob_read_all(l->fd, &x.found.d, DOCUMENT_MAX, &l->arena, &text, e);
		if (r < 0)
			return err_wrap(e, "index");
		len = (size_t)x.found.d.size;
		x = (struct index){.machine = architecture()};
	}
	return bad(e, "indexes that lead to indexes without an end");
}

/* --- the image ------------------------------------------------------------------------------- */

struct manifest {
	struct layout *l;
	struct descriptor config;
	bool has_layers;
	size_t n_diff_ids;
};

static bool is_layer(const char *type)
{
	/* Whether and how they are compressed, their first bytes say. */
	return str_starts(type, "application/vnd.oci.image.layer.") ||
	       str_starts(type, "application/vnd.docker.image.rootfs.");
}

static int add_layer(struct layout *l, const struct choice *c, struct err *e)
{
	if (!is_layer(c->d.media_type))
		return bad(e, "a layer that is no file system layer");
	if (l->n_layers == LAYOUT_LAYERS_MAX)
		return bad(e, "more than 512 layers");
	l->layers[l->n_layers++].blob = c->d;
	return 0;
}

static int manifest_member(void *ctx, const char *key, struct json *j, struct json_value *v,
			   struct err *e)
{
	struct manifest *m = ctx;
	struct json_value item;
	struct choice c;
	int r;

	if (str_eq(key, "config")) {
		r = read_descriptor(j, v, &c, e);
		m->config = c.d;
		return r;
	}
	/* CVE-2021-41190: what one program takes for an index, another does not. */
	if (str_eq(key, "manifests"))
		return bad(e, "a document that is an index and a manifest");
	if (!str_eq(key, "layers"))
		return json_skip(j, v, e);
	if (v->type != JSON_ARRAY || m->has_layers)
		return bad(e, "layers: expected one array");
	m->has_layers = true;
	for (bool first = true; (r = json_next_item(j, first, e)) > 0; first = false) {
		r = json_read(j, &item, e);
		if (r == 0)
			r = read_descriptor(j, &item, &c, e);
		if (r == 0)
			r = add_layer(m->l, &c, e);
		if (r < 0)
			return r;
	}
	return r;
}

static int rootfs_member(void *ctx, const char *key, struct json *j, struct json_value *v,
			 struct err *e)
{
	struct manifest *m = ctx;
	struct json_value item;
	int r;

	if (!str_eq(key, "diff_ids"))
		return json_skip(j, v, e);
	if (v->type != JSON_ARRAY || m->n_diff_ids)
		return bad(e, "diff_ids: expected one array");
	for (bool first = true; (r = json_next_item(j, first, e)) > 0; first = false) {
		r = json_read(j, &item, e);
		if (r == 0 && m->n_diff_ids == m->l->n_layers)
			return bad(e, "more diff_ids than layers");
		if (r == 0)
			r = get_digest(&item, m->l->layers[m->n_diff_ids++].diff_id, e);
		if (r < 0)
			return r;
	}
	return r;
}

static int config_member(void *ctx, const char *key, struct json *j, struct json_value *v,
			 struct err *e)
{
	if (str_eq(key, "rootfs"))
		return read_object(j, v, rootfs_member, ctx, e);
	return json_skip(j, v, e);
}

static int read_manifest(struct layout *l, struct err *e)
{
	struct manifest m = {.l = l};
	char *text;
	int r = blob_read_all(l->fd, &l->manifest, DOCUMENT_MAX, &l->arena, &text, e);

	if (r == 0)
		r = read_document(text, (size_t)l->manifest.size, manifest_member, &m, e);
	if (r == 0 && !*m.config.digest)
		r = bad(e, "no config");
	if (r < 0)
		return err_wrap(e, "manifest");
	r = blob_read_all(l->fd, &m.config, DOCUMENT_MAX, &l->arena, &text, e);
	if (r == 0)
		r = read_document(text, (size_t)m.config.size, config_member, &m, e);
	if (r == 0 && m.n_diff_ids != l->n_layers)
		r = bad(e, "fewer diff_ids than layers");
	return r < 0 ? err_wrap(e, "config") : 0;
}

/* --- layouts --------------------------------------------------------------------------------- */

static int version_member(void *ctx, const char *key, struct json *j, struct json_value *v,
			  struct err *e)
{
	if (str_eq(key, "imageLayoutVersion"))
		return get_string(v, ctx, e);
	return json_skip(j, v, e);
}

static int check_version(struct layout *l, struct err *e)
{
	const char *version = NULL;
	char *text;
	size_t len;
	int r = io_read_file_at(&l->arena, l->fd, "oci-layout", DOCUMENT_MAX, &text, &len);

	if (r < 0)
		return err_sys(e, ERR_IO, r, "not an image layout: oci-layout");
	r = read_document(text, len, version_member, &version, e);
	if (r == 0 && (!version || !str_starts(version, "1.")))
		r = bad(e, "not an image layout of version 1");
	return r < 0 ? err_wrap(e, "oci-layout") : 0;
}

int layout_open(const char *path, const char *reference, struct layout *ret, struct err *e)
{
	struct layout l = {.fd = -EBADF};
	char *text;
	size_t len;
	int r;

	arena_init(&l.arena, NULL, 0);
	l.fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	l.layers = arena_newn(&l.arena, struct layout_layer, LAYOUT_LAYERS_MAX);
	r = l.fd < 0    ? err_sys(e, ERR_IO, l.fd, "open")
	    : !l.layers ? err_sys(e, ERR_IMAGE, -ENOMEM, "read the layout")
			: check_version(&l, e);
	if (r == 0) {
		r = io_read_file_at(&l.arena, l.fd, "index.json", DOCUMENT_MAX, &text, &len);
		r = r < 0 ? err_sys(e, ERR_IO, r, "index.json")
			  : find_manifest(&l, text, len, reference, e);
	}
	if (r == 0)
		r = read_manifest(&l, e);
	if (r < 0) {
		layout_close(&l);
		return err_wrap(e, "%s", path);
	}
	*ret = l;
	return 0;
}

void layout_close(struct layout *l)
{
	l->fd = fd_close(l->fd);
	arena_done(&l->arena);
}
