/* Docker archives, as `docker save` and `podman save` write them: manifest.json, an array, names
 * the config and the layers of each image. Only the config's name is a digest; the layers are
 * proven by the diff_ids in it. */
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "image/document.h"
#include "image/layout-internal.h"

#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define CONFIG_TYPE   "application/vnd.oci.image.config.v1+json"
#define LAYER_TYPE    "application/vnd.oci.image.layer.v1.tar"

/* An image in the list, and what is looked for. */
struct item {
	const char *config;
	struct strings tags, layers;
};

struct list {
	struct layout *l;
	const char *reference; /* NULL: any */
	struct item found;
	const char *name;
	unsigned n_found;
};

struct item_context {
	struct arena *arena;
	struct item *item;
};

static int item_member(void *ctx, const char *key, struct json *j, struct json_value *v,
		       struct err *e)
{
	struct item_context *c = ctx;

	if (str_eq(key, "Config"))
		return members_string(v, &c->item->config, e);
	if (str_eq(key, "RepoTags"))
		return document_strings(j, v, c->arena, &c->item->tags, e);
	if (str_eq(key, "Layers"))
		return document_strings(j, v, c->arena, &c->item->layers, e);
	return json_skip(j, v, e);
}

static int add_item(void *ctx, const char *key, struct json *j, struct json_value *v, struct err *e)
{
	struct list *list = ctx;
	struct item item = {0};
	struct item_context c = {&list->l->arena, &item};
	int r = members_object(j, v, item_member, &c, e);

	(void)key;
	if (r < 0)
		return r;
	if (!list->reference) {
		list->found = item;
		list->name = item.tags.n ? item.tags.items[0] : NULL;
		list->n_found++;
	}
	for (size_t i = 0; list->reference && i < item.tags.n; i++) {
		if (!str_eq(item.tags.items[i], list->reference))
			continue;
		list->found = item;
		list->name = item.tags.items[i];
		list->n_found++;
	}
	return 0;
}

static int read_list(struct list *list, struct err *e)
{
	char *text;
	size_t len;
	int r = source_read(&list->l->source, "manifest.json", DOCUMENT_MAX, &list->l->arena, &text,
			    &len, e);

	if (r < 0)
		return r;
	r = document_read_array(text, len, add_item, list, e);
	if (r < 0)
		return err_wrap(e, "manifest.json");
	if (list->n_found == 0)
		return err_set(e, ERR_IMAGE, -ENOENT, "no such image in the archive");
	if (list->n_found > 1) {
		(void)err_set(e, ERR_IMAGE, -EINVAL, "more than one image in the archive");
		return err_hint(e, "name it: FILE:NAME");
	}
	return 0;
}

/* The config must have the digest that it is named by: "HEX.json", or "blobs/sha256/HEX". */
static int check_config_name(const struct layout *l, const char *name, struct err *e)
{
	const char *slash = strrchr(name, '/'), *hex = slash ? slash + 1 : name;
	size_t len = strspn(hex, "0123456789abcdef");

	if (len != 64 || (hex[len] && !str_eq(hex + len, ".json")))
		return document_bad(e, "a config whose name is no digest");
	if (strncmp(hex, l->config.digest + 7, 64) != 0)
		return err_set(e, ERR_DIGEST, -EBADMSG,
			       "%s does not have the digest that it is named by", name);
	return 0;
}

int layout_read_docker(struct layout *l, const char *reference, struct err *e)
{
	struct list list = {.l = l, .reference = reference};
	size_t len;
	int r = read_list(&list, e);

	if (r == 0 && !list.found.config)
		r = document_bad(e, "manifest.json: no config");
	if (r == 0)
		r = source_read(&l->source, list.found.config, DOCUMENT_MAX, &l->arena,
				&l->config_text, &len, e);
	if (r < 0)
		return r;
	l->name = list.name;
	l->config.media_type = CONFIG_TYPE;
	l->config.size = len;
	r = blob_digest(l->config_text, len, l->config.digest);
	if (r < 0)
		return err_sys(e, ERR_INTERNAL, r, "compute a digest");
	r = check_config_name(l, list.found.config, e);
	for (size_t i = 0; i < list.found.layers.n && r == 0; i++)
		r = layout_add_layer(l, (struct layout_layer){.file = list.found.layers.items[i]},
				     e);
	if (r == 0)
		r = layout_read_config(l, e);
	return r < 0 ? err_wrap(e, "config") : 0;
}

static void write_descriptor(struct json_writer *w, const struct descriptor *d)
{
	json_object_begin(w);
	json_kv_string(w, "mediaType", d->media_type);
	json_kv_string(w, "digest", d->digest);
	json_kv_u64(w, "size", d->size);
	json_object_end(w);
}

int layout_make_manifest(struct layout *l, struct err *e)
{
	struct json_writer w;
	const char *text;
	size_t len;
	int r;

	json_writer_init(&w, &l->arena, false);
	json_object_begin(&w);
	json_kv_u64(&w, "schemaVersion", 2);
	json_kv_string(&w, "mediaType", MANIFEST_TYPE);
	json_key(&w, "config");
	write_descriptor(&w, &l->config);
	json_key(&w, "layers");
	json_array_begin(&w);
	for (size_t i = 0; i < l->n_layers; i++) {
		struct layout_layer *layer = &l->layers[i];

		(void)str_copy(layer->blob.digest, DIGEST_TEXT_MAX, layer->diff_id);
		layer->blob.media_type = LAYER_TYPE;
		write_descriptor(&w, &layer->blob);
	}
	json_array_end(&w);
	json_object_end(&w);
	r = json_writer_finish(&w, &text, &len);
	if (r == 0)
		r = blob_digest(text, len, l->manifest.digest);
	if (r < 0)
		return err_sys(e, ERR_IMAGE, r, "make a manifest");
	l->manifest_text = arena_strndup(&l->arena, text, len);
	l->manifest.media_type = MANIFEST_TYPE;
	l->manifest.size = len;
	return l->manifest_text ? 0 : err_sys(e, ERR_IMAGE, -ENOMEM, "make a manifest");
}
