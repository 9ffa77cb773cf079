/* From a tree to an image: the steps of docs/image-format.md in their order. Pure but for the
 * output. */
#include <errno.h>
#include <stdlib.h>

#include "image/erofs-internal.h"

/* Format 0 has no way to keep a whiteout inside a composefs mount apart from one of it. */
static unsigned choose_version(const struct image_tree *t, unsigned min, unsigned max)
{
	if (min >= 1 || max < 1)
		return min;
	for (const struct image_node *n = t->root; n; n = image_tree_next(n))
		if (image_node_is_whiteout(n))
			return 1;
	return min;
}

int erofs_write(struct image_tree *t, unsigned min_version, unsigned max_version,
		struct output *out, struct erofs_info *ret_info, struct err *e)
{
	struct erofs_writer w = {.tree = t, .out = out};
	int r;

	if (min_version > max_version || max_version > EROFS_VERSION_MAX ||
	    (max_version == 2 && min_version != 2))
		return err_set(e, ERR_USAGE, -EINVAL, "no image format from %u to %u", min_version,
			       max_version);
	image_tree_sort(t);
	w.version = choose_version(t, min_version, max_version);
	if (w.version == 2) {
		r = erofs_legacy_layout(&w, e);
	} else {
		r = erofs_rewrite(&w, e);
		if (r == 0)
			r = erofs_layout(&w, e);
	}
	if (r == 0) {
		erofs_emit(&w);
		*ret_info = (struct erofs_info){
			.version = w.version,
			.has_acl = w.has_acl,
			.inodes = w.n_inodes,
			.size = out->offset,
			.build_time = w.min_mtime,
			.build_time_nsec = w.min_mtime_nsec,
		};
	}
	erofs_share_done(&w);
	free(w.inodes);
	return r;
}
