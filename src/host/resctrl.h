/* Groups of the resctrl file system, which divide caches and memory bandwidth (Intel RDT, and what
 * others have like it). In the host's namespaces. */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "base/mem.h"
#include "plan/build.h"

/* What a container has there and takes along when it goes: absolute directories, "" for none. */
struct resctrl_ref {
	const char *group, *monitor;
};

/* Which directories of @p would be the container's own, so that it can be written down before they
 * are there. Nothing is wanted: an empty reference. Fails where no resctrl is mounted, or what must
 * be there is not (ERR_RESCTRL, with its place). Strings live in @a. */
int resctrl_resolve(struct arena *a, const struct plan *p, struct resctrl_ref *ret, struct err *e)
	_must_check_;

/* Make the groups and write what they may use. What exists is compared instead. On failure nothing
 * is taken back: that is resctrl_remove()'s. */
int resctrl_make(struct arena *a, const struct plan *p, const struct resctrl_ref *ref,
		 struct err *e) _must_check_;

/* Put process @pid into the groups; children that it has later are there too. */
int resctrl_enter(struct arena *a, const struct plan *p, pid_t pid, struct err *e) _must_check_;

/* Give the group of @p other schemata: lines for resources that they do not name stay. Where the
 * group is not there, and @ref says that it is to be the container's own, it is made. */
int resctrl_update(struct arena *a, const struct plan_resctrl *p, const struct resctrl_ref *ref,
		   struct err *e) _must_check_;

/* Put process @pid into the container's own group of @ref, if it has one. One that has ended is no
 * error. */
int resctrl_enter_own(struct arena *a, const struct resctrl_ref *ref, pid_t pid, struct err *e)
	_must_check_;

/* Remove what is the container's own; what is gone already is no error. */
int resctrl_remove(const struct resctrl_ref *ref, struct err *e) _must_check_;
