/* fs-verity digests: computed from a stream as the kernel computes them, and the kernel's own.
 *
 * The digest of a file is the hash of a 256-byte descriptor that holds its size and the root of a
 * Merkle tree over its blocks of 4096 bytes (Documentation/filesystems/fsverity.rst). No salt. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "image/tree.h"

#define VERITY_BLOCK 4096

/* A digest on its way: bytes go in, in any portions, and 32 or 64 bytes come out. */
struct verity;

/* Start. -ENOMEM or 0. */
int verity_new(enum image_hash hash, struct verity **ret) _must_check_;
void verity_free(struct verity *v);

static inline void verity_freep(struct verity **v)
{
	verity_free(*v);
}

/* Add @len bytes. Failures are kept for verity_finish(). */
void verity_update(struct verity *v, const void *data, size_t len);

/* Write the digest of all bytes (IMAGE_DIGEST_MAX bytes suffice) and make @v ready for the next
 * stream. -EIO when the library that hashes failed, or 0. */
int verity_finish(struct verity *v, uint8_t *ret_digest) _must_check_;

/* Bytes of a digest: 32 or 64. */
size_t verity_digest_size(enum image_hash hash);

/* "sha256", "sha512" and back; -EINVAL for other words. */
const char *verity_hash_name(enum image_hash hash);
int verity_hash_parse(const char *name, enum image_hash *ret) _must_check_;

/* The digest of what @fd holds from its beginning to its end; the file offset does not matter and
 * is not moved. @ret_size, if not NULL, receives the number of bytes read. */
int verity_compute_fd(struct verity *v, int fd, uint8_t *ret_digest, uint64_t *ret_size)
	_must_check_;

/* What the kernel says about @fd: 0 with the digest and its hash, -ENODATA when the file has no
 * fs-verity, -EOPNOTSUPP or -ENOTTY when its filesystem or kernel knows none, other -errno. */
int verity_measure_fd(int fd, enum image_hash *ret_hash, uint8_t *ret_digest) _must_check_;

/* Is @r an answer that says "no fs-verity here", rather than a failure? */
bool verity_is_absent(int r);

/* Make the file behind @fd, which is open for reading only and has no writer left, read-only for
 * ever. 0 (also when it is already), or -errno; @ret_why, if not NULL, receives words for errnos
 * that say little (EINVAL: the filesystem's blocks are smaller than 4096 bytes). */
int verity_enable_fd(int fd, enum image_hash hash, const char **ret_why) _must_check_;
