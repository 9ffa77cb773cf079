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

/* A pidfd of the very process that the document names: opened first, then proven by its start time.
 */
static int open_process(const struct state *s, bool *ret_is_init, struct err *e)
{
	_cleanup_close_ int pidfd = -EBADF, proc_fd = -EBADF;
	struct proc_identity id;
	int r;

	if (s->pid == 0)
		return -ESRCH;
	pidfd = sys_pidfd_open(s->pid, 0);
	if (pidfd == -ESRCH || pidfd == -EINVAL)
		return -ESRCH;
	if (pidfd < 0)
		return err_sys(e, ERR_INTERNAL, pidfd, "open process %d", s->pid);
	proc_fd = proc_open(e);
	if (proc_fd < 0)
		return proc_fd;
	r = proc_identify(proc_fd, s->pid, &id);
	/* One that has ended, but was not waited for yet, is no longer running for anybody. */
	if (r == -ESRCH ||
	    (r == 0 && (id.start_time != s->start_time || sys_await_end(pidfd, 0) == 0)))
		return -ESRCH;
	if (r < 0)
		return err_sys(e, ERR_INTERNAL, r, "examine process %d", s->pid);
	*ret_is_init = str_eq(id.name, PLAN_INIT_NAME);
	return TAKE_FD(pidfd);
}

static bool is_frozen(const struct state *s)
{
	struct cgroup c = CGROUP_INIT;
	struct err ignored;
	bool frozen = false;

	if (cgroup_open(&s->cgroup, &c, &ignored) == 0) {
		frozen = cgroup_is_frozen(&c) == 1;
		cgroup_close(&c);
	}
	return frozen;
}

/* A start command that was killed between letting init go and saying so leaves a document that says
 * "created"; that nobody listens any more says otherwise. */
static bool still_waits(const struct directory *d)
{
	int fd = directory_connect(d);

	if (fd >= 0)
		(void)sys_close(fd);
	return fd >= 0 || fd == -EAGAIN;
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

static int find_status(struct live *l, bool locked, struct err *e)
{
	bool is_init = false;
	int pidfd;

	l->status = CONTAINER_STOPPED;
	if (l->state.phase == PHASE_CREATING) {
		if (is_being_made(&l->directory, locked))
			l->status = CONTAINER_CREATING;
		return 0;
	}
	pidfd = open_process(&l->state, &is_init, e);
	if (pidfd == -ESRCH)
		return 0;
	if (pidfd < 0)
		return pidfd;
	l->pidfd = pidfd;
	/* `run` writes "running" ahead: until its init has become the program it is still at work.
	 * The lock matters, since any program may take init's name. */
	if (l->state.phase == PHASE_RUNNING && is_init && is_being_made(&l->directory, locked))
		l->status = CONTAINER_CREATING;
	else if (is_frozen(&l->state))
		l->status = CONTAINER_PAUSED;
	else if (l->state.phase == PHASE_CREATED &&
		 (still_waits(&l->directory) || is_being_made(&l->directory, locked)))
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
		r = find_status(&l, lock, e);
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
