/* Files of an image without a mount. */
#pragma once

#include "base/attr.h"
#include "base/err.h"
#include "image/repo.h"

/* The content of the regular file @path ("etc/passwd") in the tree @t, at most @max bytes, proven
 * by its digest, with a NUL behind it, in @a; "" if there is no such file. Links are not followed.
 */
int lookup_text(struct repo *r, const struct image_tree *t, const char *path, size_t max,
		struct arena *a, const char **ret, struct err *e) _must_check_;
