/* From what overlayfs finds in an image to what a mount of it shows: the inverse of
 * erofs-rewrite.c. Pure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "image/erofs-read.h"

/* Remove the attribute @name of @n; its value must be @value unless that is NULL. Was it there? */
static bool drop(struct image_node *n, const char *name, const char *value)
{
	for (unsigned i = 0; i < n->n_xattrs; i++) {
		const struct image_xattr *x = &n->xattrs[i];

		if (!str_eq(x->key->name, name))
			continue;
		if (value &&
		    (x->value_len != strlen(value) || memcmp(x->value, value, strlen(value)) != 0))
			return false;
		image_node_drop_xattr(n, i);
		return true;
	}
	return false;
}

/* The digest and the path of an external file's object. */
static int restore_external(struct erofs_reader *rd, struct image_node *n)
{
	const struct image_xattr *x = image_node_xattr(n, XATTR_METACOPY);
	const uint8_t *v;

	if (!x)
		return erofs_bad(rd, n, "a file without content and without " XATTR_METACOPY);
	v = x->value;
	if (x->value_len) {
		size_t size = x->value_len - (size_t)METACOPY_HEADER;

		if ((size != 32 && size != 64) || v[0] || v[1] != x->value_len || v[2] ||
		    v[3] != (size == 64 ? IMAGE_SHA512 : IMAGE_SHA256))
			return erofs_bad(rd, n, "a malformed " XATTR_METACOPY);
		n->digest = v + METACOPY_HEADER;
		n->digest_len = (uint8_t)size;
	}
	x = image_node_xattr(n, XATTR_REDIRECT);
	if (x) {
		const char *path = x->value;

		if (x->value_len < 2 || path[0] != '/' || x->value_len > IMAGE_SYMLINK_MAX + 1 ||
		    memchr(path, 0, x->value_len))
			return erofs_bad(rd, n, "a malformed " XATTR_REDIRECT);
		n->payload = path + 1;
		n->payload_len = (uint16_t)(x->value_len - 1);
	}
	(void)drop(n, XATTR_METACOPY, NULL);
	(void)drop(n, XATTR_REDIRECT, NULL);
	return 0;
}

/* trusted.overlay.overlay.X is the tree's trusted.overlay.X. Anything else below trusted.overlay.
 * is not what the writer makes. */
static int unescape_xattrs(struct erofs_reader *rd, struct image_node *n)
{
	char name[IMAGE_XATTR_NAME_MAX + 64];

	for (unsigned i = 0; i < n->n_xattrs; i++) {
		const struct image_key *key = n->xattrs[i].key;
		size_t len;

		if (!str_starts(key->name, XATTR_OVERLAY))
			continue;
		if (!str_starts(key->name, XATTR_ESCAPED))
			return erofs_bad(rd, n, "unexpected extended attribute %s", key->name);
		len = str_format(name, sizeof(name), "%s%s", XATTR_OVERLAY,
				 key->name + strlen(XATTR_ESCAPED));
		key = image_tree_key(rd->tree, name, len);
		if (!key)
			return erofs_no_memory(rd);
		n->xattrs[i].key = key;
	}
	image_node_sort_xattrs(n);
	for (unsigned i = 0; i < n->n_xattrs; i++)
		if (n->xattrs[i].key->len > IMAGE_XATTR_NAME_MAX)
			return erofs_bad(rd, n, "an extended attribute with a long name");
	return 0;
}

