/* Steps 1 to 4 of the canonical writer: what overlayfs is to see below it. Changes the tree. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "image/erofs-internal.h"

/* Set an attribute to a constant. */
static int set_mark(struct erofs_writer *w, struct image_node *n, const char *name,
		    const char *value)
{
	const struct image_key *key = image_tree_key(w->tree, name, strlen(name));

	if (!key)
		return -ENOMEM;
	return image_node_set_xattr(w->tree, n, key, value, strlen(value));
}

/* trusted.overlay.* of the tree would be overlayfs's own; under a longer name it hands them through
 * (Documentation/filesystems/overlayfs.rst, "Nesting overlayfs mounts"). */
int erofs_escape_xattrs(struct erofs_writer *w, struct image_node *n)
{
	char name[IMAGE_XATTR_NAME_MAX + sizeof(XATTR_ESCAPED)];

	for (unsigned i = 0; i < n->n_xattrs; i++) {
		const struct image_key *key = n->xattrs[i].key;
		size_t len;

		if (!str_starts(key->name, XATTR_OVERLAY))
			continue;
		len = str_format(name, sizeof(name), "%s%s", XATTR_ESCAPED,
				 key->name + strlen(XATTR_OVERLAY));
		key = image_tree_key(w->tree, name, len);
		if (!key)
			return -ENOMEM;
		n->xattrs[i].key = key;
	}
	return 0;
}

/* Tell overlayfs where the content is and what its digest must be. */
int erofs_annotate_external(struct erofs_writer *w, struct image_node *n)
{
	const struct image_key *key =
		image_tree_key(w->tree, XATTR_METACOPY, strlen(XATTR_METACOPY));
	uint8_t *value = NULL;
	char *path;
	size_t len = 0;
	int r;

	if (n->digest_len) {
		len = METACOPY_HEADER + n->digest_len;
		value = arena_alloc(&w->tree->arena, len);
		if (!value)
			return -ENOMEM;
		value[1] = (uint8_t)len;
		value[3] = n->digest_len == 64 ? IMAGE_SHA512 : IMAGE_SHA256;
		memcpy(value + METACOPY_HEADER, n->digest, n->digest_len);
	}
	r = key ? image_node_set_xattr(w->tree, n, key, value, len) : -ENOMEM;
	if (r < 0 || !n->payload)
		return r;
	path = arena_alloc(&w->tree->arena, 1 + (size_t)n->payload_len);
	key = image_tree_key(w->tree, XATTR_REDIRECT, strlen(XATTR_REDIRECT));
	if (!path || !key)
		return -ENOMEM;
	path[0] = '/';
	memcpy(path + 1, n->payload, n->payload_len);
	return image_node_set_xattr(w->tree, n, key, path, 1 + (size_t)n->payload_len);
}

/* A whiteout of the tree must not hide anything from this overlay: it becomes an empty file that a
 * nested overlay takes for a whiteout, in a directory that says so. */
static int replace_whiteout(struct erofs_writer *w, struct image_node *n)
{
	struct image_node *dir = n->parent;
	int r;

	n->size = 0;
	n->data = NULL;
	n->data_len = 0;
	n->mode = S_IFREG | (n->mode & 07777);
	r = set_mark(w, n, XATTR_WHITEOUT_TRUSTED, "");
	if (r == 0)
		r = set_mark(w, n, XATTR_WHITEOUT_USER, "");
	if (r == 0)
		r = set_mark(w, dir, XATTR_WHITEOUTS_TRUSTED, "");
	if (r == 0)
		r = set_mark(w, dir, XATTR_WHITEOUTS_USER, "");
	if (r == 0 && w->version >= 1)
		r = set_mark(w, dir, XATTR_OPAQUE_TRUSTED, "x");
	if (r == 0 && w->version >= 1)
		r = set_mark(w, dir, XATTR_OPAQUE_USER, "x");
	return r;
}

static int rewrite_node(struct erofs_writer *w, struct image_node *n)
{
	int r = erofs_escape_xattrs(w, n);

	if (r == 0 && image_node_is_external(n))
		r = erofs_annotate_external(w, n);
	else if (r == 0 && image_node_is_whiteout(n))
		r = replace_whiteout(w, n);
	return r;
}

/* Whiteouts named like the directories of an object store, for kernels where the store has to be an
 * ordinary layer below this one (before 6.5). */
static int hide_objects(struct erofs_writer *w)
{
	static const char digits[] = "0123456789abcdef";
	struct image_node *root = w->tree->root;
	const struct image_xattr *label = image_node_xattr(root, XATTR_SELINUX);
	uint32_t n_before = root->n_children, at = 0;
	char *names = arena_alloc(&w->tree->arena, 512);

	if (!names)
		return -ENOMEM;
	for (unsigned i = 0; i < 256; i++) {
		char *name = names + (size_t)2 * i;
		struct image_node *n;
		int order = 1;

		name[0] = digits[i >> 4];
		name[1] = digits[i & 15];
		while (at < n_before &&
		       (order = image_bytes_compare(root->children[at]->name,
						    root->children[at]->name_len, name, 2)) < 0)
			at++;
		if (at < n_before && order == 0)
			continue;
		n = image_tree_add(w->tree, root, name, 2);
		if (!n)
			return -ENOMEM;
		n->mode = S_IFCHR | 0644;
		n->nlink = 1;
		n->uid = root->uid;
		n->gid = root->gid;
		n->mtime = root->mtime;
		n->mtime_nsec = root->mtime_nsec;
		if (label && image_node_set_xattr(w->tree, n, label->key, label->value,
						  label->value_len) < 0)
			return -ENOMEM;
	}
	image_node_sort_children(root);
	return 0;
}

int erofs_rewrite(struct erofs_writer *w, struct err *e)
{
	struct image_node *root = w->tree->root;
	int r = 0;

	for (struct image_node *n = root; n && r == 0; n = image_tree_next(n))
		if (!n->target)
			r = rewrite_node(w, n);
	if (r == 0)
		r = set_mark(w, root, XATTR_OPAQUE, "y");
	if (r == 0)
		r = hide_objects(w);
	if (r < 0)
		return err_sys(e, ERR_IMAGE, r, "prepare the image");
	return 0;
}
