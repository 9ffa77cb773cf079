/* One connection, one document, one descriptor; then the connection is closed. Host half. */
#include "seccomp/listen/handover.h"

#include "base/fd.h"
#include "base/socket.h"
#include "base/sys.h"

static int fail(const char *path, int r, struct err *e)
{
	if (r == -EAGAIN)
		(void)err_set(e, ERR_TIMEOUT, r,
			      "the seccomp agent at \"%s\" does not take the listener", path);
	else
		(void)err_sys(e, ERR_SECCOMP, r, "failed to connect with seccomp agent at \"%s\"",
			      path);
	return err_where(e, "linux.seccomp.listenerPath");
}

int listen_check_agent(const char *path, struct err *e)
{
	struct sys_statx stx;
	int r = sys_statx(AT_FDCWD, path, 0, SYS_STATX_BASIC, &stx);

	if (r == 0 && !S_ISSOCK(stx.stx_mode))
		r = -ENOTSOCK;
	return r < 0 ? fail(path, r, e) : 0;
}

/* The descriptor goes with the first bytes, whatever part of them is taken. */
static int send_all(int socket_fd, const char *text, size_t len, int fd)
{
	bool first = true;

	while (len > 0) {
		ssize_t n = socket_send(socket_fd, text, len, &fd, first);

		if (n < 0)
			return (int)n;
		text += n;
		len -= (size_t)n;
		first = false;
	}
	return 0;
}

int listen_hand_over(const char *path, const char *text, size_t len, int fd, struct err *e)
{
	_cleanup_close_ int socket_fd = socket_connect(path, LISTEN_AGENT_SECONDS);
	int r = socket_fd;

	if (r >= 0)
		r = send_all(socket_fd, text, len, fd);
	return r < 0 ? fail(path, r, e) : 0;
}
