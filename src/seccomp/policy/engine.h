/* Engines' own profiles (Docker, containerd, Podman, CRI-O): what linux.seccomp they make of them
 * depends on the machine and on the container. Pure, host side. */
#pragma once

#include "oci/spec.h"
#include "seccomp/policy/language.h"

/* Make *@ret of @profile as engines do, for the machine, the kernel and the capabilities of
 * @options: archMap decides about architectures, a rule is left out where its "excludes" hold or
 * its "includes" do not. Strings are shared, lists are in @a. Returns 0; -EINVAL
 * (ERR_CONFIG_INVALID, with the path) for what engines refuse, too; or -ENOMEM. */
int policy_expand_engine(struct arena *a, const struct spec_engine_profile *profile,
			 const struct policy_options *options, struct spec_seccomp *ret,
			 struct err *e) _must_check_;
