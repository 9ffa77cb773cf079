/* Handing descriptors to engines by their sockets. Runs in the host half. */
#include "host/console.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>

#include "base/fd.h"
#include "base/socket.h"
#include "base/str.h"
#include "base/sys.h"

static int send_to(const char *path, int fd, const char *name, const char *what, struct err *e)
{
	_cleanup_close_ int socket_fd = socket_connect(path, 0);
	int r = socket_fd;

	if (r >= 0)
		r = (int)socket_send(socket_fd, name, strlen(name), &fd, 1);
	return r < 0 ? err_sys(e, ERR_CONSOLE, r, "send the %s to \"%s\"", what, path) : 0;
}

int console_send(const char *path, int master, struct err *e)
{
	return send_to(path, master, "/dev/ptmx", "terminal", e);
}

int console_send_pidfd(const char *path, int pidfd, struct err *e)
{
	return send_to(path, pidfd, "pidfd", "pidfd", e);
}

void console_copy_size(int master)
{
	uint16_t size[4]; /* struct winsize */

	if (sys_ioctl(0, TIOCGWINSZ, size) == 0)
		(void)sys_ioctl(master, TIOCSWINSZ, size);
}

void console_end_lines(int master)
{
	struct termios t;

	if (sys_ioctl(1, TCGETS, &t) == 0 || sys_ioctl(master, TCGETS, &t) < 0)
		return;
	t.c_oflag &= ~(unsigned)ONLCR;
	(void)sys_ioctl(master, TCSETS, &t);
}
