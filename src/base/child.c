/* Children. Runs in the host half, and in init inside the container's namespaces: what the child
 * writes is not trusted. The child shares our memory until it executes, so it touches little. */
#include "base/child.h"

#include <linux/prctl.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"

#define STACK_SIZE 16384

struct running {
	const struct child *c;
	int out_fd, err_fd;
	int error; /* written by the child */
};

static int execute(const struct child *c, const char *path)
{
	return sys_execveat(AT_FDCWD, path, (char *const *)(uintptr_t)c->argv,
			    (char *const *)(uintptr_t)c->envp, 0);
}

/* Try every directory of the search path, as execvp does, without its allocation. */
static int search(const struct child *c)
{
	char candidate[4096];
	int r = -ENOENT, found = -ENOENT;

	for (const char *p = c->search; r == -ENOENT || r == -ENOTDIR || r == -EACCES; p++) {
		size_t n = strcspn(p, ":");

		/* Relative directories of the caller's PATH are not ours to trust. */
		if (n > 0 && *p == '/' &&
		    str_format(candidate, sizeof(candidate), "%.*s/%s", (int)n, p, c->path) <
			    sizeof(candidate))
			r = execute(c, candidate);
		/* A directory that we may not search is none, as for execvp. */
		if (r == -EACCES)
			found = r;
		p += n;
		if (*p == '\0')
			break;
	}
	return r == -ENOENT || r == -ENOTDIR ? found : r;
}

static int prepare(const struct running *x)
{
	const struct child *c = x->c;
	uint64_t none = 0;
	int r = 0;

	if (c->dies_with_us)
		r = sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (r >= 0)
		r = sys_setpgid(0, 0);
	if (r >= 0)
		r = sys_sigprocmask(SIG_SETMASK, &none, NULL);
	if (r >= 0 && c->cwd_fd >= 0)
		r = sys_fchdir(c->cwd_fd);
	else if (r >= 0 && c->cwd[0] != '\0')
		r = sys_chdir(c->cwd);
	/* The sources are all above 2: we have standard descriptors ourselves. */
	if (r >= 0)
		r = sys_dup3(c->in_fd, 0, 0);
	if (r >= 0)
		r = sys_dup3(x->out_fd, 1, 0);
	if (r >= 0)
		r = sys_dup3(x->err_fd, 2, 0);
	return r < 0 ? r : sys_close_range(3, ~0U, 0);
}

static int child_main(void *arg)
{
	struct running *x = arg;
	int r = prepare(x);

	if (r == 0)
		r = x->c->search ? search(x->c) : execute(x->c, x->c->path);
	x->error = r;
	return 127;
}

/* The end of the file @fd as one printable line. */
static void read_tail(int fd, char buf[static CHILD_OUTPUT_SIZE])
{
	struct stat st = {0};
	size_t from = 0, to = 0;
	ssize_t n;

	buf[0] = '\0';
	if (fd < 0 || sys_fstat(fd, &st) < 0)
		return;
	if (st.st_size > CHILD_OUTPUT_SIZE - 1)
		from = (size_t)st.st_size - (CHILD_OUTPUT_SIZE - 1);
	n = sys_pread(fd, buf, CHILD_OUTPUT_SIZE - 1, from);
	while (n > 0 && (unsigned char)buf[n - 1] <= ' ')
		n--;
	for (ssize_t k = 0; k < n; k++) {
		bool blank = (unsigned char)buf[k] <= ' ' || buf[k] == 0x7f;

		/* Control characters have no business on somebody's terminal. */
		if (!blank || (to > 0 && buf[to - 1] != ' '))
			buf[to++] = blank ? ' ' : buf[k];
	}
	buf[to] = '\0';
}

/* End it with its group, which is nothing for one that has ended. */
static void end(struct child_process *p)
{
	(void)sys_pidfd_send_signal(p->pidfd, SIGKILL);
	(void)sys_kill(-p->pid, SIGKILL);
}

/* Take its status and what it has said. */
static void collect(struct child_process *p, struct child_result *ret)
{
	siginfo_t info = {0};

	(void)sys_wait_pidfd(p->pidfd, &info, WEXITED);
	ret->status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
	read_tail(p->output_fd, ret->output);
	p->pidfd = fd_close(p->pidfd);
	p->output_fd = fd_close(p->output_fd);
}

int child_start(const struct child *c, struct child_process *ret)
{
	_Alignas(16) static char stack[STACK_SIZE];
	_cleanup_close_ int output = -EBADF;
	int pidfd = -EBADF;
	struct running x = {.c = c};
	struct child_result ignored;
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	pid_t pid;

	/* A file, not a pipe: nobody has to read while it runs, and what it leaves running in the
	 * background may go on writing. */
	if (c->out_fd < 0 || c->err_fd < 0) {
		output = sys_memfd_create("output", MFD_CLOEXEC);
		if (output < 0)
			return output;
	}
	x.out_fd = c->out_fd < 0 ? output : c->out_fd;
	x.err_fd = c->err_fd < 0 ? output : c->err_fd;
	pid = sys_clone3_vfork(&args, stack, sizeof(stack), child_main, &x);
	if (pid < 0)
		return pid;
	*ret = (struct child_process){.pid = pid, .pidfd = pidfd, .output_fd = TAKE_FD(output)};
	if (x.error < 0) {
		end(ret);
		collect(ret, &ignored);
	}
	return x.error;
}

int child_finish(struct child_process *p, int timeout_ms, struct child_result *ret)
{
	int r = sys_await_end(p->pidfd, timeout_ms);

	if (r < 0)
		end(p);
	collect(p, ret);
	return r;
}

int child_run(const struct child *c, struct child_result *ret)
{
	struct child_process p;
	int r = child_start(c, &p);

	*ret = (struct child_result){0};
	return r < 0 ? r : child_finish(&p, c->timeout_ms, ret);
}
