/* Holding the process that asks, and doing things as it. Runs in a handler's process, which serves
 * one request and ends. */
#include "notify/target.h"

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"

#define TEXT_MAX 16384 /* of a file in /proc/PID that we read; groups and maps may be long */

int target_check(const struct target *t)
{
	uint64_t id = t->id;

	return sys_ioctl(t->listener_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) < 0 ? -ESRCH : 0;
}

/* --- opening --------------------------------------------------------------------------------- */

/* All of a small file of its directory, with a NUL. */
static int read_text(const struct target *t, const char *name, char buf[static TEXT_MAX])
{
	_cleanup_close_ int fd = sys_openat(t->dir_fd, name, O_RDONLY | O_CLOEXEC, 0);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	do {
		n = sys_read(fd, buf + len, TEXT_MAX - 1 - len);
		if (n < 0)
			return (int)n;
		len += (size_t)n;
	} while (n > 0 && len < TEXT_MAX - 1);
	buf[len] = '\0';
	return len == TEXT_MAX - 1 ? -EFBIG : 0;
}

static int read_map(const struct target *t, const char *name, struct id_map *ret)
{
	char text[TEXT_MAX];
	int r = read_text(t, name, text);

	if (r == 0)
		r = id_map_parse(text, ret);
	/* In our own namespace the kernel shows what its ids are in the parent's. */
	for (size_t i = 0; r == 0 && t->userns_fd < 0 && i < ret->n; i++)
		ret->rows[i].outside = ret->rows[i].inside;
	return r;
}

static int open_userns(struct target *t)
{
	struct stat own, its;
	int fd = sys_openat(t->dir_fd, "ns/user", O_RDONLY | O_CLOEXEC, 0), r = fd, own_fd;

	if (fd < 0)
		return fd;
	own_fd = sys_openat(t->proc_fd, "self/ns/user", O_RDONLY | O_CLOEXEC, 0);
	r = own_fd < 0 ? own_fd : sys_fstat(own_fd, &own);
	if (r == 0)
		r = sys_fstat(fd, &its);
	(void)fd_close(own_fd);
	if (r < 0 || own.st_ino == its.st_ino)
		(void)fd_close(fd);
	else
		t->userns_fd = fd;
	if (r == 0)
		t->userns = its.st_ino;
	return r;
}

static int open_all(struct target *t)
{
	const int path = O_PATH | O_DIRECTORY | O_CLOEXEC;
	char text[TEXT_MAX];
	int r;

	t->root_fd = sys_openat(t->dir_fd, "root", path, 0);
	t->cwd_fd = sys_openat(t->dir_fd, "cwd", path, 0);
	if (t->root_fd < 0 || t->cwd_fd < 0)
		return MIN(t->root_fd, t->cwd_fd);
	r = open_userns(t);
	if (r == 0)
		r = read_text(t, "status", text);
	if (r == 0)
		r = target_parse_status(text, t);
	if (r == 0)
		r = read_map(t, "uid_map", &t->uids);
	if (r == 0)
		r = read_map(t, "gid_map", &t->gids);
	if (r == 0)
		r = read_text(t, "setgroups", text);
	t->setgroups_denied = r == 0 && str_starts(text, "deny");
	return r;
}

