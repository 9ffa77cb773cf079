/* Handing descriptors to engines by their sockets. Runs in the host half. */
#include "host/console.h"

#include <asm/ioctls.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/socket.h"
#include "base/str.h"
#include "base/sys.h"

static int connect_stream(const char *path)
{
	_cleanup_close_ int dir = -EBADF, fd = -EBADF;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int r;

	/* Engines' paths may be longer than an address (108 bytes): then by descriptor. */
	if (str_copy(addr.sun_path, sizeof(addr.sun_path), path) >= sizeof(addr.sun_path)) {
		dir = sys_openat(AT_FDCWD, path, O_PATH | O_CLOEXEC, 0);
		if (dir < 0)
			return dir;
		(void)str_format(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d", dir);
	}
	fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	r = sys_connect(fd, &addr, sizeof(addr));
	return r < 0 ? r : TAKE_FD(fd);
}

static int send_to(const char *path, int fd, const char *name, const char *what, struct err *e)
{
	_cleanup_close_ int socket_fd = connect_stream(path);
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
