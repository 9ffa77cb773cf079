/* Taking requests, giving each to a handler, sending the answers. A handler is a process that
 * serves one request: if it dies, or is not done in time, the call fails. */
#include "notify/worker.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "notify/audit.h"
#include "notify/calls.h"
#include "notify/plugin.h"
#include "notify/state.h"

#define NS_PER_MS     1000000ULL
#define NS_PER_SECOND 1000000000ULL

struct handler_process {
	pid_t pid;
	int pidfd; /* -EBADF: none; the slot may be the plugins' */
};

struct worker {
	const struct worker_task *task;
	struct board *board;
	struct container_state state;
	const struct profile *profile;
	struct calls calls;
	struct audit audit;
	struct seccomp_notif_sizes sizes;
	struct plugin_host plugins;
	struct handler_process handlers[BOARD_SLOTS];
	int init_pidfd;         /* the container's first process */
	uint64_t second, taken; /* requests taken in this second */
};

static const handler_fn handler_fns[HANDLERS] = {
	[HANDLER_MKNOD] = handle_mknod, [HANDLER_MOUNT] = handle_mount,
	[HANDLER_CHOWN] = handle_chown, [HANDLER_SETID] = handle_setid,
	[HANDLER_XATTR] = handle_xattr, [HANDLER_SYSINFO] = handle_sysinfo,
};

/* --- answering ------------------------------------------------------------------------------- */

/* Send the answer of @s. Returns 0, or -ENOENT if nobody waits any more. */
static int send_answer(const struct worker *w, const struct slot *s)
{
	struct {
		struct seccomp_notif_resp resp;
		char more[64]; /* for later kernels */
	} m;

	memset(&m, 0, sizeof(m));
	m.resp.id = s->request.id;
	switch ((enum answer_kind)s->answer.kind) {
	case ANSWER_CONTINUE:
		m.resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		break;
	case ANSWER_VALUE:
		m.resp.val = s->answer.value;
		break;
	case ANSWER_NONE:
	case ANSWER_ERROR:
		/* Without an error it would be a success. */
		m.resp.error = s->answer.code < 0 ? s->answer.code : -EPERM;
		break;
	}
	return sys_ioctl(w->task->listener_fd, SECCOMP_IOCTL_NOTIF_SEND, &m.resp);
}

static void count(struct board *b, const struct slot *s, const char *outcome)
{
	if (outcome)
		return;
	if (s->answer.kind == ANSWER_CONTINUE)
		b->continued++;
	else if (s->answer.kind == ANSWER_VALUE)
		b->helped++;
	else
		b->refused++;
}

/* Answer slot @i and free it. @outcome is for the log. */
static void finish(struct worker *w, size_t i, const char *outcome)
{
	struct slot *s = &w->board->slots[i];
	const struct seccomp_data *d = &s->request.data;
	unsigned who = calls_who(&w->calls, d->arch, d->nr);

	if (send_answer(w, s) == -ENOENT) {
		w->board->gone++;
		outcome = outcome ? outcome : "gone";
	}
	count(w->board, s, outcome);
	audit_request(&w->audit, s, calls_name(&w->calls, d->arch, d->nr), calls_who_name(who),
		      outcome, sys_now_ns());
	s->taken = false;
}

static void refuse(struct worker *w, size_t i, const char *outcome)
{
	w->board->slots[i].answer = (struct answer){.kind = ANSWER_ERROR, .code = -EPERM};
	finish(w, i, outcome);
}

/* What neither a handler nor a plugin answers. */
static void answer_by_profile(struct worker *w, size_t i, unsigned who)
{
	struct answer *a = &w->board->slots[i].answer;

	if (who == CALL_AUDIT)
		*a = (struct answer){.kind = ANSWER_CONTINUE};
	else
		*a = (struct answer){.kind = ANSWER_ERROR, .code = w->profile->unhandled};
	finish(w, i, NULL);
}

/* --- handlers -------------------------------------------------------------------------------- */

/* The user namespace of the container's first process, 0 if it has gone before somebody looked. In
 * the handler's process, which leaves it for the next. */
