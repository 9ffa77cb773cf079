/* Reading ahead: a thread that reads a stream while its bytes are worked on. Decompressing and
 * proving a layer then take place beside writing its files. */
#pragma once

#include "base/attr.h"
#include "image/tar.h"

struct ahead;

/* Read what @read gives in a thread of its own, which alone uses @ctx from now on. -errno or 0. */
int ahead_new(tar_read_fn read, void *ctx, struct ahead **ret) _must_check_;

/* Stop reading, wherever it is, and end the thread. */
void ahead_free(struct ahead *a);

/* Up to @len bytes, 0 at the end, or the failure of @read. A tar_read_fn; @ctx is the struct ahead.
 */
ssize_t ahead_read(void *ctx, void *buf, size_t len, struct err *e) _must_check_;
