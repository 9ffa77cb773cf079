/* Running a program to its end, with a deadline. Used by the host half for its helpers and hooks,
 * and by init for the hooks that run in the container's namespaces. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

#define CHILD_OUTPUT_SIZE 256

struct child {
	const char *path;        /* what is executed */
	const char *search;      /* directories to look for path in, as PATH; or NULL */
	const void *argv, *envp; /* as execve(2) takes them */
	const char *cwd;         /* "" stays here */
	int cwd_fd;              /* instead of cwd; -EBADF: none */
	int in_fd;               /* becomes stdin */
	int out_fd, err_fd;      /* become stdout and stderr; -EBADF: into the result */
	int timeout_ms;          /* < 0: none */
	bool dies_with_us;       /* killed when we end */
};

struct child_result {
	int status;                     /* exit status, or 128 + signal */
	char output[CHILD_OUTPUT_SIZE]; /* the end of what it wrote, on one line */
};

/* One that runs. */
struct child_process {
	int pid, pidfd;
	int output_fd; /* where what is not sent elsewhere goes; -EBADF: nowhere */
};

#define CHILD_PROCESS_INIT                                                                         \
	{                                                                                          \
		.pidfd = -EBADF, .output_fd = -EBADF                                               \
	}

/* Execute, and let it run: child_finish() has to follow. Returns 0 and *@ret, or the negative errno
 * of what could not be done; -ENOENT and the like are execve's. c->timeout_ms is not looked at. */
int child_start(const struct child *c, struct child_process *ret) _must_check_;

/* Wait for at most @timeout_ms (< 0: for ever) until @p has ended, and give up what it holds.
 * Returns 0, or -ETIMEDOUT when it (with its group) was killed for taking too long. */
int child_finish(struct child_process *p, int timeout_ms, struct child_result *ret) _must_check_;

/* Execute and wait. The child leads a process group, has an empty signal mask and none of our
 * other descriptors. Returns 0 when it has ended, -ETIMEDOUT when it (with its group) was killed
 * for taking too long, or the negative errno of what could not be done; -ENOENT and the like are
 * execve's. What it leaves running is not waited for. */
int child_run(const struct child *c, struct child_result *ret) _must_check_;
