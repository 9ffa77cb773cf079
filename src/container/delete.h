/* Taking a container apart, for delete and for a start that failed behind its point of no return.
 */
#pragma once

#include "container/live.h"

/* End what runs in the locked container @l, remove its cgroup, run its poststop hooks, forget it.
 * May be repeated after being killed at any point: the document goes last. */
int delete_live(struct runtime *rt, struct live *l, struct err *e) _must_check_;
