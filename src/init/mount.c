/* Steps that mount. Everything is prepared as a detached mount, gets its attributes, and is
 * attached last on a target that was resolved in the root filesystem: nothing half-configured is
 * ever visible, and no path is looked up twice. */
#include "base/fd.h"
#include "base/fscontext.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "init/init.h"

static int no_label(int r, const char *label, struct err *e)
{
	(void)err_sys(e, ERR_MOUNT, r, "set the label \"%s\"", label);
	return err_hint(e, "the security module must be enabled in the kernel, and know the label");
}

static int set_label(const struct init *i, int fs_fd, plan_str key, plan_str label, struct err *e)
{
	int r = sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, init_string(i, key), init_string(i, label),
			     0);

	return r < 0 ? no_label(r, init_string(i, label), e) : 0;
}

/* Of a file system that takes none as an option. */
static int label_root(const struct init *i, int fd, const struct plan_mount *o, struct err *e)
{
	const char *label = init_string(i, o->label);
	char path[ATTR_NAME_SIZE];
	int r;

	attr_name(i, fd, path);
	r = sys_setxattr(path, init_string(i, o->label_key), label, strlen(label));
	return r < 0 ? no_label(r, label, e) : 0;
}

/* A detached mount of a new file system, made in *@ret_fs_fd, which becomes the caller's. Returns a
 * descriptor or -errno. */
static int mount_new(const struct init *i, const struct plan_mount *o, uint64_t attr,
		     int *ret_fs_fd, struct err *e)
{
	const struct plan_option *options = init_array(i, o->options, sizeof(*options));
	int fs_fd = *ret_fs_fd = fscontext_open(init_string(i, o->fstype), e);
	int r = MIN(fs_fd, 0);

	if (r == 0 && o->source != 0)
		r = fscontext_set(fs_fd, "source", init_string(i, o->source), e);
	for (uint32_t n = 0; n < o->options.n && r == 0; n++)
		r = fscontext_set(fs_fd, init_string(i, options[n].key),
				  options[n].value != 0 ? init_string(i, options[n].value) : NULL,
				  e);
	if (r == 0 && o->label != 0 && !(o->flags & PLAN_MOUNT_LABEL_ROOT))
		r = set_label(i, fs_fd, o->label_key, o->label, e);
	return r < 0 ? r : fscontext_mount(fs_fd, attr, e);
}

int mount_empty(const struct init *i, const struct plan_empty *o, bool writable, struct err *e)
{
	const uint64_t attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	_cleanup_close_ int fs_fd = fscontext_open(init_string(i, o->fstype), e);
	int r = fs_fd < 0 ? fs_fd : 0;

	if (r == 0 && !writable)
		r = fscontext_set(fs_fd, "ro", NULL, e);
	if (r == 0 && o->label != 0)
		r = set_label(i, fs_fd, o->label_key, o->label, e);
	return r < 0 ? r : fscontext_mount(fs_fd, attr | (writable ? 0 : MOUNT_ATTR_RDONLY), e);
}

/* The same by mount(2), which wants a path. It gets one in an empty file system of ours, which
 * covers the root for a moment: nothing in there can be a link, and our lookups start below it. */
