/* Applying layers. Names and files are different things here: a file (struct inode) lives as long
 * as a name of it, so that replacing one name leaves the others alone. Each name knows the layer
 * that it came with, which is what whiteouts ask for. Removed names leave the index: all removals
 * together cost no more than all entries. Single-threaded. */
#include "image/layers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "image/names.h"

#define WHITEOUT ".wh."
#define OPAQUE   ".wh..wh..opq"

struct inode {
	struct image_node node;  /* everything but names */
	struct image_node *real; /* in the end */
	uint32_t names;
};

struct layers {
	const struct scan_options *o;
	struct image_tree tree; /* keys of attributes and all memory; names only in the end */
	struct names names;
	uint32_t layer; /* the one at hand, from 1 */
	struct verity *verity;
	struct store_batch *batch; /* NULL without a store */
};

static int no_memory(struct err *e)
{
	return err_sys(e, ERR_IMAGE, -ENOMEM, "apply the layer");
}

/* --- files ----------------------------------------------------------------------------------- */

static struct inode *new_inode(struct layers *l, uint32_t mode)
{
	struct inode *in = arena_new(&l->tree.arena, struct inode);

	if (in) {
		in->node.mode = mode;
		in->node.nlink = 1;
	}
	return in;
}

/* A directory that is there because something is in it. */
static struct inode *implicit_directory(struct layers *l)
{
	return new_inode(l, S_IFDIR | 0755);
}

/* --- names ----------------------------------------------------------------------------------- */

static bool is_directory(const struct name *n)
{
	return S_ISDIR(n->inode->node.mode);
}

/* What lower layers have in @dir goes; what this one has put there stays, and so do the directories
 * that it is in, bare of what they were. */
static int prune(struct layers *l, struct name *dir, struct err *e)
{
	struct name *n = names_first(dir);

	/* From the leaves up: a name is looked at when all below it have been. */
	while (n && n != dir) {
		struct name *next = names_after(n, dir);

		if (n->layer < l->layer && !n->children) {
			names_remove(&l->names, n);
		} else if (n->layer < l->layer) {
			n->inode = implicit_directory(l);
			n->layer = l->layer;
			if (!n->inode)
				return no_memory(e);
		}
		n = next;
	}
	dir->pruned = l->layer;
	return 0;
}

static void remove_all(struct layers *l, struct name *top)
{
	struct name *n = names_first(top);

	while (n && n != top) {
		struct name *next = names_after(n, top);

		names_remove(&l->names, n);
		n = next;
	}
}

/* The directory at @path[@len], made with those above it where they are missing. */
static int need_directory(struct layers *l, const char *path, size_t len, struct name **ret,
			  struct err *e)
{
	struct name *dir = l->names.root;
	const char *at = path, *end = path + len;

	while (at < end) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		size_t n = (size_t)((slash ? slash : end) - at);
		struct name *child = names_find(&l->names, dir, at, n);

		if (!child) {
			child = names_add(&l->names, dir, at, n);
			if (!child)
				return no_memory(e);
			child->layer = l->layer;
			child->inode = implicit_directory(l);
			if (!child->inode)
				return no_memory(e);
		}
		if (!is_directory(child))
			return err_set(e, ERR_IMAGE, -ENOTDIR,
				       "what would be its directory is none");
		dir = child;
		at += n + 1;
	}
	*ret = dir;
	return 0;
}

/* --- whiteouts ------------------------------------------------------------------------------- */

static int apply_whiteout(struct layers *l, struct name *dir, const char *hidden, size_t len,
			  struct err *e)
{
	struct name *n;
	int r = 0;

	if (len == 0 || (len == 1 && hidden[0] == '.') ||
	    (len == 2 && memcmp(hidden, "..", 2) == 0))
		return err_set(e, ERR_IMAGE, -EINVAL, "a whiteout of nothing");
	n = names_find(&l->names, dir, hidden, len);
	if (!n)
		return 0;
	if (is_directory(n) && n->pruned != l->layer)
		r = prune(l, n, e);
	if (r < 0 || n->layer == l->layer)
		return r;
	if (!n->children) {
		names_remove(&l->names, n);
		return 0;
	}
	/* This layer has put something into it: before or after is the same. */
	n->inode = implicit_directory(l);
	n->layer = l->layer;
	return n->inode ? 0 : no_memory(e);
}

