/* Making an image: from a source to a file and a digest. What `build` and mkcomposefs share. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "image/erofs.h"
#include "image/scan.h"

struct make_options {
	const char *source;
	bool from_dump;            /* the source is a dump; "-" is standard input */
	bool from_tar;             /* the source is a layer, an archive; "-" is standard input */
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
