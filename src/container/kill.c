/* kill, pause, resume, and the list of processes. */
#include <errno.h>

#include "base/str.h"
#include "base/sys.h"
#include "cgroup/cgroup.h"
#include "container/live.h"

static bool has_process(const struct live *l)
{
	return l->pidfd >= 0;
}

int container_kill(struct runtime *rt, const char *id, int signal, bool all, struct err *e)
{
	_cleanup_live_ struct live l = LIVE_INIT;
	struct cgroup c = CGROUP_INIT;
	int r = live_open(rt, id, false, &l, e);

	if (r < 0)
		return r;
	if (all) {
		r = live_open_cgroup(&l, &c, e);
		if (r == -ENOENT)
			return live_not_running(&l, e);
		if (r == 0)
			r = cgroup_signal_all(&c, signal, e);
		cgroup_close(&c);
		return r;
	}
	if (!has_process(&l))
		return live_not_running(&l, e);
	r = sys_pidfd_send_signal(l.pidfd, signal);
	if (r == -ESRCH)
		return live_not_running(&l, e);
	return r < 0 ? err_sys(e, ERR_INTERNAL, r, "send signal %d", signal) : 0;
}

static int set_frozen(struct runtime *rt, const char *id, bool freeze, struct err *e)
{
	_cleanup_live_ struct live l = LIVE_INIT;
	struct cgroup c = CGROUP_INIT;
	int r = live_open(rt, id, true, &l, e);

	if (r < 0)
		return r;
	if (!has_process(&l))
		return live_not_running(&l, e);
	if (freeze == (l.status == CONTAINER_PAUSED))
		return err_set(e, ERR_CONTAINER_STATE, -EINVAL, "container \"%s\" is %s", id,
			       freeze ? "already paused" : "not paused");
	r = live_open_cgroup(&l, &c, e);
	if (r == 0)
		r = cgroup_freeze(&c, freeze, e);
	cgroup_close(&c);
	return r;
}

int container_pause(struct runtime *rt, const char *id, struct err *e)
{
	return set_frozen(rt, id, true, e);
}

int container_resume(struct runtime *rt, const char *id, struct err *e)
{
	return set_frozen(rt, id, false, e);
}

int container_pids(struct runtime *rt, const char *id, pid_t **ret, size_t *ret_n, struct err *e)
{
	_cleanup_live_ struct live l = LIVE_INIT;
	struct cgroup c = CGROUP_INIT;
	int r = live_open(rt, id, false, &l, e);

	if (r < 0)
		return r;
	*ret = NULL;
	*ret_n = 0;
	if (l.status == CONTAINER_STOPPED && !has_process(&l))
		return 0;
	if (!has_process(&l))
		return live_not_running(&l, e);
	r = live_open_cgroup(&l, &c, e);
	if (r == 0)
		r = cgroup_pids(rt->arena, &c, ret, ret_n, e);
	cgroup_close(&c);
	return r;
}
