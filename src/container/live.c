/* Finding out a container's status: what the document says, corrected by what the kernel says. */
#include "container/live.h"

#include <errno.h>
#include <sys/file.h>

#include "base/str.h"
#include "base/sys.h"
#include "cgroup/cgroup.h"
#include "host/proc.h"
#include "plan/plan.h"

const char *container_status_name(enum container_status s)
{
	static const char *const names[] = {
		[CONTAINER_CREATING] = "creating", [CONTAINER_CREATED] = "created",
		[CONTAINER_RUNNING] = "running",   [CONTAINER_PAUSED] = "paused",
		[CONTAINER_STOPPED] = "stopped",
	};

	return names[s];
}

/* How much a status is worth: the next moment it may be another, unless the container is locked. */
enum look {
	LOOK_ONLY,   /* at one of many */
	LOOK_HELD,   /* with a pidfd of init */
	LOOK_LOCKED, /* and nobody else may change it */
};

/* Is the process that has the pid now the one that the document names? -ESRCH if it is not. */
static int examine(const struct state *s, int proc_fd, struct proc_identity *ret, struct err *e)
{
	int r = proc_identify(proc_fd, s->pid, ret);

	if (r == -ESRCH || (r == 0 && ret->start_time != s->start_time))
		return -ESRCH;
	return r < 0 ? err_sys(e, ERR_INTERNAL, r, "examine process %d", s->pid) : 0;
}

/* A pidfd of the very process that the document names: opened first, then proven by its start time.
 */
static int open_process(const struct state *s, int proc_fd, bool *ret_is_init, struct err *e)
{
	_cleanup_close_ int pidfd = sys_pidfd_open(s->pid, 0);
	struct proc_identity id;
	int r;

	if (pidfd == -ESRCH || pidfd == -EINVAL)
		return -ESRCH;
	if (pidfd < 0)
		return err_sys(e, ERR_INTERNAL, pidfd, "open process %d", s->pid);
	r = examine(s, proc_fd, &id, e);
	if (r < 0)
		return r;
	/* One that has ended, but was not waited for yet, is no longer running for anybody. */
	if (sys_await_end(pidfd, 0) == 0)
		return -ESRCH;
	*ret_is_init = str_eq(id.name, PLAN_INIT_NAME);
	return TAKE_FD(pidfd);
}

/* The same without keeping it open: 0, or -ESRCH. */
static int look_at_process(const struct state *s, int proc_fd, bool *ret_is_init, struct err *e)
{
	_cleanup_close_ int pidfd = -EBADF;
	struct proc_identity id;
	int r = examine(s, proc_fd, &id, e);

	if (r < 0)
		return r;
	if (id.leader_ended) {
		pidfd = open_process(s, proc_fd, ret_is_init, e);
		return MIN(pidfd, 0);
	}
	*ret_is_init = str_eq(id.name, PLAN_INIT_NAME);
	return 0;
}

static bool is_frozen(const struct state *s)
{
	return cgroup_ref_is_frozen(&s->cgroup) == 1;
}

/* While create or start is at work it holds the lock. A document that says "creating" without that
 * is a wreck; one that says "created" belongs to a container whose startContainer hooks run. */
static bool is_being_made(const struct directory *d, bool locked_by_us)
{
	if (locked_by_us)
		return false;
	if (sys_flock(d->fd, LOCK_SH | LOCK_NB) < 0)
		return true;
	(void)sys_flock(d->fd, LOCK_UN);
	return false;
}

static int find_process(struct live *l, enum look look, bool *ret_is_init, struct err *e)
{
	int proc_fd;

	if (l->state.pid == 0)
		return -ESRCH;
	proc_fd = proc_root(e);
	if (proc_fd < 0)
		return proc_fd;
	if (look == LOOK_ONLY)
		return look_at_process(&l->state, proc_fd, ret_is_init, e);
	l->pidfd = open_process(&l->state, proc_fd, ret_is_init, e);
	return MIN(l->pidfd, 0);
}