static uint64_t find_userns(const struct worker *w)
{
	_cleanup_close_ int fd = -EBADF;
	char path[32];
	struct stat st;

	if (w->board->userns)
		return w->board->userns;
	(void)str_format(path, sizeof(path), "%d/ns/user", (int)w->state.init_pid);
	fd = sys_openat(w->task->proc_fd, path, O_RDONLY | O_CLOEXEC, 0);
	/* Still alive, so that the number has not become another's. */
	if (fd >= 0 && sys_fstat(fd, &st) == 0 && sys_pidfd_send_signal(w->init_pidfd, 0) == 0)
		w->board->userns = st.st_ino;
	return w->board->userns;
}

/* A runtime may become its user under the filter, and does not let itself be looked at meanwhile.
 * What it asks for stands in the call, and the kernel gives it nothing that it would not have had.
 */
static bool is_decided_by_kernel(int r, unsigned who)
{
	return who == HANDLER_SETID && (r == -EACCES || r == -EPERM);
}

/* In the handler's process. */
static int handle(const struct worker *w, struct slot *s, unsigned who)
{
	const int shared = MAP_SHARED | MAP_ANONYMOUS;
	struct scratch *scratch =
		sys_mmap(NULL, sizeof(*scratch), PROT_READ | PROT_WRITE, shared, -1, 0);
	struct ask q = {
		.profile = w->profile,
		.request = &s->request,
		.call = calls_name(&w->calls, s->request.data.arch, s->request.data.nr),
		.proc_fd = w->task->proc_fd,
		.listener_fd = w->task->listener_fd,
		.mounts = w->board->mounts,
		.s = scratch,
		.answer = &s->answer,
	};
	int r;

	if (sys_mmap_failed(scratch))
		return 1;
	/* Whoever is in the namespaces that we enter must not trace us. */
	r = sys_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (r == 0)
		r = target_open(&q.target, q.proc_fd, q.listener_fd, s->request.id,
				(pid_t)s->request.pid);
	if (is_decided_by_kernel(r, who)) {
		answer_continue(&q, "it cannot be looked at");
		return 0;
	}
	if (r < 0) {
		answer_error(&q, -EPERM, r == -ESRCH ? "it is gone" : "it cannot be looked at");
		return 0;
	}
	scratch->proc_fd = q.proc_fd;
	scratch->root_fd = q.target.root_fd;
	scratch->cwd_fd = q.target.cwd_fd;
	q.container_userns = find_userns(w);
	handler_fns[who](&q);
	return 0;
}

static void start_handler(struct worker *w, size_t i, unsigned who)
{
	struct handler_process *h = &w->handlers[i];
	pid_t us = sys_getpid();

	h->pid = fork();
	if (h->pid == 0) {
		if (sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || sys_getppid() != us)
			_exit(1);
		_exit(handle(w, &w->board->slots[i], who));
	}
	h->pidfd = h->pid < 0 ? -EBADF : sys_pidfd_open(h->pid, 0);
	if (h->pidfd >= 0)
		return;
	if (h->pid > 0) {
		(void)sys_kill(h->pid, SIGKILL);
		(void)SYS4(wait4, h->pid, 0, 0, 0);
	}
	w->board->crashed++;
	refuse(w, i, "crashed");
}

/* The handler of slot @i has ended, or must: @late. */
static void end_handler(struct worker *w, size_t i, bool late)
{
	struct handler_process *h = &w->handlers[i];
	struct slot *s = &w->board->slots[i];
	siginfo_t info = {0};
	bool ok;

	if (late)
		(void)sys_pidfd_send_signal(h->pidfd, SIGKILL);
	ok = sys_wait_pidfd(h->pidfd, &info, WEXITED) == 0 && info.si_code == CLD_EXITED &&
	     info.si_status == 0 && s->answer.kind != ANSWER_NONE;
	h->pidfd = fd_close(h->pidfd);
	if (ok && !late) {
		finish(w, i, NULL);
		return;
	}
	if (late)
		w->board->late++;
	else
		w->board->crashed++;
	refuse(w, i, late ? "late" : "crashed");
}

/* --- plugins --------------------------------------------------------------------------------- */

/* The plugins have ended, or must: what they were asked fails. */
static void end_plugins(struct worker *w, bool late)
{
	plugin_host_stop(&w->plugins);
	for (size_t i = 0; i < BOARD_SLOTS; i++) {
		if (!w->board->slots[i].taken || w->handlers[i].pidfd >= 0)
			continue;
		if (late)
			w->board->late++;
		else
			w->board->crashed++;
		refuse(w, i, late ? "late" : "crashed");
	}
}

