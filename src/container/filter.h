/* A container's seccomp filter: saved for exec and start, and its listener handed to the agent.
 * Host half. */
#pragma once

#include "container/container.h"
#include "container/directory.h"
#include "container/state.h"
#include "plan/build.h"
#include "seccomp/compile/saved.h"

/* Save the filter of @plan, if it has one. */
int filter_save(struct runtime *rt, const struct directory *d, const struct plan *plan,
		struct err *e) _must_check_;

/* The folder of compiled filters that an annotation names, for the planner: files are read and,
 * where @keep, written. */
const struct seccomp_store *filter_store(bool keep);

/* Have coracle-seccomp compile a policy, for the planner (plan/build.h says what and how). */
int filter_compile_policy(struct arena *a, const char *path, uint64_t capabilities,
			  enum seccomp_arch arch, char **ret, size_t *ret_len, struct err *e)
	_must_check_;

/* Whoever @plan would hand the listener to must be there before anything is made. */
int filter_check_agent(const struct plan *plan, struct err *e) _must_check_;

/* The filter that was saved; it lives in rt->arena. */
int filter_load(struct runtime *rt, const struct directory *d, struct seccomp_saved *ret,
		struct err *e) _must_check_;

/* Give the listener @fd of process @pid to the agent of @filter. @exec: it is not the container's
 * first. */
int filter_hand_over(struct runtime *rt, const struct state *s, const struct seccomp_saved *filter,
		     pid_t pid, bool exec, int fd, struct err *e) _must_check_;
