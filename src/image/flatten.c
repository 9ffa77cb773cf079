/* One layer for all: what export writes where the layers were not kept. */
#include "image/flatten.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/evp.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/document.h"
#include "image/tar-write.h"

#define COPY_SIZE ((size_t)256 * 1024)

struct flattening {
	struct repo *repo;
	struct output out;
	struct verity *verity;
	struct image_path path, target;
	uint8_t *buf;
};

/* The path of @n without the slash before it, NUL-terminated. */
static int path_of(const struct image_node *n, struct image_path *p, const char **ret)
{
	char *grown;
	int r = image_node_path(n, p);

	if (r < 0)
		return r;
	grown = realloc(p->text, p->len + 1);
	if (!grown)
		return -ENOMEM;
	p->text = grown;
	p->cap = p->len + 1;
	grown[p->len] = '\0';
	*ret = grown + 1;
	return 0;
}

/* Copy the object of @n, which must have its digest. */
static int copy_object(struct flattening *fl, const struct image_node *n, struct err *e)
{
	uint8_t digest[IMAGE_DIGEST_MAX];
	_cleanup_close_ int fd = -EBADF;
	char path[STORE_PATH_MAX];
	uint64_t at = 0;
	ssize_t k = 1;
	int r;

	store_object_path(n->digest, n->digest_len, path);
	fd = sys_openat(fl->repo->objects.fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, ERR_IO, fd, "open objects/%s", path);
	while (at < n->size && k != 0) {
		k = sys_pread(fd, fl->buf, (size_t)MIN(n->size - at, COPY_SIZE), at);
		if (k < 0 && k != -EINTR)
			return err_sys(e, ERR_IO, (int)k, "read objects/%s", path);
		if (k > 0) {
			verity_update(fl->verity, fl->buf, (size_t)k);
			output_write(&fl->out, fl->buf, (size_t)k);
			at += (uint64_t)k;
		}
	}
	r = verity_finish(fl->verity, digest);
	if (r < 0)
		return err_sys(e, ERR_INTERNAL, r, "compute a digest");
	if (at != n->size || memcmp(digest, n->digest, n->digest_len) != 0)
		return err_set(e, ERR_DIGEST, -EBADMSG, "objects/%s: wrong content", path);
	return 0;
}

static int write_node(struct flattening *fl, const struct image_node *n, struct err *e)
{
	const char *path, *target = "";
	int r = path_of(n, &fl->path, &path);

	/* Archives have no sockets, and nobody misses them. */
	if (r == 0 && !n->target && S_ISSOCK(n->mode))
		return 0;
	if (r == 0 && n->target)
		r = path_of(n->target, &fl->target, &target);
	if (r == 0)
		r = tar_write_node(&fl->out, n, path, target);
	if (r < 0)
		return err_sys(e, ERR_IMAGE, r, "write the layer");
	if (n->target || !S_ISREG(n->mode) || n->size == 0)
		return 0;
	if (n->digest_len)
		r = copy_object(fl, n, e);
	else
		output_write(&fl->out, n->data, n->data_len);
	tar_write_padding(&fl->out, n->size);
	return r;
}

static int write_tree(struct flattening *fl, struct image_tree *t, struct progress *p,
		      struct err *e)
{
	uint64_t count = 0;
	int r = image_tree_canonical_links(t);

	if (r < 0)
		return err_sys(e, ERR_IMAGE, r, "write the layer");
	for (const struct image_node *n = t->root; n && r == 0; n = image_tree_next(n)) {
		progress_show(p, "writing", ++count, 0, "entries");
		r = write_node(fl, n, e);
	}
	tar_write_end(&fl->out);
	if (r == 0) {
		r = output_finish(&fl->out);
		if (r < 0)
			(void)err_sys(e, ERR_IO, r, "write the layer");
	}
	return r;
}

/* The sha256 of all that @fd holds, from its beginning. */
static int digest_of(int fd, uint8_t *buf, char ret[static DIGEST_TEXT_MAX])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t digest[EVP_MAX_MD_SIZE];
	bool good = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
	uint64_t at = 0;
	ssize_t n;

	while (good && (n = sys_pread(fd, buf, COPY_SIZE, at)) != 0) {
		good = n > 0 && EVP_DigestUpdate(ctx, buf, (size_t)n) == 1;
		at += (uint64_t)n;
	}
	good = good && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	(void)str_copy(ret, DIGEST_TEXT_MAX, "sha256:");
	image_hex(digest, 32, ret + 7);
	return good ? 0 : -EIO;
}

static int write_layer(struct flattening *fl, struct image_tree *t, struct progress *p,
		       struct flat_layer *ret, struct err *e)
{
	int fd = sys_openat(fl->repo->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), r;

	if (fd < 0)
		return err_sys(e, ERR_IO, fd, "make a file for the layer");
	r = output_init(&fl->out, fd);
	if (r < 0)
		r = err_sys(e, ERR_IMAGE, r, "write the layer");
	else
		r = write_tree(fl, t, p, e);
	ret->blob.media_type = "application/vnd.oci.image.layer.v1.tar";
	ret->blob.size = fl->out.offset;
	output_done(&fl->out);
	if (r == 0) {
		r = digest_of(fd, fl->buf, ret->blob.digest);
		if (r < 0)
			(void)err_sys(e, ERR_IO, r, "read the layer");
	}
	ret->fd = r == 0 ? TAKE_FD(fd) : -EBADF;
	(void)fd_close(fd);
	return r;
}

int flatten_image(struct repo *r, const struct repo_record *rec, struct progress *p,
		  struct flat_layer *ret, struct err *e)
{
	struct flattening fl = {.repo = r};
	struct image_file f = {.fd = -EBADF};
	struct image_tree t = {0};
	int code = repo_load(r, rec, &f, &t, e);

	if (code < 0)
		return code;
	fl.buf = malloc(COPY_SIZE);
	code = fl.buf ? verity_new(r->objects.hash, &fl.verity) : -ENOMEM;
	if (code < 0)
		code = err_sys(e, ERR_IMAGE, code, "write the layer");
	else
		code = write_layer(&fl, &t, p, ret, e);
	verity_free(fl.verity);
	free(fl.buf);
	image_path_done(&fl.path);
	image_path_done(&fl.target);
	image_tree_done(&t);
	image_file_done(&f);
	return code;
}

/* --- the config ------------------------------------------------------------------------------ */

/* The config on its way. */
struct config_text {
	char *text;
	size_t len;
};

static int copy_member(void *ctx, const struct document_raw *m)
{
	struct config_text *out = ctx;

	if (str_eq(m->key, "rootfs") || str_eq(m->key, "history"))
		return 0;
	memcpy(out->text + out->len, m->member, m->member_len);
	out->len += m->member_len;
	out->text[out->len++] = ',';
	return 0;
}

int flatten_config(const char *text, size_t len, const char *diff_id, struct arena *a,
		   const char **ret, size_t *ret_len, struct err *e)
{
	/* Each member has a separator behind it in the text, too. */
	struct config_text out = {.text = arena_alloc(a, len + 512), .len = 1};
	int r;

	if (!out.text)
		return err_sys(e, ERR_IMAGE, -ENOMEM, "write the config");
	out.text[0] = '{';
	r = document_each_raw(text, len, a, copy_member, &out, e);
	if (r < 0)
		return err_wrap(e, "config");
	out.len += str_format(out.text + out.len, 400,
			      "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}", diff_id);
	*ret = out.text;
	*ret_len = out.len;
	return 0;
}
