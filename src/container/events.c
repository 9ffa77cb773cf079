/* events: what a container uses, from time to time, and that the kernel killed in it. Takes no
 * lock: it may run as long as the container does. */
#include <errno.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroup/cgroup.h"
#include "container/live.h"

#define LOOKS   200
#define LOOK_MS 5

struct watch {
	struct runtime *rt;
	struct live live;
	struct cgroup cgroup;
	int oom_fd;
	short oom_events;
	struct cgroup_oom oom;
	unsigned looks; /* v1: how often still to look for a kill that is under way */
	int (*tell)(void *data, const struct container_event *ev, struct err *e);
	void *data;
};

/* Each event has an arena of its own, so that watching for a year takes no more than for a second.
 */
static int tell(struct watch *w, bool is_oom, struct err *e)
{
	struct container_event ev = {
		.id = w->live.state.id,
		.is_oom = is_oom,
		.oom = w->oom,
	};
	struct arena a;
	pid_t *pids = NULL;
	int r;

	arena_init(&a, NULL, 0);
	r = cgroup_stats_read(&a, &w->cgroup, &ev.stats, e);
	if (r == 0 && is_oom) {
		r = cgroup_pids(&a, &w->cgroup, &pids, &ev.n_pids, e);
		ev.pids = pids;
	}
	if (r == 0)
		r = w->tell(w->data, &ev, e);
	arena_done(&a);
	return r;
}

/* v2 wakes for other reasons too: above memory.high, at the limit without killing. v1 wakes before
 * it kills and tells nobody when it has: looking again soon is all there is to do, and after a
 * while that it met the limit is told as it is (memory.disableOOMKiller). */
static int look_for_oom(struct watch *w, bool woken, struct err *e)
{
	bool is_v1 = w->oom_events == POLLIN;
	struct cgroup_oom before = w->oom;
	int r = cgroup_oom_read(&w->cgroup, w->oom_fd, &w->oom);

	if (r < 0)
		return err_sys(e, ERR_CGROUP, r, "read the events of the container");
	if (woken && is_v1)
		w->looks = LOOKS;
	else if (w->looks > 0)
		w->looks--;
	if (w->oom.kills == before.kills && !(is_v1 && w->looks == 0 && !woken))
		return 0;
	w->looks = 0;
	return tell(w, true, e);
}

static int timeout_until(const struct watch *w, uint64_t next)
{
	uint64_t now = sys_now_ms();

	if (now >= next)
		return 0;
	return w->looks > 0 ? MIN(LOOK_MS, (int)(next - now)) : (int)(next - now);
}

static int watch(struct watch *w, unsigned interval_ms, struct err *e)
{
	uint64_t next = sys_now_ms() + interval_ms;
	int r = 0;

	while (r == 0) {
		struct sys_pollfd fds[] = {
			{.fd = w->live.pidfd, .events = POLLIN},
			{.fd = w->oom_fd, .events = w->oom_events},
		};

		r = sys_poll(fds, ARRAY_SIZE(fds), timeout_until(w, next));
		if (r < 0 && r != -EINTR)
			return err_sys(e, ERR_INTERNAL, r, "wait for events");
		r = 0;
		if ((fds[1].revents && w->oom_fd >= 0) || w->looks > 0)
			r = look_for_oom(w, fds[1].revents, e);
		/* Its last event may come together with its end. */
		if (fds[0].revents)
			return r;
		if (r == 0 && sys_now_ms() >= next) {
			r = tell(w, false, e);
			next = sys_now_ms() + interval_ms;
		}
	}
	return r;
}

static int start_watching(struct watch *w, struct err *e)
{
	int r;

	w->oom_fd = cgroup_oom_watch(&w->cgroup, &w->oom_events);
	if (w->oom_fd == -ENODEV)
		return 0;
	if (w->oom_fd < 0)
		return err_sys(e, ERR_CGROUP, w->oom_fd, "watch the container's memory");
	r = cgroup_oom_read(&w->cgroup, w->oom_fd, &w->oom);
	return r < 0 ? err_sys(e, ERR_CGROUP, r, "read the events of the container") : 0;
}

int container_events(struct runtime *rt, const char *id, bool once, unsigned interval_ms,
		     int (*tell_)(void *data, const struct container_event *ev, struct err *e),
		     void *data, struct err *e)
{
	struct watch w = {
		.rt = rt,
		.live = LIVE_INIT,
		.cgroup = CGROUP_INIT,
		.oom_fd = -EBADF,
		.tell = tell_,
		.data = data,
	};
	int r = live_open(rt, id, false, &w.live, e);

	if (r == 0 && w.live.pidfd < 0)
		r = live_not_running(&w.live, e);
	if (r == 0)
		r = live_open_cgroup(&w.live, &w.cgroup, e);
	if (r == 0 && once)
		r = tell(&w, false, e);
	else if (r == 0)
		r = start_watching(&w, e);
	if (r == 0 && !once)
		r = watch(&w, interval_ms, e);
	(void)fd_close(w.oom_fd);
	cgroup_close(&w.cgroup);
	live_close(&w.live);
	return r;
}
