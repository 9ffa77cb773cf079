/* Launching: the plan into a memfd, the image sealed, one clone, then the conversation. The two
 * shapes differ only in what is cloned (ARCHITECTURE.md). */
#include "host/launch.h"

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "host/channel.h"
#include "host/idmap.h"
#include "host/netdev.h"
#include "host/proc.h"
#include "host/schedule.h"
#include "host/slots.h"
#include "plan/print.h"
#include "seccomp/listen/handover.h"

#include <stdlib.h>

/* Bounds any single wait for init: a mount of a dead network file system must not hold us for ever.
 */
#define DEADLINE_SECONDS 120
#define CHILD_STACK      8192
/* Between the end of the channel and the end of the process, in milliseconds. */
#define END_MS       5000
#define CLOSED_ALIVE "init closed its channel, but goes on"

/* --- the clone -------------------------------------------------------------------------------- */

struct child {
	int image_fd, sync_fd;
	unsigned keep_fds;
	const char *const *argv, *const *envp;
	int error; /* written by the child, which shares our memory until it executes the image */
};

/* In the child: nothing but the execution of init's image. */
static int child_main(void *arg)
{
	struct child *c = arg;
	int r;

#ifndef CORACLE_FAULT /* whose own descriptor is one of these */
	/* What our caller leaked must not be with init either, which may wait for its start for
	 * days, and which who may trace it can look into. Before 5.11 init itself sees to it, at
	 * its end. */
	(void)sys_close_range(3 + c->keep_fds, ~0U, CLOSE_RANGE_CLOEXEC);
#endif
	r = sys_fcntl(c->sync_fd, F_SETFD, 0);
	if (r == 0)
		r = sys_execveat(c->image_fd, "", (char *const *)(uintptr_t)c->argv,
				 (char *const *)(uintptr_t)c->envp, AT_EMPTY_PATH);
	c->error = r;
	return 127;
}

