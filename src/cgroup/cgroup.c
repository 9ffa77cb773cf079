/* The container's cgroup in all hierarchies that the plan uses. Host half, in the host's
 * namespaces. What differs between hierarchies is in v1.c and v2.c. */
#include "cgroup/cgroup.h"

#include <errno.h>
#include <limits.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroup/hierarchy.h"

void cgroup_close(struct cgroup *c)
{
	c->unified_fd = fd_close(c->unified_fd);
	c->v1_fd = fd_close(c->v1_fd);
}

int cgroup_resolve(struct arena *a, const struct plan_cgroup *plan, const struct facts *facts,
		   struct cgroup_ref *ret, struct err *e)
{
	struct cgroup_ref ref = {
		.manager = plan->manager,
		.user_manager = plan->user_manager,
		.unified_dir = "",
	};
	bool ok = true;

	/* A scope's place is known when systemd has made it. */
	if (plan->path[0] == '\0' || plan->manager == CGROUP_MANAGER_SYSTEMD) {
		*ret = ref;
		return 0;
	}
	if (plan->n_v1 > CGROUP_V1_MAX)
		return err_set(e, ERR_CGROUP, -E2BIG, "there are too many cgroup hierarchies");
	if (plan->unified) {
		ref.unified_dir =
			arena_format(a, "%s%s", facts->cgroup.unified_mount_point, plan->path);
		ok = ref.unified_dir != NULL;
	}
	for (size_t i = 0; i < plan->n_v1; i++) {
		ref.v1_dirs[i] = arena_format(a, "%s%s", plan->v1[i]->mount_point, plan->path);
		ok &= ref.v1_dirs[i] != NULL;
	}
	if (!ok)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "name the cgroup");
	ref.n_v1 = plan->n_v1;
	*ret = ref;
	return 0;
}

/* --- making ------------------------------------------------------------------------------------
 */

static bool lacks_permission(int r)
{
	return r == -EACCES || r == -EPERM || r == -EROFS || r == -ENOENT;
}

static int make_dir(struct cgroup_dirs *m, const struct hierarchy_ops *ops, const char *dir,
		    struct err *e)
{
	struct cgroup_at *d = &m->dirs[m->n];
	int r;

	*d = (struct cgroup_at){.ops = ops, .dir = dir, .fd = -EBADF};
	r = cgroup_dir_make(dir, &d->top);
	if (r < 0) {
		err_sys(e, ERR_CGROUP, r, "make the cgroup \"%s\"", dir);
		if (lacks_permission(r))
			err_hint(e, "to run without a cgroup use --cgroup-manager=disabled");
		return r;
	}
	d->created = r;
	m->n++;
	d->fd = cgroup_dir_open(dir);
	if (d->fd < 0)
		return err_sys(e, ERR_CGROUP, d->fd, "open the cgroup \"%s\"", dir);
	r = d->created ? 0 : ops->check_free(d->fd, dir, e);
	return r < 0 || !ops->prepare ? r : ops->prepare(dir, e);
}

static int make_all(struct cgroup_dirs *m, const struct cgroup_ref *ref, struct err *e)
{
	int r = 0;

	if (ref->unified_dir[0] != '\0')
		r = make_dir(m, &hierarchy_v2, ref->unified_dir, e);
	for (size_t i = 0; r == 0 && i < ref->n_v1; i++)
		r = make_dir(m, &hierarchy_v1, ref->v1_dirs[i], e);
	return r < 0 ? r : cgroup_dirs_write(m, CGROUP_WRITE_EARLY, e);
}

int cgroup_make(_unused_ struct arena *a, const struct plan_cgroup *plan,
		const struct cgroup_ref *ref, struct cgroup *ret, struct err *e)
{
	struct cgroup c = {.ref = *ref, .unified_fd = -EBADF, .v1_fd = -EBADF};
	struct cgroup_dirs m = {.plan = plan};
	int r = make_all(&m, ref, e);

	for (size_t i = 0; i < m.n; i++) {
		struct cgroup_at *d = &m.dirs[i];

		if (r < 0 && d->top > 0)
			cgroup_dir_undo(d->dir, d->top);
		if (r == 0 && d->ops == &hierarchy_v2) {
			c.unified_fd = TAKE_FD(d->fd);
			c.created_unified = d->created;
		} else if (r == 0) {
			if (i == 0)
				c.v1_fd = TAKE_FD(d->fd);
			c.created_v1[i - plan->unified] = d->created;
		}
		d->fd = fd_close(d->fd);
	}
	if (r < 0 && plan->optional && lacks_permission(r)) {
		c.ref = (struct cgroup_ref){.manager = ref->manager, .unified_dir = ""};
		r = 1;
	}
	if (r >= 0)
		*ret = c;
	return r;
}

