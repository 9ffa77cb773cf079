/* What a process in a container tries with the others: the runtime's, as long as it may. */
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

void poll_exe(bool trace)
{
	static char seen[64][512];
	unsigned long polls = 0;
	size_t n_seen = 0;
	pid_t self = getpid();
	DIR *d = opendir("/proc");

	if (!d)
		_exit(FAILED);
	while (!caught) {
		struct dirent *entry;

		rewinddir(d);
		polls++;
		while ((entry = readdir(d)) && !caught) {
			pid_t pid = atoi(entry->d_name);
			char path[64], exe[300], line[512];
			ssize_t n;
			bool sealed;
			int fd;

			if (pid <= 0 || pid == self)
				continue;
			snprintf(path, sizeof(path), "/proc/%d/exe", pid);
			n = readlink(path, exe, sizeof(exe) - 1);
			if (n < 0)
				continue;
			exe[n] = '\0';
			for (int what = 0; what < 3; what++) {
				size_t i;

				if (what == 0) {
					snprintf(line, sizeof(line), "exe %s", exe);
				} else if (what == 1) {
					fd = open(path, O_RDWR | O_CLOEXEC);
					if (fd < 0)
						continue;
					/* A process that became another program between our
					 * finding its executable and our opening that does not
					 * protect it any more; the seals do. */
					sealed = (fcntl(fd, F_GET_SEALS) & SEALS) == SEALS;
					close(fd);
					if (sealed)
						continue;
					snprintf(line, sizeof(line), "writable %s", exe);
				} else {
					/* Our own program may be traced by its user: that is
					 * the container's business. */
					if (!trace || strncmp(exe, "/memfd:", 7) != 0 ||
					    ptrace(PTRACE_SEIZE, pid, 0, 0) < 0)
						continue;
					ptrace(PTRACE_DETACH, pid, 0, 0);
					snprintf(line, sizeof(line), "traced %s", exe);
				}
				for (i = 0; i < n_seen && strcmp(seen[i], line) != 0; i++)
					;
				if (i == n_seen && n_seen < 64) {
					memcpy(seen[n_seen++], line, sizeof(line));
					dprintf(1, "%s\n", line);
				}
			}
		}
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	dprintf(1, "polls %lu\n", polls);
	closedir(d);
	caught = 0;
}

/* The first process but ourselves whose executable's name begins with @prefix; 0 if there is none.
 */
static pid_t find_peer(const char *prefix)
{
	DIR *d = opendir("/proc");
	struct dirent *entry;
	pid_t found = 0;

	if (!d)
		_exit(FAILED);
	while (found == 0 && (entry = readdir(d))) {
		pid_t pid = atoi(entry->d_name);
		char path[64], exe[300];
		ssize_t n;

		if (pid <= 0 || pid == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/%d/exe", pid);
		n = readlink(path, exe, sizeof(exe) - 1);
		if (n >= (ssize_t)strlen(prefix) && strncmp(exe, prefix, strlen(prefix)) == 0)
			found = pid;
	}
	closedir(d);
	return found;
}

/* The value of a field of /proc/PID/status. */
static void status_field(pid_t pid, const char *field, char *value, size_t size)
{
	char path[64], line[256];
	FILE *f;

	value[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, field, strlen(field)) == 0)
			snprintf(value, size, "%.60s", line + strlen(field) + 1);
	value[strcspn(value, "\n")] = '\0';
	if (f)
		fclose(f);
}

void hold_peer(void)
{
	char state[64] = "";
	pid_t pid;

	while ((pid = find_peer("/probe")) == 0 || ptrace(PTRACE_SEIZE, pid, 0, 0) < 0)
		usleep(1000);
	dprintf(1, "held\n");
	while (strchr(state, 'Z') == NULL && !caught) {
		usleep(1000);
		status_field(pid, "State:", state, sizeof(state));
	}
	dprintf(1, "ended\n");
	while (!caught)
		usleep(1000);
	caught = 0;
	waitpid(pid, NULL, __WALL);
}

static void tell(const char *what, long result)
{
	if (result < 0)
		dprintf(1, "%s %d\n", what, errno);
	else
		dprintf(1, "%s ok\n", what);
}

/* Everything that changes a file, on a descriptor that may have been opened for writing. */
static void write_to(int fd)
{
	void *p;

	tell("write", write(fd, "#", 1));
	tell("pwrite", pwrite(fd, "#", 1, 0));
	tell("truncate", ftruncate(fd, 0));
	tell("grow", ftruncate(fd, 1 << 20));
	tell("punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	tell("map", p == MAP_FAILED ? -1 : 0);
	tell("unseal", fcntl(fd, F_ADD_SEALS, 0));
}

static void open_and_write(int held)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", held);
	fd = open(path, O_RDWR | O_CLOEXEC);
	tell("open", fd);
	if (fd >= 0) {
		write_to(fd);
		close(fd);
	}
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	tell("open-truncate", fd);
	if (fd >= 0)
		close(fd);
}

void seize_exe(void)
{
	const uint64_t attr[4] = {0, 1 /* clear MOUNT_ATTR_RDONLY */};
	char path[64], exe[300];
	ssize_t n;
	pid_t pid;
	int held;

	while ((pid = find_peer("/memfd:")) == 0)
		usleep(1000);
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	held = open(path, O_PATH | O_CLOEXEC);
	if (held < 0) {
		tell("seize", held);
		return;
	}
	tell("open-at-once", open(path, O_RDWR | O_CLOEXEC));
	dprintf(1, "seized\n");
	do {
		usleep(1000);
		n = readlink(path, exe, sizeof(exe));
	} while (n > 7 && strncmp(exe, "/memfd:", 7) == 0);
	open_and_write(held);
	/* A read-only view could be made writable again by who may mount. */
	tell("mount-attributes",
	     syscall(SYS_mount_setattr, held, "", AT_EMPTY_PATH, attr, sizeof(attr)));
	open_and_write(held);
	dprintf(1, "tried\n");
}

/* A copy of the peer's descriptor that is its channel; -1 if @fd is none. */
static int take_channel(pid_t pid, int fd)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0), type = 0;
	socklen_t len = sizeof(type);

	close(pidfd);
	if (copy >= 0 && getsockopt(copy, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    type == SOCK_SEQPACKET)
		return copy;
	close(copy);
	return -1;
}

