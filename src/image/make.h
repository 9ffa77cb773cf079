/* Making an image: from a source to a file and a digest. What `build` and mkcomposefs share. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "image/erofs.h"
#include "image/scan.h"

enum make_from {
	MAKE_FROM_DIRECTORY,
	MAKE_FROM_DUMP,  /* "-" is standard input */
	MAKE_FROM_TAR,   /* a layer; "-" is standard input */
	MAKE_FROM_IMAGE, /* of a container, in an OCI image layout */
};

struct make_options {
	const char *source;
	enum make_from from;
	const char *reference;     /* which image of the layout; NULL: the only one */
	const char *const *layers; /* more of them, the lowest first */
	size_t n_layers;
	unsigned dump_flags; /* enum dump_flags */
	const char *image;   /* where to; "-" is standard output; NULL: only the digest */
	unsigned min_version, max_version;
	bool want_digest;
	bool seal;
	struct scan_options scan;
};

struct make_result {
	struct erofs_info info;
	bool has_digest;
	uint8_t digest[IMAGE_DIGEST_MAX];
};

int make_image(const struct make_options *o, struct make_result *ret, struct err *e) _must_check_;

/* Write the image of @t, which is consumed, to @fd (-EBADF: nowhere), and fill in *@ret. Of @o
 * counts what is about versions, hash and digest. */
int make_write(const struct make_options *o, struct image_tree *t, int fd, struct make_result *ret,
	       struct err *e) _must_check_;
