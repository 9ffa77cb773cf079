/* Conditions to alternatives. Negation is pushed down to the comparisons, each of which has an
 * opposite; "and" multiplies alternatives out, and what contradicts itself is dropped. Pure, host
 * side.
 *
 * An argument that has a name is compared as the kernel looks at it: of an int only 32 bits,
 * whatever the rest of the register holds. Comparisons by size of such a part become tests of bits:
 * it is larger if, from the top, some bit is the first to differ. */
#include "seccomp/policy/cases.h"

#include <errno.h>

#include "base/str.h"
#include "seccomp/policy/arguments.h"
#include "seccomp/policy/constants.h"

/* --- values ----------------------------------------------------------------------------------- */

int case_value(const struct case_context *c, const struct policy_value *v, uint64_t *ret,
	       bool *ret_signed)
{
	uint64_t left = 0, right = 0;
	bool left_signed = false, right_signed = false;
	char buf[POLICY_ARCH_MAX];
	int64_t constant;
	int r = 0;

	*ret_signed = false;
	if (v->kind == VALUE_NUMBER) {
		*ret = v->number;
		return 0;
	}
	if (v->kind == VALUE_CONSTANT) {
		if (policy_constant_value(v->constant, c->arch, &constant) < 0)
			return policy_say(c->log, POLICY_ERROR, &v->place,
					  "write the number, in a block for the architecture",
					  "the value of %s on %s is not known here",
					  v->constant->name, policy_arch_name(c->arch, buf));
		*ret = (uint64_t)constant;
		*ret_signed = constant < 0;
		return 0;
	}
	r = case_value(c, v->left, &left, &left_signed);
	if (r == 0 && v->right)
		r = case_value(c, v->right, &right, &right_signed);
	if (r < 0)
		return r;
	*ret_signed = left_signed || right_signed;
	switch (v->kind) {
	case VALUE_OR:
		*ret = left | right;
		break;
	case VALUE_AND:
		*ret = left & right;
		break;
	case VALUE_SHIFT:
		if (right > 63)
			return policy_say(c->log, POLICY_ERROR, &v->place, NULL,
					  "a shift by more than 63 bits");
		*ret = left << right;
		break;
	case VALUE_INVERT:
		*ret = ~left;
		*ret_signed = !left_signed;
		break;
	case VALUE_MINUS:
		*ret = -left;
		*ret_signed = left != 0 && !left_signed;
		break;
	case VALUE_NUMBER:
	case VALUE_CONSTANT:
		break;
	}
	return 0;
}

bool case_cond_holds(const struct seccomp_cond *c, uint64_t value, unsigned bits)
{
	if (bits == 32)
		value = (uint32_t)value;
	switch ((enum seccomp_op)c->op) {
	case SECCOMP_OP_NE:
		return value != c->value;
	case SECCOMP_OP_LT:
		return value < c->value;
	case SECCOMP_OP_LE:
		return value <= c->value;
	case SECCOMP_OP_EQ:
		return value == c->value;
	case SECCOMP_OP_GE:
		return value >= c->value;
	case SECCOMP_OP_GT:
		return value > c->value;
	case SECCOMP_OP_MASKED_EQ:
		return (value & c->mask) == c->value;
	case SECCOMP_OP_MASKED_NE:
		return (value & c->mask) != c->value;
	case SECCOMP_OP_MAX:
		break;
	}
	return false;
}

/* --- lists ------------------------------------------------------------------------------------ */

static int add_case(const struct case_context *c, struct case_list *list,
		    const struct policy_node *node, const struct seccomp_cond *conds,
		    uint32_t n_conds)
{
	struct policy_case *new = arena_new(c->arena, struct policy_case);
	struct seccomp_cond *copy = arena_newn(c->arena, struct seccomp_cond, n_conds + 1);

	if (!new || !copy)
		return policy_no_memory(c->log);
	if (n_conds)
		memcpy(copy, conds, n_conds * sizeof(*copy));
	new->conds = copy;
	new->n_conds = n_conds;
	if (++list->n > CASES_MAX)
		return policy_say(c->log, POLICY_ERROR, &node->place,
				  "say it in several rules: the first that matches decides",
				  "the condition has more than %d alternatives", CASES_MAX);
	if (list->last)
		list->last->next = new;
	else
		list->first = new;
	list->last = new;
	return 0;
}

