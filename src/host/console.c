/* Handing descriptors to engines by their sockets. Runs in the host half. */
#include "host/console.h"

#include <asm/ioctls.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"

static int send_fd(int socket_fd, int fd, const char *name)
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
	struct iovec iov = {.iov_base = (void *)(uintptr_t)name, .iov_len = strlen(name)};
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
	return n < 0 ? (int)n : 0;
}

static int send_to(const char *path, int fd, const char *name, const char *what, struct err *e)
{
	_cleanup_close_ int socket_fd = io_connect_stream(path, 0);
	int r = socket_fd;

	if (r >= 0)
		r = send_fd(socket_fd, fd, name);
	return r < 0 ? err_sys(e, ERR_CONSOLE, r, "send the %s to \"%s\"", what, path) : 0;
}

int console_send(const char *path, int master, struct err *e)
{
	return send_to(path, master, "/dev/ptmx", "terminal", e);
}

int console_send_pidfd(const char *path, int pidfd, struct err *e)
{
	return send_to(path, pidfd, "pidfd", "pidfd", e);
}

void console_copy_size(int master)
{
	uint16_t size[4]; /* struct winsize */

	if (sys_ioctl(0, TIOCGWINSZ, size) == 0)
		(void)sys_ioctl(master, TIOCSWINSZ, size);
}
