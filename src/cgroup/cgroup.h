/* The container's cgroup: one interface for all arrangements. Runs in the host half, in the host's
 * namespaces. The cgroup is remembered in the state document by manager, path and hierarchies. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/mem.h"
#include "plan/cgroup.h"
#include "plan/facts.h"

#define CGROUP_V1_MAX 16

/* Where scopes of systemd's have a cgroup of ours, from the root of a v1 hierarchy. */
#define CGROUP_V1_SCOPES "/coracle/"

/* Where a container's cgroup is; all strings are owned by the caller's arena. Enough to find it
 * again from the state document. */
struct cgroup_ref {
	enum cgroup_manager manager;
	bool user_manager;       /* with systemd: an ordinary user's, not the machine's */
	const char *unified_dir; /* absolute directory in the v2 hierarchy, "" if none */
	const char *v1_dirs[CGROUP_V1_MAX]; /* absolute directories in v1 hierarchies */
	size_t n_v1;
};

/* An open cgroup. */
struct cgroup {
	struct cgroup_ref ref;
	/* O_PATH|O_DIRECTORY on ref.unified_dir, or -EBADF. All that the kernel asks of
	 * clone_args.cgroup and of the target of BPF_PROG_ATTACH, and good for openat(2). */
	int unified_fd;
	/* Where there is no v2 cgroup: the same on ref.v1_dirs[0], which tells what processes there
	 * are and, being the freezer's where the machine has one, stops them. Else -EBADF. */
	int v1_fd;
	bool created_unified; /* this call made it (for undo) */
	bool created_v1[CGROUP_V1_MAX];
};

#define CGROUP_INIT ((struct cgroup){.unified_fd = -EBADF, .v1_fd = -EBADF})

/* Close descriptors; the cgroup itself stays. */
void cgroup_close(struct cgroup *c);

/* The directories that cgroup_make() would use, without touching anything: the state document is
 * written with them before they exist. */
int cgroup_resolve(struct arena *a, const struct plan_cgroup *plan, const struct facts *facts,
		   struct cgroup_ref *ret, struct err *e) _must_check_;

/* Make the directories of @ref (parents too, enabling the controllers of plan->writes on the way
 * down) and write the limits. An existing directory that holds processes, or is frozen, is an
 * error; an empty one is taken over. On failure what this call made is removed again.
 * Returns 0, 1 when the plan was optional and permission is missing (ret has no directories then),
 * or -errno. */
int cgroup_make(struct arena *a, const struct plan_cgroup *plan, const struct cgroup_ref *ref,
		struct cgroup *ret, struct err *e) _must_check_;

/* Make those of ref->v1_dirs that are not there: a scope has them on hybrid hosts only where
 * systemd manages the controller. Returns 0 or -errno. */
int cgroup_make_missing(const struct cgroup_ref *ref, struct err *e) _must_check_;

/* Write the limits into directories that somebody else has made, a scope of systemd's: those that
 * do not hold already. */
int cgroup_write_early(const struct cgroup *c, const struct plan_cgroup *plan, struct err *e)
	_must_check_;

/* Give the v2 cgroup to plan->owner if the plan says so: the directory, and the files that the
 * kernel names in /sys/kernel/cgroup/delegate. Returns 0 or -errno. */
int cgroup_delegate(struct arena *a, const struct cgroup *c, const struct plan_cgroup *plan,
		    struct err *e) _must_check_;

/* Write the limits that could not hold before init was ready. */
int cgroup_write_late(const struct cgroup *c, const struct plan_cgroup *plan, struct err *e)
	_must_check_;

/* Find the hierarchies of @ref's directories, and those that plan->writes need besides: into
 * plan->v1, and for new ones a directory into ref->v1_dirs. Touches nothing. Returns how many are
 * new, or -errno. */
int cgroup_match(struct arena *a, struct cgroup_ref *ref, const struct facts_cgroup *facts,
		 struct plan_cgroup *plan, struct err *e) _must_check_;

/* Make the last @n_new of ref->v1_dirs and move all of the container into them, frozen meanwhile.
 * What it has used so far is counted where it was. */
int cgroup_join(const struct cgroup_ref *ref, size_t n_new, struct err *e) _must_check_;

/* Change the limits of a running container to plan->writes; plan->v1 names the hierarchies of
 * ref->v1_dirs. Those that depend on one another are tried again after the rest. Not undone: what
 * was written before an error stays. */
int cgroup_update(const struct cgroup_ref *ref, const struct plan_cgroup *plan, struct err *e)
	_must_check_;

/* Attach the device policy to the v2 cgroup, beside init's work if need be; or write it to the v1
 * one of the devices, where nothing is allowed for a moment. */
int cgroup_attach_devices(const struct cgroup *c, const struct plan_cgroup *plan, struct err *e)
	_must_check_;

/* Put the device policy of @plan in the place of the one that is attached, in one step: at no time
 * is everything allowed, or nothing. With v1 nothing is, for a moment. */
int cgroup_replace_devices(const struct cgroup *c, const struct plan_cgroup *plan, struct err *e)
	_must_check_;

/* Put @pid into the v1 cgroups, and into the v2 one if @unified_too (where CLONE_INTO_CGROUP is
 * missing). */
int cgroup_enter(const struct cgroup *c, pid_t pid, bool unified_too, struct err *e) _must_check_;

/* Open an existing cgroup for the calls below. Returns 0, or -ENOENT when it is gone. */
int cgroup_open(const struct cgroup_ref *ref, struct cgroup *ret, struct err *e) _must_check_;

/* Freeze or thaw, and wait (bounded) until the kernel says so. */
int cgroup_freeze(const struct cgroup *c, bool freeze, struct err *e) _must_check_;

/* Returns 1 if frozen, 0 if not. */
int cgroup_is_frozen(const struct cgroup *c) _must_check_;

/* The same without opening it first. -ENOENT when it is gone. */
int cgroup_ref_is_frozen(const struct cgroup_ref *ref) _must_check_;

/* SIGKILL every process in the cgroup and below: cgroup.kill, else (before 5.14, v1) freeze,
 * signal, thaw. For another @signal each process gets it once. Returns 0, or -errno. */
int cgroup_signal_all(const struct cgroup *c, int signal, struct err *e) _must_check_;

/* The pids of all processes in the cgroup and below, from the caller's pid namespace. */
int cgroup_pids(struct arena *a, const struct cgroup *c, pid_t **ret, size_t *ret_n, struct err *e)
	_must_check_;

/* Kill what is left, wait for cgroup.events to say unpopulated (never by sleeping in v2), remove
 * the directory with its descendants. A cgroup that is gone is success. @timeout_ms bounds the
 * wait. */
int cgroup_remove(const struct cgroup_ref *ref, int timeout_ms, struct err *e) _must_check_;