/* 1: it was a mark and not a file. */
static int apply_mark(struct layers *l, struct name *dir, const char *base, size_t len,
		      struct err *e)
{
	int r = 0;

	if (len < strlen(WHITEOUT) || memcmp(base, WHITEOUT, strlen(WHITEOUT)) != 0)
		return 0;
	if (len == strlen(OPAQUE) && memcmp(base, OPAQUE, len) == 0)
		r = dir->pruned == l->layer ? 0 : prune(l, dir, e);
	else if (len < 2 * strlen(WHITEOUT) ||
		 memcmp(base + strlen(WHITEOUT), WHITEOUT, strlen(WHITEOUT)) != 0)
		r = apply_whiteout(l, dir, base + strlen(WHITEOUT), len - strlen(WHITEOUT), e);
	/* Other names with two prefixes are a union file system's own affairs. */
	return r < 0 ? r : 1;
}

/* --- contents -------------------------------------------------------------------------------- */

/* Up to IMAGE_INLINE_MAX bytes. */
static int read_inline(struct layers *l, struct tar *t, struct image_node *n, struct err *e)
{
	uint8_t *data = arena_alloc(&l->tree.arena, (size_t)n->size);
	const void *part;
	size_t at = 0, len;
	int r;

	if (!data)
		return no_memory(e);
	while ((r = tar_content(t, &part, &len, e)) > 0) {
		memcpy(data + at, part, len);
		at += len;
	}
	n->data = data;
	n->data_len = (uint16_t)n->size;
	return r;
}

/* Hash it, and write it to @fd unless that is -EBADF. */
static int copy_content(struct layers *l, struct tar *t, int fd, uint8_t *digest, struct err *e)
{
	const void *part;
	size_t len;
	int r, w = 0;

	while ((r = tar_content(t, &part, &len, e)) > 0) {
		verity_update(l->verity, part, len);
		if (fd >= 0)
			w = io_write_all(fd, part, len);
		if (w < 0)
			return err_sys(e, ERR_IO, w, "write to the object store");
	}
	if (r < 0)
		return r;
	r = verity_finish(l->verity, digest);
	return r < 0 ? err_sys(e, ERR_INTERNAL, r, "compute a digest") : 0;
}

static int read_external(struct layers *l, struct tar *t, struct image_node *n, struct err *e)
{
	size_t digest_len = verity_digest_size(l->o->hash);
	uint8_t *digest = arena_alloc(&l->tree.arena, digest_len), computed[IMAGE_DIGEST_MAX];
	char *path = arena_alloc(&l->tree.arena, STORE_PATH_MAX);
	int fd = -EBADF, r = 0;

	if (!digest || !path)
		return no_memory(e);
	if (l->batch)
		r = store_batch_begin(l->batch, &fd, e);
	if (r == 0)
		r = copy_content(l, t, fd, computed, e);
	if (r < 0)
		return r;
	memcpy(digest, computed, digest_len);
	store_object_path(digest, digest_len, path);
	n->digest = digest;
	n->digest_len = (uint8_t)digest_len;
	n->payload = path;
	n->payload_len = (uint16_t)(2 * digest_len + 1);
	return l->batch ? store_batch_end(l->batch, digest, n->size, e) : 0;
}

/* --- entries --------------------------------------------------------------------------------- */

static const uint32_t types[] = {
	[TAR_FILE] = S_IFREG,      [TAR_LINK] = 0,        [TAR_SYMLINK] = S_IFLNK,
	[TAR_CHARACTER] = S_IFCHR, [TAR_BLOCK] = S_IFBLK, [TAR_DIRECTORY] = S_IFDIR,
	[TAR_FIFO] = S_IFIFO,
};

