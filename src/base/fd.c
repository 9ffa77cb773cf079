/* Descriptor ownership helpers. Runs in every process of ours. */
#include "base/fd.h"

#include <limits.h>

#include "base/sys.h"

int fd_close(int fd)
{
	if (fd >= 0)
		(void)sys_close(fd);
	return -EBADF;
}

void fd_group_close(struct fd_group *g)
{
	int first = INT_MAX, last = -1, n = 0;

	for (size_t k = 0; k < ARRAY_SIZE(g->fds); k++) {
		if (g->fds[k] < 0)
			continue;
		first = MIN(first, g->fds[k]);
		last = MAX(last, g->fds[k]);
		n++;
	}
	if (n > 1 && last - first == n - 1 &&
	    sys_close_range((unsigned)first, (unsigned)last, 0) == 0) {
		*g = (struct fd_group)FD_GROUP_INIT;
		return;
	}
	for (size_t k = 0; k < ARRAY_SIZE(g->fds); k++)
		g->fds[k] = fd_close(g->fds[k]);
}
