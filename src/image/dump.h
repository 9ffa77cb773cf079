/* The dump format: a tree as text, one entry a line. docs/image-format.md describes it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "image/output.h"
#include "image/tree.h"

/* A longer line is no dump. The longest that the limits allow has some 400 KiB. */
#define DUMP_LINE_MAX ((size_t)1024 * 1024)

enum dump_flags {
	/* Refuse what is ignored otherwise: a device number without a device, a symbolic link with
	 * content or a wrong length, missing fields, a last line without its end. */
	DUMP_STRICT = 1 << 0,
};

/* A dump as it is read: give it bytes in any portions. */
struct dump_reader;

/* Start a new tree. -ENOMEM or 0. */
int dump_reader_new(unsigned flags, struct dump_reader **ret) _must_check_;
void dump_reader_free(struct dump_reader *d);

/* Add bytes. -EINVAL with the line's number in words, or -ENOMEM; nothing can follow a failure. */
int dump_reader_add(struct dump_reader *d, const char *data, size_t len, struct err *e)
	_must_check_;

/* The end: links are resolved, and the tree, sorted, is the caller's. */
int dump_reader_finish(struct dump_reader *d, struct image_tree *ret, struct err *e) _must_check_;

/* Read all of @fd. */
int dump_read_fd(int fd, unsigned flags, struct image_tree *ret, struct err *e) _must_check_;

enum dump_write_flags {
	/* Repeat a file's metadata in the lines of its other names, as composefs does; else zeros
	 * and dashes. No reader looks at them. */
	DUMP_REPEAT_LINKS = 1 << 0,
	/* Show directories with their size in the image they come from, as composefs does; else 0.
	 */
	DUMP_DIRECTORY_SIZES = 1 << 1,
};

/* Write one entry. @path is scratch that the caller frees. -ENOMEM or 0. */
int dump_write_node(const struct image_node *n, unsigned flags, struct image_path *path,
		    struct output *out) _must_check_;

/* Write the tree, which is sorted, parents first. -ENOMEM or 0. */
int dump_write(const struct image_tree *t, unsigned flags, struct output *out) _must_check_;

/* Write @len bytes with what would end a field, and what does not print, escaped; '=' too if
 * @escape_equals. "-" alone is written as an escape unless it is a value of an attribute. */
void dump_write_escaped(struct output *out, const void *bytes, size_t len, bool escape_equals);
