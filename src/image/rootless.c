/* Stub files and the mount on top of them. Everything is made relative to the descriptor of its
 * directory, by names that the reader has checked, in a directory that nobody else can enter. */
#include "image/rootless.h"

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
#include "image/erofs-internal.h"
#include "image/listing.h"

#define USER_METACOPY "user.overlay.metacopy"
#define USER_REDIRECT "user.overlay.redirect"
#define USER_OPAQUE   "user.overlay.opaque"

/* The attributes that make an empty file a stub. */
static int set_stub_xattrs(const struct image_node *n, int fd)
{
	uint8_t metacopy[METACOPY_HEADER + IMAGE_DIGEST_MAX] = {0};
	char object[LISTING_PATH_MAX], redirect[LISTING_PATH_MAX + 1];
	size_t len = 0;

	if (!listing_object_path(n, object))
		return -EINVAL;
	if (n->digest_len) {
		len = METACOPY_HEADER + n->digest_len;
		metacopy[1] = (uint8_t)len;
		metacopy[3] = n->digest_len == 64 ? IMAGE_SHA512 : IMAGE_SHA256;
		memcpy(metacopy + METACOPY_HEADER, n->digest, n->digest_len);
	}
	(void)str_format(redirect, sizeof(redirect), "/%s", object);
	if (fsetxattr(fd, USER_METACOPY, metacopy, len, 0) < 0 ||
	    fsetxattr(fd, USER_REDIRECT, redirect, strlen(redirect), 0) < 0)
		return -errno;
	return 0;
}

/* user.* of the tree; others need privileges, and user.overlay.* would mean something here. */
static int set_xattrs(const struct image_node *n, int fd)
{
	for (unsigned i = 0; i < n->n_xattrs; i++) {
		const struct image_xattr *x = &n->xattrs[i];

		if (!str_starts(x->key->name, "user.") || str_starts(x->key->name, "user.overlay."))
			continue;
		if (fsetxattr(fd, x->key->name, x->value, x->value_len, 0) < 0 &&
		    errno != EOPNOTSUPP && errno != ENOSPC)
			return -errno;
	}
	return 0;
}

static int make_file(const struct image_node *n, int dir, const char *name)
{
	_cleanup_close_ int fd =
		sys_openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? fd : 0;

	if (r < 0)
		return r;
	if (S_ISREG(n->mode) && n->size && n->data)
		r = io_write_all(fd, n->data, n->data_len);
	else if (image_node_is_external(n) && n->payload)
		r = set_stub_xattrs(n, fd);
	if (r == 0 && image_node_is_external(n))
		r = sys_ftruncate(fd, n->size);
	if (r == 0 && (S_ISREG(n->mode) || S_ISDIR(n->mode)))
		r = set_xattrs(n, fd);
	return r;
}

