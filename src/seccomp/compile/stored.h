/* Programs that were compiled before, in files named by the digest of what they mean. Pure; the
 * files are the caller's. */
#pragma once

#include "base/sha256.h"
#include "seccomp/compile/compile.h"

/* SHA-256 of all that decides what @policy's verdicts are: two policies with one digest have one
 * program. What goes to the kernel beside the program (flags) has no part in it. */
void seccomp_policy_digest(const struct seccomp_policy *policy, char ret[static SHA256_TEXT_MAX]);

/* The program for @policy from @store, proven anew, and what the store does not have, or has
 * wrongly, compiled and put there. Nothing that is wrong with the store is an error:
 * @ret->complaint says it. Otherwise like seccomp_compile(). */
int seccomp_from_store(struct arena *a, const struct seccomp_policy *policy,
		       const struct seccomp_store *store, struct seccomp_program *ret,
		       struct err *e) _must_check_;

/* Without a store: emit and prove. *@ret_complete (or NULL) as for seccomp_verify(). */
int seccomp_emit_proven(struct arena *a, const struct seccomp_policy *policy,
			struct seccomp_program *ret, bool *ret_complete, struct err *e)
	_must_check_;
