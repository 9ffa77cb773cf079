/* Sockets. Shared by both halves: no allocation. */
#include "base/socket.h"

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"

ssize_t socket_send(int fd, const void *data, size_t len, const int *fds, size_t n)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * SOCKET_FDS_MAX)];
	} control;
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t r;

	if (n > 0) {
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		memset(&control, 0, h.msg_controllen);
		control.header.cmsg_len = CMSG_LEN(sizeof(int) * n);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n);
	}
	do
		r = sys_sendmsg(fd, &h, MSG_NOSIGNAL);
	while (r == -EINTR);
	return r;
}

ssize_t socket_receive(int fd, struct iovec *iov, size_t n_iov, int flags, int *ret_fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr h = {
		.msg_iov = iov,
		.msg_iovlen = n_iov,
		.msg_control = &control,
		.msg_controllen = CMSG_LEN(sizeof(int)), /* with its padding a second would fit */
	};
	ssize_t n = sys_recvmsg(fd, &h, flags | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&h) : NULL;

	*ret_fd = -EBADF;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(c), sizeof(*ret_fd));
	return n;
}

int socket_connect(const char *path, unsigned seconds)
{
	_cleanup_close_ int place = -EBADF, fd = -EBADF;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval deadline = {.tv_sec = seconds};
	int r;

	/* Engines' paths may be longer than an address (108 bytes): then by descriptor. */
	if (str_copy(addr.sun_path, sizeof(addr.sun_path), path) >= sizeof(addr.sun_path)) {
		place = sys_openat(AT_FDCWD, path, O_PATH | O_CLOEXEC, 0);
		if (place < 0)
			return place;
		(void)str_format(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d", place);
	}
	fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	r = seconds == 0 ? 0
			 : (int)SYS5(setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, &deadline,
				     sizeof(deadline));
	if (r == 0)
		r = sys_connect(fd, &addr, sizeof(addr));
	return r < 0 ? r : TAKE_FD(fd);
}
