/* Writing the id mappings of a new user namespace. */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "plan/build.h"

/* Map ids for process @pid as @map says: directly, or by newuidmap and newgidmap, which are set-id
 * programs that know the caller's subordinate ids. */
int idmap_write(const struct plan_idmap *map, pid_t pid, struct err *e) _must_check_;
