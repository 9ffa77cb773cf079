/* Facts about a tree that several commands list. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "image/output.h"
#include "image/tree.h"

/* Paths of objects, sorted and without repetition. */
struct listing_objects {
	const struct image_node **nodes; /* one for each path */
	size_t n;
};

/* Collect them. Freed by the caller with listing_objects_done(). -ENOMEM or 0. */
int listing_collect_objects(const struct image_tree *t, struct listing_objects *ret) _must_check_;
void listing_objects_done(struct listing_objects *l);

/* The path of an object below its store, NUL-terminated: without slashes at its beginning. Returns
 * @buf, or NULL if it is too long or holds a NUL or "..". */
#define LISTING_PATH_MAX 4096
const char *listing_object_path(const struct image_node *n, char buf[static LISTING_PATH_MAX]);

/* Write one line for a node, as `composefs-info ls` does. -ENOMEM or 0. */
int listing_write_node(const struct image_node *n, struct image_path *path, struct output *out)
	_must_check_;

/* Is the node, or the entry of the root that it is below, called one of @names (@n_names; 0: all)?
 */
bool listing_is_selected(const struct image_node *n, char *const *names, unsigned n_names);
