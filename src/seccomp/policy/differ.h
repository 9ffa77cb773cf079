/* How two filters differ, by what they say about each call. Pure, host side. */
#pragma once

#include "seccomp/compile/policy.h"

/* Calls about which the two say different things, and one of them. */
struct policy_difference {
	uint32_t arch_first, arch_last; /* AUDIT_ARCH_*; an interval where nobody names them */
	uint32_t nr_first, nr_last;
	seccomp_action a, b;
	uint32_t words[16]; /* the one: struct seccomp_data in the order of its memory */
};

/* Actions from the strictest on: an action is weaker than another if its rank is higher. */
unsigned policy_action_rank(seccomp_action action);

/* Call @tell with each difference; one that is like another in all but arguments comes once or more
 * often. Programs that do what compilers of filters do not (arithmetic, scratch memory) are refused
 * with -EOPNOTSUPP (ERR_UNSUPPORTED). *@ret_complete is false where it took too long to look at
 * everything. Returns 0, that, or -ENOMEM. */
int policy_differ(struct arena *a, const struct seccomp_program *x, const struct seccomp_program *y,
		  void (*tell)(void *context, const struct policy_difference *d), void *context,
		  bool *ret_complete, struct err *e) _must_check_;
