/* One request and its answer, for the handlers. */
#pragma once

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/path.h"
#include "notify/settings.h"
#include "notify/target.h"

enum answer_kind {
	ANSWER_NONE, /* the handler ended without: it is a denial */
	ANSWER_ERROR,
	ANSWER_VALUE,
	ANSWER_CONTINUE, /* the kernel does what it would have done without us */
};

#define ANSWER_PATH_MAX 256
#define ANSWER_WHY_MAX  96

/* In memory that a handler shares with the worker. */
struct answer {
	uint32_t kind;
	int32_t code;               /* -errno */
	int64_t value;              /* what the call returns */
	char path[ANSWER_PATH_MAX]; /* for the log; "" if there is none */
	char why[ANSWER_WHY_MAX];   /* likewise */
};

#define NAME_SIZE  256
#define VALUE_SIZE 4097

/* What a handler shares with the processes that act for it. */
struct scratch {
	char path[PATH_SIZE], other[PATH_SIZE], data[PATH_SIZE];
	char name[NAME_SIZE], value[VALUE_SIZE];
	size_t value_size;
	int flags;
	int fd, other_fd, proc_fd, root_fd, cwd_fd;
	uint32_t uid, gid, mode, major, minor;
	uint64_t attr, mount_id;
};

#define ASK_MOUNTS_MAX 256

struct ask {
	const struct profile *profile;
	const struct seccomp_notif *request;
	const char *call; /* its name */
	int proc_fd, listener_fd;
	uint64_t container_userns; /* the inode of the container's user namespace; 0: unknown */
	uint64_t *mounts;          /* ASK_MOUNTS_MAX, shared by all handlers of the container */
	struct target target;
	struct scratch *s;
	struct answer *answer;
};

/* What handlers are: they fill in q->answer, by the functions below. */
typedef void (*handler_fn)(struct ask *q);

void handle_mknod(struct ask *q);
void handle_mount(struct ask *q);
void handle_chown(struct ask *q);
void handle_setid(struct ask *q);
void handle_xattr(struct ask *q);
void handle_sysinfo(struct ask *q);

/* The part of handle_mount() that takes away what it has mounted. */
void handle_umount(struct ask *q);

/* The kernel's id of the mount that @fd is in, if @fd is its root; 0 where it is not, and where ids
 * may be given to others later (before 6.8). */
uint64_t ask_mount_id(int fd);

/* Remember that @id was mounted for the container. Where there is no room, it cannot be unmounted.
 */
void ask_add_mount(struct ask *q, uint64_t id);

/* Forget it. Returns whether it was there. */
bool ask_take_mount(struct ask *q, uint64_t id);

/* The call fails with @code. @why is for the log. */
void answer_error(struct ask *q, int code, const char *why);

/* The call returns @value, or fails if that is a negative errno. */
void answer_value(struct ask *q, int64_t value, const char *why);

/* The kernel decides, by the target's own rights. Nothing is granted by that: what it reads from
 * memory it reads again. */
void answer_continue(struct ask *q, const char *why);

/* Is the target in the container's own user namespace, and is it the root user there? Others get no
 * help with what takes privileges: users in there, and who made himself a user namespace below. */
bool ask_is_in_container_userns(const struct ask *q);
bool ask_is_container_root(const struct ask *q);

/* An argument as the kernel takes it: an int, an unsigned, a pointer. */
static inline int ask_int(const struct ask *q, unsigned i)
{
	return (int)(uint32_t)q->request->data.args[i];
}

static inline uint32_t ask_u32(const struct ask *q, unsigned i)
{
	return (uint32_t)q->request->data.args[i];
}

static inline uint64_t ask_u64(const struct ask *q, unsigned i)
{
	return q->request->data.args[i];
}

/* Copy the path of argument @i into s->path, and into the answer. 0 or -errno as the kernel has it
 * (-ENAMETOOLONG, -EFAULT). */
int ask_path(struct ask *q, unsigned i) _must_check_;

/* Call @fn as the target, in the directory of its descriptor @dirfd, if s->path needs one. */
int ask_as_target(struct ask *q, int dirfd, target_fn fn) _must_check_;

/* For a target_fn: open @path as an O_PATH descriptor, following a last link if @follow. Links of
 * /proc into the world of processes lead nowhere. */
int ask_open(const char *path, bool follow) _must_check_;