static int mount_old(const struct init *i, const struct plan_mount *o, struct err *e)
{
	const char *place = init_string(i, o->place);
	const char *source = o->source != 0 ? init_string(i, o->source) : NULL;
	const char *data = o->data != 0 ? init_string(i, o->data) : NULL;
	const struct plan_empty empty = {.fstype = o->place};
	_cleanup_close_ int place_fd = mount_empty(i, &empty, true, e), fd = -EBADF;
	char name[ATTR_NAME_SIZE], path[2 * ATTR_NAME_SIZE];
	int r;

	if (place_fd < 0)
		return place_fd;
	r = attr_attach(place_fd, i->root_fd, e);
	if (r < 0)
		return r;
	attr_name(i, place_fd, name);
	(void)str_format(path, sizeof(path), "%s/%s", name, place);
	r = sys_mkdirat(place_fd, place, 0755);
	if (r == 0)
		r = sys_mount(source, path, init_string(i, o->fstype), (unsigned long)o->ms_flags,
			      data);
	if (r == 0)
		r = fd = sys_open_tree(place_fd, place, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (r < 0)
		(void)err_sys(e, ERR_MOUNT, r, "mount file system type \"%s\"",
			      init_string(i, o->fstype));
	(void)sys_umount2(name, MNT_DETACH);
	return r < 0 ? r : TAKE_FD(fd);
}

/* A link here would put procfs or sysfs elsewhere and leave the image's files where programs trust
 * the kernel's (CVE-2019-19921, CVE-2023-27561); or be made meanwhile by what runs in there. */
static int open_without_links(const struct init *i, const char *path, bool is_dir)
{
	int flags = O_PATH | (is_dir ? O_DIRECTORY : O_NOFOLLOW);
	int fd = path_open_in_root(i->root_fd, path, flags, RESOLVE_NO_SYMLINKS);

	if (fd != -ENOENT)
		return fd;
	fd = is_dir ? path_make_dir_in_root(i->root_fd, path, 0755)
		    : path_make_file_in_root(i->root_fd, path, 0644);
	if (fd < 0)
		return fd;
	(void)sys_close(fd);
	return path_open_in_root(i->root_fd, path, flags, RESOLVE_NO_SYMLINKS);
}

/* The place of a mount, made where it is missing. Returns an O_PATH descriptor or -errno. */
static int open_target(const struct init *i, const char *path, bool is_dir, uint32_t flags,
		       struct err *e)
{
	int fd = -ENOENT;

	if (flags & PLAN_MOUNT_NO_SYMLINKS) {
		fd = open_without_links(i, path, is_dir);
	} else {
		if (flags & PLAN_MOUNT_TARGET_NOFOLLOW)
			fd = path_open_in_root(i->root_fd, path, O_PATH | O_NOFOLLOW, 0);
		if (fd == -ENOENT)
			fd = is_dir ? path_make_dir_in_root(i->root_fd, path, 0755)
				    : path_make_file_in_root(i->root_fd, path, 0644);
	}
	if (fd < 0)
		return err_sys(e, ERR_MOUNT, fd, "open the target \"%s\"", path);
	return fd;
}

/* Attach @fd, which stays the caller's unless it becomes the root. */
static int attach(struct init *i, int *fd, int target, const struct plan_mount_attr *attr,
		  uint32_t flags, struct err *e)
{
	int r = attr_attach(*fd, target, e);

	if (r == 0)
		r = attr_apply(i, *fd, attr, true, e);
	if (r == 0 && (flags & PLAN_MOUNT_ROOT)) {
		i->root_fd = *fd;
		*fd = -EBADF;
	}
	return r;
}

/* The permissions of the directory that @fd, a new file system, is going to cover. What is not
 * there yet has none to give. */
static int copy_mode(const struct init *i, int fd, const struct plan_mount *o)
{
	_cleanup_close_ int covered =
		path_open_in_root(i->root_fd, init_string(i, o->target), O_PATH | O_DIRECTORY, 0);
	struct stat st;

	if (covered < 0 || sys_fstat(covered, &st) < 0)
		return 0;
	return sys_fchmodat(fd, ".", st.st_mode & 07777);
}

/* The host's tree in place of an instance of our own, with all that is mounted on it. */
static int bind_instead(struct init *i, const struct plan_mount *o, struct err *e)
{
	const struct plan_mount_attr attr = {.rec_set = o->attr.set | MOUNT_ATTR_RDONLY,
					     .propagation = o->attr.propagation};
	_cleanup_close_ int target = -EBADF, hidden = -EBADF;
	_cleanup_close_ int fd = sys_open_tree(AT_FDCWD, init_string(i, o->instead),
					       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	int r;

	if (fd < 0)
		return err_sys(e, ERR_MOUNT, fd, "open \"%s\"", init_string(i, o->instead));
	r = attr_apply(i, fd, &attr, false, e);
	if (r < 0)
		return r;
	target = open_target(i, init_string(i, o->target), true, o->flags, e);
	if (target < 0)
		return target;
	r = attach(i, &fd, target, &attr, o->flags, e);
	if (r < 0 || o->hide == 0)
		return r;
	hidden = path_open_in_root(i->root_fd, init_string(i, o->hide), O_PATH | O_DIRECTORY, 0);
	return hidden < 0 ? 0 : mask_directory(i, &o->empty, hidden, e);
}

int step_MOUNT(struct init *i, const struct plan_mount *o, struct err *e)
{
	_cleanup_fd_group_ struct fd_group g = FD_GROUP_INIT;
	int *fs_fd = &g.fds[0], *fd = &g.fds[1], *target = &g.fds[2];
	/* What fsmount can set at once needs no further call. */
	const uint32_t copies = PLAN_MOUNT_COPY_UP | PLAN_MOUNT_COPY_MODE;
	bool later = o->place != 0 || (o->flags & copies);
	const plan_str *inside = init_array(i, o->inside, sizeof(*inside));
	struct plan_mount_attr attr = o->attr;
	int r;

	*fd = o->place != 0 ? mount_old(i, o, e)
			    : mount_new(i, o, later ? 0 : o->attr.set, fs_fd, e);
	if (*fd == -EPERM && o->instead != 0)
		return bind_instead(i, o, e);
	if (*fd < 0)
		return *fd;
	/* Best effort: the steps that need them make what is missing. */
	for (uint32_t n = 0; n < o->inside.n; n++)
		(void)sys_mkdirat(*fd, init_string(i, inside[n]), 0755);
	if ((o->flags & copies) == PLAN_MOUNT_COPY_MODE) {
		r = copy_mode(i, *fd, o);
		if (r < 0)
			return err_sys(e, ERR_MOUNT, r, "set its permissions");
	}
	*target = open_target(i, init_string(i, o->target), true, o->flags, e);
	if (*target < 0)
		return *target;
	if (o->flags & PLAN_MOUNT_COPY_UP) {
		r = copyup(i, *target, *fd, o->flags, e);
		if (r < 0)
			return r;
	}
	if (o->flags & PLAN_MOUNT_LABEL_ROOT) {
		r = label_root(i, *fd, o, e);
		if (r < 0)
			return r;
	}
	if (!later)
		attr.set = attr.clear = 0;
	r = attr_apply(i, *fd, &attr, false, e);
	return r < 0 ? r : attach(i, fd, *target, &attr, o->flags, e);
}

/* The source as a detached mount. Returns a descriptor or -errno. */
static int open_source(const struct init *i, const struct plan_bind *o, struct err *e)
{
	const uint32_t nofollow = PLAN_MOUNT_SOURCE_NOFOLLOW | PLAN_MOUNT_COPY_SYMLINK;
	const char *source = init_string(i, o->source);
	int fd = sys_open_tree(AT_FDCWD, source,
			       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
				       (o->flags & PLAN_MOUNT_RECURSIVE ? AT_RECURSIVE : 0) |
				       (o->flags & nofollow ? AT_SYMLINK_NOFOLLOW : 0));

	if (fd >= 0)
		return fd;
	(void)err_sys(e, ERR_MOUNT, fd, "open \"%s\"", source);
	if (fd == -ENOENT)
		(void)err_hint(e, "the bind source must exist on the host before create; OCI "
				  "runtimes do not make it");
	if (fd == -EINVAL)
		(void)err_hint(e, "what a parent user namespace mounted below it cannot be left "
				  "out: use \"rbind\"");
	return fd;
}

/* The link @fd again, in the container. */
static int copy_link(const struct init *i, int fd, const char *path, struct err *e)
{
	static char wanted[PATH_SIZE], found[PATH_SIZE];
	_cleanup_close_ int parent = -EBADF;
	const char *name;
	ssize_t n = sys_readlinkat(fd, "", wanted, sizeof(wanted) - 1), len;
	int r;

	if (n < 0)
		return err_sys(e, ERR_MOUNT, (int)n, "read the link");
	wanted[n] = '\0';
	parent = path_make_parent_in_root(i->root_fd, path, &name);
	if (parent < 0)
		return err_sys(e, ERR_MOUNT, parent, "open the target \"%s\"", path);
	r = sys_symlinkat(wanted, parent, name);
	if (r == -EEXIST) {
		len = sys_readlinkat(parent, name, found, sizeof(found));
		if (len == n && memcmp(wanted, found, (size_t)n) == 0)
			return 0;
	}
	return r < 0 ? err_sys(e, ERR_MOUNT, r, "make the link \"%s\"", path) : 0;
}

int step_BIND(struct init *i, const struct plan_bind *o, struct err *e)
{
	_cleanup_close_ int opened = -EBADF, target = -EBADF;
	int fd = init_slot(i, o->slot), r;
	struct stat st;

	if (fd < 0) {
		fd = open_source(i, o, e);
		if (fd < 0)
			return fd;
	}
	if (o->slot < 0 || o->slot >= PLAN_OWN_SLOTS)
		opened = fd;
	r = attr_apply(i, fd, &o->attr, false, e);
	if (r < 0)
		return r;
	r = sys_fstat(fd, &st);
	if (r < 0)
		return err_sys(e, ERR_MOUNT, r, "examine the source");
	if ((o->flags & PLAN_MOUNT_COPY_SYMLINK) && S_ISLNK(st.st_mode))
		return copy_link(i, fd, init_string(i, o->target), e);
	target = open_target(i, init_string(i, o->target), S_ISDIR(st.st_mode), o->flags, e);
	if (target < 0)
		return target;
	r = attach(i, opened >= 0 ? &opened : &fd, target, &o->attr, o->flags, e);
	/* The kernel has one answer for all that does not fit; this one people meet. */
	if (r == -EINVAL && !S_ISDIR(st.st_mode) && sys_fstat(target, &st) == 0 &&
	    S_ISDIR(st.st_mode))
		r = e->code = -EISDIR;
	return r;
}

int step_SOURCE(struct init *i, const struct plan_bind *o, struct err *e)
{
	int fd = i->n_own_slots < PLAN_OWN_SLOTS_MAX ? open_source(i, o, e) : -EBADF;

	if (fd >= 0)
		i->slots[PLAN_OWN_SLOTS + i->n_own_slots++] = fd;
	return MIN(fd, 0);
}

int step_UNMOUNT(struct init *i, const struct plan_unmount *o, struct err *e)
{
	const char *directory = init_string(i, o->directory), *name = init_string(i, o->name);
	_cleanup_close_ int fd =
		path_open_in_root(i->root_fd, directory, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
	int r = fd < 0 ? fd : sys_fchdir(fd);

	/* Nobody renames a mount point, so the name in this directory means what it says. */
	if (r == 0)
		r = sys_umount2(name, MNT_DETACH | UMOUNT_NOFOLLOW);
	if (r < 0)
		(void)err_sys(e, ERR_MOUNT, r, "unmount \"%s\" in \"%s\"", name, directory);
	if (r == -ELOOP)
		(void)err_hint(e, "a symbolic link leads there: name the place itself");
	return r;
}
