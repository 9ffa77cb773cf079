/* Facts about this host and caller, probed once a command, and only those that the plan will ask
 * for. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"
#include "plan/facts.h"

/* What the command needs beyond credentials. */
struct facts_needs {
	bool cgroup;          /* the arrangement */
	bool cgroup_self;     /* the caller's own cgroup too */
	bool cgroup_v1;       /* v1 hierarchies too: a limit was asked for */
	bool limits;          /* the caller's resource limits */
	bool sub_ids;         /* the caller's subordinate ids */
	bool devices;         /* whether a device policy may be loaded */
	bool nested;          /* whether device nodes can be made */
	bool manager;         /* whose systemd is asked */
	bool tree_namespaces; /* whether a mount namespace can begin with one tree */
};

/* Returns 0 or -errno; strings live in @a. */
int facts_probe(struct arena *a, struct facts_needs needs, struct facts *ret, struct err *e)
	_must_check_;

/* Does our caller count as an ordinary user, so that /run and the machine's systemd are not ours to
 * use? An engine of one may be root in its own user namespace only, with the user's environment. */
bool facts_is_for_user(void);
