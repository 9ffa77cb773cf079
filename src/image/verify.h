/* May this image be believed: by itself, by keys, by a policy. */
#pragma once

#include "base/attr.h"
#include "base/err.h"
#include "image/repo.h"
#include "image/seal.h"
#include "image/signature.h"

/* An image about to be believed. Filled in by verify_open(). */
struct verify {
	struct repo *repo;
	struct repo_record record;
	struct layout layout;
	struct arena arena;
	struct seal seal;
	uint8_t config[IMAGE_DIGEST_MAX]; /* fs-verity digest of the config */
	bool sealed;                      /* it says what its own digest is, and is right */
};

/* Find @word, and compare what it says about itself with what it is. The tree was made from the
 * layers by ourselves, and never from what they say, so that it is right if they agree. -EBADMSG
 * with *@e set if they do not. */
int verify_open(struct repo *r, const char *word, struct verify *ret, struct err *e) _must_check_;
void verify_close(struct verify *v);

/* Have image and config both been signed by one of @t? -EKEYREJECTED with *@e set if not. */
int verify_keys(const struct verify *v, const struct trusted *t, struct err *e) _must_check_;

/* Is the image what the policy in the file @path wants of what is called @name? Policies are in
 * docs/image-store.md. -EKEYREJECTED, -EBADMSG or -EPERM with *@e set if not. */
int verify_policy(const struct verify *v, const char *path, const char *name, struct err *e)
	_must_check_;
