/* Steps for a terminal: opened in the container's own devpts, its master handed to the host half.
 */
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "init/init.h"

#include <asm/ioctls.h>

struct window_size {
	uint16_t rows, columns, x, y;
};

/* An image could put anything at that path, and only to open a device can do something: the
 * directory must be the kernel's, where nobody makes a name, and what is opened must be in it. */
static int open_multiplexer(struct init *i, const struct plan_console *o, struct err *e)
{
	const char *directory = init_string(i, o->directory);
	_cleanup_close_ int at = path_open_in_root(i->root_fd, directory, O_PATH | O_DIRECTORY, 0);
	struct sys_statfs fs = {0};
	int fd = at;

	if (fd >= 0)
		fd = sys_fstatfs(at, &fs);
	if (fd == 0)
		fd = fs.f_type != DEVPTS_SUPER_MAGIC_
			     ? -ENOTTY
			     : path_open_in_root(at, init_string(i, o->ptmx), O_RDWR | O_NOCTTY,
						 RESOLVE_NO_XDEV);
	if (fd < 0) {
		(void)err_sys(e, ERR_CONSOLE, fd, "open the terminal multiplexer in \"%s\"",
			      directory);
		return err_hint(e, "a terminal needs a devpts mount");
	}
	return fd;
}

static int open_terminal(int master, const struct plan_console *o, struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	struct window_size size = {
		.rows = (uint16_t)o->height,
		.columns = (uint16_t)o->width,
	};
	int unlock = 0, r;

	r = sys_ioctl(master, TIOCSPTLCK, &unlock);
	/* By descriptor: a path to the terminal could be exchanged under us (CVE-2025-52565). */
	if (r == 0)
		r = fd = sys_ioctl(master, TIOCGPTPEER,
				   (void *)(uintptr_t)(O_RDWR | O_NOCTTY | O_CLOEXEC));
	if (r >= 0 && (size.rows != 0 || size.columns != 0))
		r = sys_ioctl(fd, TIOCSWINSZ, &size);
	if (r >= 0 && o->uid != 0)
		r = sys_fchown(fd, o->uid, (gid_t)-1);
	if (r < 0)
		return err_sys(e, ERR_CONSOLE, r, "open the terminal");
	return TAKE_FD(fd);
}

static int bind_console(struct init *i, const char *path, struct err *e)
{
	_cleanup_close_ int target = path_make_file_in_root(i->root_fd, path, 0600);
	_cleanup_close_ int fd = -EBADF;

	if (target < 0)
		return err_sys(e, ERR_CONSOLE, target, "open \"%s\"", path);
	fd = attr_clone(i->terminal_fd, false);
	if (fd < 0)
		return err_sys(e, ERR_CONSOLE, fd, "copy the terminal's mount");
	return attr_attach(fd, target, e);
}

int step_CONSOLE(struct init *i, const struct plan_console *o, struct err *e)
{
	_cleanup_close_ int master = open_multiplexer(i, o, e);
	int r;

	if (master < 0)
		return master;
	i->terminal_fd = open_terminal(master, o, e);
	if (i->terminal_fd < 0)
		return i->terminal_fd;
	if (o->console != 0) {
		r = bind_console(i, init_string(i, o->console), e);
		if (r < 0)
			return r;
	}
	return sync_send(i, i->sync_fd, PLAN_MSG_CONSOLE, 0, master, e);
}

int step_SESSION(struct init *i, const struct plan_session *o, struct err *e)
{
	int r = sys_setsid();

	/* EPERM: already the leader, as pid 1 of a new pid namespace may be. */
	if (r < 0 && r != -EPERM)
		return err_sys(e, ERR_PROCESS, r, "start a session");
	if (!o->terminal)
		return 0;
	r = sys_ioctl(i->terminal_fd, TIOCSCTTY, NULL);
	for (int fd = 0; fd <= 2 && r >= 0; fd++)
		r = sys_dup3(i->terminal_fd, fd, 0);
	return r < 0 ? err_sys(e, ERR_CONSOLE, r, "take the terminal") : 0;
}