static int set_xattrs(struct layers *l, struct image_node *n, const struct tar_entry *entry,
		      struct err *e)
{
	for (const struct tar_xattr *x = entry->xattrs; x; x = x->next) {
		const struct image_key *key;
		void *value;

		if (memchr(x->name, 0, x->name_len))
			return err_set(e, ERR_IMAGE, -EINVAL, "a NUL byte in an attribute's name");
		key = image_tree_key(&l->tree, x->name, x->name_len);
		if (!key)
			return no_memory(e);
		if (!scan_wants_xattr(l->o, key->name))
			continue;
		value = image_tree_copy(&l->tree, x->value, x->value_len);
		if (!value || image_node_set_xattr(&l->tree, n, key, value, x->value_len) < 0)
			return no_memory(e);
	}
	if (image_node_xattr_space(n) > IMAGE_XATTR_SPACE_MAX)
		return err_set(e, ERR_IMAGE, -E2BIG, "too many extended attributes");
	return 0;
}

/* A new file of what @entry says. */
static int make_inode(struct layers *l, struct tar *t, const struct tar_entry *entry,
		      struct inode **ret, struct err *e)
{
	struct inode *in = new_inode(l, types[entry->type] | entry->mode);
	struct image_node *n = &in->node;
	int r;

	if (!in)
		return no_memory(e);
	n->uid = entry->uid;
	n->gid = entry->gid;
	if (!l->o->epoch) {
		n->mtime = entry->mtime;
		n->mtime_nsec = entry->mtime_nsec;
	}
	if (entry->type == TAR_CHARACTER || entry->type == TAR_BLOCK)
		n->rdev = entry->rdev;
	n->size = entry->size;
	r = set_xattrs(l, n, entry, e);
	if (r < 0)
		return r;
	if (entry->type == TAR_SYMLINK) {
		n->data = image_tree_copy(&l->tree, entry->target, entry->target_len);
		n->data_len = (uint16_t)entry->target_len;
		if (!n->data)
			return no_memory(e);
	}
	if (n->size)
		r = n->size <= IMAGE_INLINE_MAX ? read_inline(l, t, n, e)
						: read_external(l, t, n, e);
	*ret = in;
	return r;
}

/* The file that a hard link is another name of. */
static int find_target(struct layers *l, const struct tar_entry *entry, struct inode **ret,
		       struct err *e)
{
	struct name *n = names_find_path(&l->names, entry->target, entry->target_len);

	if (!n)
		return err_set(e, ERR_IMAGE, -ENOENT, "a hard link to what is not there");
	if (is_directory(n))
		return err_set(e, ERR_IMAGE, -EINVAL, "a hard link to a directory");
	*ret = n->inode;
	return 0;
}

/* Put @in at the name @base of @dir. */
static int put(struct layers *l, struct name *dir, const char *base, size_t len, struct inode *in,
	       struct err *e)
{
	struct name *n = names_find(&l->names, dir, base, len);

	if (!n)
		n = names_add(&l->names, dir, base, len);
	else if (!S_ISDIR(in->node.mode))
		remove_all(l, n);
	if (!n)
		return no_memory(e);
	n->inode = in;
	n->layer = l->layer;
	return 0;
}

static int apply(struct layers *l, struct tar *t, const struct tar_entry *entry, struct err *e)
{
	const char *slash = entry->path_len ? memrchr(entry->path, '/', entry->path_len) : NULL;
	const char *base = slash ? slash + 1 : entry->path;
	size_t len = entry->path_len - (size_t)(base - entry->path);
	struct inode *in = NULL;
	struct name *dir = NULL;
	int r;

	if (l->o->skip_devices && (entry->type == TAR_CHARACTER || entry->type == TAR_BLOCK))
		return 0;
	r = need_directory(l, entry->path, slash ? (size_t)(slash - entry->path) : 0, &dir, e);
	if (r == 0)
		r = apply_mark(l, dir, base, len, e);
	if (r != 0)
		return r < 0 ? r : 0;
	r = entry->type == TAR_LINK ? find_target(l, entry, &in, e)
				    : make_inode(l, t, entry, &in, e);
	if (r < 0)
		return r;
	if (entry->path_len == 0) {
		l->names.root->inode = in;
		return 0;
	}
	return put(l, dir, base, len, in, e);
}

/* --- layers ---------------------------------------------------------------------------------- */

