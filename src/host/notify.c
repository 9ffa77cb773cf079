/* Notification of readiness. Only READY=1 goes out: the rest of the protocol (pids, descriptors,
 * watchdogs) would let a container speak for the service. Host half. */
#include "host/notify.h"

#include <stdlib.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/socket.h"
#include "base/str.h"
#include "base/sys.h"

#define BARRIER_TIMEOUT_MS 5000

bool notify_wanted(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	return path && (path[0] == '/' || path[0] == '@') && path[1] != '\0';
}

int notify_make_folder(int dir_fd, struct err *e)
{
	int r = sys_mkdirat(dir_fd, NOTIFY_FOLDER, 0755);

	/* Whatever our umask: every user inside may look for the socket. */
	if (r == 0)
		r = sys_fchmodat(dir_fd, NOTIFY_FOLDER, 0755);
	return r < 0 ? err_sys(e, ERR_STATE_DIR, r, "make the folder for notifications") : 0;
}

int notify_listen(int dir_fd, struct err *e)
{
	_cleanup_close_ int folder =
		sys_openat(dir_fd, NOTIFY_FOLDER, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	_cleanup_close_ int fd = -EBADF;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int r;

	if (folder < 0)
		return folder;
	(void)sys_unlinkat(folder, NOTIFY_SOCKET, 0);
	(void)str_format(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/%s", folder,
			 NOTIFY_SOCKET);
	fd = r = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (r >= 0)
		r = sys_bind(fd, &addr, sizeof(addr));
	if (r >= 0)
		r = sys_fchmodat(folder, NOTIFY_SOCKET, 0777);
	return r < 0 ? err_sys(e, ERR_STATE_DIR, r, "make the socket for notifications")
		     : TAKE_FD(fd);
}

/* To the service manager, with a descriptor if @with_fd >= 0. */
static int tell(const char *text, int with_fd)
{
	_cleanup_close_ int fd = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t n = path ? str_copy(addr.sun_path, sizeof(addr.sun_path), path) : 0;
	int r;

	if (fd < 0 || n == 0 || n >= sizeof(addr.sun_path))
		return -EINVAL;
	if (path[0] == '@')
		addr.sun_path[0] = '\0';
	r = sys_connect(fd, &addr, (unsigned)(offsetof(struct sockaddr_un, sun_path) + n));
	return r < 0 ? r : (int)socket_send(fd, text, strlen(text), &with_fd, with_fd >= 0);
}

/* Is there a line READY=1? */
static bool says_ready(const char *text)
{
	for (const char *line = text; *line != '\0'; line += *line == '\n') {
		size_t n = strcspn(line, "\n");

		if (n == strlen("READY=1") && str_starts(line, "READY=1"))
			return true;
		line += n;
	}
	return false;
}

bool notify_pass(int fd, pid_t main_pid)
{
	static char text[4096];
	ssize_t n = sys_read(fd, text, sizeof(text) - 1);
	char message[64] = "READY=1\n";

	if (n <= 0)
		return false;
	text[n] = '\0';
	if (!says_ready(text))
		return false;
	if (main_pid > 0)
		(void)str_format(message, sizeof(message), "MAINPID=%d\nREADY=1\n", main_pid);
	(void)tell(message, -EBADF);
	return true;
}

/* The service manager asks the kernel who sent a message, and cannot once we are gone: so we stay
 * until it has closed the descriptor of this one, which comes behind (sd_notify_barrier(3)). */
static void barrier(void)
{
	_cleanup_close_ int in = -EBADF, out = -EBADF;
	struct sys_pollfd p = {0};
	int fds[2];

	if (sys_pipe2(fds, O_CLOEXEC) < 0)
		return;
	p.fd = in = fds[0];
	out = fds[1];
	if (tell("BARRIER=1", out) < 0)
		return;
	out = fd_close(out);
	(void)sys_poll(&p, 1, BARRIER_TIMEOUT_MS);
}

void notify_await(int fd, int pidfd, pid_t main_pid)
{
	for (;;) {
		struct sys_pollfd fds[2] = {
			{.fd = fd, .events = POLLIN},
			{.fd = pidfd, .events = POLLIN},
		};
		int r = sys_poll(fds, 2, -1);

		if (r < 0 && r != -EINTR)
			return;
		if (r > 0 && fds[0].revents && notify_pass(fd, main_pid))
			break;
		if (r > 0 && fds[1].revents && !fds[0].revents)
			return;
	}
	barrier();
}

void notify_remove(int dir_fd)
{
	(void)sys_unlinkat(dir_fd, NOTIFY_FOLDER "/" NOTIFY_SOCKET, 0);
	(void)sys_unlinkat(dir_fd, NOTIFY_FOLDER, AT_REMOVEDIR);
}
