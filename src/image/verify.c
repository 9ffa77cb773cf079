/* From an image and what it says about itself to belief. */
#include "image/verify.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"

static int compare(const struct verify *v, const uint8_t *stated, const uint8_t *is,
		   const char *what, struct err *e)
{
	if (memcmp(stated, is, verity_digest_size(v->repo->objects.hash)) == 0)
		return 0;
	return err_set(e, ERR_DIGEST, -EBADMSG, "the %s has not the digest that is stated for it",
		       what);
}

static int check_statements(struct verify *v, struct err *e)
{
	const uint8_t *image = v->record.image;
	int r = 0;

	if (v->seal.merged.there)
		r = compare(v, v->seal.merged.digest, image, "image", e);
	if (r == 0 && v->seal.has_label)
		r = compare(v, v->seal.label, image, "image", e);
	if (r == 0 && v->seal.config.there)
		r = compare(v, v->seal.config.digest, v->config, "config", e);
	if (r < 0 && v->record.transform != REPO_TRANSFORM_OCI_1)
		return err_hint(e, "it was imported without the transform that digests are about");
	return r;
}

/* Is the file that is mounted still the one of the record? */
static int check_image(struct verify *v, struct err *e)
{
	size_t len = verity_digest_size(v->repo->objects.hash);
	uint8_t digest[IMAGE_DIGEST_MAX];
	struct image_file f = {.fd = -EBADF};
	struct image_tree t = {0};
	bool measured;
	int r = repo_load(v->repo, &v->record, &f, &t, e);

	if (r < 0)
		return r;
	r = image_file_digest(&f, v->repo->objects.hash, digest, &measured, e);
	if (r == 0 && memcmp(digest, v->record.image, len) != 0)
		r = err_set(e, ERR_DIGEST, -EBADMSG, "the image in the store is damaged");
	image_tree_done(&t);
	image_file_done(&f);
	return r;
}

int verify_open(struct repo *r, const char *word, struct verify *ret, struct err *e)
{
	struct verify v = {.repo = r};
	char digest[DIGEST_TEXT_MAX];
	int code = repo_resolve(r, word, digest, e);

	if (code == 0)
		code = repo_get_record(r, digest, &v.record, e);
	if (code == 0)
		code = repo_open_layout(r, &v.record, &v.layout, e);
	if (code < 0)
		return code;
	arena_init(&v.arena, NULL, 0);
	code = seal_read(&v.layout, r->objects.hash, &v.arena, &v.seal, e);
	if (code == 0)
		code = seal_config_digest(&v.layout, r->objects.hash, v.config, e);
	if (code == 0)
		code = check_image(&v, e);
	if (code == 0)
		code = check_statements(&v, e);
	v.sealed = v.seal.merged.there || v.seal.has_label;
	if (code < 0) {
		verify_close(&v);
		return err_wrap(e, "%s", word);
	}
	*ret = v;
	return 0;
}

void verify_close(struct verify *v)
{
	layout_close(&v->layout);
	arena_done(&v->arena);
}

static int check_signature(const struct verify *v, const struct seal_statement *s,
			   const struct trusted *t, const char *what, struct err *e)
{
	int r;

	if (!s->there || !s->signature) {
		(void)err_set(e, ERR_DIGEST, -EKEYREJECTED, "the %s is not signed", what);
		return v->seal.other_hash
			       ? err_hint(e,
					  "by digests of another hash, perhaps: the store has "
					  "%s",
					  verity_hash_name(v->repo->objects.hash))
			       : -EKEYREJECTED;
	}
	r = trusted_check(t, v->repo->objects.hash, s->digest, s->signature, e);
	return r < 0 ? err_wrap(e, "%s", what) : 0;
}

int verify_keys(const struct verify *v, const struct trusted *t, struct err *e)
{
	int r = check_signature(v, &v->seal.merged, t, "image", e);

	return r < 0 ? r : check_signature(v, &v->seal.config, t, "config", e);
}
