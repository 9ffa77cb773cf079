/* A container in the making: what create, run and restore share, and what undoes it. */
#pragma once

#include "container/container.h"
#include "container/directory.h"
#include "container/load.h"
#include "container/state.h"
#include "host/launch.h"
#include "host/netns.h"

/* Everything that a half-made container owns; creation_undo() gives it back in reverse. */
struct creation {
	struct runtime *rt;
	const struct create_options *o;
	struct loaded loaded;
	struct directory directory;
	struct state state;
	struct cgroup cgroup;
	struct launch launch;
	struct netns_maker network;
	int listener_fd, notify_fd, root_fd;
	bool has_directory, has_cgroup, has_process;
	bool has_run_hooks; /* so poststop hooks are due, even if it fails */
};

/* Nothing yet; @o stays the caller's. */
void creation_init(struct creation *c, struct runtime *rt, const struct create_options *o);

/* Give back, in reverse, what was made. Errors while undoing would hide the one that matters, and
 * are ignored. */
void creation_undo(struct creation *c);

/* Close descriptors; the container stays. */
void creation_release(struct creation *c);

/* Make the state directory for container @id of c->loaded, locked, with all that later commands
 * need in it. Returns 0 or -errno. */
int creation_record(struct creation *c, const char *id, struct err *e) _must_check_;

/* Write the state document, which has come to @phase. Returns 0 or -errno. */
int creation_write_state(struct creation *c, enum state_phase phase, struct err *e) _must_check_;

/* Make the cgroup, where it is ours to make. Returns 0 or -errno. */
int creation_make_cgroup(struct creation *c, struct err *e) _must_check_;

/* Before process @pid is told anything, so that what it starts is where it is: have systemd make
 * the cgroup around it, where it is not ours to make, and put it into its group of resctrl. @data
 * is the creation. Returns 0 or -errno. */
int creation_place(void *data, pid_t pid, struct err *e) _must_check_;

/* Note for good who c->launch.pid is. Returns 0 or -errno. */
int creation_identify(struct creation *c, struct err *e) _must_check_;

/* The limits that init would not have fitted below, and a device policy that is not for it.
 * Returns 0 or -errno. */
int creation_limit_late(struct creation *c, struct err *e) _must_check_;

/* Where the kernel can, let it keep how the process will end: nobody of ours waits for it. */
void creation_keep_status(struct creation *c);

/* Stand by the process, which is our child, until it has ended, and remove what it left, unless
 * c->o->keep. Returns 0 and *@ret_status, our exit status, or -errno. */
int creation_stand_by(struct creation *c, int *ret_status, struct err *e) _must_check_;