int target_open(struct target *t, int proc_fd, int listener_fd, uint64_t id, pid_t pid)
{
	char name[16];
	int r;

	*t = (struct target){
		.proc_fd = proc_fd,
		.listener_fd = listener_fd,
		.id = id,
		.pid = pid,
		.dir_fd = -EBADF,
		.root_fd = -EBADF,
		.cwd_fd = -EBADF,
		.userns_fd = -EBADF,
	};
	if (pid <= 0)
		return -ESRCH;
	(void)str_format(name, sizeof(name), "%d", (int)pid);
	t->dir_fd = sys_openat(proc_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	r = t->dir_fd < 0 ? t->dir_fd : open_all(t);
	/* The number may have been another process's by then: not if ours waits even now. */
	if (target_check(t) < 0)
		r = -ESRCH;
	if (r < 0)
		target_close(t);
	return r;
}

void target_close(struct target *t)
{
	t->dir_fd = fd_close(t->dir_fd);
	t->root_fd = fd_close(t->root_fd);
	t->cwd_fd = fd_close(t->cwd_fd);
	t->userns_fd = fd_close(t->userns_fd);
}

/* --- its memory and descriptors -------------------------------------------------------------- */

int target_read(const struct target *t, uint64_t address, void *buf, size_t n)
{
	struct iovec to = {.iov_base = buf, .iov_len = n};
	struct iovec from = {.iov_base = (void *)(uintptr_t)address, .iov_len = n};

	if (n == 0)
		return 0;
	/* Not by /proc/PID/mem, which belongs to users whom we may not be. */
	if (SYS6(process_vm_readv, t->pid, &to, 1, &from, 1, 0) != (long)n)
		return -EFAULT;
	/* By number: it was the right process if it waits even now. */
	return target_check(t) < 0 ? -EFAULT : 0;
}

int target_write(const struct target *t, uint64_t address, const void *buf, size_t n)
{
	struct iovec from = {.iov_base = (void *)(uintptr_t)buf, .iov_len = n};
	struct iovec to = {.iov_base = (void *)(uintptr_t)address, .iov_len = n};

	if (target_check(t) < 0)
		return -ESRCH;
	if (n && SYS6(process_vm_writev, t->pid, &from, 1, &to, 1, 0) != (long)n)
		return -EFAULT;
	return 0;
}

ssize_t target_read_string(const struct target *t, uint64_t address, char *buf, size_t size)
{
	const uint64_t page = 4096; /* the smallest: what lies behind it may not be there */
	size_t len = 0;

	while (len < size) {
		size_t n = (size_t)MIN(page - (address + len) % page, (uint64_t)(size - len));
		const char *end;

		if (target_read(t, address + len, buf + len, n) < 0)
			return -EFAULT;
		end = memchr(buf + len, '\0', n);
		if (end)
			return end - buf;
		len += n;
	}
	return -ENAMETOOLONG;
}

int target_open_fd(const struct target *t, int fd)
{
	_cleanup_close_ int pidfd = -EBADF;
	int r;

	if (fd == AT_FDCWD)
		return sys_fcntl(t->cwd_fd, F_DUPFD_CLOEXEC, 3);
	pidfd = sys_pidfd_open(t->tgid, 0);
	r = pidfd < 0 ? pidfd : target_check(t);
	return r < 0 ? r : (int)SYS3(pidfd_getfd, pidfd, fd, 0);
}

/* --- becoming it ----------------------------------------------------------------------------- */

/* Are all groups that we have also its? Then having fewer is no harm. */
static bool has_our_groups(const struct target *t)
{
	uint32_t own[TARGET_GROUPS_MAX];
	long n = SYS2(getgroups, TARGET_GROUPS_MAX, own);

	for (long i = 0; i < n; i++) {
		size_t k = 0;

		while (k < t->n_groups && t->groups[k] != own[i])
			k++;
		if (k == t->n_groups && own[i] != t->gid)
			return false;
	}
	return n >= 0;
}

/* Groups are numbers of our user namespace in status, and of its own here. */
static int take_groups(const struct target *t, bool had_our_groups)
{
	uint32_t groups[TARGET_GROUPS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < t->n_groups; i++)
		if (id_map_inside(&t->gids, t->groups[i], &groups[n]) == 0)
			n++;
	return sys_setgroups(n, groups) < 0 && !had_our_groups ? -EPERM : 0;
}

static int take_capabilities(uint64_t wanted)
{
	struct sys_cap_header header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct sys_cap_data data[2];
	int r = sys_capget(&header, data);

	if (r < 0)
		return r;
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(wanted >> 32 * i);
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return sys_capset(&header, data);
}

/* Take its ids, of the user namespace that we are in, and of our capabilities only @capabilities.
 */
static int take_identity(const struct target *t, bool had_our_groups, uint64_t capabilities)
{
	uint32_t uid, gid;
	int r;

	if (id_map_inside(&t->uids, t->uid, &uid) < 0 || id_map_inside(&t->gids, t->gid, &gid) < 0)
		return -EPERM;
	r = take_groups(t, had_our_groups);
	if (r == 0)
		r = sys_prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
	if (r == 0)
		r = sys_setresgid(gid, gid, gid);
	if (r == 0)
		r = sys_setresuid(uid, uid, uid);
	if (r == 0)
		r = take_capabilities(capabilities);
	/* A change of ids may have made us traceable for whoever is in there. */
	if (r == 0)
		r = sys_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)sys_umask(t->umask);
	return r;
}

/* Die with whoever waits for us; @parent must still be there. */
static int die_with_parent(pid_t parent)
{
	int r = sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);

	return r < 0 ? r : sys_getppid() == parent ? 0 : -ESRCH;
}

static int enter_root(const struct target *t, int dir_fd)
{
	int r = sys_fchdir(t->root_fd);

	if (r == 0)
		r = sys_chroot(".");
	return r < 0 ? r : sys_fchdir(dir_fd);
}

static int become(const struct target *t, int dir_fd)
{
	bool had_our_groups = has_our_groups(t);
	int r = t->userns_fd < 0 ? 0 : sys_setns(t->userns_fd, CLONE_NEWUSER);

	if (r == 0)
		r = enter_root(t, dir_fd);
	if (r == -ENOTDIR)
		return r;
	if (r == 0)
		r = take_identity(t, had_our_groups, t->capabilities);
	return r < 0 ? -EPERM : 0;
}

