/* What an image says about its own digest, and making it say so. The keys are those of composefs's
 * sealing specification of 2026; the label is that of 2024 and 2025. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "image/layout.h"
#include "image/signature.h"
#include "image/verity.h"

/* A digest that is stated, with its signature. */
struct seal_statement {
	bool there;
	uint8_t digest[IMAGE_DIGEST_MAX];
	const char *signature; /* base64; NULL: none */
};

struct seal {
	struct seal_statement merged; /* the image: annotation of the manifest */
	struct seal_statement config; /* the config's bytes: annotation of its descriptor */
	bool has_label;               /* the image, in the old way */
	uint8_t label[IMAGE_DIGEST_MAX];
	bool other_hash; /* something is stated by the other hash */
};

/* What the manifest and the config in @l state by @hash. -EINVAL with *@e set for statements that
 * are malformed. Strings live in @a. */
int seal_read(const struct layout *l, enum image_hash hash, struct arena *a, struct seal *ret,
	      struct err *e) _must_check_;

/* The manifest of @l with statements in place of those it has: that the image's digest is @image,
 * and what that of the config is; signed unless @s is NULL. Everything else to the byte. In @a. */
int seal_write(const struct layout *l, enum image_hash hash, const uint8_t *image,
	       const struct signer *s, struct arena *a, const char **ret, size_t *ret_len,
	       struct err *e) _must_check_;

/* The fs-verity digest of the config's bytes. */
int seal_config_digest(const struct layout *l, enum image_hash hash, uint8_t *ret, struct err *e)
	_must_check_;
