/* Helper programs. Runs in the host half; a child is always reaped before we return. */
#include "host/spawn.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define POLLIN_      1

struct child {
	const char *program;
	const char *const *argv;
	int output_fd, error;
};

/* Try @program in every directory of PATH, as execvp does, without its allocation: one that may not
 * be searched or executed is only worth telling if there is no other. */
static int execute(const char *program, const char *const *argv)
{
	const char *path = getenv("PATH");
	int r, found = -ENOENT;
	char candidate[4096];

	if (!path || *path == '\0')
		path = DEFAULT_PATH;
	for (const char *p = path;; p++) {
		size_t n = strcspn(p, ":");

		/* Relative directories of the caller's PATH are not ours to trust. */
		if (n > 0 && *p == '/' &&
		    str_format(candidate, sizeof(candidate), "%.*s/%s", (int)n, p, program) <
			    sizeof(candidate)) {
			r = sys_execveat(AT_FDCWD, candidate, (char *const *)(uintptr_t)argv,
					 environ, 0);
			if (r != -ENOENT && r != -ENOTDIR)
				found = r;
			if (found != -ENOENT && found != -EACCES)
				return found;
		}
		p += n;
		if (*p == '\0')
			return found;
	}
}

static int child_main(void *arg)
{
	struct child *c = arg;
	int null = sys_openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
	uint64_t none = 0;

	(void)sys_sigprocmask(SIG_SETMASK, &none, NULL);
	if (null < 0 || sys_dup3(null, 0, 0) < 0 || sys_dup3(c->output_fd, 1, 0) < 0 ||
	    sys_dup3(c->output_fd, 2, 0) < 0) {
		c->error = -EIO;
		return 127;
	}
	c->error = execute(c->program, c->argv);
	return 127;
}

/* Collect output until the other end closes; only the end of it is kept. */
static int collect(int fd, uint64_t deadline, struct spawn_result *ret)
{
	size_t have = 0;

	for (;;) {
		struct sys_pollfd p = {.fd = fd, .events = POLLIN_};
		uint64_t now = sys_now_ms();
		char buf[sizeof(ret->output) / 2];
		ssize_t n;
		int r = now >= deadline ? 0 : sys_poll(&p, 1, (int)(deadline - now));

		if (r == 0)
			return -ETIMEDOUT;
		n = r < 0 ? r : sys_read(fd, buf, sizeof(buf));
		if (n == -EINTR)
			continue;
		if (n <= 0)
			break;
		if (have + (size_t)n > sizeof(ret->output) - 1) {
			size_t drop = have + (size_t)n - (sizeof(ret->output) - 1);

			memmove(ret->output, ret->output + drop, have - drop);
			have -= drop;
		}
		memcpy(ret->output + have, buf, (size_t)n);
		have += (size_t)n;
	}
	while (have > 0 && ret->output[have - 1] == '\n')
		have--;
	ret->output[have] = '\0';
	for (char *p = ret->output; *p != '\0'; p++)
		if (*p == '\n')
			*p = ' ';
	return 0;
}

int spawn_wait(const char *program, const char *const *argv, unsigned seconds,
	       struct spawn_result *ret, struct err *e)
{
	_Alignas(16) static char stack[16384];
	_cleanup_close_ int pidfd = -EBADF, out = -EBADF, in = -EBADF;
	struct child c = {.program = program, .argv = argv};
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	siginfo_t info = {0};
	int fds[2], r = sys_pipe2(fds, O_CLOEXEC);
	pid_t pid;

	if (r < 0)
		return err_sys(e, ERR_INTERNAL, r, "make a pipe for %s", program);
	out = fds[0];
	in = c.output_fd = fds[1];
	*ret = (struct spawn_result){0};
	pid = sys_clone3_vfork(&args, stack, sizeof(stack), child_main, &c);
	if (pid < 0) {
		pidfd = -EBADF;
		return err_sys(e, ERR_INTERNAL, pid, "start %s", program);
	}
	in = fd_close(in);
	r = c.error < 0 ? c.error : collect(out, sys_now_ms() + seconds * 1000ULL, ret);
	if (r < 0)
		(void)sys_pidfd_send_signal(pidfd, SIGKILL);
	(void)sys_wait_pidfd(pidfd, &info, WEXITED);
	ret->status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
	if (r == -ETIMEDOUT)
		return err_set(e, ERR_TIMEOUT, r, "%s did not end within %u seconds", program,
			       seconds);
	return r < 0 ? err_sys(e, ERR_EXEC_FAILED, r, "execute %s", program) : 0;
}
