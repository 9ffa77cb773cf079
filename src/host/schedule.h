/* Scheduling of a process, set from outside with the caller's privileges. */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "plan/build.h"

/* Policy and I/O priority of @pid. The policy only if @late is what the plan says of it. */
int schedule_apply(const struct plan_schedule *s, pid_t pid, bool late, struct err *e) _must_check_;

/* The processors of @pid, once it is in its cgroup. */
int schedule_cpus(const struct plan_schedule *s, pid_t pid, struct err *e) _must_check_;

/* Our own processors on the way to a container's cgroup (execCPUAffinity.initial). */
int schedule_own_cpus(const struct plan_schedule *s, struct err *e) _must_check_;
