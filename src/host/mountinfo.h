/* The mounts of a mount namespace, as proc_pid_mountinfo(5) lists them. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/mem.h"

struct mount_row {
	uint64_t id;
	const char *device; /* "0:25": which file system it is */
	const char *root;   /* what of it is mounted; "/" is all */
	const char *point;  /* where, as the process sees it */
	const char *type;
};

/* The mounts that process @pid sees (0: we do), through @proc_fd of proc_root(), in the order of
 * the list, into @a. Returns 0 or -errno. */
int mountinfo_read(struct arena *a, int proc_fd, pid_t pid, struct mount_row **ret, size_t *ret_n,
		   struct err *e) _must_check_;
