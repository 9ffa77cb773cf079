/* Steps that hide paths or make them read-only. Runs in the container's mount namespace before the
 * pivot, after all mounts. */
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "init/init.h"

#include <sys/sysmacros.h>

/* The container's null device, proven to be it: whatever an image puts there would otherwise show
 * through every masked file (CVE-2025-31133). */
static int open_null(struct init *i, const struct plan_mask *o, struct err *e)
{
	_cleanup_close_ int fd =
		path_open_in_root(i->root_fd, init_string(i, o->null), O_PATH | O_NOFOLLOW, 0);
	struct stat st;
	int r;

	if (fd < 0)
		return err_sys(e, ERR_MASK, fd, "open the null device");
	r = sys_fstat(fd, &st);
	if (r < 0)
		return err_sys(e, ERR_MASK, r, "examine the null device");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return err_set(e, ERR_MASK, -EINVAL,
			       "the container's null device is not character device 1:3");
	i->null_fd = TAKE_FD(fd);
	return 0;
}

static int mask_file(struct init *i, const struct plan_mask *o, int target, struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (i->null_fd < 0) {
		r = open_null(i, o, e);
		if (r < 0)
			return r;
	}
	fd = attr_clone(i->null_fd, false);
	if (fd < 0)
		return err_sys(e, ERR_MASK, fd, "copy the null device");
	return attr_attach(fd, target, e);
}

/* The first mount is the original: a detached mount cannot be copied before Linux 6.15, an attached
 * one always. */
int mask_directory(struct init *i, const struct plan_empty *empty, int target, struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (i->empty_fd >= 0) {
		fd = attr_clone(i->empty_fd, false);
		if (fd < 0)
			return err_sys(e, ERR_MASK, fd, "copy the empty file system");
		return attr_attach(fd, target, e);
	}
	fd = mount_empty(i, empty, false, e);
	if (fd < 0)
		return err_wrap(e, "make an empty file system");
	r = attr_attach(fd, target, e);
	if (r == 0)
		i->empty_fd = TAKE_FD(fd);
	return r;
}

/* Returns a descriptor, or -errno; -ENOENT is no error for both steps: there is nothing to hide. */
static int open_path(struct init *i, const char *path)
{
	int fd = path_open_in_root(i->root_fd, path, O_PATH, 0);

	return fd == -ENOTDIR ? -ENOENT : fd;
}

int step_MASK(struct init *i, const struct plan_mask *o, struct err *e)
{
	const char *path = init_string(i, o->path);
	_cleanup_close_ int target = open_path(i, path);
	struct stat st;
	int r;

	if (target == -ENOENT)
		return 0;
	if (target < 0)
		return err_sys(e, ERR_MASK, target, "open \"%s\"", path);
	r = sys_fstat(target, &st);
	if (r < 0)
		return err_sys(e, ERR_MASK, r, "examine \"%s\"", path);
	r = S_ISDIR(st.st_mode) ? mask_directory(i, &o->empty, target, e)
				: mask_file(i, o, target, e);
	return r < 0 ? err_wrap(e, "mask \"%s\"", path) : 0;
}

int step_READONLY(struct init *i, const struct plan_path *o, struct err *e)
{
	static const struct plan_mount_attr readonly = {.set = MOUNT_ATTR_RDONLY};
	_cleanup_fd_group_ struct fd_group g = FD_GROUP_INIT;
	int *target = &g.fds[0], *fd = &g.fds[1];
	const char *path = init_string(i, o->path);
	int r;

	*target = open_path(i, path);
	if (*target == -ENOENT)
		return 0;
	if (*target < 0)
		return err_sys(e, ERR_MASK, *target, "open \"%s\"", path);
	*fd = attr_clone(*target, true);
	if (*fd < 0)
		return err_sys(e, ERR_MASK, *fd, "copy the mount of \"%s\"", path);
	r = attr_apply(i, *fd, &readonly, false, e);
	if (r == 0)
		r = attr_attach(*fd, *target, e);
	if (r == 0)
		r = attr_apply(i, *fd, &readonly, true, e);
	return r < 0 ? err_wrap(e, "make \"%s\" read-only", path) : 0;
}

static int change(struct init *i, const char *path, const struct plan_mount_attr *attr,
		  struct err *e)
{
	bool is_root = path[0] == '/' && path[1] == '\0';
	_cleanup_close_ int opened =
		is_root ? -EBADF : path_open_in_root(i->root_fd, path, O_PATH, 0);
	int fd = is_root ? i->root_fd : opened, r;

	if (fd < 0)
		return err_sys(e, ERR_MASK, fd, "open \"%s\"", path);
	/* It is attached already; the two calls are the two kernels' ways. */
	r = attr_apply(i, fd, attr, false, e);
	return r < 0 ? r : attr_apply(i, fd, attr, true, e);
}

int step_SET_READONLY(struct init *i, const struct plan_path *o, struct err *e)
{
	static const struct plan_mount_attr readonly = {.set = MOUNT_ATTR_RDONLY};

	return change(i, init_string(i, o->path), &readonly, e);
}

int step_REMOUNT(struct init *i, const struct plan_remount *o, struct err *e)
{
	return change(i, init_string(i, o->target), &o->attr, e);
}
