/* The caller's subordinate ids, from /etc/subuid and /etc/subgid (subuid(5)). */
#pragma once

#include "base/mem.h"
#include "plan/facts.h"

/* Put the first range of user @uid of each file into *@f; counts stay 0 where there is none or the
 * files cannot be read. newuidmap has the last word about what may be mapped. */
void subids_find(struct arena *a, uint32_t uid, struct facts *f);
