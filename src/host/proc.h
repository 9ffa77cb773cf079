/* The host's procfs, verified: everything that the host half reads or writes under /proc goes
 * through one descriptor of it, and lookups never leave it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/fd.h"

#define PROC_NAME_SIZE 64

/* The descriptor of /proc, proven to be the root of a procfs when it is first asked for. It stays
 * open as long as we live, and is nobody's to close. Returns it or -errno. */
int proc_root(struct err *e) _must_check_;

/* Open @path below @proc_fd; a mount on top of it, or a link, is -EXDEV or -ELOOP. "self" as first
 * component works. Returns a descriptor or -errno. */
int proc_open_at(int proc_fd, const char *path, int flags) _must_check_;

/* Read @path, whose text is one record (seq_file: an answer that leaves room is all of it), into
 * the
 * @size bytes of @buf, with a NUL. Returns the length; -EFBIG if it does not fit, or -errno. */
ssize_t proc_read(int proc_fd, const char *path, char *buf, size_t size) _must_check_;

/* Write @text in one call to @file of process @pid. */
int proc_write_pid(int proc_fd, pid_t pid, const char *file, const char *text) _must_check_;

/* What names a process for good, and how it calls itself. */
struct proc_identity {
	uint64_t start_time; /* clock ticks since boot, field 22 of proc_pid_stat(5) */
	char name[PROC_NAME_SIZE];
	bool leader_ended; /* its first thread, that is; others may go on */
};

/* How @pid, which started at @start_time, has ended, as wait(2) tells it. Returns 0; -ESRCH when
 * the process is gone or another, -EBUSY when it still runs, -EACCES when it is not for us to know,
 * or -errno. */
int proc_exit_code(int proc_fd, pid_t pid, uint64_t start_time, int *ret) _must_check_;

/* Identify @pid, also one that has ended and waits for its parent. Returns 0, -ESRCH when there is
 * no such process, or -errno. */
int proc_identify(int proc_fd, pid_t pid, struct proc_identity *ret) _must_check_;
