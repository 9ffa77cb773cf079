/* Descriptor ownership helpers. Runs in every process of ours. */
#include "base/fd.h"

#include "base/sys.h"

int fd_close(int fd)
{
	if (fd >= 0)
		(void)sys_close(fd);
	return -EBADF;
}
