/* Writing tar archives: ustar, with PAX records for what that cannot say. The same entries give the
 * same bytes, whoever writes them. */
#pragma once

#include "base/attr.h"
#include "base/err.h"
#include "image/output.h"
#include "image/tree.h"

/* The entry for @n, whose path below the root is @path ("" is the root itself), and for a hard link
 * @target. The content of a file follows: n->size bytes by the caller, then tar_write_padding(). A
 * name that is no UTF-8 is written as it is. -ENOMEM or 0. */
int tar_write_node(struct output *out, const struct image_node *n, const char *path,
		   const char *target) _must_check_;

/* A plain file of @size bytes, of nobody's, from the epoch; its name has less than 100 bytes. */
void tar_write_file(struct output *out, const char *name, uint64_t size);

/* What fills the last block of a content of @size bytes. */
void tar_write_padding(struct output *out, uint64_t size);

/* The end of the archive. */
void tar_write_end(struct output *out);
