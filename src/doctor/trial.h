/* Trying something in a child, so that whatever it does to itself goes with it. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

/* How far a trial came: 0, or the negative errno of what failed, with its name in @what. */
struct trial {
	int code;
	char what[60];
};

/* In the child: note what is tried next. Returns @r, so that it can stand around a call:
 * trial_step(t, "mount a tmpfs", sys_mount(…)). */
static inline int trial_step(struct trial *t, const char *what, int r);

/* Run @fn(@arg, t) in a child that is a copy of us, with CLONE_* @flags, in the cgroup that
 * @cgroup_fd stands for (-EBADF: ours); it has two seconds and is killed then. If @parent is not
 * NULL it is called here with the child's pid before @fn begins, which it does only if that returns
 * 0: above 0 says that the child has been dealt with. Returns 0 with *@ret filled in (its code is
 * @fn's result, or @parent's if that failed; -EINTR if the child was killed), or -errno if there
 * could be no child: -ETIMEDOUT when it took too long. */
int trial_run(uint64_t flags, int cgroup_fd, int (*fn)(void *arg, struct trial *t),
	      int (*parent)(void *arg, pid_t pid), void *arg, struct trial *ret) _must_check_;

/* In a child in a new user namespace: map our own ids to root there. */
int trial_map_self(struct trial *t, uint32_t uid, uint32_t gid) _must_check_;

#include "base/str.h"

static inline int trial_step(struct trial *t, const char *what, int r)
{
	if (r < 0) {
		t->code = r;
		(void)str_copy(t->what, sizeof(t->what), what);
	}
	return r;
}