/* Does the link lead to our own root directory, and not to another one's? */
static bool is_root(const char *link)
{
	struct stat ours, theirs;

	return stat("/", &ours) == 0 && stat(link, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
	       ours.st_ino == theirs.st_ino;
}

static int list_descriptors(pid_t pid)
{
	char path[80], target[300];
	int channel = -1;

	for (int fd = 0; fd < 256; fd++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		dprintf(1, "fd %d %.*s%s\n", fd, (int)n, target, is_root(path) ? " inside" : "");
		if (channel < 0)
			channel = take_channel(pid, fd);
	}
	return channel;
}

static void send_bytes(int fd, const char *hex)
{
	char bytes[8192];
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec iov = {.iov_base = bytes};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	unsigned byte;

	for (; sscanf(hex, "%2x", &byte) == 1 && iov.iov_len < sizeof(bytes); hex += 2)
		bytes[iov.iov_len++] = (char)byte;
	if (strcmp(hex, "+fd") == 0) {
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
	}
	if (sendmsg(fd, &m, 0) < 0)
		_exit(FAILED);
}

void speak_for_peer(const char *hex)
{
	char value[64];
	pid_t pid;
	int fd;

	while ((pid = find_peer("/memfd:")) == 0)
		usleep(1000);
	status_field(pid, "CapEff:", value, sizeof(value));
	dprintf(1, "effective %s\n", value);
	fd = list_descriptors(pid);
	if (fd < 0) {
		dprintf(1, "no channel\n");
		return;
	}
	send_bytes(fd, hex);
	close(fd);
	dprintf(1, "spoke\n");
}
