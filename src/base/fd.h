/* File descriptors: every one is born O_CLOEXEC and held by a cleanup attribute; TAKE_FD is the
 * only way to hand one over. The invalid descriptor is -EBADF. */
#pragma once

#include <errno.h>

#include "base/attr.h"

/* Close @fd if it is valid. Always returns -EBADF, to be stored back. */
int fd_close(int fd);

static inline void fd_closep(int *fd)
{
	*fd = fd_close(*fd);
}

#define _cleanup_close_ _cleanup_(fd_closep)

/* Descriptors that end with the work they were opened for. */
struct fd_group {
	int fds[3];
};

#define FD_GROUP_INIT                                                                              \
	{                                                                                          \
		{                                                                                  \
			-EBADF, -EBADF, -EBADF                                                     \
		}                                                                                  \
	}

/* Close those that are valid: in one call if their numbers follow each other, as those do that were
 * opened one after the other. */
void fd_group_close(struct fd_group *g);

#define _cleanup_fd_group_ _cleanup_(fd_group_close)

#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int taken_ = (fd);                                                                 \
		(fd) = -EBADF;                                                                     \
		taken_;                                                                            \
	})