/* A process that shares our descriptors, but not our memory. */
static pid_t fork_sharing_descriptors(void)
{
	return (pid_t)SYS5(clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
}

/* What came of the process @pid: 0, or minus the status that it ended with. */
static int wait_result(pid_t pid)
{
	int status, r;

	do
		r = (int)SYS4(wait4, pid, &status, 0, 0);
	while (r == -EINTR);
	if (r < 0 || !WIFEXITED(status))
		return -EIO;
	return -WEXITSTATUS(status);
}

/* Errors of the kernel that are of use to somebody are below 134, and a status has 8 bits. */
_noreturn_ static void end(int result)
{
	sys_exit(result >= 0 ? 0 : result >= -255 ? -result : EIO);
}

int target_as(const struct target *t, int dir_fd, target_fn fn, void *ctx)
{
	pid_t us = sys_getpid(), pid = fork_sharing_descriptors();

	if (pid < 0)
		return pid;
	if (pid == 0) {
		int r = die_with_parent(us);

		if (r == 0)
			r = become(t, dir_fd >= 0 ? dir_fd : t->cwd_fd);
		if (r == 0)
			r = die_with_parent(us); /* a change of ids has cleared it */
		end(r == 0 ? fn(ctx) : r);
	}
	return wait_result(pid);
}

/* --- power over its namespaces --------------------------------------------------------------- */

static const struct {
	int flag;
	const char *name;
} enterable[] = {
	{CLONE_NEWIPC, "ns/ipc"},
	{CLONE_NEWNET, "ns/net"},
	{CLONE_NEWPID, "ns/pid"},
	{CLONE_NEWNS, "ns/mnt"}, /* the last: with it the file system's root changes */
};

static int enter_namespaces(const struct target *t, int namespaces)
{
	for (size_t i = 0; i < ARRAY_SIZE(enterable); i++) {
		_cleanup_close_ int fd = -EBADF;
		int r;

		if (!(namespaces & enterable[i].flag))
			continue;
		fd = sys_openat(t->dir_fd, enterable[i].name, O_RDONLY | O_CLOEXEC, 0);
		r = fd < 0 ? fd : sys_setns(fd, enterable[i].flag);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A pid namespace is for children: one that calls @fn. */
static int call_in_child(target_fn fn, void *ctx)
{
	pid_t pid = fork_sharing_descriptors();

	if (pid < 0)
		return pid;
	if (pid == 0) {
		int r = sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);

		/* Our parent is in no pid namespace that we see, which shows as 0. */
		if (r == 0 && sys_getppid() != 0)
			r = -ESRCH;
		end(r == 0 ? fn(ctx) : r);
	}
	return wait_result(pid);
}

static int exert(const struct target *t, int namespaces, target_fn prepare, target_fn fn, void *ctx,
		 pid_t parent)
{
	bool had_our_groups = has_our_groups(t);
	int r = t->userns_fd < 0 ? 0 : sys_setns(t->userns_fd, CLONE_NEWUSER);

	if (r == 0 && prepare)
		r = prepare(ctx);
	if (r == 0)
		r = enter_namespaces(t, namespaces);
	if (r == 0)
		r = take_identity(t, had_our_groups,
				  t->capabilities | t->power | 1ULL << CAP_SYS_ADMIN |
					  1ULL << CAP_SYS_CHROOT);
	if (r == 0)
		r = die_with_parent(parent);
	if (r < 0)
		return r;
	return namespaces & CLONE_NEWPID ? call_in_child(fn, ctx) : fn(ctx);
}

bool target_has_own_mounts(const struct target *t)
{
	_cleanup_close_ int its_fd = sys_openat(t->dir_fd, "ns/mnt", O_RDONLY | O_CLOEXEC, 0);
	_cleanup_close_ int our_fd = sys_openat(t->proc_fd, "self/ns/mnt", O_RDONLY | O_CLOEXEC, 0);
	struct stat its, our;

	return its_fd >= 0 && our_fd >= 0 && sys_fstat(its_fd, &its) == 0 &&
	       sys_fstat(our_fd, &our) == 0 && its.st_ino != our.st_ino;
}

int target_power(const struct target *t, int namespaces, target_fn prepare, target_fn fn, void *ctx)
{
	pid_t us = sys_getpid(), pid = fork_sharing_descriptors();

	if (pid < 0)
		return pid;
	if (pid == 0) {
		int r = die_with_parent(us);

		end(r == 0 ? exert(t, namespaces, prepare, fn, ctx, us) : r);
	}
	return wait_result(pid);
}
