/* Changing what a container's group of resctrl may use. */
#pragma once

#include "base/err.h"
#include "base/mem.h"
#include "container/live.h"

/* Write the schemata @l3 ("L3:0=7f0") and @bandwidth ("MB:0=20"), of which either may be "", for
 * the container @l, whose lock is held. A container that has no group gets one of its own, with all
 * its processes. Fails with ERR_RESCTRL where there is no resctrl, or the kernel refuses them. */
int update_resctrl(struct arena *a, struct live *l, const char *l3, const char *bandwidth,
		   struct err *e) _must_check_;
