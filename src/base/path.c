/* In-root path resolution: the one way to name anything in a root filesystem. See path.h. */
#include "base/path.h"

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"

/* The kernel answers EAGAIN when a rename or mount anywhere raced with "..", so it can be provoked
 * from a hostile container; bounded, or it would be a way to hold us for ever. */
#define RETRIES 128

#define NAME_SIZE 256

int path_open_in_root(int root_fd, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve,
	};
	int fd = -EAGAIN;

	if (*path == '\0')
		path = ".";
	for (int i = 0; i < RETRIES && (fd == -EAGAIN || fd == -EINTR); i++)
		fd = sys_openat2(root_fd, path, &how);
	return fd;
}

/* Copy the path up to and without @end into @buf. Returns 0 or -ENAMETOOLONG. */
static int prefix(char buf[static PATH_SIZE], const char *path, const char *end)
{
	size_t n = (size_t)(end - path);

	if (n >= PATH_SIZE)
		return -ENAMETOOLONG;
	memcpy(buf, path, n);
	buf[n] = '\0';
	return 0;
}

static const char *skip_slashes(const char *p)
{
	while (*p == '/')
		p++;
	return p;
}

static const char *skip_name(const char *p)
{
	while (*p != '\0' && *p != '/')
		p++;
	return p;
}

/* Make the directories of @path one by one. What was opened so far is always resolved again from
 * the root, because a component may be a symbolic link to elsewhere in the root; what is made is
 * made relative to the descriptor of its parent, so that it cannot land outside. */
static int make_dirs(int root_fd, const char *path, mode_t mode)
{
	char done[PATH_SIZE];
	const char *p = skip_slashes(path);

	while (*p != '\0') {
		_cleanup_close_ int parent = -EBADF;
		const char *end = skip_name(p);
		char name[NAME_SIZE];
		int r;

		if (end - p >= NAME_SIZE)
			return -ENAMETOOLONG;
		memcpy(name, p, (size_t)(end - p));
		name[end - p] = '\0';
		r = prefix(done, path, p);
		if (r < 0)
			return r;
		parent = path_open_in_root(root_fd, done, O_PATH | O_DIRECTORY, 0);
		if (parent < 0)
			return parent;
		r = sys_mkdirat(parent, name, mode);
		if (r < 0 && r != -EEXIST)
			return r;
		p = skip_slashes(end);
	}
	return 0;
}

/* Nearly always only the last name is missing. Returns -ENOENT when more is, or when the last one
 * is no plain name. */
static int make_last(int root_fd, const char *path, mode_t mode)
{
	_cleanup_close_ int parent = -EBADF;
	const char *name = path;
	char above[PATH_SIZE];
	int r;

	for (const char *p = path; *p != '\0'; p++)
		if (*p == '/')
			name = p + 1;
	if (*name == '\0' || str_eq(name, ".") || str_eq(name, ".."))
		return -ENOENT;
	r = prefix(above, path, name);
	if (r < 0)
		return r;
	parent = path_open_in_root(root_fd, above, O_PATH | O_DIRECTORY, 0);
	if (parent < 0)
		return parent;
	r = sys_mkdirat(parent, name, mode);
	return r == -EEXIST ? 0 : r;
}

int path_make_dir_in_root(int root_fd, const char *path, mode_t mode)
{
	int fd = path_open_in_root(root_fd, path, O_PATH | O_DIRECTORY, 0);

	if (fd == -ENOENT) {
		int r = make_last(root_fd, path, mode);

		if (r == -ENOENT)
			r = make_dirs(root_fd, path, mode);
		if (r < 0)
			return r;
		fd = path_open_in_root(root_fd, path, O_PATH | O_DIRECTORY, 0);
	}
	return fd;
}

int path_make_parent_in_root(int root_fd, const char *path, const char **ret_name)
{
	char parent[PATH_SIZE];
	const char *name = path;
	int fd, r;

	for (const char *p = path; *p != '\0'; p++)
		if (*p == '/' && p[1] != '\0' && p[1] != '/')
			name = p + 1;
	name = skip_slashes(name);
	if (*name == '\0' || name[strlen(name) - 1] == '/' || str_eq(name, ".") ||
	    str_eq(name, ".."))
		return -EINVAL;
	r = prefix(parent, path, name);
	if (r < 0)
		return r;
	fd = path_make_dir_in_root(root_fd, parent, 0755);
	if (fd >= 0)
		*ret_name = name;
	return fd;
}

int path_make_file_in_root(int root_fd, const char *path, mode_t mode)
{
	_cleanup_close_ int parent = -EBADF, file = -EBADF;
	const char *name = NULL;
	int fd = path_open_in_root(root_fd, path, O_PATH, 0);

	if (fd != -ENOENT)
		return fd;
	parent = path_make_parent_in_root(root_fd, path, &name);
	if (parent < 0)
		return parent;
	/* O_EXCL: neither a dangling link nor a fifo put there meanwhile is followed or opened. */
	file = sys_openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, mode);
	if (file < 0 && file != -EEXIST)
		return file;
	return path_open_in_root(root_fd, path, O_PATH, 0);
}