/* Never, or always. */
static int constant(const struct case_context *c, bool truth, const struct policy_node *node,
		    struct case_list *ret)
{
	*ret = (struct case_list){0};
	return truth ? add_case(c, ret, node, NULL, 0) : 0;
}

static bool conds_equal(const struct seccomp_cond *a, const struct seccomp_cond *b)
{
	return a->arg == b->arg && a->op == b->op && a->value == b->value && a->mask == b->mask;
}

bool case_implies(const struct policy_case *inner, const struct policy_case *outer)
{
	for (uint32_t i = 0; i < outer->n_conds; i++) {
		uint32_t k = 0;

		while (k < inner->n_conds && !conds_equal(&inner->conds[k], &outer->conds[i]))
			k++;
		if (k == inner->n_conds)
			return false;
	}
	return true;
}

/* --- comparisons ------------------------------------------------------------------------------ */

static const uint8_t opposites[] = {
	[SECCOMP_OP_NE] = SECCOMP_OP_EQ, [SECCOMP_OP_LT] = SECCOMP_OP_GE,
	[SECCOMP_OP_LE] = SECCOMP_OP_GT, [SECCOMP_OP_EQ] = SECCOMP_OP_NE,
	[SECCOMP_OP_GE] = SECCOMP_OP_LT, [SECCOMP_OP_GT] = SECCOMP_OP_LE,
};

/* What is compared: the bits @mask of argument @arg, all that count being @all. */
struct comparison {
	const struct case_context *c;
	const struct policy_node *node;
	struct case_list *list;
	uint64_t mask, all, value;
	uint8_t arg, op;
};

static int add_cond(const struct comparison *k, uint8_t op, uint64_t mask, uint64_t value)
{
	const struct seccomp_cond cond = {.value = value, .mask = mask, .arg = k->arg, .op = op};

	if (mask == 0)
		return constant(k->c, true, k->node, k->list);
	return add_case(k->c, k->list, k->node, &cond, 1);
}

/* Whole arguments, which the filter compares in one go. */
static int compare_whole(const struct comparison *k)
{
	const struct seccomp_cond cond = {.value = k->value, .arg = k->arg, .op = k->op};
	bool fits = k->value <= k->all, largest = k->value >= k->all;

	if ((k->op == SECCOMP_OP_EQ && !fits) || (k->op == SECCOMP_OP_LT && k->value == 0) ||
	    (k->op == SECCOMP_OP_GT && largest) || (k->op == SECCOMP_OP_GE && !fits))
		return 0;
	if ((k->op == SECCOMP_OP_NE && !fits) || (k->op == SECCOMP_OP_GE && k->value == 0) ||
	    (k->op == SECCOMP_OP_LE && largest) || (k->op == SECCOMP_OP_LT && !fits))
		return constant(k->c, true, k->node, k->list);
	return add_case(k->c, k->list, k->node, &cond, 1);
}

/* Some bits, by size: larger if @greater, else smaller. The alternatives exclude each other. */
static int compare_order(const struct comparison *k, bool greater)
{
	for (unsigned i = 64; i-- > 0;) {
		uint64_t bit = 1ULL << i, above = i == 63 ? 0 : ~(2 * bit - 1);
		bool set = k->value & bit;
		int r = 0;

		/* A bit of the value that the argument cannot have: it is smaller. */
		if (k->value & above & ~k->mask)
			return 0;
		if (greater && !set && k->mask & bit)
			r = add_cond(k, SECCOMP_OP_MASKED_EQ, k->mask & (above | bit),
				     (k->value & above) | bit);
		else if (!greater && set)
			r = add_cond(k, SECCOMP_OP_MASKED_EQ, k->mask & (above | bit),
				     k->value & above);
		if (r < 0 || case_is_always(k->list))
			return r;
	}
	return 0;
}

