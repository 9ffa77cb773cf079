/* What the kinds of cgroup hierarchies have in common, and where they differ. Internal to cgroup/.
 *
 * A cgroup is named by its absolute directory. The container may write to its own cgroup and below
 * it, so what is read there is bounded and what is found there is not trusted; but a cgroup
 * filesystem holds no symbolic links, and nothing outside can be reached through it. */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "cgroup/cgroup.h"

struct hierarchy_ops {
	/* May the existing cgroup (open in @fd) become a container's? ERR_CGROUP if not. */
	int (*check_free)(int fd, const char *dir, struct err *e);
	/* Make the new or taken over @dir fit to hold processes; NULL where it is at once. */
	int (*prepare)(const char *dir, struct err *e);
	/* The file of @w is missing in @dir: have its controller there. @all are all controllers
	 * that the container needs, "+pids +memory". Returns 0 when another attempt makes sense.
	 * NULL where nothing can be done. */
	int (*enable)(const char *dir, const struct plan_cgroup_write *w, const char *all,
		      struct err *e);
	/* Files that tell what the parent has: processors, memory nodes. */
	const char *parent_cpus, *parent_mems;
	/* Kill what is in @dir (which cannot be removed as it is) and below, and remove it all. */
	int (*remove)(const char *dir, uint64_t deadline, struct err *e);
};

extern const struct hierarchy_ops hierarchy_v1, hierarchy_v2;

/* What getdents64(2) fills in. */
struct cgroup_dirent {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static inline bool cgroup_dirent_is_child(const struct cgroup_dirent *d)
{
	return d->type == DT_DIR && !str_eq(d->name, ".") && !str_eq(d->name, "..");
}

/* --- limits: cgroup/cgroup-limits.c --------------------------------------------------------------
 */

/* A container's directory in one hierarchy, open; made by us, or taken over. */
struct cgroup_at {
	const struct hierarchy_ops *ops;
	const char *dir;
	int fd;
	bool created;
	size_t top; /* as cgroup_dir_make() */
};

/* All of them: the v2 one first if the plan has one, then in the order of plan->v1. */
struct cgroup_dirs {
	const struct plan_cgroup *plan;
	struct cgroup_at dirs[1 + CGROUP_V1_MAX];
	size_t n;
	char controllers[256]; /* for hierarchy_ops.enable */
	bool shared;           /* somebody else has written some: what holds is left alone */
};

enum cgroup_write_when {
	CGROUP_WRITE_EARLY,  /* before there is a process */
	CGROUP_WRITE_LATE,   /* those that had to wait for init */
	CGROUP_WRITE_UPDATE, /* all, while processes run */
};

/* Write the plan's values that are due. An error names file, reason and place. */
int cgroup_dirs_write(struct cgroup_dirs *d, enum cgroup_write_when when, struct err *e)
	_must_check_;

/* Open the directories of @ref, which match @plan. */
int cgroup_dirs_open(const struct plan_cgroup *plan, const struct cgroup_ref *ref,
		     struct cgroup_dirs *ret, struct err *e) _must_check_;

void cgroup_dirs_close(struct cgroup_dirs *d);

/* --- directories: cgroup/dir.c ---------------------------------------------------------------- */

/* Make @dir with its parents. @ret_top is how much of @dir names the topmost directory made by this
 * call. Returns 1 if @dir was made, 0 if it exists, or -errno. */
int cgroup_dir_make(const char *dir, size_t *ret_top) _must_check_;

/* Remove @dir and its parents down to @top characters, as long as they are empty. */
void cgroup_dir_undo(const char *dir, size_t top);

/* Remove everything below @fd (not itself). -EBUSY when something there is in use. */
int cgroup_dir_empty(int fd) _must_check_;

/* Remove the "coracle" directory that @dir was in, if that is where it was and nobody else is. */
void cgroup_dir_remove_parent(const char *dir);

/* Open @dir with O_PATH, for openat(2), statx(2) and as struct cgroup.unified_fd. */
int cgroup_dir_open(const char *dir) _must_check_;

/* Move @pid into @dir, open in @dirfd or to be found by its name (-EBADF). */
int cgroup_dir_enter(int dirfd, const char *dir, pid_t pid, struct err *e) _must_check_;

/* Refuse (-EINVAL) the root of a mount: all processes of the machine may be in there, and no
 * container's cgroup ever is one. Asked before killing. */
int cgroup_dir_check_not_root(int fd) _must_check_;

/* --- processes: cgroup/pids.c ------------------------------------------------------------------
 */

/* Every process in @fd and below. Those that our pid namespace does not know are left out. */
int cgroup_dir_pids(struct arena *a, int fd, pid_t **ret, size_t *ret_n) _must_check_;

/* Send @signal once to every process in @fd and below; those that are gone are no error. */
int cgroup_dir_signal(int fd, int signal) _must_check_;

/* --- v1 ----------------------------------------------------------------------------------------
 */

/* As v2_freeze(), of the freezer's cgroup @fd. -ENOENT: it is none. */
int v1_freeze(int fd, bool freeze, int timeout_ms) _must_check_;

/* 1 if frozen, 0 if not. */
int v1_is_frozen(int fd) _must_check_;

/* Signal everything in @fd and below, once each, stopped meanwhile where @fd is the freezer's. */
int v1_signal_all(int fd, int signal) _must_check_;

/* --- v2 ----------------------------------------------------------------------------------------
 */

#define CGROUP_FREEZE_MS 10000

/* Freeze or thaw the v2 cgroup @fd and wait. -ETIMEDOUT after @timeout_ms. */
int v2_freeze(int fd, bool freeze, int timeout_ms) _must_check_;

/* 1 if frozen, 0 if not. -ENOENT for the root of the hierarchy. */
int v2_is_frozen(int fd) _must_check_;

/* The same of the cgroup @dir, in one lookup. */
int v2_dir_is_frozen(const char *dir) _must_check_;

/* Kill what is in @dir and remove what is below it; @dir itself is systemd's to remove, which is
 * waited for. 0 when it is gone. */
int v2_release(const char *dir, uint64_t deadline, struct err *e) _must_check_;

/* Signal everything in the v2 cgroup @fd and below. */
int v2_signal_all(int fd, int signal) _must_check_;
