/* The host's procfs, verified: everything that the host half reads or writes under /proc goes
 * through one descriptor of it, and lookups never leave it. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/fd.h"

#define PROC_NAME_SIZE 64

/* A descriptor of /proc, proven to be the root of a procfs. Returns it or -errno. */
int proc_open(struct err *e) _must_check_;

/* Open @path below @proc_fd; a mount on top of it, or a link out of it, is -EXDEV or -ELOOP. "self"
 * as first component works. Returns a descriptor or -errno. */
int proc_open_at(int proc_fd, const char *path, int flags) _must_check_;

/* Write @text in one call to @file of process @pid. */
int proc_write_pid(int proc_fd, pid_t pid, const char *file, const char *text) _must_check_;

/* When @pid started, in clock ticks since boot (field 22 of proc_pid_stat(5)): with the pid it
 * names a process for good, also one that has ended and waits for its parent. Returns 0, -ESRCH
 * when there is no such process, or -errno. */
int proc_start_time(int proc_fd, pid_t pid, uint64_t *ret) _must_check_;

/* The name of process @pid ("comm"), also of one that has ended and waits for its parent. Returns 0
 * or -errno. */
int proc_name(int proc_fd, pid_t pid, char ret[static PROC_NAME_SIZE]) _must_check_;