static int compare_bits(const struct comparison *k)
{
	bool possible = (k->value & ~k->mask) == 0;
	bool equal = k->op == SECCOMP_OP_EQ || k->op == SECCOMP_OP_LE || k->op == SECCOMP_OP_GE;
	int r = 0;

	if (k->op == SECCOMP_OP_NE) {
		if (!possible)
			return constant(k->c, true, k->node, k->list);
		return k->mask ? add_cond(k, SECCOMP_OP_MASKED_NE, k->mask, k->value) : 0;
	}
	if (equal && possible)
		r = add_cond(k, SECCOMP_OP_MASKED_EQ, k->mask, k->value);
	if (r < 0 || k->op == SECCOMP_OP_EQ || case_is_always(k->list))
		return r;
	return compare_order(k, k->op == SECCOMP_OP_GT || k->op == SECCOMP_OP_GE);
}

/* How many bits of the argument the kernel looks at. */
static unsigned width_bits(const struct policy_node *n, enum seccomp_arch arch)
{
	unsigned bits = seccomp_arch_info(arch)->bits;

	if (n->width == POLICY_WIDTH_16)
		return 16;
	return n->width == POLICY_WIDTH_32 ? 32 : bits;
}

static int expand_argument(const struct case_context *c, const struct policy_node *n, bool negated,
			   struct case_list *ret)
{
	const struct policy_argument argument = {n->argument, (enum policy_width)n->width};
	unsigned bits = width_bits(n, c->arch), whole = seccomp_arch_info(c->arch)->bits;
	uint64_t all = bits == 64 ? UINT64_MAX : (1ULL << bits) - 1, mask = all;
	bool value_signed, mask_signed = false;
	char buf[POLICY_ARCH_MAX];
	struct comparison k = {
		.c = c,
		.node = n,
		.list = ret,
		.all = all,
		.arg = n->argument,
		.op = negated ? opposites[n->op] : n->op,
	};
	int r = case_value(c, n->value, &k.value, &value_signed);

	if (r == 0 && n->mask)
		r = case_value(c, n->mask, &mask, &mask_signed);
	if (r < 0)
		return r;
	*ret = (struct case_list){0};
	if (n->call >= 0 &&
	    policy_argument_place((unsigned)n->call, &argument, c->arch, &k.arg) < 0)
		return policy_say(c->log, POLICY_ERROR, &n->place,
				  "compare it in blocks for the other architectures",
				  "on %s this is in no argument of its own",
				  policy_arch_name(c->arch, buf));
	if (value_signed)
		k.value &= all;
	if (mask_signed)
		mask &= all;
	if (n->width <= POLICY_WIDTH_32 && (k.value > all || mask > all))
		return policy_say(c->log, POLICY_ERROR, &n->place, NULL,
				  "the kernel looks at %u bits of this argument, and the value has "
				  "more",
				  bits);
	k.mask = mask & all;
	return k.mask == all && bits == whole ? compare_whole(&k) : compare_bits(&k);
}

/* --- and, or ---------------------------------------------------------------------------------- */

/* The bounds that comparisons by size leave of argument @arg: false if there is nothing left. */
static bool has_room(const struct case_merged *m, uint8_t arg, unsigned bits)
{
	uint64_t low = 0, high = bits == 64 ? UINT64_MAX : UINT32_MAX;

	for (uint32_t i = 0; i < m->n; i++) {
		const struct seccomp_cond *c = &m->conds[i];

		if (c->arg != arg)
			continue;
		if (c->op == SECCOMP_OP_LT)
			high = MIN(high, c->value - 1);
		else if (c->op == SECCOMP_OP_LE)
			high = MIN(high, c->value);
		else if (c->op == SECCOMP_OP_GT)
			low = MAX(low, c->value + 1);
		else if (c->op == SECCOMP_OP_GE)
			low = MAX(low, c->value);
	}
	return low <= high;
}

