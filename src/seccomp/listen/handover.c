/* One connection, one document, one descriptor; then the connection is closed. Host half. */
#include "seccomp/listen/handover.h"

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"

static int fail(const char *path, int r, struct err *e)
{
	if (r == -EAGAIN)
		(void)err_set(e, ERR_TIMEOUT, r,
			      "the seccomp agent at \"%s\" does not take the listener", path);
	else
		(void)err_sys(e, ERR_SECCOMP, r, "hand the listener to the seccomp agent at \"%s\"",
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
static ssize_t send_first(int socket_fd, const char *text, size_t len, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {
		.header =
			{
				.cmsg_len = CMSG_LEN(sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS,
			},
	};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)text, .iov_len = len};
	struct msghdr h = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	do
		n = sys_sendmsg(socket_fd, &h, MSG_NOSIGNAL);
	while (n == -EINTR);
	return n;
}

static int send_rest(int socket_fd, const char *text, size_t len)
{
	while (len > 0) {
		struct iovec iov = {.iov_base = (void *)(uintptr_t)text, .iov_len = len};
		struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
		ssize_t n = sys_sendmsg(socket_fd, &h, MSG_NOSIGNAL);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

int listen_hand_over(const char *path, const char *text, size_t len, int fd, struct err *e)
{
	_cleanup_close_ int socket_fd = io_connect_stream(path, LISTEN_AGENT_SECONDS);
	ssize_t n = socket_fd;

	if (n >= 0)
		n = send_first(socket_fd, text, len, fd);
	if (n >= 0)
		n = send_rest(socket_fd, text + n, len - (size_t)n);
	return n < 0 ? fail(path, (int)n, e) : 0;
}
