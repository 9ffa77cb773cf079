/* May this image be mounted? The kernel's parsers are older than our checks, and a mount by root
 * shows whatever the image says: so it must be the image that somebody vouches for, by its digest,
 * or at least one that our writer makes. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "image/load.h"
#include "image/store.h"

struct trust_options {
	enum verity_want verity;
	bool has_digest; /* the image must have this one: */
	enum image_hash hash;
	uint8_t digest[IMAGE_DIGEST_MAX];
	bool skip_canonical;
	const char *const *objects; /* stores, to see whether objects are sealed */
	unsigned n_objects;
};

struct trust_result {
	bool sealed;     /* the kernel measured it, on the descriptor that is mounted */
	bool has_digest; /* it was looked at: */
	uint8_t digest[IMAGE_DIGEST_MAX];
	bool has_acl;
	bool objects_sealed; /* a sample of them is: the kernel measures what it should */
};

/* Measure first; look into the image only after that, and only if there is a reason to: an image
 * that is sealed and has the right digest is not even read. With verity=require the image must be
 * sealed. Messages for a wrong digest are those that scripts know from mount.composefs. */
int trust_image(struct image_file *f, const struct trust_options *o, struct trust_result *ret,
		struct err *e) _must_check_;
