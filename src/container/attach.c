/* Pid files, terminals and pidfds for engines. Host half. */
#include "container/attach.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "host/console.h"

#define LISTEN_FDS_MAX 1024

int attach_write_pid_file(const char *path, pid_t pid, struct err *e)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char directory[PATH_SIZE] = ".", number[12];
	_cleanup_close_ int fd = -EBADF;
	size_t len;
	int r;

	if (path[0] == '\0')
		return 0;
	if (slash) {
		len = slash == path ? 1 : (size_t)(slash - path);
		if (len >= sizeof(directory))
			return err_sys(e, ERR_IO, -ENAMETOOLONG, "write pid file \"%s\"", path);
		memcpy(directory, path, len);
		directory[len] = '\0';
	}
	len = str_format(number, sizeof(number), "%d", pid);
	fd = r = sys_openat(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (r >= 0)
		r = io_write_atomic_at(fd, name, number, len, 0644);
	return r < 0 ? err_sys(e, ERR_IO, r, "write pid file \"%s\"", path) : 0;
}

int attach_hand_over(struct launch *l, const char *console_socket, const char *pidfd_socket,
		     struct err *e)
{
	int r = 0;

	if (l->console_fd >= 0 && console_socket[0] != '\0') {
		r = console_send(console_socket, l->console_fd, e);
		l->console_fd = fd_close(l->console_fd);
	} else if (l->console_fd >= 0) {
		/* The program may ask for it with its first breath. */
		console_copy_size(l->console_fd);
		console_end_lines(l->console_fd);
	}
	if (r == 0 && pidfd_socket[0] != '\0')
		r = console_send_pidfd(pidfd_socket, l->pidfd, e);
	return r;
}

int attach_check_terminal(bool terminal, const char *console_socket, bool attached, struct err *e)
{
	if (terminal && console_socket[0] == '\0' && !attached) {
		(void)err_set(e, ERR_CONSOLE, -EINVAL,
			      "a terminal needs --console-socket when nobody stays attached");
		(void)err_hint(e, "engines listen on that socket; without one use `run`, or set "
				  "process.terminal to false");
		return err_where(e, "process.terminal");
	}
	if (!terminal && console_socket[0] != '\0') {
		(void)err_set(e, ERR_CONSOLE, -EINVAL, "--console-socket without a terminal");
		(void)err_hint(e, "set process.terminal to true, or leave the option out");
		return err_where(e, "process.terminal");
	}
	return 0;
}

int attach_check_fds(unsigned preserve, struct err *e)
{
	for (unsigned n = 0; n < preserve; n++) {
		int r = sys_fcntl((int)(3 + n), F_GETFD, 0);

		/* Those of our own are closed on exec; what the caller left to us is not. */
		if (r >= 0 && !(r & FD_CLOEXEC))
			continue;
		(void)err_set(e, ERR_IO, -EBADF,
			      "descriptor %u of %u to be preserved is not open: %u", n + 1,
			      preserve, 3 + n);
		return err_hint(e, "--preserve-fds and LISTEN_FDS count from descriptor 3 on");
	}
	return 0;
}

int attach_listen_fds(unsigned preserve, unsigned *ret_n, const char **ret_names, struct err *e)
{
	const char *count = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	const char *names = getenv("LISTEN_FDNAMES");
	uint32_t n = 0, v;

	if (!count || str_to_u32(count, LISTEN_FDS_MAX, &n) < 0)
		n = 0;
	/* Inherited from a parent for whom they were meant; crun does without it, so a missing pid
	 * is no reason. */
	if (pid && (str_to_u32(pid, INT32_MAX, &v) < 0 || (pid_t)v != sys_getpid()))
		n = 0;
	*ret_n = n;
	*ret_names = n > 0 && names ? names : "";
	return attach_check_fds(n > 0 ? preserve + n : 0, e);
}

enum seal_mode attach_seal_mode(const char *word)
{
	if (word && str_eq(word, "memfd"))
		return SEAL_MEMFD;
	return word && str_eq(word, "file") ? SEAL_FILE : SEAL_AUTO;
}
