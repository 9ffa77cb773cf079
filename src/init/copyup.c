/* Filling a new file system with what it is going to cover (tmpcopyup). Runs in the container's
 * mount namespace before the pivot.
 *
 * What is read is hostile and may change meanwhile: everything is opened by a name in a directory
 * that we hold, as a reference without effect, examined, and only then, if it is a regular file or
 * a directory, opened for reading. Links are never followed, file systems mounted below are left
 * out, and the walk goes to a fixed depth. What is written is a file system that nobody else sees
 * yet; its own limits bound the rest. */
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "init/init.h"

#define DEPTH_MAX  64
#define XATTR_MAX  65536 /* of the kernel, for a value and for a list of names */
#define SEEK_DATA_ 3
#define SEEK_HOLE_ 4

/* A directory that is being copied; the ones above it wait. */
struct level {
	int from, to;
	uint32_t at, len; /* in entries */
	_Alignas(8) char entries[2048];
};

/* The kernel's linux_dirent64. */
struct entry {
	uint64_t inode, offset;
	uint16_t size;
	uint8_t type;
	char name[];
};

static struct level levels[DEPTH_MAX];

static int open_directory(int fd)
{
	return sys_openat(fd, ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
}

/* Best effort: the new file system need not know all kinds of attributes. */
static void copy_xattrs(int from, int to)
{
	static char names[XATTR_MAX], value[XATTR_MAX];
	ssize_t len = sys_flistxattr(from, names, sizeof(names));

	for (ssize_t at = 0; at < len; at += (ssize_t)strlen(names + at) + 1) {
		ssize_t n = sys_fgetxattr(from, names + at, value, sizeof(value));

		if (n >= 0)
			(void)sys_fsetxattr(to, names + at, value, (size_t)n);
	}
}

/* Owner first: a change of it takes set-id bits and capabilities away. An id that is not mapped
 * here (-EINVAL) cannot be an owner. */
static int copy_owner_and_mode(int to, const char *name, const struct stat *st)
{
	int r = sys_fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW);

	if (r < 0 && r != -EINVAL)
		return r;
	return S_ISLNK(st->st_mode) ? 0 : sys_fchmodat(to, name, st->st_mode & 07777);
}

/* Data only: holes stay holes, so that a sparse file costs what it holds. */
static int copy_data(int from, int to, int64_t size)
{
	int64_t at = 0, end;

	while (at < size) {
		at = sys_lseek(from, at, SEEK_DATA_);
		if (at == -ENXIO)
			break;
		end = at < 0 ? at : sys_lseek(from, at, SEEK_HOLE_);
		if (end < 0)
			return (int)end;
		end = MIN(end, size);
		if (sys_lseek(to, at, 0) < 0)
			return -EIO;
		while (at < end) {
			ssize_t n = sys_sendfile(to, from, &at, (size_t)MIN(end - at, 1 << 30));

			if (n < 0)
				return (int)n;
			if (n == 0) /* it became shorter */
				return 0;
		}
	}
	return sys_ftruncate(to, (uint64_t)size);
}

