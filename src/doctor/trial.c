/* Children for trying things in. What they find comes back in memory that both share. */
#include "doctor/trial.h"

#include <linux/prctl.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/sys.h"

#define TIMEOUT_MS 2000

struct shared {
	struct trial trial;
};

/* The child: wait until the parent has done its part, then try. */
static int child_main(int go_fd, int (*fn)(void *arg, struct trial *t), void *arg,
		      struct shared *shared)
{
	char byte;
	int r;

	(void)sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (sys_read(go_fd, &byte, 1) != 1)
		return 1; /* the parent failed, or is gone */
	r = fn(arg, &shared->trial);
	shared->trial.code = r;
	return 0;
}

static int let_go(int fd, int (*parent)(void *arg, pid_t pid), void *arg, pid_t pid,
		  struct shared *shared)
{
	int r = parent ? parent(arg, pid) : 0;

	if (r < 0)
		shared->trial.code = r;
	return r == 0 ? io_write_all(fd, "", 1) : 0;
}

int trial_run(uint64_t flags, int cgroup_fd, int (*fn)(void *arg, struct trial *t),
	      int (*parent)(void *arg, pid_t pid), void *arg, struct trial *ret)
{
	_cleanup_close_ int pidfd = -EBADF;
	int pipe[2], r;
	siginfo_t info = {0};
	struct shared *shared;
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	pid_t pid;

	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup_fd;
	}
	shared = sys_mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			  -1, 0);
	if (sys_mmap_failed(shared))
		return -ENOMEM;
	r = sys_pipe2(pipe, O_CLOEXEC);
	if (r < 0) {
		(void)sys_munmap(shared, sizeof(*shared));
		return r;
	}
	pid = sys_clone3(&args);
	if (pid == 0) {
		(void)fd_close(pipe[1]);
		sys_exit(child_main(pipe[0], fn, arg, shared));
	}
	(void)fd_close(pipe[0]);
	r = pid;
	if (pid > 0) {
		r = let_go(pipe[1], parent, arg, pid, shared);
		pipe[1] = fd_close(pipe[1]);
		if (r == 0)
			r = sys_await_end(pidfd, TIMEOUT_MS);
		if (r < 0)
			(void)sys_pidfd_send_signal(pidfd, SIGKILL);
		(void)sys_wait_pidfd(pidfd, &info, WEXITED);
		*ret = shared->trial;
		if (r == 0 && info.si_code != CLD_EXITED)
			ret->code = -EINTR; /* killed: by a filter, say */
	} else {
		pidfd = -EBADF;
		(void)fd_close(pipe[1]);
	}
	(void)sys_munmap(shared, sizeof(*shared));
	return r;
}

int trial_map_self(struct trial *t, uint32_t uid, uint32_t gid)
{
	char line[40];
	int r;

	(void)str_format(line, sizeof(line), "0 %u 1\n", uid);
	r = trial_step(t, "write /proc/self/uid_map",
		       io_write_value_at(AT_FDCWD, "/proc/self/uid_map", line));
	if (r < 0)
		return r;
	/* Not there where it is not needed: for whoever has the privilege. */
	(void)io_write_value_at(AT_FDCWD, "/proc/self/setgroups", "deny");
	(void)str_format(line, sizeof(line), "0 %u 1\n", gid);
	return trial_step(t, "write /proc/self/gid_map",
			  io_write_value_at(AT_FDCWD, "/proc/self/gid_map", line));
}
