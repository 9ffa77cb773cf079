/* linux.seccomp of a configuration as a policy. Pure, host side. */
#pragma once

#include "seccomp/policy/language.h"

/* Say in the language what the profile @policy, compiled from @spec, says on its architectures:
 * *@ret, a NUL-terminated text in @a. Returns 0 or -ENOMEM. */
int policy_from_oci(struct arena *a, const struct spec_seccomp *spec,
		    const struct seccomp_policy *policy, const char **ret) _must_check_;
