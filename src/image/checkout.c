/* Writing a tree into a directory. Everything is made relative to the descriptor of its directory,
 * by names that the reader has checked, in a directory that nobody else changes meanwhile. */
#include "image/checkout.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"

/* The tree on its way, and a buffer for paths. */
struct work {
	const struct checkout *c;
	int root;
	struct image_path path;
};

/* --- what a file has beside its content ------------------------------------------------------ */

/* @path leads to the file and ends in its name: links are not followed. */
static int set_xattrs(const struct checkout *c, const struct image_node *n, const char *path)
{
	for (unsigned i = 0; i < n->n_xattrs; i++) {
		const struct image_xattr *x = &n->xattrs[i];

		if (!c->wants_xattr(x->key->name))
			continue;
		if (lsetxattr(path, x->key->name, x->value, x->value_len, 0) == 0)
			continue;
		if (!c->lenient || (errno != EOPNOTSUPP && errno != ENOSPC && errno != EPERM))
			return -errno;
	}
	return 0;
}

/* Owner, mode, attributes and time of what has been made. Changing the owner takes capabilities and
 * special bits away. */
static int set_metadata(const struct checkout *c, const struct image_node *n, int dir,
			const char *name)
{
	struct timespec times[2] = {
		{.tv_nsec = UTIME_OMIT},
		{.tv_sec = n->mtime, .tv_nsec = n->mtime_nsec},
	};
	int r = sys_fchownat(dir, name, n->uid, n->gid, AT_SYMLINK_NOFOLLOW);
	char path[IMAGE_NAME_MAX + 40];

	if (r < 0 && !(c->lenient && (r == -EINVAL || r == -EPERM)))
		return r;
	if (!S_ISLNK(n->mode)) {
		r = sys_fchmodat(dir, name, n->mode & 07777);
		if (r < 0)
			return r;
	}
	(void)str_format(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name);
	r = set_xattrs(c, n, path);
	if (r < 0)
		return r;
	return utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/* --- files ----------------------------------------------------------------------------------- */

static int make_file(const struct checkout *c, const struct image_node *n, int dir,
		     const char *name)
{
	_cleanup_close_ int fd =
		sys_openat(dir, name, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return fd;
	if (S_ISREG(n->mode) && n->size && n->data)
		return io_write_all(fd, n->data, n->data_len);
	return image_node_is_external(n) ? c->content(c->ctx, n, fd) : 0;
}

/* Open the directory of @n. What is there is ours: no link is in the way. */
static int open_parent(struct work *w, const struct image_node *n)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	char name[PATH_MAX];
	int r = image_node_path(n->parent, &w->path);

	if (r < 0)
		return r;
	if (w->path.len >= sizeof(name))
		return -ENAMETOOLONG;
	(void)str_format(name, sizeof(name), ".%.*s", (int)w->path.len, w->path.text);
	return sys_openat2(w->root, name, &how);
}

static int make_link(struct work *w, const struct image_node *n, int dir, const char *name)
{
	_cleanup_close_ int from = open_parent(w, n->target);
	char real[IMAGE_NAME_MAX + 1];

	if (from < 0)
		return from;
	(void)str_format(real, sizeof(real), "%.*s", (int)n->target->name_len, n->target->name);
	return linkat(from, real, dir, name, 0) < 0 ? -errno : 0;
}

static int make_symlink(const struct image_node *n, int dir, const char *name)
{
	char target[IMAGE_SYMLINK_MAX + 1];

	(void)str_format(target, sizeof(target), "%.*s", (int)n->data_len, (const char *)n->data);
	return sys_symlinkat(target, dir, name);
}

static int make_node(struct work *w, const struct image_node *n)
{
	_cleanup_close_ int dir = open_parent(w, n);
	char name[IMAGE_NAME_MAX + 1];
	int r;

	if (dir < 0)
		return dir;
	(void)str_format(name, sizeof(name), "%.*s", (int)n->name_len, n->name);
	if (n->target)
		return make_link(w, n, dir, name);
	if (S_ISDIR(n->mode))
		return sys_mkdirat(dir, name, 0700);
	if (S_ISLNK(n->mode))
		r = make_symlink(n, dir, name);
	else if (S_ISFIFO(n->mode) || S_ISSOCK(n->mode) || (w->c->devices && !S_ISREG(n->mode)))
		r = sys_mknodat(dir, name, (n->mode & S_IFMT) | 0600, n->rdev);
	else
		r = make_file(w->c, n, dir, name);
	return r < 0 ? r : set_metadata(w->c, n, dir, name);
}

/* --- trees ----------------------------------------------------------------------------------- */

/* Directories last, from the deepest: making what is in them changed their times, and a mode may
 * forbid it. */
static int finish_directories(struct work *w, const struct image_tree *t)
{
	const struct image_node *n = t->root;
	int r = 0;

	/* The reverse of the walk: the last child's last child first, parents after children. */
	while (n->n_children)
		n = n->children[n->n_children - 1];
	for (; r == 0 && n->parent != n;) {
		if (S_ISDIR(n->mode)) {
			_cleanup_close_ int dir = open_parent(w, n);
			char name[IMAGE_NAME_MAX + 1];

			(void)str_format(name, sizeof(name), "%.*s", (int)n->name_len, n->name);
			r = dir < 0 ? dir : set_metadata(w->c, n, dir, name);
		}
		if (n->index == 0) {
			n = n->parent;
			continue;
		}
		n = n->parent->children[n->index - 1];
		while (n->n_children)
			n = n->children[n->n_children - 1];
	}
	return r;
}

static int write_nodes(struct work *w, const struct image_tree *t, struct err *e)
{
	char excerpt[IMAGE_EXCERPT_MAX];
	int r = 0;

	for (const struct image_node *n = image_tree_next(t->root); n; n = image_tree_next(n)) {
		const char *name;

		r = make_node(w, n);
		if (r == 0)
			continue;
		if (image_node_path(n, &w->path) < 0)
			return err_sys(e, ERR_IO, -ENOMEM, "make a file");
		name = image_excerpt(w->path.text, w->path.len, excerpt);
		return r == -EBADMSG ? err_set(e, ERR_DIGEST, r, "%s: wrong content", name)
				     : err_sys(e, ERR_IO, r, "make %s", name);
	}
	r = finish_directories(w, t);
	if (r == 0)
		r = set_metadata(w->c, t->root, w->root, ".");
	return r < 0 ? err_sys(e, ERR_IO, r, "set what directories have") : 0;
}

int checkout_tree(const struct image_tree *t, const struct checkout *c, const char *path,
		  struct err *e)
{
	_cleanup_close_ int root = -EBADF;
	struct work w = {.c = c};
	int r = sys_mkdirat(AT_FDCWD, path, 0700);

	if (r == 0 || r == -EEXIST)
		r = root = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (r < 0)
		return err_sys(e, ERR_IO, r, "make the directory %s", path);
	w.root = root;
	r = write_nodes(&w, t, e);
	image_path_done(&w.path);
	return r < 0 ? err_wrap(e, "%s", path) : 0;
}
