/* Sealing. The copy is independent of the installed files: a container that gets hold of it can
 * change neither (CVE-2019-5736), and it shares no page cache with the host's binary, so that a bug
 * which writes through a read-only view of the cache does not reach it either. */
#include "host/seal.h"

#include "base/fd.h"
#include "base/io.h"
#include "base/sys.h"
#include "host/init-image.h"

static int create(void)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = sys_memfd_create("coracle-init", flags | MFD_EXEC);

	/* Before 6.3 there is no such flag, and every memfd may be executed. */
	return fd == -EINVAL ? sys_memfd_create("coracle-init", flags) : fd;
}

static int seal(int fd)
{
	long seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	int r = sys_fcntl(fd, F_ADD_SEALS, seals | F_SEAL_EXEC);

	return r == -EINVAL ? sys_fcntl(fd, F_ADD_SEALS, seals) : r;
}

int seal_init_image(enum seal_mode mode, struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (mode == SEAL_FILE)
		return err_set(e, ERR_UNSUPPORTED, -EOPNOTSUPP, "--init=file: not implemented yet");
	fd = create();
	if (fd < 0) {
		(void)err_sys(e, ERR_SEAL, fd, "make a memfd for init");
		if (fd == -EACCES)
			(void)err_hint(e, "the kernel refuses executable memfds: see the sysctl "
					  "vm.memfd_noexec");
		return fd;
	}
	r = io_write_all(fd, coracle_init_image_start, coracle_init_image_size);
	if (r == 0)
		r = seal(fd);
	return r < 0 ? err_sys(e, ERR_SEAL, r, "seal init's image") : TAKE_FD(fd);
}
