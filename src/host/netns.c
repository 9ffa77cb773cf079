/* Who makes it is a process that shares our memory and descriptors, but not our namespaces: it
 * moves into a new one, opens it and ends. The descriptor is ours then. */
#include "host/netns.h"

#include "base/fd.h"
#include "base/sys.h"

/* Of the process that asks, by its own pid. */
#define OWN_NETWORK "/proc/self/ns/net"

/* In a process that ends after it: who has no power over the namespace that it leaves, as root of a
 * user namespace, could not go back. */
static int make(void *arg)
{
	struct netns_maker *m = arg;
	int r = sys_unshare(CLONE_NEWNET);

	m->fd = r < 0 ? r : sys_openat(AT_FDCWD, OWN_NETWORK, O_RDONLY | O_CLOEXEC, 0);
	return 0;
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
static int make_beside(void *arg)
{
	return claim(arg) ? make(arg) : 0;
}

void netns_begin(struct netns_maker *m)
{
	/* No exit signal: this is nobody's child that others may wait for. */
	struct clone_args args = {.flags = CLONE_VM | CLONE_FILES | CLONE_CLEAR_SIGHAND};
	pid_t pid = sys_clone3_stack(&args, m->stack, sizeof(m->stack), make_beside, m);

	m->pid = MAX(pid, 0);
}
#endif

static void await_maker(struct netns_maker *m)
{
	if (m->pid > 0)
		(void)sys_wait_pid(m->pid, NULL, WEXITED | __WALL);
	m->pid = 0;
}

/* At a descriptor that both know, since not every architecture's child shares our memory. */
static int make_at_place(void *arg)
{
	struct netns_maker *m = arg;
	int r;

	(void)make(m);
	r = m->fd < 0 ? m->fd : sys_dup3(m->fd, m->place, O_CLOEXEC);
	if (m->fd >= 0)
		(void)sys_close(m->fd);
	m->fd = MIN(r, 0);
	return r < 0;
}

/* While we sleep. */
static void make_now(struct netns_maker *m)
{
	/* Who came too late may still be on its own. */
	_Alignas(16) static char stack[NETNS_STACK];
	_cleanup_close_ int pidfd = -EBADF;
	struct clone_args args = {
		.flags = CLONE_FILES | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	siginfo_t info = {0};
	int r;

	m->place = sys_openat(AT_FDCWD, "/", O_PATH | O_CLOEXEC, 0);
	if (m->place < 0) {
		m->fd = m->place;
		return;
	}
	m->fd = -EIO;
	r = sys_clone3_vfork(&args, stack, sizeof(stack), make_at_place, m);
	if (r < 0) {
		pidfd = -EBADF;
		m->fd = r;
	} else if (sys_wait_pidfd(pidfd, &info, WEXITED) == 0 && info.si_code == CLD_EXITED &&
		   info.si_status == 0) {
		m->fd = TAKE_FD(m->place);
	}
	m->place = fd_close(m->place);
}

int netns_take(struct netns_maker *m, struct err *e)
{
	if (claim(m))
		make_now(m);
	else
		await_maker(m);
	return m->fd >= 0 ? TAKE_FD(m->fd)
			  : err_sys(e, ERR_NAMESPACE, m->fd, "create a network namespace");
}

void netns_end(struct netns_maker *m)
{
	(void)claim(m);
	await_maker(m);
	m->fd = fd_close(m->fd);
}
