/* Reading blobs. The digest is compared when the end is reached, and only then does a reader learn
 * of an end: nothing that was made of a wrong blob is ever finished. */
#include "image/blob.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/str.h"
#include "base/sys.h"
#include "image/tree.h"

/* --- digests --------------------------------------------------------------------------------- */

struct hasher {
	EVP_MD_CTX *ctx;
	bool failed;
	uint8_t want[IMAGE_DIGEST_MAX];
	size_t len;
};

/* Bytes of the digest @text, or 0 if it is none. */
static size_t digest_length(const char *text)
{
	size_t len = str_starts(text, "sha256:") ? 32 : str_starts(text, "sha512:") ? 64 : 0;

	return len && strlen(text + 7) == 2 * len && strspn(text + 7, "0123456789abcdef") == 2 * len
		       ? len
		       : 0;
}

bool blob_is_digest(const char *text)
{
	return digest_length(text) != 0;
}

int hasher_new(const char *digest, struct hasher **ret)
{
	struct hasher *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->len = digest_length(digest);
	h->ctx = EVP_MD_CTX_new();
	if (!h->ctx || !h->len || image_unhex(digest + 7, h->len, h->want) < 0 ||
	    EVP_DigestInit_ex(h->ctx, h->len == 32 ? EVP_sha256() : EVP_sha512(), NULL) != 1) {
		hasher_free(h);
		return -ENOMEM;
	}
	*ret = h;
	return 0;
}

void hasher_free(struct hasher *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void hasher_update(struct hasher *h, const void *data, size_t len)
{
	h->failed |= EVP_DigestUpdate(h->ctx, data, len) != 1;
}

int hasher_finish(struct hasher *h, const char *what, struct err *e)
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (h->failed || EVP_DigestFinal_ex(h->ctx, digest, NULL) != 1)
		return err_set(e, ERR_INTERNAL, -EIO, "the library that hashes failed");
	if (memcmp(digest, h->want, h->len) != 0)
		return err_set(e, ERR_DIGEST, -EBADMSG,
			       "%s does not have the digest that it must have", what);
	return 0;
}

/* --- blobs ----------------------------------------------------------------------------------- */

struct blob {
	struct source_file file;
	uint64_t at, size;
	struct hasher *hasher; /* NULL: nothing to compare with */
	bool done;
};

void blob_path(const char *digest, char buf[static BLOB_PATH_MAX])
{
	(void)str_format(buf, BLOB_PATH_MAX, "blobs/%.6s/%s", digest, digest + 7);
}

int blob_digest(const void *data, size_t len, char ret[static DIGEST_TEXT_MAX])
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL) != 1)
		return -EIO;
	(void)str_copy(ret, DIGEST_TEXT_MAX, "sha256:");
	image_hex(digest, 32, ret + 7);
	return 0;
}

int blob_open_file(const struct source *s, const char *name, struct blob **ret, struct err *e)
{
	struct blob *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return err_sys(e, ERR_IMAGE, -ENOMEM, "read a blob");
	r = source_find(s, name, &b->file, e);
	if (r < 0) {
		free(b);
		return r;
	}
	b->size = b->file.size;
	*ret = b;
	return 0;
}

int blob_open(const struct source *s, const struct descriptor *d, struct blob **ret, struct err *e)
{
	char path[BLOB_PATH_MAX];
	struct blob *b;
	int r;

	blob_path(d->digest, path);
	r = blob_open_file(s, path, &b, e);
	if (r < 0)
		return r;
	r = hasher_new(d->digest, &b->hasher);
	if (r < 0)
		(void)err_sys(e, ERR_IMAGE, r, "read a blob");
	else if (b->size != d->size)
		r = err_set(e, ERR_DIGEST, -EBADMSG, "%s has not the size that it must have", path);
	if (r < 0) {
		blob_close(b);
		return r;
	}
	*ret = b;
	return 0;
}

void blob_close(struct blob *b)
{
	if (!b)
		return;
	hasher_free(b->hasher);
	source_file_done(&b->file);
	free(b);
}

ssize_t blob_read(void *ctx, void *buf, size_t len, struct err *e)
{
	struct blob *b = ctx;
	ssize_t n;
	int r;

	if (b->done)
		return 0;
	/* What is behind it in an archive is another member's. */
	if (b->file.is_own)
		len = MIN(len, b->size - b->at);
	do {
		n = sys_pread(b->file.fd, buf, len, b->file.offset + b->at);
	} while (n == -EINTR);
	if (n < 0)
		return err_sys(e, ERR_IO, (int)n, "read a blob");
	if ((uint64_t)n > b->size - b->at || (n == 0 && b->at < b->size))
		return err_set(e, ERR_DIGEST, -EBADMSG,
			       "a blob has not the size that it must have");
	b->at += (uint64_t)n;
	if (b->hasher)
		hasher_update(b->hasher, buf, (size_t)n);
	if (n > 0)
		return n;
	r = b->hasher ? hasher_finish(b->hasher, "a blob", e) : 0;
	b->done = r == 0;
	return r;
}

int blob_read_all(const struct source *s, const struct descriptor *d, size_t max, struct arena *a,
		  char **ret, struct err *e)
{
	struct blob *b = NULL;
	size_t at = 0;
	char *text;
	ssize_t n;
	int r;

	if (d->size > max)
		return err_set(e, ERR_IMAGE, -EFBIG, "a document of %llu bytes",
			       (unsigned long long)d->size);
	text = arena_alloc(a, (size_t)d->size + 1);
	r = text ? blob_open(s, d, &b, e) : err_sys(e, ERR_IMAGE, -ENOMEM, "read a blob");
	if (r < 0)
		return r;
	/* One byte more than there is: the end has to be seen. */
	while ((n = blob_read(b, text + at, (size_t)d->size + 1 - at, e)) > 0)
		at += (size_t)n;
	blob_close(b);
	if (n < 0)
		return (int)n;
	text[at] = '\0';
	*ret = text;
	return 0;
}
