/* Steps that make the root filesystem the root. Runs in the container's mount namespace. */
#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "init/init.h"

int step_PROPAGATION(struct init *i, const struct plan_propagation *o, struct err *e)
{
	int r = sys_mount(NULL, init_string(i, o->path), NULL, (unsigned long)o->ms_flags, NULL);

	return r < 0 ? err_sys(e, ERR_ROOTFS, r, "set mount propagation") : 0;
}

/* Without a mount namespace of its own. */
static int take_attached(struct init *i, const struct plan_rootfs *o, struct err *e)
{
	int fd = init_slot(i, o->slot);

	if (fd < 0)
		fd = sys_openat(AT_FDCWD, init_string(i, o->source),
				O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, ERR_ROOTFS, fd, "open the root filesystem");
	i->root_fd = fd;
	return 0;
}

int step_ROOTFS(struct init *i, const struct plan_rootfs *o, struct err *e)
{
	static const struct plan_mount_attr slave = {.propagation = MS_REC | MS_SLAVE};
	_cleanup_close_ int opened = -EBADF;
	int fd = init_slot(i, o->slot), r;

	if (o->attach == 0)
		return take_attached(i, o, e);
	if (fd < 0) {
		opened = sys_open_tree(AT_FDCWD, init_string(i, o->source),
				       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
		if (opened < 0)
			return err_sys(e, ERR_ROOTFS, opened, "open the root filesystem");
		fd = opened;
	}
	/* On top of the old root, which everyone can reach; the path of the root filesystem may
	 * lead through directories that the container's ids cannot search. Our own lookups still
	 * start below it, until the pivot. */
	r = sys_move_mount(fd, "", AT_FDCWD, init_string(i, o->attach),
			   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS);
	if (r == -EACCES && o->otherwise != 0)
		r = sys_move_mount(fd, "", AT_FDCWD, init_string(i, o->otherwise),
				   MOVE_MOUNT_F_EMPTY_PATH);
	if (r < 0) {
		struct stat st;

		/* The kernel has one answer for all that does not fit; this one people meet. */
		if (sys_fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
			r = -ENOTDIR;
		return err_sys(e, ERR_ROOTFS, r, "attach the root filesystem");
	}
	i->root_fd = fd;
	if (opened >= 0) {
		/* A copy of a slave, which PROPAGATION has made of it, is one. */
		(void)TAKE_FD(opened);
		return 0;
	}
	/* A copy that the host half made is a peer of the host's mount: what we mount on it would
	 * appear there. */
	return attr_apply(i, fd, &slave, true, e);
}

int step_PIVOT(struct init *i, const struct plan_none *o, struct err *e)
{
	int r = sys_fchdir(i->root_fd);

	(void)o;
	/* pivot_root(".", ".") stacks the old root on the new one (pivot_root(2), NOTES). */
	if (r == 0)
		r = sys_pivot_root(".", ".");
	if (r < 0)
		return err_sys(e, ERR_ROOTFS, r, "pivot into the root filesystem");
	r = sys_umount2(".", MNT_DETACH);
	return r < 0 ? err_sys(e, ERR_ROOTFS, r, "detach the host's root") : 0;
}

static int hide(struct init *i, const char *path, const struct plan_empty *empty, struct err *e)
{
	_cleanup_close_ int target = -EBADF;
	/* With MNT_DETACH all that is mounted below it goes too. */
	int r = sys_umount2(path, MNT_DETACH);

	/* -EINVAL: no mount, or one that belongs to a parent user namespace. */
	if (r == 0 || r == -ENOENT || r == -ENOTDIR)
		return 0;
	target = sys_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (target < 0)
		return err_sys(e, ERR_ROOTFS, r, "hide the host's \"%s\"", path);
	return mask_directory(i, empty, target, e);
}

/* The root of an initramfs cannot be pivoted away. Our root filesystem lies on "/" already, or is
 * moved there from where hooks expected it: what lies there is what whoever joins the mount
 * namespace sees. The root of a mount namespace that others use must not be pivoted away: it is
 * left as it is, and there is nothing to hide. */
int step_CHROOT(struct init *i, const struct plan_chroot *o, struct err *e)
{
	const plan_str *paths = init_array(i, o->hide, sizeof(*paths));
	int r = sys_fchdir(i->root_fd);

	for (uint32_t n = 0; n < o->hide.n && r == 0; n++) {
		r = hide(i, init_string(i, paths[n]), &o->empty, e);
		if (r < 0)
			return r;
	}
	if (r == 0 && o->move != 0)
		r = sys_move_mount(i->root_fd, "", AT_FDCWD, init_string(i, o->move),
				   MOVE_MOUNT_F_EMPTY_PATH);
	if (r == 0)
		r = sys_chroot(".");
	return r < 0 ? err_sys(e, ERR_ROOTFS, r, "enter the root filesystem") : 0;
}

/* A mount on "/" leaves the file system below it on the old root, whose own mount is the next one
 * then. Left there it would be the root of whoever joins this mount namespace. */
int step_DETACH(struct init *i, const struct plan_none *o, struct err *e)
{
	int r = sys_umount2(".", MNT_DETACH);

	(void)i;
	(void)o;
	return r < 0 ? err_sys(e, ERR_ROOTFS, r, "detach the host's root") : 0;
}

/* The mount that "/" leads to. */
static int root_mount(uint64_t *ret)
{
	struct sys_statx st;
	int r = sys_statx(AT_FDCWD, "/", 0, SYS_STATX_MNT_ID, &st);

	*ret = st.stx_mnt_id;
	return r;
}

/* In a chroot on a mount point the kernel lets us pivot, but what is pivoted away then is not the
 * root of the mount namespace: that stays the host's, and is where whoever joins begins, an exec
 * first of all. By joining our own namespace we see what they would. */
int step_PROVE_ROOT(struct init *i, const struct plan_none *o, struct err *e)
{
	_cleanup_close_ int self = sys_pidfd_open(sys_getpid(), 0);
	uint64_t ours, joined;
	int r = self < 0 ? self : root_mount(&ours);

	(void)i;
	(void)o;
	if (r == 0)
		r = sys_setns(self, CLONE_NEWNS);
	/* Without CAP_SYS_CHROOT, which an exec needs too. */
	if (r == -EPERM)
		return 0;
	if (r == 0)
		r = root_mount(&joined);
	if (r == 0 && ours != joined)
		return err_set(e, ERR_NAMESPACE, -EPERM,
			       "in a chroot, an exec would begin at the host's root");
	return r < 0 ? err_sys(e, ERR_ROOTFS, r, "prove the root") : 0;
}

int step_ROOT_PROPAGATION(struct init *i, const struct plan_propagation *o, struct err *e)
{
	return step_PROPAGATION(i, o, e);
}
