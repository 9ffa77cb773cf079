/* The verifier's half for arguments: what a program does from where it first loads one. Pure, host
 * side. */
#pragma once

#include "seccomp/compile/policy.h"

/* Memory that the proofs of one program share; zero before the first. */
struct verify_scratch {
	struct verify_state *stack;
	size_t stack_size;
	uint64_t *seen;
	size_t seen_size;
	const uint16_t *ahead;
};

/* From instruction @pc on the verdict must be that of @rules, @otherwise where none matches.
 * The proof is complete where it takes no more than @max_steps; otherwise points are tried, and
 * *@tried_points becomes true. Returns
 * 0; or -EINVAL with *@ret_pc and *@ret_what, the instruction that is wrong and why; or -ENOMEM. */
int seccomp_verify_args(struct arena *a, struct verify_scratch *scratch,
			const struct seccomp_program *program, uint32_t pc,
			const struct seccomp_rule *rules, seccomp_action otherwise,
			enum seccomp_arch arch, uint32_t max_steps, bool *tried_points,
			uint32_t *ret_pc, const char **ret_what) _must_check_;
