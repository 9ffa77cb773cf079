/* A policy as linux.seccomp of a configuration. Pure, host side. */
#pragma once

#include "seccomp/policy/language.h"

/* Say in JSON what @map says, as text of @ret_len bytes in @a. What comes out is read again and
 * compared with what went in, call by call: what profiles cannot say is an error at the rule that
 * wants it. Two differences are unavoidable, and told as notes: profiles kill the thread, not the
 * process, on architectures that they do not name, and where their default is an error, numbers
 * that nobody knows yet get ENOSYS. Returns 0; -EINVAL with errors in @log; or -ENOMEM. */
int policy_to_oci(struct arena *a, const struct policy_map *map, const char **ret, size_t *ret_len,
		  struct policy_log *log) _must_check_;
