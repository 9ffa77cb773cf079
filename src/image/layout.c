/* Image layouts: image-layout.md, image-index.md, manifest.md and config.md of the image
 * specification 1.1, and Docker's media types for the same. Keys that mean nothing here are
 * skipped; those that mean something come once. */
#include "image/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/str.h"
#include "base/sys.h"
#include "image/document.h"
#include "image/layout-internal.h"

#define NESTED_MAX      4
#define REF_NAME        "org.opencontainers.image.ref.name"
#define CONTAINERD_NAME "io.containerd.image.name"

/* A descriptor among others: what chooses it. */
struct choice {
	struct descriptor d;
	const char *reference, *name, *os, *architecture;
};

static int get_digest(const struct json_value *v, char ret[static DIGEST_TEXT_MAX], struct err *e)
{
	if (v->type != JSON_STRING || !blob_is_digest(v->text))
		return document_bad(e, "expected a sha256 or sha512 digest");
	if (*ret)
		return document_bad(e, "a key that is there twice");
	(void)str_copy(ret, DIGEST_TEXT_MAX, v->text);
	return 0;
}

/* --- descriptors ----------------------------------------------------------------------------- */

static int platform_member(void *ctx, const char *key, struct json *j, struct json_value *v,
			   struct err *e)
{
	struct choice *c = ctx;

	if (str_eq(key, "os"))
		return members_string(v, &c->os, e);
	if (str_eq(key, "architecture"))
		return members_string(v, &c->architecture, e);
	return json_skip(j, v, e);
}

static int annotation_member(void *ctx, const char *key, struct json *j, struct json_value *v,
			     struct err *e)
{
	struct choice *c = ctx;

	if (str_eq(key, REF_NAME))
		return members_string(v, &c->reference, e);
	/* What docker writes: the whole name, while the one above is but the tag. */
	if (str_eq(key, CONTAINERD_NAME))
		return members_string(v, &c->name, e);
	return json_skip(j, v, e);
}

static int descriptor_member(void *ctx, const char *key, struct json *j, struct json_value *v,
			     struct err *e)
{
	struct choice *c = ctx;

	if (str_eq(key, "mediaType"))
		return members_string(v, &c->d.media_type, e);
	if (str_eq(key, "digest"))
		return get_digest(v, c->d.digest, e);
	if (str_eq(key, "size")) {
		if (v->type != JSON_NUMBER || json_to_u64(v, &c->d.size) < 0)
			return document_bad(e, "a size that is none");
		return 0;
	}
	if (str_eq(key, "platform"))
		return members_object(j, v, platform_member, c, e);
	if (str_eq(key, "annotations"))
		return members_object(j, v, annotation_member, c, e);
	return json_skip(j, v, e);
}

static int read_descriptor(struct json *j, struct json_value *v, struct choice *ret, struct err *e)
{
	struct choice c = {0};
	int r = members_object(j, v, descriptor_member, &c, e);

	if (r < 0)
		return r;
	if (!*c.d.digest)
		return document_bad(e, "a descriptor without a digest");
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
	if (x->reference && (!c->reference || !str_eq(c->reference, x->reference)) &&
	    (!c->name || !str_eq(c->name, x->reference)))
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
		return document_bad(e, "a document that is an index and a manifest");
	if (!str_eq(key, "manifests"))
		return json_skip(j, v, e);
	if (v->type != JSON_ARRAY)
		return document_bad(e, "manifests: expected an array");
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
		r = document_read(text, len, index_member, &x, e);
		if (r < 0)
			return r;
		if (x.n_found == 0)
			return err_set(e, ERR_IMAGE, -ENOENT, "no such image in the layout");
		if (x.n_found > 1) {
			(void)err_set(e, ERR_IMAGE, -EINVAL, "more than one image in the layout");
			return err_hint(e, "name it: DIR:REFERENCE");
		}
		if (!l->name)
			l->name = x.found.name ? x.found.name : x.found.reference;
		if (!is_index(x.found.d.media_type)) {
			l->manifest = x.found.d;
			return is_manifest(l->manifest.media_type)
				       ? 0
				       : document_bad(e, "what the index leads to is no image");
		}
		r = blob_read_all(&l->source, &x.found.d, DOCUMENT_MAX, &l->arena, &text, e);
		if (r < 0)
			return err_wrap(e, "index");
		len = (size_t)x.found.d.size;
		x = (struct index){.machine = architecture()};
	}
	return document_bad(e, "indexes that lead to indexes without an end");
}