int cgroup_make_missing(const struct cgroup_ref *ref, struct err *e)
{
	size_t top;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ref->n_v1; i++) {
		r = cgroup_dir_make(ref->v1_dirs[i], &top);
		if (r < 0)
			return err_sys(e, ERR_CGROUP, r, "make the cgroup \"%s\"", ref->v1_dirs[i]);
		r = hierarchy_v1.prepare(ref->v1_dirs[i], e);
	}
	return r;
}

/* --- entering and finding ----------------------------------------------------------------------
 */

int cgroup_dir_enter(int dirfd, const char *dir, pid_t pid, struct err *e)
{
	char path[PATH_MAX], text[16];
	int r;

	(void)str_format(text, sizeof(text), "%d", (int)pid);
	(void)str_format(path, sizeof(path), "%s%scgroup.procs", dirfd < 0 ? dir : "",
			 dirfd < 0 ? "/" : "");
	r = io_write_value_at(dirfd < 0 ? AT_FDCWD : dirfd, path, text);
	if (r == 0)
		return 0;
	err_sys(e, ERR_CGROUP, r, "move process %d into the cgroup \"%s\"", (int)pid, dir);
	if (r == -EACCES || r == -EPERM)
		err_hint(e, "the common ancestor of the old and the new cgroup must be writable");
	return r;
}

int cgroup_enter(const struct cgroup *c, pid_t pid, bool unified_too, struct err *e)
{
	int r = 0;

	if (unified_too && c->unified_fd >= 0)
		r = cgroup_dir_enter(c->unified_fd, c->ref.unified_dir, pid, e);
	for (size_t i = 0; r == 0 && i < c->ref.n_v1; i++)
		r = cgroup_dir_enter(-EBADF, c->ref.v1_dirs[i], pid, e);
	return r;
}

int cgroup_open(const struct cgroup_ref *ref, struct cgroup *ret, struct err *e)
{
	struct cgroup c = {.ref = *ref, .unified_fd = -EBADF, .v1_fd = -EBADF};
	bool unified = ref->unified_dir[0] != '\0';
	const char *dir = unified ? ref->unified_dir : ref->v1_dirs[0];
	int fd = unified || ref->n_v1 > 0 ? cgroup_dir_open(dir) : -EBADF;

	if (fd < 0 && fd != -EBADF)
		return err_sys(e, ERR_CGROUP, fd, "open the cgroup \"%s\"", dir);
	*(unified ? &c.unified_fd : &c.v1_fd) = fd;
	*ret = c;
	return 0;
}

/* --- processes ---------------------------------------------------------------------------------
 */

/* A descriptor of where the container's processes are told. */
static int processes_fd(const struct cgroup *c)
{
	return c->unified_fd >= 0 ? c->unified_fd : c->v1_fd;
}

/* What that is called. */
static const char *directory_name(const struct cgroup *c)
{
	return c->unified_fd >= 0 ? c->ref.unified_dir : c->ref.v1_dirs[0];
}

static int need_cgroup(const struct cgroup *c, const char *what, struct err *e)
{
	if (processes_fd(c) >= 0)
		return 0;
	return err_set(e, ERR_CGROUP, -ENODEV, "%s: the container has no cgroup of its own", what);
}

