/* One header of a tar archive, and what extended headers before it say instead. Pure. */
#pragma once

#include <stdbool.h>

#include "base/mem.h"
#include "image/tar.h"

#define TAR_BLOCK_SIZE    512
#define TAR_EXTENSION_MAX ((size_t)1 << 20) /* of one extended header: attributes have 64 KiB */

/* No inode has space for more; each new one is looked for among all. */
#define TAR_XATTRS_MAX 4096

/* Bytes with a length; at NULL: not there. */
struct tar_text {
	const char *at;
	size_t len;
};

/* A header as its block has it. Texts lie in the block. */
struct tar_header {
	struct tar_text prefix, path, target;
	char flag; /* the type, '0' to '7', 'x', … */
	uint64_t size, mode, uid, gid, major, minor;
	int64_t mtime;
};

/* What extended headers say. They count before the header. */
struct tar_extended {
	struct tar_text path, target;
	bool has_size, has_uid, has_gid, has_mtime;
	uint64_t size, uid, gid;
	int64_t mtime;
	uint32_t mtime_nsec;
	struct tar_xattr *xattrs;
	unsigned n_xattrs;
};

/* Bytes behind a content of @size that fill its last block. */
static inline uint64_t tar_padding(uint64_t size)
{
	return -size % TAR_BLOCK_SIZE;
}

bool tar_is_zero(const uint8_t *block);

/* Is a header of this type about the one that follows? */
bool tar_is_extension(char flag);

/* The header in @block. -EINVAL or 0. */
int tar_parse_header(const uint8_t *block, struct tar_header *ret, struct err *e) _must_check_;

/* PAX records, @text[@len], into @x; they refer to @text. -EINVAL, -ENOMEM or 0. */
int tar_parse_pax(struct arena *a, const char *text, size_t len, struct tar_extended *x,
		  struct err *e) _must_check_;

/* Both together as an entry, which refers to @x and @a. -EINVAL, -ENOMEM or 0. */
int tar_make_entry(struct arena *a, const struct tar_header *h, const struct tar_extended *x,
		   struct tar_entry *ret, struct err *e) _must_check_;
