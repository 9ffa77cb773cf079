/* Steps that mount. Everything is prepared as a detached mount, gets its attributes, and is
 * attached last on a target that was resolved in the root filesystem: nothing half-configured is
 * ever visible, and no path is looked up twice. */
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "init/init.h"

/* The kernel's own words about a file system context ("e tmpfs: Bad value for 'size'") go into the
 * error; each read gives one message, the last error is the one that matters. */
static int fs_error(int fs_fd, const char *what, int code, struct err *e)
{
	char message[200], last[200] = "";
	ssize_t n;

	while ((n = sys_read(fs_fd, message, sizeof(message) - 1)) > 2) {
		message[n] = '\0';
		if (message[n - 1] == '\n')
			message[n - 1] = '\0';
		if (message[0] == 'e')
			(void)str_copy(last, sizeof(last), message + 2);
	}
	if (last[0] != '\0')
		return err_sys(e, ERR_MOUNT, code, "%s (%s)", what, last);
	return err_sys(e, ERR_MOUNT, code, "%s", what);
}

static int configure(const struct init *i, int fs_fd, const struct plan_mount *o, struct err *e)
{
	const struct plan_option *options = init_array(i, o->options, sizeof(*options));
	const char *source = init_string(i, o->source);
	char what[160];
	int r;

	if (*source != '\0') {
		r = sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", source, 0);
		if (r < 0)
			return fs_error(fs_fd, "set the source", r, e);
	}
	for (uint32_t n = 0; n < o->options.n; n++) {
		const char *key = init_string(i, options[n].key);

		if (options[n].value != 0)
			r = sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, key,
					 init_string(i, options[n].value), 0);
		else
			r = sys_fsconfig(fs_fd, FSCONFIG_SET_FLAG, key, NULL, 0);
		if (r < 0) {
			(void)str_format(what, sizeof(what), "option \"%s\"", key);
			return fs_error(fs_fd, what, r, e);
		}
	}
	r = sys_fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	return r < 0 ? fs_error(fs_fd, "create the file system", r, e) : 0;
}

/* A detached mount of a new file system. Returns a descriptor or -errno. */
static int mount_new(const struct init *i, const struct plan_mount *o, struct err *e)
{
	_cleanup_close_ int fs_fd = sys_fsopen(init_string(i, o->fstype), FSOPEN_CLOEXEC);
	int fd, r;

	if (fs_fd < 0)
		return err_sys(e, ERR_MOUNT, fs_fd, "open file system type \"%s\"",
			       init_string(i, o->fstype));
	r = configure(i, fs_fd, o, e);
	if (r < 0)
		return r;
	fd = sys_fsmount(fs_fd, FSMOUNT_CLOEXEC, (unsigned)o->attr.set);
	return fd < 0 ? fs_error(fs_fd, "mount the file system", fd, e) : fd;
}

/* The place of a mount, made where it is missing. Returns an O_PATH descriptor or -errno. */
static int open_target(const struct init *i, const char *path, bool is_dir, uint32_t flags,
		       struct err *e)
{
	int fd;

	if (flags & PLAN_MOUNT_NO_SYMLINKS) {
		/* A link here would put procfs or sysfs elsewhere and leave the image's files where
		 * programs trust the kernel's (CVE-2019-19921, CVE-2023-27561). */
		fd = path_make_dir_in_root(i->root_fd, path, 0755);
		if (fd >= 0) {
			(void)sys_close(fd);
			fd = path_open_in_root(i->root_fd, path, O_PATH | O_DIRECTORY,
					       RESOLVE_NO_SYMLINKS);
		}
	} else if (is_dir) {
		fd = path_make_dir_in_root(i->root_fd, path, 0755);
	} else {
		fd = path_make_file_in_root(i->root_fd, path, 0644);
	}
	if (fd < 0)
		return err_sys(e, ERR_MOUNT, fd, "open the target \"%s\"", path);
	return fd;
}

int step_MOUNT(struct init *i, const struct plan_mount *o, struct err *e)
{
	_cleanup_close_ int fd = mount_new(i, o, e), target = -EBADF;
	struct plan_mount_attr attr = o->attr;
	int r;

	if (fd < 0)
		return fd;
	attr.set = 0; /* given to fsmount already */
	attr.clear = 0;
	r = attr_apply(i, fd, &attr, false, e);
	if (r < 0)
		return r;
	target = open_target(i, init_string(i, o->target), true, o->flags, e);
	if (target < 0)
		return target;
	r = attr_attach(fd, target, e);
	return r < 0 ? r : attr_apply(i, fd, &attr, true, e);
}

int step_BIND(struct init *i, const struct plan_bind *o, struct err *e)
{
	_cleanup_close_ int opened = -EBADF, target = -EBADF;
	int fd = init_slot(i, o->slot), r;
	struct stat st;

	if (fd < 0) {
		unsigned recursive = o->flags & PLAN_MOUNT_RECURSIVE ? AT_RECURSIVE : 0;

		opened = sys_open_tree(AT_FDCWD, init_string(i, o->source),
				       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive);
		if (opened < 0) {
			(void)err_sys(e, ERR_MOUNT, opened, "open \"%s\"",
				      init_string(i, o->source));
			if (opened == -ENOENT)
				(void)err_hint(e, "the bind source must exist on the host before "
						  "create; OCI runtimes do not make it");
			return opened;
		}
		fd = opened;
	}
	r = attr_apply(i, fd, &o->attr, false, e);
	if (r < 0)
		return r;
	r = sys_fstat(fd, &st);
	if (r < 0)
		return err_sys(e, ERR_MOUNT, r, "examine the source");
	target = open_target(i, init_string(i, o->target), S_ISDIR(st.st_mode), o->flags, e);
	if (target < 0)
		return target;
	r = attr_attach(fd, target, e);
	return r < 0 ? r : attr_apply(i, fd, &o->attr, true, e);
}
