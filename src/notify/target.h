/* The process whose system call waits for us, held by descriptors. Everything in there is hostile:
 * what its memory says is copied once and checked, its paths are resolved with its own root,
 * directory and rights, in a process that has given up ours for good. */
#pragma once

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

#define TARGET_GROUPS_MAX 1024
#define TARGET_MAP_ROWS   340 /* the kernel's limit of an id map */

/* A map of ids: the kernel's lines, as seen from our own user namespace. */
struct id_map {
	size_t n;
	struct id_row {
		uint32_t inside, outside, count;
	} rows[TARGET_MAP_ROWS];
};

struct target {
	int proc_fd;     /* our procfs; the caller's */
	int listener_fd; /* the caller's */
	uint64_t id;     /* of the notification */
	pid_t pid, tgid; /* the thread that asks, and its process */
	int dir_fd, root_fd, cwd_fd;
	int userns_fd;            /* -EBADF: it is in ours */
	uint64_t userns;          /* the inode of its user namespace */
	struct id_map uids, gids; /* of that */
	bool setgroups_denied;
	uint32_t uid, gid;     /* those that files are judged by, as in our user namespace */
	uint64_t capabilities; /* effective, in its own user namespace */
	uint64_t power;        /* what target_power() gives besides, if the caller sets it */
	uint32_t umask;
	size_t n_groups;
	uint32_t groups[TARGET_GROUPS_MAX];
};

/* What a process with the target's identity does; its result is target_as()'s. */
typedef int (*target_fn)(void *ctx);

/* Find the process with thread id @pid (0: it is in no pid namespace of ours) and hold it.
 * Returns 0 and *@t for target_close(), or -errno; -ESRCH if it does not wait any more. Whatever
 * was opened belongs to the process that asked: it was still waiting afterwards. */
int target_open(struct target *t, int proc_fd, int listener_fd, uint64_t id, pid_t pid)
	_must_check_;
void target_close(struct target *t);

/* Does it still wait? 0 or -ESRCH. To be asked before anything is done that shows. */
int target_check(const struct target *t) _must_check_;

/* Copy @n bytes at @address of its memory. Returns 0 or -EFAULT. */
int target_read(const struct target *t, uint64_t address, void *buf, size_t n) _must_check_;

/* Copy @n bytes to @address of its memory, if it still waits. Returns 0, -ESRCH or -EFAULT. */
int target_write(const struct target *t, uint64_t address, const void *buf, size_t n) _must_check_;

/* Copy the string at @address, of less than @size bytes. Returns its length, -EFAULT, or
 * -ENAMETOOLONG. */
ssize_t target_read_string(const struct target *t, uint64_t address, char *buf, size_t size)
	_must_check_;

/* A copy of its descriptor @fd, which is the caller's; AT_FDCWD: its directory. -EBADF if it has
 * none.
 */
int target_open_fd(const struct target *t, int fd) _must_check_;

/* Call @fn with @ctx in a process that has the target's root, user namespace, ids, groups,
 * effective capabilities and file mode mask, and nothing of ours but the descriptors, which it
 * shares: what it opens is ours too. @ctx must be in shared memory if it is to be changed. @dir_fd
 * is its working directory, the target's if that is negative. Returns what @fn does (0 or -errno),
 * -EPERM if the identity cannot be had, -EIO if the process dies. */
int target_as(const struct target *t, int dir_fd, target_fn fn, void *ctx) _must_check_;

/* Call @fn with @ctx in a process that is in the target's user namespace and in those of
 * @namespaces (CLONE_NEW*), with its ids, its capabilities, those that mounting takes, and those of
 * t->power.
 * @prepare (or NULL) comes before the other namespaces are entered, with the host's file systems in
 * sight, and may make a mount namespace. Results as target_as(). */
int target_power(const struct target *t, int namespaces, target_fn prepare, target_fn fn, void *ctx)
	_must_check_;

/* Is it in the user namespace that all others descend from, as the kernel numbers it (since 3.8)?
 */
static inline bool target_is_the_hosts(const struct target *t)
{
	return t->userns == 0xEFFFFFFDU;
}

/* Is its mount namespace another than ours? What shares ours is never mounted for. */
bool target_has_own_mounts(const struct target *t);

/* The id inside for @outside, or -ENOENT. */
int id_map_inside(const struct id_map *m, uint32_t outside, uint32_t *ret) _must_check_;

/* Is there such an id inside? (uint32_t)-1 is "keep it", and fine. */
bool id_map_has(const struct id_map *m, uint32_t inside);

/* Read the text of /proc/PID/uid_map. Returns 0 or -EINVAL. Pure. */
int id_map_parse(const char *text, struct id_map *ret) _must_check_;

/* Read the text of /proc/PID/status into the ids, groups, capabilities and mask of *@t. Returns 0
 * or -EINVAL. Pure. */
int target_parse_status(const char *text, struct target *t) _must_check_;

/* The capabilities as the kernel numbers them (linux/capability.h). */
static inline bool target_can(const struct target *t, unsigned capability)
{
	return t->capabilities >> capability & 1;
}