static void ask_plugins(struct worker *w, size_t i)
{
	if (plugin_host_ask(&w->plugins, &w->profile->plugins, &w->state, w->task->listener_fd,
			    &w->board->slots[i].request) < 0)
		end_plugins(w, false);
}

static void take_plugin_answer(struct worker *w)
{
	struct plugin_answer a;
	int r = plugin_host_receive(&w->plugins, &a);

	if (r < 0) {
		end_plugins(w, false);
		return;
	}
	for (size_t i = 0; i < BOARD_SLOTS; i++) {
		struct slot *s = &w->board->slots[i];

		if (!s->taken || s->request.id != a.id || w->handlers[i].pidfd >= 0)
			continue;
		if (a.handled == PLUGIN_NOT_HANDLED) {
			answer_by_profile(w, i, CALL_NOBODY);
		} else if (a.handled == PLUGIN_DELAYED) {
			s->taken = false; /* it answers itself */
		} else {
			s->answer = a.answer;
			finish(w, i, NULL);
		}
		return;
	}
}

/* --- the loop -------------------------------------------------------------------------------- */

static struct slot *find_free(struct worker *w, size_t *ret)
{
	for (size_t i = 0; i < BOARD_SLOTS; i++) {
		if (!w->board->slots[i].taken) {
			*ret = i;
			return &w->board->slots[i];
		}
	}
	return NULL;
}

static void take_request(struct worker *w)
{
	struct slot *s;
	unsigned who;
	size_t i;

	s = find_free(w, &i);
	if (!s)
		return;
	memset(s, 0, sizeof(*s));
	s->taken = true;
	if (sys_ioctl(w->task->listener_fd, SECCOMP_IOCTL_NOTIF_RECV, &s->request) < 0) {
		s->taken = false; /* it was interrupted, or has died */
		return;
	}
	s->began_ns = sys_now_ns();
	s->deadline_ns = s->began_ns + w->profile->deadline_ms * NS_PER_MS;
	w->board->requests++;
	w->taken++;
	who = calls_who(&w->calls, s->request.data.arch, s->request.data.nr);
	if (who < HANDLERS)
		start_handler(w, i, who);
	else if (who == CALL_PLUGIN)
		ask_plugins(w, i);
	else
		answer_by_profile(w, i, who);
}

/* May another request be taken now? If not, *@ret_wait_ns is until when not. */
static bool may_take(struct worker *w, uint64_t at, uint64_t *ret_wait_ns)
{
	size_t i;

	if (w->second != at / NS_PER_SECOND) {
		w->second = at / NS_PER_SECOND;
		w->taken = 0;
	}
	*ret_wait_ns = UINT64_MAX;
	if (!find_free(w, &i))
		return false;
	if (w->taken < w->profile->rate)
		return true;
	*ret_wait_ns = (w->second + 1) * NS_PER_SECOND - at;
	return false;
}

/* End what has taken too long; returns how long the next may take, in milliseconds, -1: for ever.
 */
static int end_late(struct worker *w, uint64_t wait_ns)
{
	uint64_t at = sys_now_ns();

	for (size_t i = 0; i < BOARD_SLOTS; i++) {
		const struct slot *s = &w->board->slots[i];

		if (!s->taken)
			continue;
		if (s->deadline_ns > at)
			wait_ns = MIN(wait_ns, s->deadline_ns - at);
		else if (w->handlers[i].pidfd >= 0)
			end_handler(w, i, true);
		else
			end_plugins(w, true);
	}
	return wait_ns == UINT64_MAX ? -1 : (int)(wait_ns / NS_PER_MS) + 1;
}

enum {
	POLL_LISTENER = BOARD_SLOTS,
	POLL_PLUGINS,
	POLL_N
};

