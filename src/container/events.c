/* events: what a container uses, from time to time, and that the kernel killed in it. Takes no
 * lock: it may run as long as the container does. */
#include <errno.h>
#include <sys/auxv.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroup/cgroup.h"
#include "container/live.h"
#include "host/proc.h"

#define LOOKS   200
#define LOOK_MS 5

/* What was there at a moment: whom the kernel kills can be told only by having looked before. */
struct snapshot {
	struct arena arena;
	struct cgroup_stats stats;
	struct event_process *processes;
	size_t n;
};

struct watch {
	struct runtime *rt;
	struct live live;
	struct cgroup cgroup;
	int oom_fd;
	short oom_events;
	struct cgroup_oom oom;  /* what was told of */
	struct cgroup_oom seen; /* what was counted when it was last looked at */
	struct snapshot last;
	unsigned looks; /* v1: how often still to look for a kill that is under way */
	int (*tell)(void *data, const struct container_event *ev, struct err *e);
	void *data;
};

/* --- snapshots --------------------------------------------------------------------------------
 */

/* The second number of /proc/PID/statm, in bytes. */
static uint64_t resident(int proc_fd, pid_t pid)
{
	char path[32], text[128], *second;
	uint64_t pages;

	(void)str_format(path, sizeof(path), "%d/statm", (int)pid);
	second = proc_read(proc_fd, path, text, sizeof(text)) < 0 ? NULL : strchr(text, ' ');
	if (!second)
		return 0;
	second++;
	second[strcspn(second, " ")] = '\0';
	return str_to_u64(second, &pages) < 0 ? 0 : pages * getauxval(AT_PAGESZ);
}

static int read_processes(struct watch *w, struct snapshot *s, struct err *e)
{
	int proc_fd = proc_root(e), r;
	struct proc_identity id;
	pid_t *pids = NULL;
	size_t n = 0;

	r = proc_fd < 0 ? proc_fd : cgroup_pids(&s->arena, &w->cgroup, &pids, &n, e);
	if (r == 0)
		s->processes = arena_newn(&s->arena, struct event_process, n + 1);
	if (r < 0 || !s->processes)
		return r < 0 ? r : err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		struct event_process *p = &s->processes[s->n];

		if (proc_identify(proc_fd, pids[i], &id) < 0)
			continue;
		p->pid = pids[i];
		p->name = arena_strdup(&s->arena, id.name);
		p->memory = resident(proc_fd, pids[i]);
		s->n += p->name != NULL;
	}
	return 0;
}

/* Has the kernel killed since @w->oom? What it says is kept: soon the cgroup may be gone. */
static bool kills_now(struct watch *w)
{
	struct cgroup_oom now;

	if (w->oom_fd >= 0 && cgroup_oom_peek(&w->cgroup, &now) == 0 &&
	    now.kills > MAX(w->oom.kills, w->seen.kills))
		w->seen = now;
	return w->seen.kills > w->oom.kills;
}

/* Take the place of the last one. It stays where that is not possible any more, and when the kernel
 * begins to kill meanwhile: it counts before it kills. Processes first, they go first. */
static void look_around(struct watch *w)
{
	struct snapshot s = {.n = 0};
	struct err ignored;
	int r;

	arena_init(&s.arena, NULL, 0);
	r = read_processes(w, &s, &ignored);
	if (r == 0 && !kills_now(w))
		r = cgroup_stats_read(&s.arena, &w->cgroup, &s.stats, &ignored);
	if (r < 0 || s.n == 0 || kills_now(w)) {
		arena_done(&s.arena);
		return;
	}
	arena_done(&w->last.arena);
	w->last = s;
}

/* --- events ----------------------------------------------------------------------------------- */

/* Each event has an arena of its own, so that watching for a year takes no more than for a second.
 */
static int tell_numbers(struct watch *w, struct err *e)
{
	struct container_event ev = {.id = w->live.state.id};
	struct arena a;
	int r;

	arena_init(&a, NULL, 0);
	r = cgroup_stats_read(&a, &w->cgroup, &ev.stats, e);
	if (r == 0)
		r = w->tell(w->data, &ev, e);
	arena_done(&a);
	return r;
}

/* The kernel counts and kills one after the other, and all that belong to a group: one event tells
 * of them. Bounded, since somebody may be out of its reach. */
static void await_the_rest(struct watch *w, uint64_t group_kills)
{
	struct cgroup_oom now;

	for (unsigned quiet = 0, n = 0; quiet < 2 && n < LOOKS; n++) {
		bool ended = sys_await_end(w->live.pidfd, LOOK_MS) == 0;

		if (ended)
			(void)sys_poll(NULL, 0, LOOK_MS);
		if (cgroup_oom_peek(&w->cgroup, &now) < 0 || now.kills < w->oom.kills)
			return;
		quiet = now.kills == w->oom.kills && (ended || now.group_kills == group_kills)
				? quiet + 1
				: 0;
		w->oom = now;
	}
}

/* What was killed as a whole may be gone with its cgroup: then there is nothing left to tell.
 * @group_kills: how many groups had been killed before. */
static int tell_oom(struct watch *w, uint64_t group_kills, struct err *e)
{
	struct container_event ev = {
		.id = w->live.state.id,
		.is_oom = true,
		.before = &w->last.stats,
		.processes = w->last.processes,
		.n_processes = w->last.n,
	};
	struct arena a;
	struct err gone;
	pid_t *pids = NULL;
	int r;

	arena_init(&a, NULL, 0);
	await_the_rest(w, group_kills);
	ev.oom = w->oom;
	if (cgroup_stats_read(&a, &w->cgroup, &ev.stats, &gone) < 0)
		ev.stats = (struct cgroup_stats){.cpus = "", .mems = ""};
	if (cgroup_pids(&a, &w->cgroup, &pids, &ev.n_pids, &gone) < 0)
		ev.n_pids = 0;
	ev.pids = pids;
	r = w->tell(w->data, &ev, e);
	arena_done(&a);
	look_around(w);
	return r;
}

/* The container has ended, or was looked at for a while: its cgroup may tell why, or be gone. */
static int look_again(struct watch *w, struct err *e)
{
	struct cgroup_oom before = w->oom;

	if (!kills_now(w))
		return 0;
	w->oom = w->seen;
	w->looks = 0;
	return tell_oom(w, before.group_kills, e);
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
	if (w->oom.kills == before.kills && !(is_v1 && w->looks == 0 && !woken)) {
		if (!woken)
			return 0;
		look_around(w);
		return look_again(w, e);
	}
	w->looks = 0;
	return tell_oom(w, before.group_kills, e);
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
		/* Its last event may come together with its end, or be late for it. */
		if (fds[0].revents)
			return look_again(w, e);
		if ((fds[1].revents && w->oom_fd >= 0) || w->looks > 0)
			r = look_for_oom(w, fds[1].revents, e);
		if (r == 0 && sys_now_ms() >= next) {
			r = tell_numbers(w, e);
			look_around(w);
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
	look_around(w);
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
	arena_init(&w.last.arena, NULL, 0);
	if (r == 0 && once)
		r = tell_numbers(&w, e);
	else if (r == 0)
		r = start_watching(&w, e);
	if (r == 0 && !once)
		r = watch(&w, interval_ms, e);
	arena_done(&w.last.arena);
	(void)fd_close(w.oom_fd);
	cgroup_close(&w.cgroup);
	live_close(&w.live);
	return r;
}