static int find_status(struct live *l, enum look look, struct err *e)
{
	bool is_init = false, locked = look == LOOK_LOCKED;
	int r;

	l->status = CONTAINER_STOPPED;
	if (l->state.phase == PHASE_CREATING) {
		if (is_being_made(&l->directory, locked))
			l->status = CONTAINER_CREATING;
		return 0;
	}
	r = find_process(l, look, &is_init, e);
	if (r < 0)
		return r == -ESRCH ? 0 : r;
	/* `run` writes "running" ahead: until its init has become the program it is still at work.
	 * The lock matters, since any program may take init's name. */
	if (l->state.phase == PHASE_RUNNING && is_init && is_being_made(&l->directory, locked))
		l->status = CONTAINER_CREATING;
	else if (is_frozen(&l->state))
		l->status = CONTAINER_PAUSED;
	/* A start command that was killed between letting init go and saying so leaves a document
	 * that says "created"; that nobody listens any more says otherwise. */
	else if (l->state.phase == PHASE_CREATED &&
		 (directory_is_listened(&l->directory) || is_being_made(&l->directory, locked)))
		l->status = CONTAINER_CREATED;
	else
		l->status = CONTAINER_RUNNING;
	return 0;
}

int live_open(struct runtime *rt, const char *id, bool lock, struct live *ret, struct err *e)
{
	_cleanup_live_ struct live l = LIVE_INIT;
	int r = directory_open(rt, id, lock, &l.directory, e);

	if (r == 0)
		r = directory_read_state(rt->arena, &l.directory, &l.state, e);
	if (r == 0)
		r = find_status(&l, lock ? LOOK_LOCKED : LOOK_HELD, e);
	if (r < 0)
		return r;
	*ret = l;
	l = (struct live)LIVE_INIT;
	return 0;
}

/* Nearly all of many containers run: then document, process and cgroup tell all. 1 if so, else 0 or
 * -errno. */
static int look_at_running(struct live *l, struct err *e)
{
	bool is_init = false;
	int r = l->state.phase != PHASE_RUNNING ? -ESRCH : find_process(l, LOOK_ONLY, &is_init, e);

	if (r < 0)
		return r == -ESRCH ? 0 : r;
	l->status = is_frozen(&l->state) ? CONTAINER_PAUSED : CONTAINER_RUNNING;
	return !is_init;
}

int live_look(struct runtime *rt, int root_fd, const char *id, struct live *ret, struct err *e)
{
	_cleanup_live_ struct live l = LIVE_INIT;
	int r = directory_look(rt->arena, root_fd, id, &l.state, e);

	if (r == 0)
		r = look_at_running(&l, e);
	if (r == 0) {
		r = directory_open_at(root_fd, id, &l.directory, e);
		if (r == 0)
			r = find_status(&l, LOOK_ONLY, e);
	}
	if (r < 0)
		return r;
	*ret = l;
	l = (struct live)LIVE_INIT;
	return 0;
}

void live_close(struct live *l)
{
	l->pidfd = fd_close(l->pidfd);
	directory_close(&l->directory);
}

int live_await_end(const struct live *l, int timeout_ms)
{
	return sys_await_end(l->pidfd, timeout_ms);
}

int live_not_running(const struct live *l, struct err *e)
{
	return err_set(e, ERR_CONTAINER_STATE, -ESRCH, "container \"%s\": container not running",
		       l->state.id);
}

int live_open_cgroup(const struct live *l, struct cgroup *ret, struct err *e)
{
	if (l->state.cgroup.unified_dir[0] == '\0' && l->state.cgroup.n_v1 == 0) {
		(void)err_set(e, ERR_CGROUP, -EOPNOTSUPP,
			      "container \"%s\" has no cgroup of its own", l->state.id);
		return err_hint(e, "the caller may not make cgroups: see delegation in "
				   "docs/resources.md");
	}
	return cgroup_open(&l->state.cgroup, ret, e);
}