/* One attempt. Returns the pid or -errno; *ret_pidfd is set on success. */
static pid_t clone_child(struct child *c, uint64_t flags, int cgroup_fd, int *ret_pidfd)
{
	_Alignas(16) static char stack[CHILD_STACK];
	int pidfd = -EBADF;
	struct clone_args args = {
		.flags = CLONE_PIDFD | flags | (cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = cgroup_fd >= 0 ? (uint64_t)cgroup_fd : 0,
	};
	pid_t pid = sys_clone3_vfork(&args, stack, sizeof(stack), child_main, c);

	if (pid > 0)
		*ret_pidfd = pidfd;
	return pid;
}

/* CLONE_INTO_CGROUP is from 5.7 on, and refused in some arrangements; then the process is moved
 * before it is told anything. */
static bool without_into_cgroup(pid_t r)
{
	return r == -EOPNOTSUPP || r == -ENOSYS || r == -EINVAL || r == -E2BIG;
}

static int clone_init(struct launch *l, const struct launch_request *q, struct child *c,
		      bool *ret_enter, struct err *e)
{
	uint64_t flags = q->plan->shape == SHAPE_DIRECT ? q->plan->clone_flags : 0;
	int cgroup_fd = q->cgroup ? q->cgroup->unified_fd : -EBADF, pidfd = -EBADF;
	pid_t pid = clone_child(c, flags, cgroup_fd, &pidfd);

	if (cgroup_fd >= 0 && without_into_cgroup(pid)) {
		pid = clone_child(c, flags, -EBADF, &pidfd);
		*ret_enter = true;
	}
	if (pid < 0) {
		(void)err_sys(e, ERR_NAMESPACE, pid, "create the container's process");
		if (pid == -EPERM)
			(void)err_hint(
				e, "without privileges it takes a namespace of type user (`coracle "
				   "spec --rootless`), and a system that allows it: `coracle "
				   "doctor` tells");
		return flags ? err_where(e, "linux.namespaces") : pid;
	}
	if (q->plan->shape == SHAPE_DIRECT) {
		l->pid = pid;
		l->pidfd = pidfd;
	} else {
		l->bridge_pid = pid;
		l->bridge_fd = pidfd;
	}
	if (c->error < 0) {
		(void)err_sys(e, ERR_SEAL, c->error, "execute init's sealed image");
		return err_hint(e, "a security policy may forbid executing memfds");
	}
	return 0;
}

/* --- start ------------------------------------------------------------------------------------ */

/* The memfd of plan/plan.h: the step page, then the block. */
static int make_plan_memfd(struct launch *l, const struct plan_block *block, struct err *e)
{
	const uint32_t traced = 1;
	_cleanup_close_ int fd = sys_memfd_create("coracle-plan", MFD_CLOEXEC);
	void *page;
	int r = fd;

	if (r >= 0) {
		/* What is not written, the step page, is zeros. */
		ssize_t n = SYS4(pwrite64, fd, block, block->size, PLAN_PAGE_SIZE);

		r = n < 0 ? (int)n : n != (ssize_t)block->size ? -EIO : 0;
	}
	if (r >= 0 && l->trace)
		r = (int)SYS4(pwrite64, fd, &traced, sizeof(traced),
			      offsetof(struct plan_page, traced));
	if (r < 0)
		return err_sys(e, ERR_INTERNAL, r, "write the plan");
	page = sys_mmap(NULL, PLAN_PAGE_SIZE, 1 /* read */, 1 /* shared */, fd, 0);
	if (sys_mmap_failed(page))
		return err_sys(e, ERR_INTERNAL, (int)(long)page, "map the step page");
	l->page = page;
	return TAKE_FD(fd);
}

/* What must be true of the process before it reads its first message. */
static int settle(struct launch *l, const struct launch_request *q, bool enter, struct err *e)
{
	pid_t pid = l->pid > 0 ? l->pid : l->bridge_pid;
	char value[16];
	int proc_fd, r = 0;

	if (q->place)
		r = q->place(q->place_data, pid, e);
	if (r == 0 && q->cgroup && (enter || q->cgroup->ref.n_v1 > 0))
		r = cgroup_enter(q->cgroup, pid, enter, e);
	if (r == 0 && q->cgroup && (q->cgroup->unified_fd >= 0 || q->cgroup->ref.n_v1 > 0))
		r = schedule_cpus(&q->plan->schedule, pid, e);
	if (r == 0)
		r = schedule_apply(&q->plan->schedule, pid, false, e);
	if (r < 0 || !q->plan->has_oom_score_adj)
		return r;
	proc_fd = proc_root(e);
	if (proc_fd < 0)
		return proc_fd;
	(void)str_format(value, sizeof(value), "%d", q->plan->oom_score_adj);
	r = proc_write_pid(proc_fd, pid, "oom_score_adj", value);
	if (r < 0) {
		(void)err_sys(e, ERR_PROCESS, r, "set the OOM score adjustment to %s", value);
		return err_where(e, "process.oomScoreAdj");
	}
	return 0;
}

/* Of one wait for init, in seconds; 0 is none: a hook without a timeout may take its time. */
static unsigned deadline(const struct plan *p)
{
	return p->hooks_unbounded ? 0 : DEADLINE_SECONDS + (unsigned)MIN(p->hook_seconds, 1U << 30);
}

static int start(const struct launch_request *q, struct launch *l, int *slots, struct err *e)
{
	/* In this order their numbers follow each other. */
	_cleanup_fd_group_ struct fd_group g = FD_GROUP_INIT;
	int *theirs = &g.fds[0], *memfd = &g.fds[1], *image = &g.fds[2];
	const char *argv[] = {PLAN_INIT_NAME, NULL, NULL}, *envp[] = {NULL, NULL};
	struct child c = {.keep_fds = q->plan->keep_fds, .argv = argv, .envp = envp};
	char number[12];
	int pair[2], r;
	bool enter = false;

	trace_mark(q->trace, "make the channel");
	r = sys_socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, pair);
	if (r < 0)
		return err_sys(e, ERR_INTERNAL, r, "make a channel to init");
	l->sync_fd = pair[0];
	*theirs = pair[1];
	r = channel_set_deadline(l->sync_fd, q->no_deadline ? 0 : deadline(q->plan), e);
	if (r < 0)
		return r;
	trace_mark(q->trace, "write the plan");
	*memfd = make_plan_memfd(l, q->plan->block, e);
	if (*memfd < 0)
		return *memfd;
	trace_mark(q->trace, "seal init's image");
	*image = seal_init_image(q->seal_mode, e);
	if (*image < 0)
		return *image;
	(void)str_format(number, sizeof(number), "%d", *theirs);
	argv[1] = number;
	c.image_fd = *image;
	c.sync_fd = *theirs;
#ifdef CORACLE_FAULT
	const char *fault = getenv("CORACLE_FAULT");

	if (fault)
		envp[0] = arena_format(q->arena, "CORACLE_FAULT=%s", fault);
#endif
	trace_mark(q->trace, "create the process");
	r = clone_init(l, q, &c, &enter, e);
	trace_mark(q->trace, "place the process");
	if (r == 0)
		r = settle(l, q, enter, e);
	if (r == 0)
		r = slots_open_late(q, slots, e);
	trace_mark(q->trace, "send the plan");
	if (r == 0)
		r = channel_send_setup(l->sync_fd, *memfd, q->plan->block->size, slots,
				       (uint32_t)q->plan->n_slots, e);
	return r;
}