/* What the manifest.json of a flat directory is. */
struct flat {
	const char *media_type;
	bool is_index;
};

static int flat_member(void *ctx, const char *key, struct json *j, struct json_value *v,
		       struct err *e)
{
	struct flat *f = ctx;

	if (str_eq(key, "mediaType"))
		return members_string(v, &f->media_type, e);
	f->is_index |= str_eq(key, "manifests");
	return json_skip(j, v, e);
}

/* A flat directory has one image, or an index of it for several platforms. */
static int find_flat(struct layout *l, struct err *e)
{
	struct flat flat = {0};
	char *text, *copy;
	size_t len;
	int r = source_read(&l->source, "manifest.json", DOCUMENT_MAX, &l->arena, &text, &len, e);

	if (r < 0)
		return r;
	copy = arena_strndup(&l->arena, text, len);
	if (!copy)
		return err_sys(e, ERR_IMAGE, -ENOMEM, "read the manifest");
	r = document_read(copy, len, flat_member, &flat, e);
	if (r < 0)
		return err_wrap(e, "manifest.json");
	if (flat.is_index || (flat.media_type && is_index(flat.media_type)))
		return find_manifest(l, text, len, NULL, e);
	l->manifest.media_type =
		flat.media_type ? flat.media_type : "application/vnd.oci.image.manifest.v1+json";
	l->manifest.size = len;
	l->manifest_text = text;
	r = blob_digest(text, len, l->manifest.digest);
	if (r < 0)
		return err_sys(e, ERR_INTERNAL, r, "compute a digest");
	return is_manifest(l->manifest.media_type)
		       ? 0
		       : document_bad(e, "manifest.json: not a manifest of an image");
}

/* --- the image ------------------------------------------------------------------------------- */

struct manifest {
	struct layout *l;
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
		return document_bad(e, "a layer that is no file system layer");
	return layout_add_layer(l, (struct layout_layer){.blob = c->d}, e);
}

int layout_add_layer(struct layout *l, struct layout_layer layer, struct err *e)
{
	if (l->n_layers == LAYOUT_LAYERS_MAX)
		return document_bad(e, "more than 512 layers");
	l->layers[l->n_layers++] = layer;
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
		m->l->config = c.d;
		return r;
	}
	/* CVE-2021-41190: what one program takes for an index, another does not. */
	if (str_eq(key, "manifests"))
		return document_bad(e, "a document that is an index and a manifest");
	if (!str_eq(key, "layers"))
		return json_skip(j, v, e);
	if (v->type != JSON_ARRAY || m->has_layers)
		return document_bad(e, "layers: expected one array");
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
		return document_bad(e, "diff_ids: expected one array");
	for (bool first = true; (r = json_next_item(j, first, e)) > 0; first = false) {
		r = json_read(j, &item, e);
		if (r == 0 && m->n_diff_ids == m->l->n_layers)
			return document_bad(e, "more diff_ids than layers");
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
		return members_object(j, v, rootfs_member, ctx, e);
	return json_skip(j, v, e);
}

int layout_read_config(struct layout *l, struct err *e)
{
	struct manifest m = {.l = l};
	char *copy = arena_strndup(&l->arena, l->config_text, (size_t)l->config.size);
	int r;

	if (!copy)
		return err_sys(e, ERR_IMAGE, -ENOMEM, "read the config");
	r = document_read(copy, (size_t)l->config.size, config_member, &m, e);
	if (r == 0 && m.n_diff_ids != l->n_layers)
		r = document_bad(e, "fewer diff_ids than layers");
	return r;
}

static int read_manifest(struct layout *l, struct err *e)
{
	struct manifest m = {.l = l};
	char *text = l->manifest_text, *copy = NULL;
	int r = 0;

	if (!text)
		r = blob_read_all(&l->source, &l->manifest, DOCUMENT_MAX, &l->arena, &text, e);
	if (r == 0) {
		l->manifest_text = text;
		copy = arena_strndup(&l->arena, text, (size_t)l->manifest.size);
		r = copy ? document_read(copy, (size_t)l->manifest.size, manifest_member, &m, e)
			 : err_sys(e, ERR_IMAGE, -ENOMEM, "read it");
	}
	if (r == 0 && !*l->config.digest)
		r = document_bad(e, "no config");
	if (r < 0)
		return err_wrap(e, "manifest");
	r = blob_read_all(&l->source, &l->config, DOCUMENT_MAX, &l->arena, &l->config_text, e);
	if (r == 0)
		r = layout_read_config(l, e);
	return r < 0 ? err_wrap(e, "config") : 0;
}

