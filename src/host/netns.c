/* Who makes it is a process that shares our memory and descriptors, but not our namespaces: it
 * moves into a new one, opens it and ends. The descriptor is ours then. */
#include "host/netns.h"

#include "base/fd.h"
#include "base/sys.h"

/* Of the process that asks, by its own pid. */
#define OWN_NETWORK "/proc/self/ns/net"

static int open_own(void)
{
	return sys_openat(AT_FDCWD, OWN_NETWORK, O_RDONLY | O_CLOEXEC, 0);
}

static bool claim(struct netns_maker *m)
{
	return !__atomic_exchange_n(&m->claimed, true, __ATOMIC_ACQ_REL);
}

#ifdef CORACLE_FAULT
/* Two processes that count system calls at the same time would make the n-th another one each time.
 */
void netns_begin(struct netns_maker *m)
{
	(void)m;
}
#else
static int make(void *arg)
{
	struct netns_maker *m = arg;
	int r;

	if (!claim(m))
		return 0;
	r = sys_unshare(CLONE_NEWNET);
	m->fd = r < 0 ? r : open_own();
	return 0;
}

void netns_begin(struct netns_maker *m)
{
	int pidfd = -EBADF;
	/* No exit signal: this is nobody's child that others may wait for. */
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_FILES | CLONE_CLEAR_SIGHAND | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
	};

	if (sys_clone3_stack(&args, m->stack, sizeof(m->stack), make, m) > 0)
		m->pidfd = pidfd;
}
#endif

static void await_maker(struct netns_maker *m)
{
	if (m->pidfd < 0)
		return;
	(void)sys_wait_pidfd(m->pidfd, NULL, WEXITED | __WALL);
	m->pidfd = fd_close(m->pidfd);
}

/* In this process, which has one thread, and goes back. */
static int make_here(struct err *e)
{
	_cleanup_close_ int before = open_own(), made = -EBADF;
	int r = before;

	if (r >= 0)
		r = sys_unshare(CLONE_NEWNET);
	if (r < 0)
		return err_sys(e, ERR_NAMESPACE, r, "create a network namespace");
	made = open_own();
	r = sys_setns(before, CLONE_NEWNET);
	if (r == 0 && made < 0)
		r = made;
	return r < 0 ? err_sys(e, ERR_NAMESPACE, r, "open a new network namespace") : TAKE_FD(made);
}

int netns_take(struct netns_maker *m, struct err *e)
{
	if (!claim(m))
		await_maker(m);
	/* Whatever stopped it speaks up here, where there is somebody to tell. */
	return m->fd >= 0 ? TAKE_FD(m->fd) : make_here(e);
}

void netns_end(struct netns_maker *m)
{
	(void)claim(m);
	await_maker(m);
	m->fd = fd_close(m->fd);
}