/* Owner, mode and time of what has been made. A directory's come when it is complete. */
static int set_metadata(const struct image_node *n, int dir, const char *name)
{
	struct timespec times[2] = {
		{.tv_nsec = UTIME_OMIT},
		{.tv_sec = n->mtime, .tv_nsec = n->mtime_nsec},
	};
	int r = sys_fchownat(dir, name, n->uid, n->gid, AT_SYMLINK_NOFOLLOW);

	/* Ids that the namespace does not have stay those of the caller. */
	if (r < 0 && r != -EINVAL && r != -EPERM)
		return r;
	if (!S_ISLNK(n->mode)) {
		r = sys_fchmodat(dir, name, n->mode & 07777);
		if (r < 0)
			return r;
	}
	return utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/* Open the directory of @n below @root. The stubs are ours: no link is in the way. */
static int open_parent(const struct image_node *n, int root, struct image_path *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	char name[PATH_MAX];
	int r = image_node_path(n->parent, path);

	if (r < 0)
		return r;
	if (path->len >= sizeof(name))
		return -ENAMETOOLONG;
	(void)str_format(name, sizeof(name), ".%.*s", (int)path->len, path->text);
	return sys_openat2(root, name, &how);
}

static int make_link(const struct image_node *n, int root, int dir, const char *name,
		     struct image_path *path)
{
	_cleanup_close_ int from = open_parent(n->target, root, path);
	char real[IMAGE_NAME_MAX + 1];

	if (from < 0)
		return from;
	(void)str_format(real, sizeof(real), "%.*s", (int)n->target->name_len, n->target->name);
	return linkat(from, real, dir, name, 0) < 0 ? -errno : 0;
}

static int make_node(const struct image_node *n, int root, struct image_path *path)
{
	_cleanup_close_ int dir = open_parent(n, root, path);
	char name[IMAGE_NAME_MAX + 1], target[IMAGE_SYMLINK_MAX + 1];
	int r;

	if (dir < 0)
		return dir;
	(void)str_format(name, sizeof(name), "%.*s", (int)n->name_len, n->name);
	if (n->target)
		return make_link(n, root, dir, name, path);
	if (S_ISDIR(n->mode))
		return sys_mkdirat(dir, name, 0700);
	if (S_ISLNK(n->mode)) {
		(void)str_format(target, sizeof(target), "%.*s", (int)n->data_len,
				 (const char *)n->data);
		r = sys_symlinkat(target, dir, name);
	} else if (S_ISFIFO(n->mode)) {
		r = sys_mknodat(dir, name, S_IFIFO | 0600, 0);
	} else {
		r = make_file(n, dir, name);
	}
	return r < 0 ? r : set_metadata(n, dir, name);
}

/* Directories last, from the deepest: making what is in them changed their times, and a mode may
 * forbid it. */
static int finish_directories(const struct image_tree *t, int root, struct image_path *path)
{
	const struct image_node *n = t->root;
	int r = 0;

	/* The reverse of the walk: the last child's last child first, parents after children. */
	while (n->n_children)
		n = n->children[n->n_children - 1];
	for (; r == 0 && n->parent != n;) {
		if (S_ISDIR(n->mode)) {
			_cleanup_close_ int dir = open_parent(n, root, path);
			char name[IMAGE_NAME_MAX + 1];

			(void)str_format(name, sizeof(name), "%.*s", (int)n->name_len, n->name);
			r = dir < 0 ? dir : set_metadata(n, dir, name);
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

static int make_stubs(struct image_tree *t, const char *path, struct err *e)
{
	_cleanup_close_ int root = -EBADF;
	struct image_path scratch = {0};
	char excerpt[IMAGE_EXCERPT_MAX];
	int r = image_tree_canonical_links(t);

	if (r == 0) {
		r = sys_mkdirat(AT_FDCWD, path, 0700);
		r = r == -EEXIST ? 0 : r;
	}
	if (r == 0)
		r = root = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (r < 0)
		return err_sys(e, ERR_IO, r, "make the directory of stubs %s", path);
	r = 0;
	for (const struct image_node *n = image_tree_next(t->root); n && r == 0;
	     n = image_tree_next(n)) {
		r = make_node(n, root, &scratch);
		if (r < 0 && image_node_path(n, &scratch) == 0)
			(void)err_sys(e, ERR_IO, r, "make a stub for %s",
				      image_excerpt(scratch.text, scratch.len, excerpt));
	}
	if (r == 0)
		r = finish_directories(t, root, &scratch);
	if (r == 0)
		r = set_metadata(t->root, root, ".");
	if (r == 0 && fsetxattr(root, USER_OPAQUE, "y", 1, 0) < 0)
		r = -errno;
	image_path_done(&scratch);
	if (r < 0 && e->code != r)
		return err_sys(e, ERR_IO, r, "make stubs in %s", path);
	return r;
}

/* --- the mount ------------------------------------------------------------------------------- */

static int set_options(const struct mount_options *o, const char *stubs, int fs, bool verity)
{
	int r = sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", "composefs", 0);

	if (r == 0)
		r = sys_fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0);
	if (r == 0 && verity)
		r = sys_fsconfig(fs, FSCONFIG_SET_STRING, "verity", "require", 0);
	if (r == 0)
		r = sys_fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir+", stubs, 0);
	for (unsigned i = 0; i < o->n_objects && r == 0; i++)
		r = sys_fsconfig(fs, FSCONFIG_SET_STRING, "datadir+", o->objects[i], 0);
	if (r == 0 && o->upper)
		r = sys_fsconfig(fs, FSCONFIG_SET_STRING, "upperdir", o->upper, 0);
	if (r == 0 && o->upper)
		r = sys_fsconfig(fs, FSCONFIG_SET_STRING, "workdir", o->work, 0);
	if (r == 0 && o->upper && o->discard)
		r = sys_fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0);
	return r == 0 ? sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) : r;
}

static int try_mount(const struct mount_options *o, const char *stubs, const char *target,
		     bool verity, struct err *e)
{
	_cleanup_close_ int fs = sys_fsopen("overlay", FSOPEN_CLOEXEC);
	_cleanup_close_ int mnt = -EBADF;
	int r;

	if (fs < 0)
		return err_sys(e, ERR_PERMISSION, fs, "prepare a mount of overlayfs");
	r = set_options(o, stubs, fs, verity);
	if (r == 0)
		r = mnt = sys_fsmount(fs, FSMOUNT_CLOEXEC,
				      o->upper && o->read_write ? 0 : MOUNT_ATTR_RDONLY);
	if (r < 0) {
		(void)err_sys(e, ERR_MOUNT, r, "mount the overlay on stubs");
		mount_add_kernel_words(fs, e);
		if (r == -EINVAL)
			(void)err_hint(e, "Linux 6.16 or newer is needed for this");
		return r;
	}
	return mount_attach(mnt, target, e);
}

int rootless_mount(struct image_file *f, const struct mount_options *o, const char *stubs,
		   const char *target, struct mount_report *ret, struct err *e)
{
	bool verity = o->verity != VERITY_OFF;
	struct image_tree tree = {0};
	struct erofs_info info;
	int r = image_file_read(f, e);

	if (r == 0)
		r = erofs_read(f->data, f->len, 0, &tree, &info, e);
	if (r == 0)
		r = make_stubs(&tree, stubs, e);
	image_tree_done(&tree);
	if (r < 0)
		return r;
	r = try_mount(o, stubs, target, verity, e);
	if (r == -EINVAL && o->verity == VERITY_TRY) {
		verity = false;
		r = try_mount(o, stubs, target, verity, e);
	}
	if (r < 0)
		return r;
	*ret = (struct mount_report){.way = MOUNT_BY_STUBS, .enforced = verity};
	return 0;
}