static void drop(struct case_merged *m, uint32_t at)
{
	m->n--;
	memmove(&m->conds[at], &m->conds[at + 1], (m->n - at) * sizeof(*m->conds));
}

int case_merge(struct case_merged *m, struct seccomp_cond new, unsigned bits)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < m->n; i++) {
		struct seccomp_cond *c = &m->conds[i];

		if (c->arg != new.arg)
			continue;
		if (conds_equal(c, &new))
			return 1;
		if (c->op == SECCOMP_OP_EQ)
			return case_cond_holds(&new, c->value, bits);
		if (new.op == SECCOMP_OP_EQ) {
			if (!case_cond_holds(c, new.value, bits))
				return 0;
			drop(m, i--);
		} else if (c->op == SECCOMP_OP_MASKED_EQ && new.op == SECCOMP_OP_MASKED_EQ) {
			if ((c->value ^ new.value) & c->mask & new.mask)
				return 0;
			new.value |= c->value;
			new.mask |= c->mask;
			drop(m, i--);
		}
	}
	if (m->n == CONDS_MAX)
		return -E2BIG;
	while (at < m->n && m->conds[at].arg <= new.arg)
		at++;
	memmove(&m->conds[at + 1], &m->conds[at], (m->n - at) * sizeof(*m->conds));
	m->conds[at] = new;
	m->n++;
	return has_room(m, new.arg, bits);
}

/* Each alternative of one with each of the other. */
static int multiply(const struct case_context *c, const struct policy_node *node,
		    const struct case_list *x, const struct case_list *y, struct case_list *ret)
{
	unsigned bits = seccomp_arch_info(c->arch)->bits;
	struct case_merged m;

	*ret = (struct case_list){0};
	for (const struct policy_case *a = x->first; a; a = a->next) {
		for (const struct policy_case *b = y->first; b; b = b->next) {
			int r = 1;

			m.n = a->n_conds;
			if (m.n)
				memcpy(m.conds, a->conds, m.n * sizeof(*m.conds));
			for (uint32_t i = 0; i < b->n_conds && r == 1; i++)
				r = case_merge(&m, b->conds[i], bits);
			if (r == -E2BIG)
				return policy_say(c->log, POLICY_ERROR, &node->place, NULL,
						  "more than %d comparisons at a time", CONDS_MAX);
			if (r == 1)
				r = add_case(c, ret, node, m.conds, m.n);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int expand_both(const struct case_context *c, const struct policy_node *n, bool negated,
		       struct case_list *ret)
{
	bool all = (n->kind == NODE_AND) != negated;
	struct case_list left, right;
	int r = case_expand(c, n->left, negated, &left);

	/* What decides alone makes the other side meaningless: it may speak of another call. */
	if (r < 0 || (all && !left.first) || (!all && case_is_always(&left))) {
		*ret = left;
		return r;
	}
	r = case_expand(c, n->right, negated, &right);
	if (r < 0)
		return r;
	if (all)
		return multiply(c, n, &left, &right, ret);
	if (!left.first || case_is_always(&right)) {
		*ret = right;
		return 0;
	}
	*ret = left;
	for (const struct policy_case *k = right.first; k && r == 0; k = k->next)
		r = add_case(c, ret, n, k->conds, k->n_conds);
	return r;
}

int case_expand(const struct case_context *c, const struct policy_node *node, bool negated,
		struct case_list *ret)
{
	switch (node->kind) {
	case NODE_CONST:
		return constant(c, node->truth != negated, node, ret);
	case NODE_NOT:
		return case_expand(c, node->left, !negated, ret);
	case NODE_AND:
	case NODE_OR:
		return expand_both(c, node, negated, ret);
	case NODE_ARCH:
		return constant(c, (node->archs >> c->arch & 1) != negated, node, ret);
	case NODE_CALLS:
	case NODE_NUMBER:
		return constant(c, c->truth[node->index] != negated, node, ret);
	case NODE_ARG:
		break;
	}
	return expand_argument(c, node, negated, ret);
}
