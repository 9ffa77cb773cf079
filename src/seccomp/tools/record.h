/* What a traced program did, as a policy. Pure, host side. */
#pragma once

#include "seccomp/policy/language.h"

/* Values of arguments that are kept, where a call's is worth it; with more, it is told as a whole.
 */
#define RECORD_VALUES_MAX 64

struct record;

/* An empty record, or NULL. With @arguments, calls that do many different things (ioctl, prctl,
 * socket …) are told by their first few arguments. */
struct record *record_new(struct arena *a, bool arguments) _must_check_;

/* A call, as the kernel's notification has it. */
void record_call(struct record *r, uint32_t audit, uint32_t nr, const uint64_t args[6]);

/* The policy that allows what was recorded and what no program can do without, and does @deny (text
 * of an action) otherwise. @command is for a comment. NULL when memory is exhausted. */
const char *record_policy(struct arena *a, const struct record *r, const char *command,
			  const char *deny, enum seccomp_arch native) _must_check_;