int launch_start(const struct launch_request *q, struct launch *l, struct err *e)
{
	int *slots = arena_newn(q->arena, int, q->plan->n_slots + 1);
	const struct sys_sigaction by_default = {0};
	int r;

	*l = (struct launch)LAUNCH_INIT;
	l->plan = q->plan;
	l->trace = q->trace;
	/* A caller that ignores it makes the kernel reap our children before we can. */
	r = q->plan->child_ignored ? sys_sigaction(SIGCHLD, &by_default, NULL) : 0;
	if (r < 0)
		return err_sys(e, ERR_INTERNAL, r, "watch for children");
	l->turn = q->turn;
	l->listener = q->listener;
	if (!slots)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	trace_mark(q->trace, "open what init cannot");
	r = slots_open(q, slots, e);
	if (r == 0)
		r = start(q, l, slots, e);
	slots_close(q, slots);
	if (r < 0) {
		launch_kill(l);
		launch_close(l);
	}
	return r;
}

/* --- the conversation --------------------------------------------------------------------------
 */

static const char *step_name(const struct launch *l)
{
	const struct plan_block *k = l->plan->block;
	const struct plan_step *steps =
		(const struct plan_step *)(const void *)((const char *)k + k->steps.offset);
	uint32_t n = l->page->step;

	return n == 0 || n > k->steps.n ? "" : print_op_name((enum plan_op)steps[n - 1].op);
}

/* The channel closed without a word: the process ended. Tell how, and in which step. Whoever traces
 * it may have closed the channel in its name, and may keep its status for himself; neither holds
 * us. */
static int describe_end(struct launch *l, struct err *e)
{
	int fd = l->pidfd >= 0 ? l->pidfd : l->bridge_fd;
	const char *step = step_name(l);
	siginfo_t info = {0};
	int r;

	if (sys_await_end(fd, END_MS) < 0)
		return err_set(e, ERR_INIT_DIED, -EIO, CLOSED_ALIVE);
	r = sys_wait_pidfd(fd, &info, WEXITED | WNOWAIT | WNOHANG);
	if (r < 0 || info.si_pid == 0)
		return err_sys(e, ERR_INIT_DIED, r < 0 ? r : -ECHILD, "init ended");
	(void)err_set(e, ERR_INIT_DIED, -EIO, "init %s %d%s%s%s",
		      info.si_code == CLD_EXITED ? "ended with status" : "was killed by signal",
		      info.si_status, *step ? " in step '" : "", step, *step ? "'" : "");
	if (info.si_code != CLD_EXITED && info.si_status == SIGKILL)
		(void)err_hint(e, "out of memory in the container's cgroup looks like this");
	return e->code;
}

static void take_init(struct launch *l, struct channel_message *m)
{
	siginfo_t info;

	l->pid = m->head.value;
	l->pidfd = TAKE_FD(m->fd);
	/* The bridge has nothing left to do but to end. */
	(void)sys_wait_pidfd(l->bridge_fd, &info, WEXITED);
	l->bridge_fd = fd_close(l->bridge_fd);
	l->bridge_pid = 0;
}

/* Init failed before the bridge told who it is: only with its pidfd can it be waited for, and until
 * somebody has waited its pid namespace does not end. */
