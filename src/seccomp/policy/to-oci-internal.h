/* What the parts of the conversion to profiles share. Pure, host side. */
#pragma once

#include "base/json.h"
#include "seccomp/policy/cases.h"
#include "seccomp/policy/differ.h"
#include "seccomp/policy/language.h"
#include "seccomp/policy/to-oci.h"

/* How a call's rules are said. */
enum manner {
	AS_IT_IS,  /* what no rule says is the default */
	IN_PIECES, /* that do not overlap */
	IN_ORDER, /* with a rule that always matches at the end: not all readers promise an order */
};

struct converter {
	struct arena *arena;
	const struct policy_map *map;
	struct policy_log *log;
	struct json_writer w;
	seccomp_action default_action;
	bool has_last; /* numbers above the largest that is named get ENOSYS */
	uint32_t last[SECCOMP_ARCH_MAX];
	bool open[SECCOMP_ARCH_MAX]; /* the policy says nothing else above it: naming none is best
				      */
	uint8_t manner[SYSCALL_COUNT];
	const struct policy_message *why[SYSCALL_COUNT]; /* it cannot be said in pieces */
	uint64_t done[(SYSCALL_COUNT + 63) / 64];
	struct seccomp_program original;
	/* What comparing has found. */
	const struct policy_statement *differs_by;
	const struct policy_message *first_why; /* of a call that differs */
	bool differs, retry, kills_less, unknown_differs;
	struct policy_difference witness;
};

/* Put @cases, which are to be tried in their order, into an order in which a profile can name them
 * for that, on an architecture of @bits bits. Where there is none, or none is found soon, it is the
 * order that they have: whoever uses it must compare what comes out. Returns 0, with *@ret_n cases
 * in *@ret, in @a; or -ENOMEM. */
int oci_order_cases(struct arena *a, const struct policy_case *cases, unsigned bits,
		    const struct policy_case *const **ret, size_t *ret_n) _must_check_;

/* The name of an action; NULL for one that profiles do not have. */
const char *oci_action_name(seccomp_action action);

/* Whether it has an error number. */
bool oci_has_data(seccomp_action action);

/* The keys of a rule that say what happens. */
void oci_write_action(struct converter *c, seccomp_action action);

/* A rule for one call, which all of the @n @conds make match. */
void oci_write_rule(struct converter *c, unsigned call, seccomp_action action,
		    const struct seccomp_cond *conds, uint32_t n);

/* Say that profiles cannot say what @s does. Returns -EINVAL. */
int oci_cannot_say(struct converter *c, const struct policy_statement *s, const char *what);

/* All rules of @call, which @range of @arch has conditions for, in its manner; where that cannot
 * be, c->retry is set and another one is chosen, or it is an error. Returns 0, -EINVAL or -ENOMEM.
 */
int oci_write_call(struct converter *c, unsigned call, const struct policy_arch *arch,
		   const struct policy_range *range) _must_check_;