/* --- layouts --------------------------------------------------------------------------------- */

static int version_member(void *ctx, const char *key, struct json *j, struct json_value *v,
			  struct err *e)
{
	if (str_eq(key, "imageLayoutVersion"))
		return members_string(v, ctx, e);
	return json_skip(j, v, e);
}

static int find_in_layout(struct layout *l, const char *reference, struct err *e)
{
	const char *version = NULL;
	char *text;
	size_t len;
	int r = source_read(&l->source, "oci-layout", DOCUMENT_MAX, &l->arena, &text, &len, e);

	if (r < 0)
		return err_wrap(e, "not an image layout");
	r = document_read(text, len, version_member, &version, e);
	if (r == 0 && (!version || !str_starts(version, "1.")))
		r = document_bad(e, "not an image layout of version 1");
	if (r < 0)
		return err_wrap(e, "oci-layout");
	r = source_read(&l->source, "index.json", DOCUMENT_MAX, &l->arena, &text, &len, e);
	return r < 0 ? r : find_manifest(l, text, len, reference, e);
}

static int read_layout(struct layout *l, const char *reference, struct err *e)
{
	int r;

	if (source_has(&l->source, "oci-layout") || !source_has(&l->source, "manifest.json"))
		r = find_in_layout(l, reference, e);
	else if (l->source.is_archive)
		return layout_read_docker(l, reference, e);
	else
		r = find_flat(l, e);
	return r < 0 ? r : read_manifest(l, e);
}

int layout_open(const char *path, const char *reference, int scratch, struct layout *ret,
		struct err *e)
{
	struct layout l = {.source = {.fd = -EBADF}};
	int r;

	arena_init(&l.arena, NULL, 0);
	l.layers = arena_newn(&l.arena, struct layout_layer, LAYOUT_LAYERS_MAX);
	r = l.layers ? source_open(path, scratch, &l.source, e)
		     : err_sys(e, ERR_IMAGE, -ENOMEM, "read the layout");
	if (r == 0)
		r = read_layout(&l, reference, e);
	if (r < 0) {
		layout_close(&l);
		return err_wrap(e, "%s", path);
	}
	*ret = l;
	return 0;
}

int layout_open_at(int fd, const struct descriptor *manifest, struct layout *ret, struct err *e)
{
	struct layout l = {.source = {.fd = -EBADF}, .manifest = *manifest};
	int r;

	arena_init(&l.arena, NULL, 0);
	arena_init(&l.source.arena, NULL, 0);
	l.layers = arena_newn(&l.arena, struct layout_layer, LAYOUT_LAYERS_MAX);
	l.source.fd = sys_fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (!l.layers || l.source.fd < 0)
		r = err_sys(e, ERR_IMAGE, l.layers ? l.source.fd : -ENOMEM, "read the image");
	else
		r = read_manifest(&l, e);
	if (r < 0) {
		layout_close(&l);
		return r;
	}
	*ret = l;
	return 0;
}

/* Cut @text at the colon behind something that is there: a name may have colons of its own. */
static bool split_at_path(char *text, const char **ret_reference)
{
	for (char *colon = text; (colon = strchr(colon, ':')); colon++) {
		*colon = '\0';
		if (str_eq(text, "-") || sys_faccessat(AT_FDCWD, text, 0 /* F_OK */) == 0) {
			*ret_reference = colon + 1;
			return true;
		}
		*colon = ':';
	}
	return false;
}

void layout_split_reference(char *text, char **ret_path, const char **ret_reference)
{
	static const char *const transports[] = {"oci:", "oci-archive:", "docker-archive:", "dir:"};

	*ret_path = text;
	*ret_reference = NULL;
	if (sys_faccessat(AT_FDCWD, text, 0) == 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(transports); i++) {
		char *rest = text + strlen(transports[i]);

		if (!str_starts(text, transports[i]))
			continue;
		*ret_path = rest;
		if (sys_faccessat(AT_FDCWD, rest, 0) == 0 || split_at_path(rest, ret_reference))
			return;
		/* A directory may be called "oci". */
		*ret_path = text;
	}
	(void)split_at_path(text, ret_reference);
}

void layout_close(struct layout *l)
{
	source_close(&l->source);
	arena_done(&l->arena);
}
