/* coracle-init: the only code of ours that enters a container.
 *
 * It parses no configuration, allocates no memory and knows no path: it receives a plan
 * (plan/plan.h) and walks its steps. One instance is the whole program's state. Files: main.c
 * (entry, the walk), sync.c (talking to the host half), and one file a family of steps. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "plan/plan.h"

struct init {
	int sync_fd;   /* the host half; closed when it has let us go for good */
	int report_fd; /* where a failure is reported now: sync_fd, later the start command */
	struct plan_block *block;
	volatile struct plan_page *page; /* shared with the host half */
	uint32_t step;                   /* index of the current step */
	uint32_t n_slots;
	uint32_t n_own_slots;
	int slots[PLAN_SLOTS_MAX + PLAN_OWN_SLOTS_MAX];
	int root_fd;     /* the root filesystem, O_PATH; -EBADF before it is there */
	int terminal_fd; /* the container's end of its terminal */
	int empty_fd;    /* the shared empty file system of masked directories, once attached */
	int null_fd;     /* the verified null device */
	int state_fds[PLAN_HOOK_STATES]; /* what hooks read on stdin */
	int host_proc_fd;                /* the host's, verified; for labels */
	int proc_fd;                     /* our own proc instance for kernel parameters */
	bool cwd_done;                   /* the working directory is entered */
	const char *program;             /* what EXEC executes */
	int plan_fd;                     /* the memfd with the step page, for START */
	bool filtered;                   /* no system call may be made but the exec */
};

/* Every step: @operand is its structure from the plan. Returns 0 or a negative errno with *@e
 * filled in; the walk adds the origin. Defined in the file of its family. */
#define X(op, operand, name, text)                                                                 \
	int step_##op(struct init *i, const struct plan_##operand *operand, struct err *e);
PLAN_STEPS(X)
#undef X

/* The string at @offset of the plan; "" for 0. Ends the process on an offset outside the block. */
const char *init_string(const struct init *i, plan_str offset);

/* The array at @a with elements of @size bytes; checked as init_string(). */
const void *init_array(const struct init *i, struct plan_array a, size_t size);

/* The descriptor in @slot, or -EBADF for none. It stays the plan's. */
int init_slot(const struct init *i, plan_slot slot);

/* Turn the offsets of an array of strings into pointers, in place. Once for each array. */
void init_relocate(struct init *i, struct plan_array a);

/* The kernel drops the death signal, and may make a process dumpable again (fs.suid_dumpable), when
 * ids change or capabilities are gained (kernel/cred.c, commit_creds()): to be called after every
 * such change. */
int init_rearm(struct err *e);

/* Open the host's procfs at @path into i->host_proc_fd, proven to be one: before the pivot. */
int init_open_host_proc(struct init *i, const char *path, struct err *e);

/* --- sync.c ---------------------------------------------------------------------------------- */

/* Receive the plan and all slots into *@i. Ends the process if the host half is gone. */
int sync_receive_setup(struct init *i, struct err *e);

/* Send a message of @type with @value and, if @fd >= 0, that descriptor. */
int sync_send(struct init *i, int to_fd, uint32_t type, int32_t value, int fd, struct err *e);

/* Wait for a message of exactly @type. A host half that is gone ends the process silently: nobody
 * is left to tell. */
int sync_expect(struct init *i, uint32_t type, struct err *e);

/* The same for a message with exactly @want descriptors, which are in @ret_fds then. */
int sync_expect_fds(struct init *i, uint32_t type, int *ret_fds, int want, struct err *e);

/* Say *@e and the current step to the other side, best effort. */
void sync_say_failure(struct init *i, const struct err *e);

/* Report *@e and the current step, best effort: to the other side, or under a filter in the step
 * page, which the other side looks at when the channel has closed. */
void sync_send_failure(struct init *i, const struct err *e);

/* --- attr.c ---------------------------------------------------------------------------------- */

/* Apply attributes to the mount @fd: before it is attached (@attached false) where the kernel has
 * mount_setattr (5.12), else after it. Call it at both moments; it does the work once. */
int attr_apply(struct init *i, int fd, const struct plan_mount_attr *attr, bool attached,
	       struct err *e);

/* Attach the detached mount @fd on @target_fd. */
int attr_attach(int fd, int target_fd, struct err *e);

/* Name @fd for system calls that take only paths. Uses the host's procfs: before the pivot. */
#define ATTR_NAME_SIZE 32
void attr_name(const struct init *i, int fd, char buf[static ATTR_NAME_SIZE]);

/* A detached copy of the mount at @fd (of the whole tree if @recursive). */
int attr_clone(int fd, bool recursive) _must_check_;

/* --- mount.c, mask.c -------------------------------------------------------------------------- */

/* A detached mount of a new, empty file system. Returns a descriptor or -errno. */
int mount_empty(const struct init *i, const struct plan_empty *o, bool writable, struct err *e)
	_must_check_;

/* Cover the directory @target with the one empty read-only file system, made as @empty says. */
int mask_directory(struct init *i, const struct plan_empty *empty, int target, struct err *e)
	_must_check_;

/* --- copyup.c --------------------------------------------------------------------------------- */

/* Fill the new file system @to_fd with what the directory @from_fd (both may be O_PATH) holds; its
 * root takes mode and owner too, as @flags (PLAN_MOUNT_COPY_*) say. */
int copyup(struct init *i, int from_fd, int to_fd, uint32_t flags, struct err *e) _must_check_;
