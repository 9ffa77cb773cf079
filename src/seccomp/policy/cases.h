/* A condition as alternatives of comparisons, for numbers of which all of its questions about
 * number and architecture have one answer. Pure, host side. */
#pragma once

#include "seccomp/policy/language.h"

/* Alternatives of one rule, and comparisons of an alternative. */
#define CASES_MAX 2048
#define CONDS_MAX 32

struct case_list {
	struct policy_case *first, *last;
	size_t n;
};

struct case_context {
	struct arena *arena;
	enum seccomp_arch arch;
	const uint8_t *truth; /* by index of the nodes that look at numbers */
	struct policy_log *log;
};

/* The alternatives of @node. An empty list is a condition that never holds; one of them without
 * comparisons, which is the only one then, a condition that always does. Returns 0, -EINVAL with an
 * error, or -ENOMEM. */
int case_expand(const struct case_context *c, const struct policy_node *node, bool negated,
		struct case_list *ret) _must_check_;

/* Whether @list is a condition that always holds. */
static inline bool case_is_always(const struct case_list *list)
{
	return list->first && list->first->n_conds == 0;
}

/* Whether all that agrees with @inner agrees with @outer: each comparison of @outer is in @inner.
 */
bool case_implies(const struct policy_case *inner, const struct policy_case *outer);

/* Whether the comparison holds for @value, an argument of @bits. */
bool case_cond_holds(const struct seccomp_cond *c, uint64_t value, unsigned bits);

/* Comparisons that must hold together; those of one argument stay together. */
struct case_merged {
	struct seccomp_cond conds[CONDS_MAX];
	uint32_t n;
};

/* Add one more, and drop what says the same. @bits is the width of arguments. Returns 1; 0 if it
 * contradicts the others; -E2BIG. */
int case_merge(struct case_merged *m, struct seccomp_cond new, unsigned bits) _must_check_;

/* A value on an architecture. *@ret_signed tells that it is one whose upper bits go on as the sign:
 * -1, ~7. Returns 0, or -EINVAL with an error. */
int case_value(const struct case_context *c, const struct policy_value *v, uint64_t *ret,
	       bool *ret_signed) _must_check_;
