/* delete: end what runs, remove the cgroup, forget. May be repeated after being killed at any
 * point: the document goes last. */
#include <errno.h>

#include "base/str.h"
#include "base/sys.h"
#include "cgroup/cgroup.h"
#include "container/live.h"

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

int container_delete(struct runtime *rt, const char *id, bool force, struct err *e)
{
	_cleanup_live_ struct live l = LIVE_INIT;
	int r = live_open(rt, id, true, &l, e);

	if (r < 0 && force) {
		if (e->id == ERR_CONTAINER_MISSING)
			return 0;
		if (e->id == ERR_STATE_DOCUMENT && r == -ENOENT)
			return remove_wreck(rt, id, e);
	}
	if (r < 0)
		return r;
	if (!force && (l.status == CONTAINER_RUNNING || l.status == CONTAINER_PAUSED))
		return err_set(e, ERR_CONTAINER_STATE, -EBUSY,
			       "cannot delete container \"%s\" that is not stopped: %s", id,
			       container_status_name(l.status));
	/* The cgroup first where there is one: it ends a frozen process too, and all others with
	 * it. */
	r = cgroup_remove(&l.state.cgroup, REMOVE_TIMEOUT_MS, e);
	if (r == 0)
		r = end_process(&l, e);
	return r < 0 ? r : directory_remove(&l.directory, e);
}
