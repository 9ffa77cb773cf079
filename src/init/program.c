/* The last steps: find the program, report, wait, become it. */
#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "init/init.h"

#include <linux/prctl.h>

/* May @path be executed by us? 0 or what execve would answer. */
static int executable(const char *path)
{
	struct sys_statx stx;
	int r = sys_statx(AT_FDCWD, path, 0, SYS_STATX_BASIC, &stx);

	if (r < 0)
		return r;
	if (S_ISDIR(stx.stx_mode))
		return -EISDIR;
	if (!S_ISREG(stx.stx_mode))
		return -EACCES;
	return sys_faccessat(AT_FDCWD, path, 1 /* X_OK */);
}

int step_PROGRAM(struct init *i, const struct plan_program *o, struct err *e)
{
	const plan_str *candidates = init_array(i, o->candidates, sizeof(*candidates));
	const char *name = init_string(i, o->name);
	bool search = !strchr(name, '/');
	int found = -ENOENT;

	for (uint32_t n = 0; n < o->candidates.n; n++) {
		const char *path = init_string(i, candidates[n]);
		int r = executable(path);

		if (r == 0) {
			i->program = path;
			return 0;
		}
		/* As execvp: one that may not be executed is told, unless a later one may be. */
		if (!search || (r != -ENOENT && r != -ENOTDIR && r != -EISDIR))
			found = r;
	}
	if (search && found == -ENOENT)
		return err_set(e, ERR_EXEC_MISSING, found,
			       "exec: \"%s\": executable file not found in $PATH", name);
	/* Engines tell exit codes apart by the last words: 126 is permission denied. */
	return err_sys(e, found == -ENOENT ? ERR_EXEC_MISSING : ERR_EXEC_FAILED,
		       found == -EISDIR ? -EACCES : found, "exec: \"%s\"%s", name,
		       found == -EISDIR ? ": is a directory" : "");
}

/* Without CLOSE_RANGE_CLOEXEC (5.11) everything but what we still need is closed at once. */
static int close_others(const struct init *i, const struct plan_descriptors *o)
{
	const int keep[] = {
		i->sync_fd,
		init_slot(i, o->listener),
		init_slot(i, o->output),
		init_slot(i, o->errors),
		i->plan_fd,
		i->state_fds[PLAN_HOOK_CREATED],
	};
	int r = 0;

	for (unsigned first = 3 + o->keep; r == 0;) {
		unsigned next = ~0U;

		for (size_t n = 0; n < ARRAY_SIZE(keep); n++)
			if (keep[n] >= 0 && (unsigned)keep[n] >= first)
				next = MIN(next, (unsigned)keep[n]);
		if (next > first)
			r = sys_close_range(first, next == ~0U ? next : next - 1, 0);
		if (next == ~0U)
			break;
		first = next + 1;
	}
	return r;
}

int step_DESCRIPTORS(struct init *i, const struct plan_descriptors *o, struct err *e)
{
	int r;

	/* Whoever may trace an exec is shown nothing that it does not need: only START hands the
	 * plan's memfd on. */
	if (o->listener == PLAN_NO_SLOT)
		i->plan_fd = fd_close(i->plan_fd);
	r = sys_close_range(3 + o->keep, ~0U, CLOSE_RANGE_CLOEXEC);

	if (r == -EINVAL || r == -ENOSYS)
		r = close_others(i, o);
	return r < 0 ? err_sys(e, ERR_PROCESS, r, "close descriptors on exec") : 0;
}

int step_READY(struct init *i, const struct plan_none *o, struct err *e)
{
	int r = sync_send(i, i->sync_fd, PLAN_MSG_READY, 0, -EBADF, e);

	(void)o;
	if (r == 0)
		r = sync_expect(i, PLAN_MSG_GO, e);
	if (r < 0)
		return r;
	/* From here on we belong to the engine, not to the process that made us. */
	r = sys_prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
	return r < 0 ? err_sys(e, ERR_INTERNAL, r, "drop the death signal") : 0;
}

int step_LEAVE(struct init *i, const struct plan_none *o, struct err *e)
{
	int r = sync_send(i, i->sync_fd, PLAN_MSG_READY, 0, -EBADF, e);

	(void)o;
	if (r == 0)
		sys_exit(0);
	return r;
}

/* Returns true when the start command has spoken on @fd. A connection that ends without a word is
 * somebody asking whether we still wait. */
static bool started(int fd)
{
	struct plan_message m;
	ssize_t n;

	do
		n = sys_read(fd, &m, sizeof(m));
	while (n == -EINTR);
	return n == sizeof(m) && m.type == PLAN_MSG_START;
}

int step_START(struct init *i, const struct plan_start *o, struct err *e)
{
	int listener = init_slot(i, o->slot);

	int r = sync_send(i, i->sync_fd, PLAN_MSG_WAITING, 0, -EBADF, e);

	/* The host half waited for this: now that the death signal is off, it may end. */
	if (r < 0)
		return r;
	(void)sys_close(i->sync_fd);
	i->report_fd = -EBADF;
	for (;;) {
		int fd = sys_accept4(listener, SOCK_CLOEXEC);

		if (fd == -EINTR || fd == -ECONNABORTED)
			continue;
		if (fd < 0)
			return err_sys(e, ERR_INTERNAL, fd, "wait for start");
		if (started(fd)) {
			i->sync_fd = i->report_fd = fd;
			(void)sys_close(listener);
			return o->page ? sync_send(i, fd, PLAN_MSG_PAGE, 0, i->plan_fd, e) : 0;
		}
		(void)sys_close(fd);
	}
}

int step_EXEC(struct init *i, const struct plan_none *o, struct err *e)
{
	const void *argv = init_array(i, i->block->argv, sizeof(uint64_t));
	const void *envp = init_array(i, i->block->envp, sizeof(uint64_t));
	/* Not execveat(2): profiles that name the calls they allow may know this one only. */
	int r = sys_execve(i->program, (char *const *)argv, (char *const *)envp);

	(void)o;
	return err_sys(e, r == -ENOENT ? ERR_EXEC_MISSING : ERR_EXEC_FAILED, r, "exec: \"%s\"",
		       i->program);
}
