/* Taking images in. What is written before the record is of no use to anybody without it: a crash
 * leaves it for gc. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/json.h"
#include "base/str.h"
#include "image/apply.h"
#include "image/make.h"
#include "image/repo.h"

/* --- what is there already ------------------------------------------------------------------- */

/* Does the record lead to something that is all there? Contents are not read: that is fsck's. */
static bool is_complete(struct repo *r, const struct repo_record *rec)
{
	struct image_file f = {.fd = -EBADF};
	struct image_tree t = {0};
	struct layout l;
	bool complete;
	struct err e;

	if (repo_open_layout(r, rec, &l, &e) < 0)
		return false;
	layout_close(&l);
	if (repo_load(r, rec, &f, &t, &e) < 0)
		return false;
	complete = true;
	for (const struct image_node *n = t.root; n && complete; n = image_tree_next(n))
		if (!n->target && n->digest_len)
			complete = repo_has_object(r, n->digest, n->size);
	image_tree_done(&t);
	image_file_done(&f);
	return complete;
}

static bool is_there(struct repo *r, const struct repo_import *o, const struct layout *l,
		     struct repo_record *ret)
{
	struct err e;

	return l->manifest_text && repo_get_record(r, l->manifest.digest, ret, &e) == 0 &&
	       ret->transform == o->transform && (ret->has_layers || !o->keep_layers) &&
	       is_complete(r, ret);
}

/* --- from layers to an image ----------------------------------------------------------------- */

static int add_layer(struct repo *r, struct layout *l, size_t i, struct layers *layers, bool keep,
		     struct err *e)
{
	struct repo_blob b = {.fd = -EBADF};
	int code = keep ? repo_blob_begin(r, &b, e) : 0;

	if (code == 0)
		code = apply_layer(l, i, layers, b.fd, e);
	if (code == 0 && keep)
		code = repo_blob_commit(
			r, &b, l->layers[i].file ? l->layers[i].diff_id : l->layers[i].blob.digest,
			e);
	repo_blob_drop(r, &b);
	return code;
}

static int read_layers(struct repo *r, const struct repo_import *o, struct layout *l,
		       struct image_tree *ret, struct err *e)
{
	struct scan_options scan = {
		.hash = r->objects.hash,
		.xattrs = o->transform == REPO_TRANSFORM_OCI_1 ? SCAN_XATTRS_OCI : SCAN_XATTRS_ALL,
		.store = &r->objects,
		.progress = o->progress,
	};
	struct layers *layers = NULL;
	char what[40];
	int code = layers_new(&scan, &layers);

	if (code < 0)
		return err_sys(e, ERR_IMAGE, code, "read the layers");
	o->progress->what = what;
	for (size_t i = 0; i < l->n_layers && code == 0; i++) {
		(void)str_format(what, sizeof(what), "layer %zu of %zu", i + 1, l->n_layers);
		code = add_layer(r, l, i, layers, o->keep_layers, e);
	}
	o->progress->what = NULL;
	if (code == 0)
		code = layers_finish(layers, o->transform == REPO_TRANSFORM_OCI_1, ret, e);
	layers_free(layers);
	return code;
}

/* The image of @t as an object. Consumes the tree. */
static int write_image(struct repo *r, struct image_tree *t, struct repo_record *rec, struct err *e)
{
	struct make_options make = {.min_version = 1,
				    .max_version = 1,
				    .want_digest = true,
				    .scan = {.hash = r->objects.hash}};
	struct make_result made = {0};
	struct store_batch *batch;
	int fd, code = repo_tree_size(t, &rec->size);

	if (code == 0)
		code = store_batch_new(&r->objects, &batch);
	if (code < 0)
		return err_sys(e, ERR_IMAGE, code, "write the image");
	code = store_batch_begin(batch, &fd, e);
	if (code == 0)
		code = make_write(&make, t, fd, &made, e);
	if (code == 0)
		code = store_batch_end(batch, made.digest, made.info.size, e);
	if (code == 0)
		code = store_batch_flush(batch, e);
	store_batch_free(batch);
	memcpy(rec->image, made.digest, sizeof(rec->image));
	rec->size += made.info.size;
	rec->inodes = made.info.inodes;
	return code;
}

/* --- the import ------------------------------------------------------------------------------ */

static int take_in(struct repo *r, const struct repo_import *o, struct layout *l,
		   struct repo_record *ret, struct err *e)
{
	struct repo_record rec = {
		.transform = o->transform, .has_layers = o->keep_layers, .imported = time(NULL)};
	struct image_tree t = {0};
	int code = read_layers(r, o, l, &t, e);

	if (code == 0 && !l->manifest_text)
		code = layout_make_manifest(l, e);
	rec.manifest = l->manifest;
	if (code == 0)
		code = write_image(r, &t, &rec, e);
	image_tree_done(&t);
	if (code == 0)
		code = repo_put_blob(r, l->config.digest, l->config_text, (size_t)l->config.size,
				     e);
	if (code == 0)
		code = repo_put_blob(r, l->manifest.digest, l->manifest_text,
				     (size_t)l->manifest.size, e);
	/* From here on the record may lead to all of it. */
	if (code == 0)
		code = store_sync(&r->objects, e);
	if (code == 0)
		code = repo_put_record(r, &rec, e);
	if (code == 0)
		*ret = rec;
	return code;
}

static int choose_name(const struct repo_import *o, const struct layout *l,
		       struct repo_imported *ret, struct err *e)
{
	const char *name = o->name ? o->name : l->name;
	char excerpt[JSON_EXCERPT_MAX];

	if (!name) {
		(void)err_set(e, ERR_USAGE, -EINVAL, "%s does not say what it is called",
			      o->source);
		return err_hint(e, "name it: import SOURCE NAME");
	}
	if (!repo_is_name(name))
		return err_set(e, ERR_USAGE, -EINVAL, "'%s' cannot be the name of an image",
			       json_excerpt(name, excerpt));
	(void)str_copy(ret->name, sizeof(ret->name), name);
	return 0;
}

int repo_import(struct repo *r, const struct repo_import *o, struct repo_imported *ret,
		struct err *e)
{
	struct repo_imported done = {0};
	struct layout l;
	int code = layout_open(o->source, o->reference, r->fd, &l, e);

	if (code < 0)
		return code;
	code = choose_name(o, &l, &done, e);
	if (code == 0) {
		done.was_there = is_there(r, o, &l, &done.record);
		if (!done.was_there)
			code = take_in(r, o, &l, &done.record, e);
		if (code < 0)
			(void)err_wrap(e, "%s", o->source);
	}
	if (code == 0)
		code = repo_put_name(r, done.name, done.record.manifest.digest, e);
	/* The type in the record may be the layout's. */
	done.record.manifest.media_type = "";
	layout_close(&l);
	if (code == 0)
		*ret = done;
	return code;
}
