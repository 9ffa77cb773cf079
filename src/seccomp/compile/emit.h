/* A policy to instructions. Pure, host side. */
#pragma once

#include "seccomp/compile/policy.h"

/* Emit the program for @policy. What the kernel's check for calls that are always allowed
 * (seccomp_cache, 5.11) can follow decides everything that the number alone decides: loads of
 * number and architecture, jumps, returns; arguments are not touched before. Returns 0, and
 * *@ret in @a; -E2BIG (ERR_CONFIG_INVALID) above BPF_MAXINSNS; -ENOMEM. */
int seccomp_emit(struct arena *a, const struct seccomp_policy *policy, struct seccomp_program *ret,
		 struct err *e) _must_check_;
