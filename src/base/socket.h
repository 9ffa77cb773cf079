/* Sockets: connecting to one, and passing descriptors. */
#pragma once

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/attr.h"

#define SOCKET_FDS_MAX 253 /* of one message: the kernel's SCM_MAX_FD */

/* Send one message of @len bytes at @data with copies of the @n descriptors in @fds (at most
 * SOCKET_FDS_MAX; none is sent if @n is 0, and @fds may be NULL then) to the connected socket @fd.
 * Interruptions restart it; a closed peer is -EPIPE, without a signal. Returns the bytes sent, or
 * -errno. unix(7), SCM_RIGHTS. */
ssize_t socket_send(int fd, const void *data, size_t len, const int *fds, size_t n);

/* Receive one message into @iov with at most one descriptor, *@ret_fd, which is the caller's:
 * -EBADF where none came; of several the first, the kernel closes the others. @flags are those of
 * recvmsg(2). Returns the bytes, 0 at the end, or -errno; interruptions are the caller's. */
ssize_t socket_receive(int fd, struct iovec *iov, size_t n_iov, int flags, int *ret_fd)
	_must_check_;

/* Connect to the unix stream socket at @path, which may be longer than an address. @seconds bound
 * this and every later wait to send; 0: none. Returns a descriptor or -errno, -EAGAIN for a
 * deadline that has passed. */
int socket_connect(const char *path, unsigned seconds) _must_check_;
