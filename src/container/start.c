/* start: let a created container's init go, and hear what became of it. */
#include <errno.h>

#include "base/str.h"
#include "base/sys.h"
#include "container/live.h"
#include "host/channel.h"

/* The startContainer hooks run in between, so this is generous. */
#define DEADLINE_SECONDS 120

/* The connection closes by the exec; before that init may have sent why it failed. */
static int await_verdict(int fd, struct err *e)
{
	struct channel_message m = {.fd = -EBADF};
	int r = channel_receive(fd, &m, e);

	(void)fd_close(m.fd);
	if (r <= 0)
		return r;
	if (m.head.type != PLAN_MSG_FAILED)
		return err_set(e, ERR_INTERNAL, -EBADMSG, "init sent message %u to start",
			       m.head.type);
	*e = m.err;
	return e->code;
}

int container_start(struct runtime *rt, const char *id, struct err *e)
{
	_cleanup_live_ struct live l = LIVE_INIT;
	_cleanup_close_ int fd = -EBADF;
	int r = live_open(rt, id, true, &l, e);

	if (r < 0)
		return r;
	if (l.status != CONTAINER_CREATED)
		return err_set(e, ERR_CONTAINER_STATE, -EINVAL,
			       "cannot start container \"%s\" in the %s state", id,
			       container_status_name(l.status));
	fd = directory_connect(&l.directory);
	if (fd < 0)
		return err_sys(e, ERR_CONTAINER_STATE, fd, "container \"%s\" does not wait", id);
	r = channel_set_deadline(fd, DEADLINE_SECONDS, e);
	if (r == 0)
		r = channel_send(fd, PLAN_MSG_START, e);
	if (r == 0)
		r = await_verdict(fd, e);
	if (r < 0)
		return r;
	l.state.phase = PHASE_RUNNING;
	r = directory_write_state(rt->arena, &l.directory, &l.state, e);
	directory_unlisten(&l.directory);
	return r;
}
