/* delete: end what runs, remove the cgroup, forget. */
#include "container/delete.h"

#include <errno.h>

#include "base/str.h"
#include "base/sys.h"
#include "cgroup/cgroup.h"
#include "container/hooks.h"
#include "container/image.h"
#include "host/systemd.h"

#define END_TIMEOUT_MS    10000
#define REMOVE_TIMEOUT_MS 10000

static int end_process(struct live *l, struct err *e)
{
	int r;

	if (l->pidfd < 0)
		return 0;
	r = sys_pidfd_send_signal(l->pidfd, SIGKILL);
	if (r < 0 && r != -ESRCH)
		return err_sys(e, ERR_INTERNAL, r, "kill container \"%s\"", l->state.id);
	r = live_await_end(l, END_TIMEOUT_MS);
	return r < 0 ? err_set(e, ERR_TIMEOUT, r, "container \"%s\" did not end when killed",
			       l->state.id)
		     : 0;
}

/* Killed before the document was written: there is a directory and nothing else yet. */
static int remove_wreck(struct runtime *rt, const char *id, struct err *e)
{
	_cleanup_directory_ struct directory d = DIRECTORY_INIT;
	int r = directory_open(rt, id, true, &d, e);

	return r < 0 ? r : directory_remove(&d, e);
}

/* Failures here are warnings: the container is gone, whatever a hook thinks of it. */
static void run_poststop(struct runtime *rt, struct live *l)
{
	struct spec spec;
	struct err problem;
	int r;

	if (!(l->state.hooks & STATE_HOOK_POSTSTOP))
		return;
	r = hooks_load(rt, &l->directory, &spec, &problem);
	if (r == 0)
		r = hooks_run(rt, &spec, &l->state, HOOK_POSTSTOP, CONTAINER_STOPPED, &problem);
	if (r < 0 && rt->warn)
		rt->warn(&problem);
}

int delete_live(struct runtime *rt, struct live *l, struct err *e)
{
	/* Mounts first: a cgroup on which something is mounted cannot be removed. */
	int r = shared_detach(&l->state.root, l->state.rootfs, e);

	/* The cgroup next where there is one: it ends a frozen process too, and all others with
	 * it. */
	if (r == 0)
		r = cgroup_remove(&l->state.cgroup, REMOVE_TIMEOUT_MS, e);
	if (r == 0)
		r = end_process(l, e);
	if (r == 0)
		r = resctrl_remove(&l->state.resctrl, e);
	if (r < 0)
		return r;
	systemd_forget(&l->state.cgroup);
	/* Before the document goes: `state` works in the hooks, and a delete that is killed here
	 * can be repeated. */
	run_poststop(rt, l);
	r = directory_remove(&l->directory, e);
	if (r == 0)
		image_release_root(rt, l->state.id, &l->state.annotations);
	return r;
}

static int refuse_running(const struct live *l, struct err *e)
{
	(void)err_set(e, ERR_CONTAINER_STATE, -EBUSY,
		      "cannot delete container \"%s\" that is not stopped: %s", l->state.id,
		      container_status_name(l->status));
	return err_hint(e, "kill it first, or use --force");
}

int container_delete(struct runtime *rt, const char *id, bool force, struct err *e)
{
	_cleanup_live_ struct live l = LIVE_INIT;
	int r;

	trace_mark(rt->trace, "find the container");
	r = live_open(rt, id, true, &l, e);
	trace_mark(rt->trace, "end and remove it");
	if (r < 0 && force) {
		if (e->id == ERR_CONTAINER_MISSING)
			return 0;
		if (e->id == ERR_STATE_DOCUMENT && r == -ENOENT)
			return remove_wreck(rt, id, e);
	}
	if (r < 0)
		return r;
	if (!force && (l.status == CONTAINER_RUNNING || l.status == CONTAINER_PAUSED))
		return refuse_running(&l, e);
	return delete_live(rt, &l, e);
}