/* One turn; false when nobody is left under the filter. */
static bool serve_once(struct worker *w)
{
	struct sys_pollfd p[POLL_N];
	uint64_t wait_ns;
	bool takes = may_take(w, sys_now_ns(), &wait_ns);
	int timeout = end_late(w, wait_ns);

	for (size_t i = 0; i < BOARD_SLOTS; i++)
		p[i] = (struct sys_pollfd){.fd = w->handlers[i].pidfd, .events = POLLIN};
	p[POLL_LISTENER] =
		(struct sys_pollfd){.fd = w->task->listener_fd, .events = takes ? POLLIN : 0};
	p[POLL_PLUGINS] = (struct sys_pollfd){.fd = plugin_host_fd(&w->plugins), .events = POLLIN};
	if (sys_poll(p, POLL_N, timeout) < 0)
		return true;
	for (size_t i = 0; i < BOARD_SLOTS; i++)
		if (p[i].revents && w->handlers[i].pidfd == p[i].fd)
			end_handler(w, i, false);
	if (p[POLL_PLUGINS].revents && plugin_host_fd(&w->plugins) == p[POLL_PLUGINS].fd)
		take_plugin_answer(w);
	if (p[POLL_LISTENER].revents & POLLIN)
		take_request(w);
	else if (p[POLL_LISTENER].revents)
		return false;
	return true;
}

/* --- beginning and end ----------------------------------------------------------------------- */

static int read_state(struct worker *w, struct arena *a, struct err *e)
{
	char *text = arena_strndup(a, w->task->text, w->task->len);
	int r;

	if (!text)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "read what the runtime sent");
	r = container_state_parse(a, text, w->task->len, &w->state, e);
	if (r < 0)
		return r;
	w->audit.container = w->state.id;
	(void)str_copy(w->board->container, sizeof(w->board->container), w->state.id);
	w->profile = config_profile(w->task->config,
				    w->state.metadata[0] ? w->state.metadata : "default");
	if (!w->profile)
		return err_set(e, ERR_CONFIG_INVALID, -ENOENT, "there is no profile \"%.60s\"",
			       w->state.metadata[0] ? w->state.metadata : "default");
	w->audit.profile = w->profile->name;
	(void)str_copy(w->board->profile, sizeof(w->board->profile), w->profile->name);
	r = calls_init(&w->calls, w->profile);
	if (r < 0)
		return err_sys(e, ERR_KERNEL, r, "find the numbers of system calls");
	/* What it is like is not to be seen before its program runs, but that it is the same. */
	w->init_pidfd = sys_pidfd_open(w->state.init_pid, 0);
	return w->init_pidfd < 0 ? err_sys(e, ERR_NAMESPACE, w->init_pidfd, "hold process %d",
					   (int)w->state.init_pid)
				 : 0;
}

static int check_sizes(struct worker *w, struct err *e)
{
	int r = sys_seccomp(SECCOMP_GET_NOTIF_SIZES, 0, &w->sizes);

	if (r < 0)
		return err_sys(e, ERR_KERNEL, r, "ask how large requests are");
	if (w->sizes.seccomp_notif > REQUEST_BYTES ||
	    w->sizes.seccomp_notif_resp > sizeof(struct seccomp_notif_resp) + 64)
		return err_set(e, ERR_KERNEL, -EOPNOTSUPP, "requests are larger than we know");
	return 0;
}

int worker_run(const struct worker_task *task)
{
	struct worker w = {
		.task = task,
		.board = task->board,
		.audit = {.fd = task->log_fd, .container = "", .profile = ""},
		.plugins = PLUGIN_HOST_NONE,
		.init_pidfd = -EBADF,
	};
	struct arena a;
	struct err e = {0};
	int r;

	arena_init(&a, NULL, 0);
	for (size_t i = 0; i < BOARD_SLOTS; i++)
		w.handlers[i].pidfd = -EBADF;
	r = read_state(&w, &a, &e);
	if (r == 0)
		r = check_sizes(&w, &e);
	if (r < 0) {
		audit_event(&w.audit, "failed", &e, NULL);
		return WORKER_FAILED;
	}
	audit_event(&w.audit, task->resumes ? "resumed" : "attached", NULL, NULL);
	for (size_t i = 0; i < BOARD_SLOTS; i++) {
		if (w.board->slots[i].taken) {
			w.board->crashed++;
			refuse(&w, i, "crashed");
		}
	}
	while (serve_once(&w))
		;
	plugin_host_stop(&w.plugins);
	(void)fd_close(w.init_pidfd);
	audit_event(&w.audit, "detached", NULL, w.board);
	arena_done(&a);
	return WORKER_DONE;
}
