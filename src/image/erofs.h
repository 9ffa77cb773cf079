/* EROFS images as composefs uses them: a whole file system's metadata, small contents in line, and
 * for each larger file the path and the fs-verity digest of an object elsewhere.
 *
 * The writer is canonical: one tree has one image, byte for byte. Format 1 is the one to use;
 * format 0 is its predecessor; format 2 (an early layout of another implementation) is written so
 * that images in it can be checked. The reader is strict: what no writer makes, it refuses. docs/
 * image-format.md describes all of them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "image/output.h"
#include "image/tree.h"

#define EROFS_VERSION_MAX 2

/* What an image says about itself. */
struct erofs_info {
	unsigned version; /* 0, 1 or 2 */
	bool has_acl;
	uint64_t inodes, size; /* size in bytes */
	int64_t build_time;    /* the oldest modification time in it */
	uint32_t build_time_nsec;
};

/* Write the image of @t to @out (not finished: the caller does that). Consumes the tree: what image
 * files need is written into it, and image_tree_find() has no meaning afterwards.
 *
 * @min_version is the format, unless it is 0, @max_version is at least 1 and the tree holds a
 * whiteout, which format 0 cannot express: then 1. Format 2 only as (2, 2).
 *
 * Failures: -EINVAL for unknown formats and for trees that the format cannot hold, -ENOMEM.
 * Failures of @out are its own. */
int erofs_write(struct image_tree *t, unsigned min_version, unsigned max_version,
		struct output *out, struct erofs_info *ret_info, struct err *e) _must_check_;

enum erofs_read_flags {
	/* Leave the attributes that mark directories with whiteouts as opaque, as composefs does.
	 */
	EROFS_KEEP_OPAQUE = 1 << 0,
};

/* Read the image of @len bytes at @image into a new tree @ret, which refers to these bytes. The
 * tree is sorted. -EINVAL with words for anything that is not such an image; never reads beyond it,
 * recurses, or takes more time than in proportion to its size. */
int erofs_read(const uint8_t *image, size_t len, unsigned flags, struct image_tree *ret,
	       struct erofs_info *ret_info, struct err *e) _must_check_;