int layers_new(const struct scan_options *o, struct layers **ret)
{
	struct layers *l = calloc(1, sizeof(*l));
	int r = l ? image_tree_init(&l->tree, false) : -ENOMEM;

	if (r < 0) {
		free(l);
		return r;
	}
	l->o = o;
	r = names_init(&l->names, &l->tree.arena);
	if (r == 0)
		r = verity_new(o->hash, &l->verity);
	if (r == 0 && o->store)
		r = store_batch_new(o->store, &l->batch);
	if (r == 0) {
		l->names.root->inode = implicit_directory(l);
		r = l->names.root->inode ? 0 : -ENOMEM;
	}
	if (r < 0) {
		layers_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

void layers_free(struct layers *l)
{
	if (!l)
		return;
	store_batch_free(l->batch);
	verity_free(l->verity);
	names_done(&l->names);
	image_tree_done(&l->tree);
	free(l);
}

int layers_add(struct layers *l, tar_read_fn read, void *ctx, struct err *e)
{
	char excerpt[IMAGE_EXCERPT_MAX];
	struct tar_entry entry;
	uint64_t count = 0;
	struct tar *t;
	int r = tar_new(read, ctx, &t);

	if (r < 0)
		return no_memory(e);
	l->layer++;
	while ((r = tar_next(t, &entry, e)) > 0) {
		progress_show(l->o->progress,
			      l->o->progress->what ? l->o->progress->what : "applying", ++count, 0,
			      "entries");
		r = apply(l, t, &entry, e);
		if (r < 0) {
			(void)err_wrap(e, "/%s",
				       image_excerpt(entry.path, entry.path_len, excerpt));
			break;
		}
	}
	tar_free(t);
	if (r == 0 && l->batch)
		r = store_batch_flush(l->batch, e);
	return r;
}

/* All of @file but names and place to @node. */
static void set_file(struct image_node *node, const struct image_node *file)
{
	struct image_node place = *node;

	*node = *file;
	node->parent = place.parent;
	node->name = place.name;
	node->name_len = place.name_len;
	node->depth = place.depth;
	node->index = place.index;
	node->id = place.id;
}

/* One name as a node. */
static int add_node(struct layers *l, const struct name *n, struct image_node *parent,
		    struct image_node **ret, struct err *e)
{
	struct image_node *node = image_tree_add(&l->tree, parent, n->text, n->len);

	if (!node)
		return no_memory(e);
	n->inode->names++;
	if (n->inode->real) {
		node->target = n->inode->real;
		n->inode->real->nlink = n->inode->names;
	} else {
		n->inode->real = node;
		set_file(node, &n->inode->node);
	}
	*ret = node;
	return 0;
}

/* The directory @text of the root, or NULL. */
static struct name *top_directory(struct layers *l, const char *text)
{
	struct name *n = names_find(&l->names, l->names.root, text, strlen(text));

	return n && is_directory(n) ? n : NULL;
}

/* No layer says what the root is, and builders disagree: it is taken to be as /usr is. What was in
 * /run when the image was built says nothing about it. */
static int make_canonical(struct layers *l, struct err *e)
{
	struct name *usr = top_directory(l, "usr"), *run = top_directory(l, "run");
	struct inode *in;

	if (run)
		remove_all(l, run);
	if (!usr)
		return 0;
	in = new_inode(l, 0);
	if (!in)
		return no_memory(e);
	in->node = usr->inode->node;
	l->names.root->inode = in;
	if (run) {
		run->inode->node.mtime = in->node.mtime;
		run->inode->node.mtime_nsec = in->node.mtime_nsec;
	}
	return 0;
}

int layers_finish(struct layers *l, bool canonical, struct image_tree *ret, struct err *e)
{
	struct name *n = l->names.root;
	int r = canonical ? make_canonical(l, e) : 0;

	while (n && r == 0) {
		r = add_node(l, n, n == l->names.root ? NULL : n->parent->node, &n->node, e);
		n = names_next(n);
	}
	if (r == 0 && image_tree_canonical_links(&l->tree) < 0)
		r = no_memory(e);
	if (r < 0)
		return r;
	*ret = l->tree;
	l->tree = (struct image_tree){0};
	return 0;
}
