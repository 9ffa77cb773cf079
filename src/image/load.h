/* Files that the commands read: images, dumps, directories. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "image/erofs.h"
#include "image/scan.h"
#include "image/tree.h"

/* A file, and all of its bytes in memory once they are needed. */
struct image_file {
	int fd;
	uint8_t *data; /* NULL: not read yet */
	size_t len;
};

/* Open @path, and read nothing yet. */
int image_file_open_unread(const char *path, struct image_file *ret, struct err *e) _must_check_;

/* Read what is not read yet. */
int image_file_read(struct image_file *f, struct err *e) _must_check_;

/* Read @path ("-": not allowed). */
int image_file_open(const char *path, struct image_file *ret, struct err *e) _must_check_;
/* Read what @fd holds, and take the descriptor over, also on failure. */
int image_file_take_fd(int fd, const char *path, struct image_file *ret, struct err *e)
	_must_check_;
void image_file_done(struct image_file *f);

/* Is this an image (else: a dump, perhaps)? */
bool image_file_is_image(const struct image_file *f);

/* The tree in @path: an image, a dump or a directory, whichever it is. @ret_file must outlive the
 * tree. *@ret_version is the image's format, or 1. */
int image_load_any(const char *path, const struct scan_options *o, struct image_tree *ret,
		   struct image_file *ret_file, unsigned *ret_version, struct err *e) _must_check_;

/* The fs-verity digest of what @f is: the kernel's if the file has fs-verity, else computed from
 * the bytes, which are read for it. *@ret_measured tells which. */
int image_file_digest(struct image_file *f, enum image_hash hash, uint8_t *ret_digest,
		      bool *ret_measured, struct err *e) _must_check_;

/* Is the image what our writer makes of the tree in it, byte for byte? Consumes @t, which was read
 * from @f. -EINVAL with the offset in words if not. */
int image_file_check_canonical(const struct image_file *f, struct image_tree *t, unsigned version,
			       struct err *e) _must_check_;
