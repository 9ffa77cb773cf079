/* A stream's bytes, decompressed if they are compressed: by gzip or zstd, as many members or frames
 * as there are. Which it is, its first bytes say. */
#pragma once

#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "image/tar.h"

struct unpack;

/* Read what @read gives, to its end. -ENOMEM or 0. */
int unpack_new(tar_read_fn read, void *ctx, struct unpack **ret) _must_check_;
void unpack_free(struct unpack *u);

/* Up to @len bytes: how many, 0 at the end, or -errno. A tar_read_fn; @ctx is the struct unpack.
 * What is behind the last member or frame must be zeros. */
ssize_t unpack_read(void *ctx, void *buf, size_t len, struct err *e) _must_check_;
