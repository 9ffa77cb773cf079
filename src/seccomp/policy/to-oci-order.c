/* The order of rules in profiles. Pure, host side.
 *
 * A profile's rules for one call are inserted into a list one after the other: each goes before the
 * first that it precedes (seccomp/compile/oci.c), or else to the end. That is no order of all
 * rules, so that the same rules, named in another order, can be another list. Here the list is
 * there, and taken apart from behind: which rule can have been the last one to be inserted? */
#include "seccomp/policy/to-oci-internal.h"

#include <errno.h>

#include "base/str.h"
#include "seccomp/compile/policy.h"

#define RULES_MAX 200
#define TRIES_MAX 2000

struct order {
	struct seccomp_rule *rules; /* of each case, for comparing */
	size_t *list;               /* what is left, in the order in which it is tried */
	const struct policy_case **named;
	const struct policy_case *const *cases;
	unsigned bits, tries;
};

/* Whether the rule at @at of the @n that are left can be the one that was inserted last. */
static bool may_be_last(const struct order *o, size_t n, size_t at)
{
	const struct seccomp_rule *rule = &o->rules[o->list[at]];

	for (size_t i = 0; i < at; i++)
		if (seccomp_rule_precedes(rule, &o->rules[o->list[i]], o->bits))
			return false;
	return at + 1 == n || seccomp_rule_precedes(rule, &o->rules[o->list[at + 1]], o->bits);
}

static bool take_apart(struct order *o, size_t n)
{
	if (n == 0)
		return true;
	for (size_t at = n; at-- > 0 && o->tries < TRIES_MAX;) {
		size_t taken = o->list[at];

		if (!may_be_last(o, n, at))
			continue;
		o->tries++;
		memmove(&o->list[at], &o->list[at + 1], (n - at - 1) * sizeof(*o->list));
		o->named[n - 1] = o->cases[taken];
		if (take_apart(o, n - 1))
			return true;
		memmove(&o->list[at + 1], &o->list[at], (n - at - 1) * sizeof(*o->list));
		o->list[at] = taken;
	}
	return false;
}

int oci_order_cases(struct arena *a, const struct policy_case *cases, unsigned bits,
		    const struct policy_case *const **ret, size_t *ret_n)
{
	const struct policy_case **all;
	struct order o = {.bits = bits};
	size_t n = 0;

	for (const struct policy_case *k = cases; k; k = k->next)
		n++;
	all = arena_newn(a, const struct policy_case *, n + 1);
	o.named = arena_newn(a, const struct policy_case *, n + 1);
	o.list = arena_newn(a, size_t, n + 1);
	o.rules = arena_newn(a, struct seccomp_rule, n + 1);
	if (!all || !o.named || !o.list || !o.rules)
		return -ENOMEM;
	o.cases = all;
	for (size_t i = 0; i < n; i++, cases = cases->next) {
		all[i] = cases;
		o.list[i] = i;
		o.rules[i] =
			(struct seccomp_rule){.n_conds = cases->n_conds, .conds = cases->conds};
	}
	*ret = n <= RULES_MAX && take_apart(&o, n) ? o.named : all;
	*ret_n = n;
	return 0;
}
