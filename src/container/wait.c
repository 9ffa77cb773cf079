/* wait: until a container has ended. */
#include <errno.h>
#include <sys/file.h>

#include "base/str.h"
#include "base/sys.h"
#include "container/exit.h"
#include "container/live.h"

/* Open the container. One that is being made has no process to wait for yet, so its maker is. */
static int open_made(struct runtime *rt, const char *id, struct live *l, struct err *e)
{
	int r = live_open(rt, id, false, l, e);

	if (r < 0 || l->status != CONTAINER_CREATING)
		return r;
	live_close(l);
	*l = (struct live)LIVE_INIT;
	r = live_open(rt, id, true, l, e);
	if (r == 0)
		(void)sys_flock(l->directory.fd, LOCK_UN);
	return r;
}

static int await_end(const struct live *l, struct err *e)
{
	int r = l->pidfd >= 0 ? sys_await_end(l->pidfd, -1) : 0;

	return r < 0 ? err_sys(e, ERR_INTERNAL, r, "wait for container \"%s\"", l->state.id) : 0;
}

int container_wait(struct runtime *rt, const char *id, int *ret_status, struct err *e)
{
	_cleanup_live_ struct live l = LIVE_INIT;
	int status, r = open_made(rt, id, &l, e);

	if (r == 0)
		r = await_end(&l, e);
	if (r < 0)
		return r;
	r = exit_learn(&l.directory, &l.state, l.pidfd, &status);
	if (r < 0) {
		(void)err_set(e, ERR_EXIT_UNKNOWN, r,
			      "container \"%s\" has ended, nobody knows how", id);
		return err_hint(e, "`wait` must begin before the container ends, or create needs "
				   "--keep-status (Linux 6.15)");
	}
	exit_record(rt->arena, &l.directory, status);
	*ret_status = status;
	return 0;
}
