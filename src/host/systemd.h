/* Asking systemd for a scope, and for other limits of it, by way of the program that speaks its
 * protocol. */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "base/mem.h"
#include "cgroup/cgroup.h"
#include "plan/cgroup.h"

/* Have systemd make the scope of @plan with @pid in it. Returns when @pid is there, with the
 * scope's directories in *@ref: the one below @mount_point, of the v2 hierarchy, and those of
 * plan->v1, which need not exist and in which @pid need not be. Or returns -errno. */
int systemd_start_scope(struct arena *a, const struct plan_cgroup *plan, const char *mount_point,
			pid_t pid, struct cgroup_ref *ref, struct err *e) _must_check_;

/* Tell systemd of plan->properties of the scope plan->unit, if there are any: they hold from then
 * on, and after it has reloaded. Returns 0 or -errno. */
int systemd_set_properties(const struct plan_cgroup *plan, struct err *e) _must_check_;

/* Have an OOM policy among plan->properties hold after systemd has reloaded, too: of a scope that
 * exists it takes none, so it gets a file to read then. Returns 0 or -errno. */
int systemd_keep_oom_policy(const struct plan_cgroup *plan, struct err *e) _must_check_;

/* Remove what systemd_keep_oom_policy() has written of the scope of @ref, if it is one. */
void systemd_forget(const struct cgroup_ref *ref);