int cgroup_freeze(const struct cgroup *c, bool freeze, struct err *e)
{
	const char *what = freeze ? "freeze" : "thaw";
	int r = need_cgroup(c, what, e);

	if (r < 0)
		return r;
	r = c->unified_fd >= 0 ? v2_freeze(c->unified_fd, freeze, CGROUP_FREEZE_MS)
			       : v1_freeze(c->v1_fd, freeze, CGROUP_FREEZE_MS);
	if (r == -ENOENT && c->unified_fd < 0) {
		err_sys(e, ERR_CGROUP, r, "%s the cgroup \"%s\"", what, directory_name(c));
		return err_hint(e, "mount the cgroup v1 hierarchy \"freezer\"");
	}
	if (r != -ETIMEDOUT)
		return r < 0 ? err_sys(e, ERR_CGROUP, r, "%s the cgroup \"%s\"", what,
				       directory_name(c))
			     : 0;
	err_set(e, ERR_TIMEOUT, r, "%s the cgroup \"%s\": not all processes followed", what,
		directory_name(c));
	if (!freeze)
		return err_hint(e, "a cgroup above it may be frozen");
	if ((c->unified_fd >= 0 ? io_write_value_at(c->unified_fd, "cgroup.freeze", "0")
				: io_write_value_at(c->v1_fd, "freezer.state", "THAWED")) < 0)
		err_wrap(e, "part of it stays frozen");
	return err_hint(e, "a process in an uninterruptible sleep cannot be frozen");
}

int cgroup_is_frozen(const struct cgroup *c)
{
	if (c->unified_fd >= 0)
		return v2_is_frozen(c->unified_fd);
	return c->v1_fd >= 0 ? v1_is_frozen(c->v1_fd) : 0;
}

int cgroup_ref_is_frozen(const struct cgroup_ref *ref)
{
	_cleanup_close_ int fd = -EBADF;

	if (ref->unified_dir[0] != '\0')
		return v2_dir_is_frozen(ref->unified_dir);
	if (ref->n_v1 == 0)
		return 0;
	fd = cgroup_dir_open(ref->v1_dirs[0]);
	return fd < 0 ? fd : v1_is_frozen(fd);
}

int cgroup_signal_all(const struct cgroup *c, int signal, struct err *e)
{
	int r = need_cgroup(c, "signal all processes", e);

	if (r < 0)
		return r;
	r = c->unified_fd >= 0 ? v2_signal_all(c->unified_fd, signal)
			       : v1_signal_all(c->v1_fd, signal);
	return r < 0 ? err_sys(e, ERR_CGROUP, r, "send signal %d to the cgroup \"%s\"", signal,
			       directory_name(c))
		     : 0;
}

int cgroup_pids(struct arena *a, const struct cgroup *c, pid_t **ret, size_t *ret_n, struct err *e)
{
	int r = need_cgroup(c, "list processes", e);

	if (r < 0)
		return r;
	r = cgroup_dir_pids(a, processes_fd(c), ret, ret_n);
	return r < 0 ? err_sys(e, ERR_CGROUP, r, "list the processes of the cgroup \"%s\"",
			       directory_name(c))
		     : 0;
}

/* --- removing ----------------------------------------------------------------------------------
 */

static int remove_dir(const struct hierarchy_ops *ops, const char *dir, uint64_t deadline,
		      struct err *e)
{
	int r = sys_unlinkat(AT_FDCWD, dir, AT_REMOVEDIR);

	if (r < 0 && r != -ENOENT) {
		r = ops->remove(dir, deadline, e);
		if (r < 0)
			return r;
	}
	cgroup_dir_remove_parent(dir);
	return 0;
}

int cgroup_remove(const struct cgroup_ref *ref, int timeout_ms, struct err *e)
{
	uint64_t deadline = sys_now_ms() + (uint64_t)timeout_ms;
	int r = 0;

	/* The v2 cgroup first: it can kill, and tell when all are gone; where there is none, the
	 * freezer. What follows is attempted even if it failed, so that as little as possible
	 * stays. */
	if (ref->unified_dir[0] != '\0' && ref->manager == CGROUP_MANAGER_SYSTEMD)
		r = v2_release(ref->unified_dir, deadline, e);
	else if (ref->unified_dir[0] != '\0')
		r = remove_dir(&hierarchy_v2, ref->unified_dir, deadline, e);
	for (size_t i = 0; i < ref->n_v1; i++) {
		struct err ignored;
		int q = remove_dir(&hierarchy_v1, ref->v1_dirs[i], deadline, r < 0 ? &ignored : e);

		r = r < 0 ? r : q;
	}
	return r;
}
