/* Device nodes for containers with a user namespace, which may not make them. */
#pragma once

#include "base/err.h"
#include "plan/build.h"

/* Make the node of every SLOT_DEVICE of @plan, with its own mode and owner, as a detached mount in
 * @slots. Returns 0, -EPERM where we may not make devices either (nothing is opened then), or
 * -errno. */
int nodes_make(const struct plan *plan, int *slots, struct err *e) _must_check_;
