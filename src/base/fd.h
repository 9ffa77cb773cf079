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

#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int taken_ = (fd);                                                                 \
		(fd) = -EBADF;                                                                     \
		taken_;                                                                            \
	})
