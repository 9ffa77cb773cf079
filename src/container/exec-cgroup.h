/* Where the process of an exec goes: the container's cgroup, one below it that --cgroup names, or
 * the one that the container's first process moved to. Host half. */
#pragma once

#include "base/attr.h"
#include "base/err.h"
#include "base/mem.h"
#include "cgroup/cgroup.h"
#include "oci/spec.h"

/* @ref, of a container, becomes what @words say: PATH, or CONTROLLER[,CONTROLLER]...:PATH for
 * hierarchies of version 1, relative to the container's cgroup. No words change nothing. Returns 0
 * or -errno (ERR_USAGE, ERR_CGROUP). */
int exec_cgroup_select(struct arena *a, const struct str_list *words, struct cgroup_ref *ref,
		       struct err *e) _must_check_;

/* @ref, of a container whose first process is @pid, becomes the v2 cgroup that this process is in:
 * one that has controllers for its children takes no processes. Returns 0, -ENOENT if it is not in
 * the container's, or -errno. */
int exec_cgroup_of_init(struct arena *a, pid_t pid, struct cgroup_ref *ref, struct err *e)
	_must_check_;
