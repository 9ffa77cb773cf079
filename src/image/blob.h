/* Blobs of an OCI image layout, proven as they are read: no more bytes than their descriptor says,
 * no fewer, and with its digest. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/mem.h"
#include "image/source.h"

/* "sha256:…" or "sha512:…", as the image specification writes it. */
#define DIGEST_TEXT_MAX (7 + 128 + 1)

struct descriptor {
	const char *media_type; /* "" if it is not given */
	char digest[DIGEST_TEXT_MAX];
	uint64_t size;
};

/* Is it a digest that we can compute? */
bool blob_is_digest(const char *text);

/* A stream that must have a digest in the end. */
struct hasher;
int hasher_new(const char *digest, struct hasher **ret) _must_check_;
void hasher_free(struct hasher *h);
void hasher_update(struct hasher *h, const void *data, size_t len);
/* All bytes are there: 0, or -EBADMSG with @what in words. */
int hasher_finish(struct hasher *h, const char *what, struct err *e) _must_check_;

/* Where a blob lies in a layout and in a store: "blobs/sha256/HEX". */
#define BLOB_PATH_MAX (6 + 6 + 2 + 128 + 1)
void blob_path(const char *digest, char buf[static BLOB_PATH_MAX]);

/* Open the blob that @d describes. -errno or 0. */
struct blob;
int blob_open(const struct source *s, const struct descriptor *d, struct blob **ret, struct err *e)
	_must_check_;

/* Open the file @name, of which nothing is known yet: it proves itself by what is in it. */
int blob_open_file(const struct source *s, const char *name, struct blob **ret, struct err *e)
	_must_check_;
void blob_close(struct blob *b);

/* Up to @len bytes; 0 at the end, if all was right. A tar_read_fn; @ctx is the struct blob. */
ssize_t blob_read(void *ctx, void *buf, size_t len, struct err *e) _must_check_;

/* All of a blob of at most @max bytes, with a NUL behind it. */
int blob_read_all(const struct source *s, const struct descriptor *d, size_t max, struct arena *a,
		  char **ret, struct err *e) _must_check_;

/* The digest of @len bytes at @data as text, by sha256. -EIO when the library that hashes fails. */
int blob_digest(const void *data, size_t len, char ret[static DIGEST_TEXT_MAX]) _must_check_;
