/* Result files. */
#include "image/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"

int target_open(const char *path, struct target *ret, struct err *e)
{
	struct target t = {.path = path, .fd = -EBADF};
	mode_t mask;

	if (str_eq(path, "-")) {
		t.is_stdout = true;
		t.fd = STDOUT_FILENO;
		if (isatty(t.fd))
			return err_set(e, ERR_USAGE, -EINVAL,
				       "an image is no text: not written to a terminal");
		*ret = t;
		return 0;
	}
	if (str_format(t.temp, sizeof(t.temp), "%s.tmp-XXXXXX", path) >= sizeof(t.temp))
		return err_sys(e, ERR_IO, -ENAMETOOLONG, "create %s", path);
	t.fd = mkostemp(t.temp, O_CLOEXEC);
	if (t.fd < 0)
		return err_sys(e, ERR_IO, -errno, "create %s", path);
	mask = sys_umask(0);
	(void)sys_umask(mask);
	if (fchmod(t.fd, 0644 & ~mask) < 0) {
		int r = -errno;

		target_done(&t);
		return err_sys(e, ERR_IO, r, "create %s", path);
	}
	*ret = t;
	return 0;
}

/* Enable fs-verity, for which no writer may be left: the file is opened anew by its temporary name.
 */
static int seal_target(struct target *t, enum image_hash hash, struct err *e)
{
	_cleanup_close_ int fd =
		sys_openat(AT_FDCWD, t->temp, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0);
	const char *why = NULL;
	int r;

	if (fd < 0)
		return err_sys(e, ERR_IO, fd, "open %s", t->temp);
	t->fd = fd_close(t->fd);
	r = verity_enable_fd(fd, hash, &why);
	if (r < 0)
		return err_sys(e, ERR_IO, r, "enable fs-verity for %s%s%s", t->path,
			       why ? ": " : "", why ? why : "");
	return 0;
}

int target_commit(struct target *t, bool seal, enum image_hash hash, struct err *e)
{
	int r = 0;

	if (t->is_stdout)
		return 0;
	if (fsync(t->fd) < 0)
		return err_sys(e, ERR_IO, -errno, "write %s to disk", t->path);
	if (seal)
		r = seal_target(t, hash, e);
	if (r < 0)
		return r;
	if (rename(t->temp, t->path) < 0)
		return err_sys(e, ERR_IO, -errno, "create %s", t->path);
	t->temp[0] = '\0';
	t->fd = fd_close(t->fd);
	return 0;
}

void target_done(struct target *t)
{
	if (t->is_stdout)
		return;
	if (t->temp[0])
		(void)unlink(t->temp);
	t->fd = fd_close(t->fd);
}
