/* Directories of a cgroup filesystem, whatever its version: making them with their parents, and
 * removing trees that a container may have grown. Host half, in the host's namespaces. */
#include <errno.h>
#include <limits.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroup/hierarchy.h"

#define DIR_MODE 0755

/* How often making a directory is tried anew because a delete removed the parent meanwhile. */
#define MAKE_TRIES 100

/* The length of the parent of the first @len characters; 0 when there is none. */
static size_t parent_length(const char *dir, size_t len)
{
	while (len > 0 && dir[len - 1] != '/')
		len--;
	while (len > 0 && dir[len - 1] == '/')
		len--;
	return len;
}

/* Make one directory, searchable whatever our umask: mounting cgroup2 in a user namespace looks up
 * the way to the container's cgroup with that namespace's permissions (Linux before 6.16). */
static int make_one(const char *path)
{
	int r = sys_mkdirat(AT_FDCWD, path, DIR_MODE);

	if (r < 0)
		return r;
	r = sys_fchmodat(AT_FDCWD, path, DIR_MODE);
	if (r < 0)
		(void)sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
	return r;
}

/* One attempt: up to the first directory that can be made or exists, and down again. @path is cut
 * at slashes meanwhile. */
static int make_once(char *path, size_t len, size_t *top)
{
	size_t at = len;
	int r;

	while ((r = make_one(path)) == -ENOENT) {
		at = parent_length(path, at);
		if (at == 0)
			return -ENOENT;
		path[at] = '\0';
	}
	while (r == 0 || r == -EEXIST) {
		if (r == 0 && (*top == 0 || at < *top))
			*top = at;
		if (at == len)
			return r;
		path[at] = '/';
		at = strlen(path);
		r = make_one(path);
	}
	return r;
}

int cgroup_dir_make(const char *dir, size_t *ret_top)
{
	size_t len = strlen(dir), top = 0;
	char path[PATH_MAX];
	int r = -ENOENT;

	if (len >= sizeof(path))
		return -ENAMETOOLONG;
	/* A delete removes the common parent when it was the last in there, at any time between our
	 * making the parent and our making the child. */
	for (int tries = 0; r == -ENOENT && tries < MAKE_TRIES; tries++) {
		memcpy(path, dir, len + 1);
		r = make_once(path, len, &top);
	}
	if (r < 0 && r != -EEXIST) {
		if (top > 0)
			cgroup_dir_undo(dir, top);
		return r;
	}
	*ret_top = top;
	return r == 0;
}

void cgroup_dir_undo(const char *dir, size_t top)
{
	char path[PATH_MAX];

	for (size_t len = strlen(dir); len >= top && len > 0; len = parent_length(dir, len)) {
		int r;

		(void)str_format(path, sizeof(path), "%.*s", (int)len, dir);
		r = sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
		if (r < 0 && r != -ENOENT)
			return;
	}
}

int cgroup_dir_open(const char *dir)
{
	return sys_openat(AT_FDCWD, dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
}

/* Remove the children of @fd that have no children. Returns how many were removed; when one is in
 * the way its name is in @ret_name, which is "" otherwise. */
static int remove_leaves(int fd, char ret_name[static NAME_MAX + 1])
{
	_Alignas(struct cgroup_dirent) char buf[2048];
	int removed = 0;

	ret_name[0] = '\0';
	for (;;) {
		ssize_t n = sys_getdents64(fd, buf, sizeof(buf));

		if (n <= 0)
			return n < 0 ? (int)n : removed;
		for (char *p = buf; p < buf + n;) {
			const struct cgroup_dirent *d = (const void *)p;
			int r;

			p += d->reclen;
			if (!cgroup_dirent_is_child(d))
				continue;
			r = sys_unlinkat(fd, d->name, AT_REMOVEDIR);
			if (r == -EBUSY) {
				(void)str_copy(ret_name, NAME_MAX + 1, d->name);
				return removed;
			}
			if (r < 0 && r != -ENOENT)
				return r;
			removed += r == 0;
		}
	}
}

static int enter(int *fd, const char *name)
{
	int next = sys_openat(*fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);

	if (next < 0)
		return next;
	(void)fd_close(*fd);
	*fd = next;
	return 0;
}

/* A container with a writable cgroup nests as deep as it likes: one descriptor and no memory, down
 * where a child is in the way, up again where nothing is left. */
int cgroup_dir_empty(int fd)
{
	_cleanup_close_ int at = sys_openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	bool progress = true;
	size_t depth = 0;
	char name[NAME_MAX + 1];
	int r;

	if (at < 0)
		return at;
	for (;;) {
		int removed = remove_leaves(at, name);

		if (removed < 0)
			return removed;
		progress |= removed > 0;
		if (name[0] != '\0') {
			r = enter(&at, name);
			if (r == -ENOENT)
				r = enter(&at, ".");
			else
				depth++;
			progress = false;
		} else if (depth > 0) {
			/* In the way of its parent, and without children: it holds processes. */
			if (!progress)
				return -EBUSY;
			r = enter(&at, "..");
			depth--;
		} else {
			return 0;
		}
		if (r < 0)
			return r;
	}
}

void cgroup_dir_remove_parent(const char *dir)
{
	static const char name[] = "/coracle";
	size_t len = parent_length(dir, strlen(dir));
	char path[PATH_MAX];

	if (len < sizeof(name) || len >= sizeof(path) ||
	    strncmp(dir + len - strlen(name), name, strlen(name)) != 0)
		return;
	(void)str_format(path, sizeof(path), "%.*s", (int)len, dir);
	/* EBUSY: another container is in there, or is being made. */
	(void)sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int cgroup_dir_check_not_root(int fd)
{
	struct sys_statx stx;
	int r = sys_statx(fd, "", AT_EMPTY_PATH, SYS_STATX_BASIC, &stx);

	if (r < 0)
		return r;
	return (stx.stx_attributes & SYS_STATX_ATTR_MOUNT_ROOT) ? -EINVAL : 0;
}
