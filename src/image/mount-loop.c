/* Loop devices, for kernels whose EROFS wants a block device (before 6.12). */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/mount.h"

#define TRIES 64

/* Try to take the free device number @nr. Returns its descriptor. */
static int attach(int fd, int nr, char path[static LOOP_PATH_MAX])
{
	struct loop_config config = {
		.fd = (uint32_t)fd,
		.block_size = 4096,
		.info = {.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO},
	};
	_cleanup_close_ int loop = -EBADF;
	int r;

	(void)str_format(path, LOOP_PATH_MAX, "/dev/loop%d", nr);
	loop = sys_openat(AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
	if (loop < 0)
		return loop;
	r = sys_ioctl(loop, LOOP_CONFIGURE, &config);
	if (r == -EINVAL) {
		/* The filesystem below cannot do direct I/O, or not in such blocks. */
		config.info.lo_flags &= ~(uint32_t)LO_FLAGS_DIRECT_IO;
		config.block_size = 0;
		r = sys_ioctl(loop, LOOP_CONFIGURE, &config);
	}
	return r < 0 ? r : TAKE_FD(loop);
}

int loop_attach(int fd, char path[static LOOP_PATH_MAX], struct err *e)
{
	_cleanup_close_ int control =
		sys_openat(AT_FDCWD, "/dev/loop-control", O_RDWR | O_CLOEXEC, 0);
	int loop = -EBUSY;

	if (control < 0)
		return err_sys(e, ERR_KERNEL, control,
			       "EROFS needs a loop device here: open /dev/loop-control");
	/* Between asking for a free one and taking it, somebody else may take it. */
	for (unsigned i = 0; i < TRIES && loop == -EBUSY; i++) {
		int nr = sys_ioctl(control, LOOP_CTL_GET_FREE, NULL);

		if (nr < 0)
			return err_sys(e, ERR_KERNEL, nr, "find a free loop device");
		loop = attach(fd, nr, path);
	}
	if (loop < 0)
		return err_sys(e, ERR_KERNEL, loop, "set up a loop device");
	return loop;
}
