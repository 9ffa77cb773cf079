/* How this host arranges its cgroups: the cgroup part of struct facts. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/mem.h"
#include "plan/facts.h"

/* Look at /sys/fs/cgroup and, where v1 hierarchies alone are mounted, or @need_self or @need_v1 is
 * set, at /proc/self/cgroup. Without @need_v1 the hierarchies of a hybrid host stay unknown: it
 * takes a system call for each to find them. Without @need_self (plan_cgroup_needs_self() tells)
 * unified_self_path may be "", and nothing is writable. A unified host costs one system call
 * then. Strings live in @a or are static. Returns 0 or -errno; CGROUP_NONE is not an error. */
int cgroup_probe(struct arena *a, bool need_self, bool need_v1, struct facts_cgroup *ret,
		 struct err *e) _must_check_;

/* The parsers, for their tests: @text is cut up and must outlive *@ret. */
int cgroup_parse_self(struct arena *a, char *text, struct facts_cgroup *ret) _must_check_;

/* The mount point of the v1 hierarchy that holds all of @controllers, from the text of mountinfo;
 * NULL when it is not mounted (or memory is exhausted). */
const char *cgroup_find_mount(struct arena *a, const char *mountinfo, const char *controllers);