static void learn_init(struct launch *l)
{
	struct err ignored;

	while (l->bridge_fd >= 0) {
		struct channel_message m = {.fd = -EBADF};

		if (channel_receive(l->sync_fd, &m, &ignored) <= 0)
			break;
		if (m.head.type == PLAN_MSG_INIT_PID && m.fd >= 0)
			take_init(l, &m);
		(void)fd_close(m.fd);
	}
}

/* Say something to init. If it is gone already, what it said before it went is still to be read,
 * and tells more than a broken pipe. */
static int say(struct launch *l, enum plan_message_type type, struct err *e)
{
	int r = channel_send(l->sync_fd, type, e);

	return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

/* Map ids if init asked for it and its pid is known. */
static int answer_ids(struct launch *l, struct err *e)
{
	int r;

	if (!l->wants_ids || l->pid == 0)
		return 0;
	l->wants_ids = false;
	l->has_ids = true;
	r = idmap_write(&l->plan->idmap, l->pid, e);
	if (r == 0)
		r = say(l, PLAN_MSG_IDS_MAPPED, e);
	if (r == 0 && l->go_follows)
		r = launch_go(l, e);
	return r;
}

/* Let the host half do its part if init waits for it and its pid is known. */
static int answer_turn(struct launch *l, struct err *e)
{
	int fds[PLAN_HOOK_STATES], r;

	if (!l->wants_turn || l->pid == 0)
		return 0;
	l->wants_turn = false;
	if (l->plan->n_net_devices > 0) {
		r = netdev_move(l->plan->net_devices, l->plan->n_net_devices, l->pid, l->net_fd, e);
		l->net_fd = fd_close(l->net_fd);
		if (r < 0)
			return r;
	}
	r = l->turn.run(l->turn.data, l->pid, fds, e);
	if (r < 0)
		return r;
	r = channel_send_fds(l->sync_fd, PLAN_MSG_HOST_DONE, fds, PLAN_HOOK_STATES, e);
	for (size_t n = 0; n < PLAN_HOOK_STATES; n++)
		(void)fd_close(fds[n]);
	return r;
}

/* Write the offsets of clocks; from here, because a process that is not dumpable may not open its
 * own file when it is root only in its user namespace. */
static int answer_offsets(struct launch *l, struct err *e)
{
	int proc_fd, r;

	if (!l->wants_offsets || l->pid == 0)
		return 0;
	l->wants_offsets = false;
	proc_fd = proc_root(e);
	if (proc_fd < 0)
		return proc_fd;
	r = proc_write_pid(proc_fd, l->pid, "timens_offsets", l->plan->time_offsets);
	if (r < 0) {
		(void)err_sys(e, ERR_NAMESPACE, r, "write the offsets of clocks");
		return err_where(e, "linux.timeOffsets");
	}
	return say(l, PLAN_MSG_OFFSETS_SET, e);
}

/* Hand the filter's listener on. What remains is the exec, which may be up to whoever has it. */
static int answer_listener(struct launch *l, struct err *e)
{
	int r;

	if (l->filter_fd < 0 || l->pid == 0)
		return 0;
	r = l->listener.run(l->listener.data, l->pid, l->filter_fd, e);
	/* Only the agent may have it: when it ends, calls must not wait for it. */
	l->filter_fd = fd_close(l->filter_fd);
	if (r == 0)
		r = channel_set_deadline(l->sync_fd, LISTEN_AGENT_SECONDS, e);
	return r < 0 ? r : say(l, PLAN_MSG_LISTENER_SENT, e);
}

static int answer(struct launch *l, struct err *e)
{
	int r = answer_ids(l, e);

	if (r == 0)
		r = answer_offsets(l, e);
	if (r == 0)
		r = answer_listener(l, e);
	return r < 0 ? r : answer_turn(l, e);
}

/* Handle one message. Returns 0 or -errno. Each message is accepted only where the plan has a step
 * that sends it. */
static int handle(struct launch *l, struct channel_message *m, struct err *e)
{
	switch ((enum plan_message_type)m->head.type) {
	case PLAN_MSG_INIT_PID:
		if (l->bridge_fd < 0 || m->fd < 0)
			break;
		take_init(l, m);
		return answer(l, e);
	case PLAN_MSG_MAP_IDS:
		if (!l->plan->idmap.wanted)
			break;
		l->wants_ids = true;
		return answer(l, e);
	case PLAN_MSG_SET_OFFSETS:
		if (!l->plan->time_offsets)
			break;
		l->wants_offsets = true;
		return answer(l, e);
	case PLAN_MSG_HOST_TURN:
		if (!l->plan->host_turn || !l->turn.run)
			break;
		if ((l->plan->n_net_devices > 0) != (m->fd >= 0))
			break;
		l->wants_turn = true;
		l->net_fd = TAKE_FD(m->fd);
		return answer(l, e);
	case PLAN_MSG_CONSOLE:
		if (!l->plan->terminal || l->console_fd >= 0)
			break;
		l->console_fd = TAKE_FD(m->fd);
		return 0;
	case PLAN_MSG_READY:
		l->is_ready = true;
		return 0;
	case PLAN_MSG_LISTENER:
		if (!l->plan->filter.program.notify || !l->listener.run || m->fd < 0 ||
		    l->has_listener)
			break;
		l->has_listener = true;
		l->filter_fd = TAKE_FD(m->fd);
		return answer(l, e);
	case PLAN_MSG_FAILED:
		*e = m->err;
		learn_init(l);
		return e->code;
	case PLAN_MSG_NONE:
	case PLAN_MSG_SETUP:
	case PLAN_MSG_SLOTS:
	case PLAN_MSG_IDS_MAPPED:
	case PLAN_MSG_OFFSETS_SET:
	case PLAN_MSG_HOST_DONE:
	case PLAN_MSG_GO:
	case PLAN_MSG_PAGE:
	case PLAN_MSG_LISTENER_SENT:
	case PLAN_MSG_WAITING:
	case PLAN_MSG_START:
	case PLAN_MSG_MAX:
		break;
	}
	return err_set(e, ERR_INTERNAL, -EBADMSG, "init sent message %u out of turn", m->head.type);
}

/* Receive and handle one message. */
static int take_message(struct launch *l, struct err *e)
{
	struct channel_message m = {.fd = -EBADF};
	int r = channel_receive(l->sync_fd, &m, e);

	if (r == 0)
		return describe_end(l, e);
	if (r > 0)
		r = handle(l, &m, e);
	(void)fd_close(m.fd);
	if (r == -EAGAIN && e->id == ERR_TIMEOUT && *step_name(l))
		return err_wrap(e, "step '%s'", step_name(l));
	return r;
}

int launch_await_init(struct launch *l, struct err *e)
{
	int r = 0;

	while (l->pid == 0 && r == 0)
		r = take_message(l, e);
	return r;
}

int launch_await_ready(struct launch *l, struct err *e)
{
	int r = 0;

	trace_mark(l->trace, "wait until init is ready");
	while ((!l->is_ready || l->pid == 0) && r == 0)
		r = take_message(l, e);
	return r < 0 ? r : schedule_apply(&l->plan->schedule, l->pid, true, e);
}

int launch_go(struct launch *l, struct err *e)
{
	return say(l, PLAN_MSG_GO, e);
}

int launch_go_ahead(struct launch *l, struct err *e)
{
	/* Messages are taken in order: init asks for its ids first. */
	l->go_follows = l->plan->idmap.wanted && !l->has_ids;
	return l->go_follows ? 0 : launch_go(l, e);
}

/* Is the process still init? It is the program from the moment at which the kernel gives it the
 * program's name, shortly after it closed the channel. */
static bool is_init(const struct launch *l)
{
	struct err ignored;
	int proc_fd = proc_root(&ignored);
	struct proc_identity id;

	return proc_fd >= 0 && proc_identify(proc_fd, l->pid, &id) == 0 &&
	       str_eq(id.name, PLAN_INIT_NAME);
}

/* The channel is closed: by the exec, or by a death in front of it? Exactly one of them shows soon.
 */
static int await_program(struct launch *l, struct err *e)
{
	const struct plan_block *k = l->plan->block;

	if (l->page->failed)
		return channel_page_error(l->page, e);
	if (l->page->step < k->steps.n)
		return describe_end(l, e);
	for (unsigned ms = 0; is_init(l); ms++) {
		if (sys_await_end(l->pidfd, 1) == 0)
			return is_init(l) ? describe_end(l, e) : 0;
		if (ms == END_MS)
			return err_set(e, ERR_INIT_DIED, -EIO, CLOSED_ALIVE);
	}
	return 0;
}

/* The listener is the only thing that init says between GO and its end. */
static int receive_last(struct launch *l, struct channel_message *m, struct err *e)
{
	int r;

	for (;;) {
		r = channel_receive(l->sync_fd, m, e);
		if (r <= 0 || m->head.type != PLAN_MSG_LISTENER)
			break;
		r = handle(l, m, e);
		m->fd = fd_close(m->fd);
		if (r < 0)
			break;
	}
	if (r == -EAGAIN && l->has_listener)
		(void)err_hint(e, "the seccomp agent may not have answered for the exec");
	return r;
}

int launch_await_release(struct launch *l, struct err *e)
{
	struct channel_message m = {.fd = -EBADF};
	int r;

	trace_mark(l->trace, "wait until init has done its last step");
	r = receive_last(l, &m, e);
	trace_end_inside(l->trace);
	trace_mark(l->trace, "finish");
	if (r < 0)
		return r;
	if (r == 0)
		return l->plan->purpose == PURPOSE_CREATE ? describe_end(l, e)
							  : await_program(l, e);
	if (m.head.type == PLAN_MSG_WAITING && l->plan->purpose == PURPOSE_CREATE) {
		(void)fd_close(m.fd);
		return 0;
	}
	r = handle(l, &m, e);
	(void)fd_close(m.fd);
	return r < 0 ? r : err_set(e, ERR_INTERNAL, -EBADMSG, "init spoke out of turn");
}

/* --- the end -----------------------------------------------------------------------------------
 */

static void kill_and_reap(int fd)
{
	siginfo_t info;

	if (fd < 0)
		return;
	(void)sys_pidfd_send_signal(fd, SIGKILL);
	(void)sys_wait_pidfd(fd, &info, WEXITED);
}

/* The bridge may have made its child, and said so, while we were looking elsewhere. */
static void find_orphan(struct launch *l)
{
	struct channel_message m = {.fd = -EBADF};
	struct err ignored;

	/* Nobody else speaks any more that we would have to wait for. */
	while (l->pidfd < 0 && channel_set_deadline(l->sync_fd, 1, &ignored) == 0 &&
	       channel_receive(l->sync_fd, &m, &ignored) > 0) {
		if (m.head.type == PLAN_MSG_INIT_PID)
			l->pidfd = TAKE_FD(m.fd);
		m.fd = fd_close(m.fd);
	}
}

void launch_kill(struct launch *l)
{
	/* The bridge first: it may be about to make a child. One that is not reaped would keep the
	 * whole pid namespace that it entered from ending, until whoever inherits it cares. */
	if (l->bridge_fd >= 0) {
		kill_and_reap(l->bridge_fd);
		find_orphan(l);
	}
	kill_and_reap(l->pidfd);
}

/* The times that init has left in the step page. */
static void collect_steps(const struct launch *l)
{
	const struct plan_block *k = l->plan->block;
	const struct plan_step *steps =
		(const struct plan_step *)(const void *)((const char *)k + k->steps.offset);
	uint32_t n = MIN(l->page->step, (uint32_t)PLAN_TRACED_MAX);

	for (uint32_t i = 0; i < MIN(n, k->steps.n); i++)
		trace_mark_inside(l->trace, print_op_name((enum plan_op)steps[i].op),
				  steps[i].origin ? (const char *)k + steps[i].origin : "",
				  l->page->begun[i]);
}

void launch_close(struct launch *l)
{
	l->sync_fd = fd_close(l->sync_fd);
	l->pidfd = fd_close(l->pidfd);
	l->bridge_fd = fd_close(l->bridge_fd);
	l->console_fd = fd_close(l->console_fd);
	l->net_fd = fd_close(l->net_fd);
	l->notify_fd = fd_close(l->notify_fd);
	l->filter_fd = fd_close(l->filter_fd);
	if (l->page && l->trace)
		collect_steps(l);
	if (l->page)
		(void)sys_munmap((void *)(uintptr_t)l->page, PLAN_PAGE_SIZE);
	l->page = NULL;
}

int launch_reap(struct launch *l, struct err *e)
{
	siginfo_t info = {0};
	int r = sys_wait_pidfd(l->pidfd, &info, WEXITED);

	if (r < 0)
		return err_sys(e, ERR_INTERNAL, r, "wait for the process");
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}
