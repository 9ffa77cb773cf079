/* What is wrong, or dangerous, in policies and profiles that are well-formed. Pure, host side. */
#pragma once

#include "seccomp/policy/language.h"

struct policy_finding {
	struct policy_finding *next;
	enum policy_level level;          /* a note, or a warning */
	const struct policy_place *place; /* of a policy; or NULL */
	const char *where;                /* of a profile: "syscalls[3]"; or "" */
	const char *text, *hint;          /* the hint may be "" */
};

struct policy_findings {
	struct arena *arena;
	struct policy_finding *first, *last;
	size_t n_warnings;
	bool failed; /* out of memory */
};

/* Find rules that never decide, but for those that are switched off by a parameter or an
 * architecture. */
void policy_check_unused(const struct policy_map *map, struct policy_findings *f);

/* The same, and look at what rules say, by themselves and together. */
void policy_check_rules(const struct policy_map *map, struct policy_findings *f);

/* Look at a profile's own traps. */
void policy_check_profile(const struct spec_seccomp *spec, struct policy_findings *f);

/* Look at what is allowed in the end, by a policy or a profile. */
void policy_check_verdicts(const struct seccomp_policy *policy, struct policy_findings *f);