static int copy_file(struct init *i, int fd, int to_dir, const char *name, const struct stat *st)
{
	_cleanup_close_ int from = -EBADF, to = -EBADF;
	char path[ATTR_NAME_SIZE];
	int r;

	attr_name(i, fd, path);
	from = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
	if (from < 0)
		return from;
	to = sys_openat(to_dir, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return to;
	r = copy_data(from, to, st->st_size);
	if (r == 0)
		r = copy_owner_and_mode(to_dir, name, st);
	if (r == 0)
		copy_xattrs(from, to);
	return r;
}

static int copy_link(int fd, int to, const char *name, const struct stat *st)
{
	static char target[PATH_SIZE];
	ssize_t n = sys_readlinkat(fd, "", target, sizeof(target) - 1);
	int r;

	if (n < 0)
		return (int)n;
	target[n] = '\0';
	r = sys_symlinkat(target, to, name);
	return r < 0 ? r : copy_owner_and_mode(to, name, st);
}

/* Make the directory and go on in it: it becomes levels[*depth]. */
static int enter_directory(int fd, int to, const char *name, const struct stat *st, unsigned *depth)
{
	struct level *l = &levels[*depth];
	int r = sys_mkdirat(to, name, 0700);

	if (r == 0)
		r = copy_owner_and_mode(to, name, st);
	if (r < 0)
		return r;
	l->at = l->len = 0;
	l->from = open_directory(fd);
	if (l->from < 0)
		return l->from;
	l->to = sys_openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	if (l->to < 0)
		return l->to;
	copy_xattrs(l->from, l->to);
	++*depth;
	return 0;
}

/* Copy the entry @name of the deepest level. */
static int copy_entry(struct init *i, const char *name, unsigned *depth, struct err *e)
{
	const struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
				     .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS};
	const struct level *l = &levels[*depth - 1];
	_cleanup_close_ int fd = sys_openat2(l->from, name, &how);
	struct stat st;
	int r = fd;

	/* Gone meanwhile, or another file system. */
	if (fd == -ENOENT || fd == -EXDEV)
		return 0;
	if (r >= 0)
		r = sys_fstat(fd, &st);
	if (r < 0)
		return err_sys(e, ERR_MOUNT, r, "examine \"%s\" to copy it", name);
	if (S_ISDIR(st.st_mode)) {
		if (*depth == DEPTH_MAX)
			return err_set(e, ERR_MOUNT, -ELOOP,
				       "what is to be copied is deeper than %u directories",
				       DEPTH_MAX);
		r = enter_directory(fd, l->to, name, &st, depth);
	} else if (S_ISREG(st.st_mode)) {
		r = copy_file(i, fd, l->to, name, &st);
	} else if (S_ISLNK(st.st_mode)) {
		r = copy_link(fd, l->to, name, &st);
	} else {
		r = sys_mknodat(l->to, name, st.st_mode, (unsigned)st.st_rdev);
		if (r == 0)
			r = copy_owner_and_mode(l->to, name, &st);
	}
	return r < 0 ? err_sys(e, ERR_MOUNT, r, "copy \"%s\"", name) : 0;
}

/* One step: an entry of the deepest level, or back to the one above. */
static int advance(struct init *i, unsigned *depth, struct err *e)
{
	struct level *l = &levels[*depth - 1];
	const struct entry *entry;
	ssize_t n;

	if (l->at == l->len) {
		n = sys_getdents64(l->from, l->entries, sizeof(l->entries));
		if (n < 0)
			return err_sys(e, ERR_MOUNT, (int)n, "read a directory to copy it");
		l->at = 0;
		l->len = (uint32_t)n;
		if (n == 0) {
			(void)sys_close(l->from);
			(void)sys_close(l->to);
			--*depth;
			return 0;
		}
	}
	entry = (const struct entry *)(const void *)(l->entries + l->at);
	l->at += entry->size;
	if (str_eq(entry->name, ".") || str_eq(entry->name, ".."))
		return 0;
	return copy_entry(i, entry->name, depth, e);
}

int copyup(struct init *i, int from_fd, int to_fd, uint32_t flags, struct err *e)
{
	struct level *l = &levels[0];
	unsigned depth = 1;
	struct stat st;
	int r;

	l->at = l->len = 0;
	l->from = open_directory(from_fd);
	l->to = open_directory(to_fd);
	r = l->from < 0 ? l->from : l->to < 0 ? l->to : sys_fstat(l->from, &st);
	if (r == 0 && (flags & PLAN_MOUNT_COPY_OWNER))
		r = sys_fchown(l->to, st.st_uid, st.st_gid);
	if (r == -EINVAL) /* not mapped here */
		r = 0;
	if (r == 0 && (flags & PLAN_MOUNT_COPY_MODE))
		r = sys_fchmod(l->to, st.st_mode & 07777);
	if (r < 0)
		return err_sys(e, ERR_MOUNT, r, "open the directory to copy");
	while (depth > 0 && r == 0)
		r = advance(i, &depth, e);
	return r;
}