/* Is this the stand-in for a whiteout? Then make it one. Its directory was marked with it. */
static bool restore_whiteout(struct erofs_reader *rd, struct image_node *n)
{
	struct image_node *dir = n->parent;

	if (!S_ISREG(n->mode) || n->size || !image_node_xattr(n, XATTR_WHITEOUT_TRUSTED) ||
	    !image_node_xattr(n, XATTR_WHITEOUT_USER))
		return false;
	if (!drop(n, XATTR_WHITEOUT_TRUSTED, "") || !drop(n, XATTR_WHITEOUT_USER, ""))
		return false;
	n->mode = S_IFCHR | (n->mode & 07777);
	n->rdev = 0;
	(void)drop(dir, XATTR_WHITEOUTS_TRUSTED, "");
	(void)drop(dir, XATTR_WHITEOUTS_USER, "");
	/* The writer of format 0 adds no such marks: what is there is the tree's own. */
	if (rd->flags & EROFS_KEEP_OPAQUE || rd->info.version == 0)
		return true;
	(void)drop(dir, XATTR_OPAQUE_TRUSTED, "x");
	(void)drop(dir, XATTR_OPAQUE_USER, "x");
	return true;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Take the whiteouts that hide the objects out of the root. No other whiteout can be there: the
 * tree's own are regular files. */
static void drop_hiding(struct erofs_reader *rd)
{
	struct image_node *root = rd->tree->root;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < root->n_children; i++) {
		struct image_node *n = root->children[i];

		if (image_node_is_whiteout(n) && n->name_len == 2 && is_hex(n->name[0]) &&
		    is_hex(n->name[1]))
			continue;
		root->children[kept++] = n;
	}
	root->n_children = kept;
	image_node_sort_children(root);
}

/* What is left of the tree after the walk. A stand-in for a whiteout may have more names, as any
 * file: overlayfs itself links whiteouts to each other, so dumps of its layers have such links, and
 * mkcomposefs writes them so. Only the directory of the real name was marked. */
static int restore_node(struct erofs_reader *rd, struct image_node *n)
{
	int r = 0;

	if (S_ISREG(n->mode) && n->size && !n->data)
		r = restore_external(rd, n);
	if (r < 0 || rd->info.version == 2)
		return r;
	if (image_node_is_whiteout(n))
		return erofs_bad(rd, n, "a whiteout outside the root");
	(void)restore_whiteout(rd, n);
	return 0;
}

/* Which name of a file is the real one? Inodes are numbered breadth first where their real names
 * are: the name at which a file's number comes up. */
static int restore_links(struct erofs_reader *rd)
{
	struct image_node **queue = calloc(rd->n_seen, sizeof(*queue));
	uint32_t n = 0, done = 0;
	int r = queue ? 0 : erofs_no_memory(rd);

	if (r == 0 && rd->tree->root->id == 0)
		queue[n++] = rd->tree->root;
	for (; done < n; done++) {
		struct image_node *dir = queue[done];

		for (uint32_t i = 0; i < dir->n_children; i++) {
			struct image_node *child = dir->children[i], *real = image_node_real(child);

			if (real->id != n)
				continue;
			if (real != child) {
				image_node_make_real(child);
				child->id = n;
				real->id = UINT32_MAX; /* now a link; its number is taken */
			}
			queue[n++] = child;
		}
	}
	free(queue);
	if (r == 0 && n != rd->n_seen)
		return erofs_bad(rd, NULL, "inode numbers out of order");
	image_tree_shorten_links(rd->tree);
	return r;
}

/* Numbers have done their work; nodes count from 0 again. */
static void renumber(struct image_tree *t)
{
	uint32_t id = 0;

	for (struct image_node *n = t->root; n; n = image_tree_next(n))
		n->id = id++;
}

int erofs_restore(struct erofs_reader *rd)
{
	struct image_node *root = rd->tree->root;
	int r = 0;

	if (rd->info.version != 2)
		r = restore_links(rd);
	if (r < 0)
		return r;

	/* Entries came in order: the children are sorted. */
	if (rd->info.version != 2) {
		drop_hiding(rd);
		if (!drop(root, XATTR_OPAQUE, "y"))
			return erofs_bad(rd, NULL, "the root is not marked as opaque");
	}
	for (struct image_node *n = root; n && r == 0; n = image_tree_next(n))
		if (!n->target)
			r = restore_node(rd, n);
	renumber(rd->tree);
	if (rd->info.version == 2 && r == 0 && image_tree_canonical_links(rd->tree) < 0)
		return erofs_no_memory(rd);
	/* After all whiteouts: they took marks from their directories. */
	for (struct image_node *n = root; n && r == 0; n = image_tree_next(n))
		if (!n->target)
			r = unescape_xattrs(rd, n);
	return r;
}
