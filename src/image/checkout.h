/* A tree as files in a directory. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "image/tree.h"

struct checkout {
	/* Fill the new empty file @fd with the content of @n, which has it elsewhere: 0 or -errno,
	 * -EBADMSG if that is not what it should be. */
	int (*content)(void *ctx, const struct image_node *n, int fd);
	void *ctx;
	/* Does this attribute come along? */
	bool (*wants_xattr)(const char *name);
	bool devices; /* make them; else they become empty files */
	bool lenient; /* owners that cannot be given stay the caller's, attributes are left out */
};

/* Write @t into the empty directory @path, which is made if it is missing. The tree must be one of
 * which hard links are canonical (image_tree_canonical_links()). Modes, owners, attributes and
 * times of directories come when they are complete. */
int checkout_tree(const struct image_tree *t, const struct checkout *c, const char *path,
		  struct err *e) _must_check_;
