/* Exit statuses of processes that are not our children. */
#include "container/exit.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/ioctl.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "host/proc.h"

#define EXIT_FILE "exit"

/* struct pidfd_info of linux/pidfd.h, first version (6.13); older headers do not have it. */
struct pidfd_info {
	uint64_t mask, cgroup_id;
	uint32_t ids[11];
	int32_t exit_code; /* as wait(2) tells it */
};

#define GET_INFO  _IOWR(0xff, 11, struct pidfd_info)
#define INFO_EXIT (1U << 3) /* since 6.15, and only once the process has been waited for */

/* The file belongs to the kernel's root, whom not every user namespace has: -EACCES. */
static int open_pinned(const struct directory *d)
{
	return sys_openat(d->fd, EXIT_FILE, O_RDONLY | O_CLOEXEC, 0);
}

void exit_unpin(int dir_fd)
{
	char path[64];

	(void)str_format(path, sizeof(path), "/proc/self/fd/%d/" EXIT_FILE, dir_fd);
	(void)sys_umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
	(void)sys_unlinkat(dir_fd, EXIT_FILE, 0);
}

int exit_pin(const struct directory *d, int pidfd)
{
	_cleanup_close_ int tree = sys_open_tree(
				    pidfd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH),
			    file = -EBADF;
	int r;

	if (tree < 0)
		return tree;
	file = sys_openat(d->fd, EXIT_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file < 0)
		return file;
	r = sys_move_mount(tree, "", d->fd, EXIT_FILE, MOVE_MOUNT_F_EMPTY_PATH);
	if (r == 0)
		r = open_pinned(d);
	if (r < 0)
		exit_unpin(d->fd);
	(void)fd_close(r);
	return r < 0 ? r : 0;
}

/* What wait(2) tells as a shell does. */
static int shell_status(int code)
{
	int signal = code & 0x7f;

	return signal != 0 ? 128 + signal : (code >> 8) & 0xff;
}

/* A file in place of the mount, as another mount namespace sees it, is no pidfd: -ENOTTY. */
static int ask_pidfd(int pidfd, int *ret)
{
	struct pidfd_info info = {.mask = INFO_EXIT};
	int r = sys_ioctl(pidfd, GET_INFO, &info);

	if (r < 0)
		return r;
	if (!(info.mask & INFO_EXIT))
		return -ENODATA;
	*ret = shell_status(info.exit_code);
	return 0;
}

static int ask_pinned(const struct directory *d, int *ret)
{
	_cleanup_close_ int fd = open_pinned(d);

	return fd < 0 ? fd : ask_pidfd(fd, ret);
}

/* Of a process that has ended, but was not waited for yet. */
static int ask_proc(const struct state *s, int *ret)
{
	struct err ignored;
	int proc_fd = proc_root(&ignored), code, r;

	if (proc_fd < 0)
		return proc_fd;
	r = proc_exit_code(proc_fd, s->pid, s->start_time, &code);
	if (r == 0)
		*ret = shell_status(code);
	return r;
}

int exit_learn(const struct directory *d, const struct state *s, int pidfd, int *ret)
{
	if (s->has_exit_status) {
		*ret = (int)s->exit_status;
		return 0;
	}
	if (s->pid == 0)
		return -ENODATA;
	/* Its parent may wait for it between two questions: the pidfd knows more from then on. */
	if (ask_pinned(d, ret) == 0 || ask_proc(s, ret) == 0)
		return 0;
	if (pidfd >= 0 && ask_pidfd(pidfd, ret) == 0)
		return 0;
	return ask_pinned(d, ret) == 0 ? 0 : -ENODATA;
}

void exit_record(struct arena *a, const struct directory *d, int status)
{
	struct state s;
	struct err ignored;
	struct stat st;

	if (sys_faccessat(d->fd, EXIT_FILE, 0) == 0)
		return;
	if (sys_flock(d->fd, LOCK_EX) < 0)
		return;
	if (sys_fstat(d->fd, &st) == 0 && st.st_nlink > 0 &&
	    directory_read_state(a, d, &s, &ignored) == 0 && !s.has_exit_status) {
		s.has_exit_status = true;
		s.exit_status = (uint32_t)status;
		(void)directory_write_state(a, d, &s, &ignored);
	}
	(void)sys_flock(d->fd, LOCK_UN);
}
