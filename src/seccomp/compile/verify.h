/* The proof that a program does what a policy says. Pure, host side; shares no code with the
 * emitter. */
#pragma once

#include "seccomp/compile/policy.h"

/* Steps that the proof for each list of rules with arguments may take. The engines' profiles take a
 * few hundred. */
#define SECCOMP_VERIFY_QUICK     20000
#define SECCOMP_VERIFY_EXHAUSTED 1000000

/* Prove @program against @policy.
 *
 * Numbers and architectures, 2^32 of each, are proven completely: the program is followed with sets
 * of them in place of values. So are arguments, 2^64 of each of six, where a list of rules takes no
 * more than @max_steps; for those that take more the program is followed with values at the edges
 * of conditions, some thousands of them. *@ret_complete, where it is not NULL, tells whether
 * everything was proven.
 *
 * Returns 0, or -EINVAL (ERR_INTERNAL) with the place where the two differ, or -ENOMEM. */
int seccomp_verify(struct arena *a, const struct seccomp_policy *policy,
		   const struct seccomp_program *program, uint32_t max_steps, bool *ret_complete,
		   struct err *e) _must_check_;
