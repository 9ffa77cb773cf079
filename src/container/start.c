/* start: let a created container's init go, and hear what became of it. */
#include <errno.h>

#include "base/str.h"
#include "base/sys.h"
#include "container/delete.h"
#include "container/filter.h"
#include "container/hooks.h"
#include "container/live.h"
#include "host/channel.h"
#include "host/notify.h"
#include "seccomp/listen/handover.h"

/* For init to execute the program; what startContainer hooks may take comes on top. */
#define DEADLINE_SECONDS 120

/* What init says after START, until its end closes. */
struct verdict {
	struct runtime *rt;
	const struct live *live;
	int fd;
	const volatile struct plan_page *page; /* init's; NULL unless it has a filter */
	bool has_listener;
};

static int take_page(struct verdict *v, int fd, struct err *e)
{
	void *page = sys_mmap(NULL, PLAN_PAGE_SIZE, 1 /* read */, 1 /* shared */, fd, 0);

	if (sys_mmap_failed(page))
		return err_sys(e, ERR_INTERNAL, (int)(long)page, "map the step page");
	v->page = page;
	return 1;
}

/* The filter is loaded; what remains is the exec, which may be up to the agent. */
static int take_listener(struct verdict *v, int fd, struct err *e)
{
	struct seccomp_saved filter;
	int r = filter_load(v->rt, &v->live->directory, &filter, e);

	v->has_listener = true;
	if (r == 0)
		r = filter_hand_over(v->rt, &v->live->state, &filter, v->live->state.pid, false, fd,
				     e);
	if (r == 0)
		r = channel_set_deadline(v->fd, LISTEN_AGENT_SECONDS, e);
	if (r == 0)
		r = channel_send(v->fd, PLAN_MSG_LISTENER_SENT, e);
	return r < 0 ? r : 1;
}

/* Returns 1 to go on. */
static int take_word(struct verdict *v, const struct channel_message *m, struct err *e)
{
	if (m->head.type == PLAN_MSG_FAILED) {
		*e = m->err;
		return e->code;
	}
	if (m->head.type == PLAN_MSG_PAGE && m->fd >= 0 && !v->page)
		return take_page(v, m->fd, e);
	if (m->head.type == PLAN_MSG_LISTENER && m->fd >= 0 && !v->has_listener)
		return take_listener(v, m->fd, e);
	return err_set(e, ERR_INTERNAL, -EBADMSG, "init sent message %u to start", m->head.type);
}

/* A process that nobody answers for must not stay, neither waiting nor without a program. */
static void give_up(struct verdict *v, struct err *e)
{
	if (e->id == ERR_TIMEOUT)
		(void)err_hint(e, "the seccomp agent may not have answered for the exec");
	(void)sys_pidfd_send_signal(v->live->pidfd, SIGKILL);
}

/* The connection closes by the exec; before that init may have sent why it failed, or under a
 * filter have written it into its page. */
static int await_verdict(struct runtime *rt, const struct live *l, int fd, struct err *e)
{
	struct verdict v = {.rt = rt, .live = l, .fd = fd};
	int r;

	do {
		struct channel_message m = {.fd = -EBADF};

		r = channel_receive(fd, &m, e);
		if (r > 0)
			r = take_word(&v, &m, e);
		(void)fd_close(m.fd);
	} while (r > 0);
	if (r < 0 && v.has_listener)
		give_up(&v, e);
	if (r == 0 && v.page && v.page->failed)
		r = channel_page_error(v.page, e);
	if (v.page)
		(void)sys_munmap((void *)(uintptr_t)v.page, PLAN_PAGE_SIZE);
	return r;
}

/* The hooks of this command, if it has any: @ret is cleared otherwise. */
static int load_hooks(struct runtime *rt, const struct live *l, struct spec *ret, struct err *e)
{
	*ret = (struct spec){0};
	return l->state.hooks & (STATE_HOOK_START_CONTAINER | STATE_HOOK_POSTSTART)
		       ? hooks_load(rt, &l->directory, ret, e)
		       : 0;
}

/* The program runs: run the poststart hooks. One that fails stops the container, which is then
 * destroyed (runtime.md, "Lifecycle", 9). */
static int run_poststart(struct runtime *rt, struct live *l, const struct spec *hooks,
			 struct err *e)
{
	int r = hooks_run(rt, hooks, &l->state, HOOK_POSTSTART, CONTAINER_RUNNING, e);
	struct err problem;

	if (r < 0 && delete_live(rt, l, &problem) < 0 && rt->warn)
		rt->warn(&problem);
	return r;
}

/* Somebody waits for the container to be ready: so do we, letting others use it meanwhile. */
static void await_notification(struct live *l, int fd)
{
	if (fd < 0)
		return;
	(void)sys_flock(l->directory.fd, 8 /* LOCK_UN */);
	notify_await(fd, l->pidfd, l->state.pid);
}

static int refuse(const struct live *l, struct err *e)
{
	(void)err_set(e, ERR_CONTAINER_STATE, -EINVAL,
		      "cannot start container \"%s\" in the %s state", l->state.id,
		      container_status_name(l->status));
	return err_hint(e, "only a created container can be started, and only once");
}

int container_start(struct runtime *rt, const char *id, struct err *e)
{
	_cleanup_live_ struct live l = LIVE_INIT;
	_cleanup_close_ int fd = -EBADF, notify_fd = -EBADF;
	struct spec hooks;
	int r;

	trace_mark(rt->trace, "find the container");
	r = live_open(rt, id, true, &l, e);
	if (r < 0)
		return r;
	if (l.status != CONTAINER_CREATED)
		return refuse(&l, e);
	fd = directory_connect(&l.directory);
	if (fd < 0)
		return err_sys(e, ERR_CONTAINER_STATE, fd, "container \"%s\" does not wait", id);
	if (notify_wanted()) {
		notify_fd = notify_listen(l.directory.fd, e);
		/* Without the folder create was not told that somebody waits. */
		if (notify_fd < 0 && notify_fd != -ENOENT)
			return notify_fd;
	}
	r = load_hooks(rt, &l, &hooks, e);
	if (r == 0)
		r = channel_set_deadline(fd, hooks_start_seconds(&hooks, DEADLINE_SECONDS), e);
	trace_mark(rt->trace, "let init go on, and wait for the program");
	if (r == 0)
		r = channel_send(fd, PLAN_MSG_START, e);
	if (r == 0)
		r = await_verdict(rt, &l, fd, e);
	if (r < 0)
		return r;
	trace_mark(rt->trace, "write it down");
	l.state.phase = PHASE_RUNNING;
	r = directory_write_state(rt->arena, &l.directory, &l.state, e);
	directory_unlisten(&l.directory);
	if (r == 0)
		r = run_poststart(rt, &l, &hooks, e);
	if (r == 0)
		await_notification(&l, notify_fd);
	return r;
}
