/* Steps that move the process between namespaces. Until CLONE they run in the bridge, in the host's
 * pid namespace; a container sees only what CLONE made. */
#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "init/init.h"

#include <linux/keyctl.h>
#include <linux/prctl.h>

int step_KEYRING(struct init *i, const struct plan_keyring *o, struct err *e)
{
	int r = sys_keyctl(KEYCTL_JOIN_SESSION_KEYRING,
			   (unsigned long)(uintptr_t)init_string(i, o->name), 0, 0);

	/* A kernel without keyrings has nothing to share by accident. */
	if (r >= 0 || r == -ENOSYS)
		return 0;
	(void)err_sys(e, ERR_PROCESS, r, "join a new session keyring");
	if (r == -EDQUOT)
		(void)err_hint(e,
			       "the user has too many keys: raise the sysctls kernel.keys.maxkeys "
			       "and maxbytes, or share the caller's keyring by --no-new-keyring");
	return r;
}

int step_RAISE_LIMIT(struct init *i, const struct plan_rlimit *o, struct err *e)
{
	uint64_t limit[2];
	int r = sys_prlimit(0, (int)o->resource, NULL, limit);

	(void)i;
	/* The hard limit only: a low soft limit, of descriptors say, would stop our own work. */
	if (r == 0 && limit[1] < o->hard) {
		limit[1] = o->hard;
		r = sys_prlimit(0, (int)o->resource, limit, NULL);
	}
	return r < 0 ? err_sys(e, ERR_PROCESS, r, "raise the hard limit to %llu",
			       (unsigned long long)o->hard)
		     : 0;
}

int step_JOIN(struct init *i, const struct plan_join *o, struct err *e)
{
	int r = sys_setns(init_slot(i, o->slot), (unsigned)o->flags);

	if (r < 0)
		return err_sys(e, ERR_NAMESPACE, r, "join namespace");
	if (o->flags & CLONE_NEWNS) {
		/* Root and working directory are now those of the joined mount namespace. */
		i->root_fd = sys_openat(AT_FDCWD, ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
		if (i->root_fd < 0)
			return err_sys(e, ERR_NAMESPACE, i->root_fd, "open the joined root");
	}
	/* Joining a user namespace is a change of credentials. */
	return (o->flags & CLONE_NEWUSER) ? init_rearm(e) : 0;
}

int step_UNSHARE(struct init *i, const struct plan_flags *o, struct err *e)
{
	int r = sys_unshare((unsigned)o->flags);

	(void)i;
	return r < 0 ? err_sys(e, ERR_NAMESPACE, r, "create namespaces") : 0;
}

int step_CLONE(struct init *i, const struct plan_flags *o, struct err *e)
{
	_cleanup_close_ int pidfd = -EBADF;
	struct clone_args args = {
		/* A sibling of ours: its parent is the host half, which can wait for it. The exit
		 * signal must be 0 with CLONE_PARENT; the kernel takes ours. */
		.flags = CLONE_PARENT | CLONE_PIDFD | o->flags,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
	};
	pid_t pid = sys_clone3(&args);

	if (pid < 0)
		return err_sys(e, ERR_NAMESPACE, pid, "clone into new namespaces");
	if (pid == 0) {
		pidfd = -EBADF; /* the number is the bridge's, not ours */
		return init_rearm(e);
	}
	/* If this cannot be sent, the host half sees the bridge fail and closes the socket, and the
	 * child, which waits for its next message, ends. */
	sys_exit(sync_send(i, i->sync_fd, PLAN_MSG_INIT_PID, pid, pidfd, e) < 0);
}

int step_AWAIT_IDS(struct init *i, const struct plan_await *o, struct err *e)
{
	int r;

	if (o->dumpable) {
		r = sys_prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
		if (r < 0)
			return err_sys(e, ERR_IDMAP, r, "become dumpable");
	}
	r = sync_send(i, i->sync_fd, PLAN_MSG_MAP_IDS, 0, -EBADF, e);
	if (r == 0)
		r = sync_expect(i, PLAN_MSG_IDS_MAPPED, e);
	return r < 0 ? r : init_rearm(e);
}

int step_TIME_OFFSETS(struct init *i, const struct plan_time_offsets *o, struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	int r = sys_unshare(CLONE_NEWTIME);

	if (r == 0 && o->dumpable)
		r = sys_prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	if (r < 0)
		return err_sys(e, ERR_NAMESPACE, r, "create a time namespace");
	r = sync_send(i, i->sync_fd, PLAN_MSG_SET_OFFSETS, 0, -EBADF, e);
	if (r == 0)
		r = sync_expect(i, PLAN_MSG_OFFSETS_SET, e);
	if (r < 0)
		return r;
	/* unshare() is for children; this is how a process moves itself, at once and before 6.1,
	 * from which on an exec would do. */
	r = fd = sys_openat(AT_FDCWD, init_string(i, o->path), O_RDONLY | O_CLOEXEC, 0);
	if (r >= 0)
		r = sys_setns(fd, CLONE_NEWTIME);
	return r < 0 ? err_sys(e, ERR_NAMESPACE, r, "enter the time namespace") : init_rearm(e);
}

int step_BECOME(struct init *i, const struct plan_become *o, struct err *e)
{
	int r = 0;

	(void)i;
	if (o->clear_groups) {
		r = sys_setgroups(0, NULL);
		/* EPERM: setgroups is denied in a namespace that we joined. */
		if (r == -EPERM)
			r = 0;
	}
	if (r == 0)
		r = sys_setresgid(o->gid, o->gid, o->gid);
	if (r == -EINVAL)
		r = sys_setresgid(o->other_gid, o->other_gid, o->other_gid);
	if (r < 0)
		return err_sys(e, ERR_IDMAP, r, "take group %u of the user namespace", o->gid);
	r = sys_setresuid(o->uid, o->uid, o->uid);
	if (r == -EINVAL)
		r = sys_setresuid(o->other_uid, o->other_uid, o->other_uid);
	if (r < 0)
		return err_sys(e, ERR_IDMAP, r, "take user %u of the user namespace", o->uid);
	return init_rearm(e);
}
