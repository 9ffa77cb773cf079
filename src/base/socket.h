/* Sockets: what is said about descriptors on them. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#define SOCKET_FDS_MAX 253 /* of one message: the kernel's SCM_MAX_FD */

/* Send one message of @len bytes at @data with copies of the @n descriptors in @fds (at most
 * SOCKET_FDS_MAX; none is sent if @n is 0, and @fds may be NULL then) to the connected socket @fd.
 * Interruptions restart it; a closed peer is -EPIPE, without a signal. Returns the bytes sent, or
 * -errno. unix(7), SCM_RIGHTS. */
ssize_t socket_send(int fd, const void *data, size_t len, const int *fds, size_t n);
