/* Sockets. Shared by both halves: no allocation. */
#include "base/socket.h"

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>

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
