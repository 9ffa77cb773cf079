/* See shared.h. Runs in the host half; our own namespaces are never changed. */
#include "host/shared.h"

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "host/proc.h"

#define STACKED_MAX 4096 /* mounts on one path: a bound, the kernel has its own */

struct work {
	int (*run)(struct work *w);
	const char *rootfs;
	int mount_ns, user_ns; /* descriptors; -EBADF: none to enter */
	uint64_t covered;
	int result;
	struct err *e;
};

/* --- in the mount namespace ------------------------------------------------------------------- */

/* The id of the topmost mount that the path leads to. */
static int mount_id(const char *path, uint64_t *ret)
{
	struct sys_statx st = {0};
	int r = sys_statx(AT_FDCWD, path, 0, SYS_STATX_MNT_ID, &st);

	if (r == 0)
		*ret = st.stx_mnt_id;
	return r;
}

static int examine(struct work *w)
{
	int r = mount_id(w->rootfs, &w->covered);

	return r < 0 ? err_sys(w->e, ERR_ROOTFS, r, "open the root filesystem") : 0;
}

static int attach(struct work *w)
{
	struct mount_attr private = {.propagation = MS_PRIVATE};
	_cleanup_close_ int fd = sys_open_tree(AT_FDCWD, w->rootfs,
					       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	int r = fd;

	if (r < 0)
		return err_sys(w->e, ERR_ROOTFS, r, "open the root filesystem");
	/* A peer of the mount that it comes to lie on would, when it is detached, take along what
	 * is mounted there on the way: an engine's own mount. Linux 5.10 and 5.11 cannot do it. */
	r = sys_mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &private);
	if (r < 0 && r != -ENOSYS)
		return err_sys(w->e, ERR_ROOTFS, r, "make the root filesystem's mounts private");
	r = sys_move_mount(fd, "", AT_FDCWD, w->rootfs,
			   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS);
	/* Now, since it became shared if what it lies on is. The path leads to it. */
	if (r == 0)
		r = sys_mount(NULL, w->rootfs, NULL, MS_REC | MS_PRIVATE, NULL);
	return r < 0 ? err_sys(w->e, ERR_ROOTFS, r, "attach the root filesystem") : TAKE_FD(fd);
}

static int detach(struct work *w)
{
	uint64_t id;

	for (unsigned n = 0; n < STACKED_MAX; n++) {
		int r = mount_id(w->rootfs, &id);

		if (r == -ENOENT || (r == 0 && id == w->covered))
			return 0;
		if (r == 0)
			r = sys_umount2(w->rootfs, MNT_DETACH);
		/* No mount: what was covered has been exchanged meanwhile. */
		if (r == -EINVAL)
			return 0;
		if (r < 0)
			return err_sys(w->e, ERR_ROOTFS, r, "detach the root filesystem");
	}
	return err_set(w->e, ERR_ROOTFS, -ELOOP, "too many mounts on the root filesystem");
}

static int child_main(void *arg)
{
	struct work *w = arg;
	int r = w->user_ns >= 0 ? sys_setns(w->user_ns, CLONE_NEWUSER) : 0;

	if (r == 0)
		r = sys_setns(w->mount_ns, CLONE_NEWNS);
	w->result = r < 0 ? err_sys(w->e, ERR_NAMESPACE, r, "join the mount namespace") : w->run(w);
	return 0;
}

/* --- in ours ---------------------------------------------------------------------------------- */

/* In a child that shares our memory and descriptors, if there is a namespace to enter. */
static int execute(struct work *w)
{
	_Alignas(16) static char stack[16384];
	_cleanup_close_ int pidfd = -EBADF;
	struct clone_args args = {
		.flags = CLONE_PIDFD | CLONE_FILES,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	pid_t pid;

	if (w->mount_ns < 0)
		return w->run(w);
	w->result = -EIO;
	pid = sys_clone3_vfork(&args, stack, sizeof(stack), child_main, w);
	if (pid < 0) {
		pidfd = -EBADF;
		return err_sys(w->e, ERR_NAMESPACE, pid, "join the mount namespace");
	}
	(void)sys_wait_pidfd(pidfd, NULL, WEXITED);
	return w->result;
}

static int open_namespace(const char *path, struct err *e)
{
	int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);

	return fd < 0 ? err_sys(e, ERR_NAMESPACE, fd, "open \"%s\"", path) : fd;
}

static int open_own(struct err *e)
{
	int proc_fd = proc_root(e), fd;

	if (proc_fd < 0)
		return proc_fd;
	fd = sys_openat(proc_fd, "self/ns/mnt", O_RDONLY | O_CLOEXEC, 0);
	return fd < 0 ? err_sys(e, ERR_NAMESPACE, fd, "open the mount namespace") : fd;
}

/* Do @w->run() in the namespaces of @s; *ret_inode tells which mount namespace that is. If *@inode
 * is not 0 it has to be that one, else nothing is done. */
static int work_in(const struct shared_root *s, struct work *w, uint64_t *inode)
{
	_cleanup_close_ int mount_ns = -EBADF, user_ns = -EBADF;
	struct stat st;
	int r;

	mount_ns = s->mount_ns[0] != '\0' ? open_namespace(s->mount_ns, w->e) : open_own(w->e);
	if (mount_ns < 0)
		return mount_ns;
	r = sys_fstat(mount_ns, &st);
	if (r < 0)
		return err_sys(w->e, ERR_NAMESPACE, r, "examine the mount namespace");
	if (*inode != 0 && *inode != st.st_ino)
		return 0;
	*inode = st.st_ino;
	if (s->user_ns[0] != '\0') {
		user_ns = open_namespace(s->user_ns, w->e);
		if (user_ns < 0)
			return user_ns;
	}
	w->mount_ns = s->mount_ns[0] != '\0' ? mount_ns : -EBADF;
	w->user_ns = user_ns;
	return execute(w);
}

int shared_examine(const struct plan_shared *p, const char *rootfs, struct shared_root *ret,
		   struct err *e)
{
	struct shared_root s = {
		.mount_ns = p->mount_ns ? p->mount_ns : "",
		.user_ns = p->user_ns ? p->user_ns : "",
	};
	struct work w = {.run = examine, .rootfs = rootfs, .e = e};
	int r = work_in(&s, &w, &s.namespace_inode);

	if (r < 0)
		return err_where(e, "%s", p->origin);
	s.covered = w.covered;
	*ret = s;
	return 0;
}

int shared_attach(const struct shared_root *s, const char *rootfs, struct err *e)
{
	struct work w = {.run = attach, .rootfs = rootfs, .e = e};
	uint64_t inode = s->namespace_inode;
	int r = work_in(s, &w, &inode);

	return r < 0 ? err_where(e, "root.path") : r;
}

int shared_detach(const struct shared_root *s, const char *rootfs, struct err *e)
{
	struct work w = {.run = detach, .rootfs = rootfs, .covered = s->covered, .e = e};
	uint64_t inode = s->namespace_inode;
	int r;

	if (inode == 0)
		return 0;
	r = work_in(s, &w, &inode);
	return r == -ENOENT ? 0 : r;
}
