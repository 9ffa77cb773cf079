/* The rules of a profile for one call. Pure, host side. */
#include <errno.h>
#include <linux/seccomp.h>

#include "base/str.h"
#include "seccomp/policy/to-oci-internal.h"

/* Rules that one call may become. */
#define PIECES_MAX 512

/* Bits of which some must differ: each becomes a rule. */
#define BITS_MAX 12

/* --- pieces of JSON --------------------------------------------------------------------------- */

const char *oci_action_name(seccomp_action action)
{
	switch (action & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
		return "SCMP_ACT_ALLOW";
	case SECCOMP_RET_LOG:
		return "SCMP_ACT_LOG";
	case SECCOMP_RET_USER_NOTIF:
		return "SCMP_ACT_NOTIFY";
	case SECCOMP_RET_KILL_PROCESS:
		return "SCMP_ACT_KILL_PROCESS";
	case SECCOMP_RET_KILL_THREAD:
		return "SCMP_ACT_KILL_THREAD";
	case SECCOMP_RET_ERRNO:
		return "SCMP_ACT_ERRNO";
	case SECCOMP_RET_TRACE:
		return "SCMP_ACT_TRACE";
	case SECCOMP_RET_TRAP:
		return action & SECCOMP_RET_DATA ? NULL : "SCMP_ACT_TRAP";
	default:
		return NULL;
	}
}

bool oci_has_data(seccomp_action action)
{
	action &= SECCOMP_RET_ACTION_FULL;
	return action == SECCOMP_RET_ERRNO || action == SECCOMP_RET_TRACE;
}

void oci_write_action(struct converter *c, seccomp_action action)
{
	json_kv_string(&c->w, "action", oci_action_name(action));
	if (oci_has_data(action))
		json_kv_u64(&c->w, "errnoRet", action & SECCOMP_RET_DATA);
}

static void write_cond(struct converter *c, const struct seccomp_cond *cond)
{
	static const char *const ops[] = {
		[SECCOMP_OP_NE] = "SCMP_CMP_NE",
		[SECCOMP_OP_LT] = "SCMP_CMP_LT",
		[SECCOMP_OP_LE] = "SCMP_CMP_LE",
		[SECCOMP_OP_EQ] = "SCMP_CMP_EQ",
		[SECCOMP_OP_GE] = "SCMP_CMP_GE",
		[SECCOMP_OP_GT] = "SCMP_CMP_GT",
		[SECCOMP_OP_MASKED_EQ] = "SCMP_CMP_MASKED_EQ",
	};
	bool masked = cond->op == SECCOMP_OP_MASKED_EQ;

	json_object_begin(&c->w);
	json_kv_u64(&c->w, "index", cond->arg);
	json_kv_u64(&c->w, "value", masked ? cond->mask : cond->value);
	if (masked)
		json_kv_u64(&c->w, "valueTwo", cond->value);
	json_kv_string(&c->w, "op", ops[cond->op]);
	json_object_end(&c->w);
}

void oci_write_rule(struct converter *c, unsigned call, seccomp_action action,
		    const struct seccomp_cond *conds, uint32_t n)
{
	json_object_begin(&c->w);
	json_key(&c->w, "names");
	json_array_begin(&c->w);
	json_string(&c->w, syscall_name(call));
	json_array_end(&c->w);
	oci_write_action(c, action);
	json_key(&c->w, "args");
	json_array_begin(&c->w);
	for (uint32_t i = 0; i < n; i++)
		write_cond(c, &conds[i]);
	json_array_end(&c->w);
	json_object_end(&c->w);
}

/* --- rules with conditions -------------------------------------------------------------------- */

int oci_cannot_say(struct converter *c, const struct policy_statement *s, const char *what)
{
	return policy_say(c->log, POLICY_ERROR, &s->place,
			  "use the policy itself, by its annotation",
			  "profiles cannot say this: %s", what);
}

/* Write a rule for conditions that must all hold. "Some bit differs" is one rule a bit. */
static int write_conds(struct converter *c, unsigned call, const struct policy_statement *s,
		       const struct case_merged *m)
{
	for (uint32_t i = 0; i < m->n; i++) {
		struct case_merged bits = *m;

		if (i && m->conds[i].arg == m->conds[i - 1].arg)
			return oci_cannot_say(c, s,
					      "two conditions on one argument mean \"or\" there");
		if (m->conds[i].op != SECCOMP_OP_MASKED_NE)
			continue;
		if (__builtin_popcountll(m->conds[i].mask) > BITS_MAX)
			return oci_cannot_say(c, s, "that some of many bits of an argument differ");
		for (uint64_t left = m->conds[i].mask; left; left &= left - 1) {
			uint64_t bit = left & -left;
			int r;

			bits.conds[i].op = SECCOMP_OP_MASKED_EQ;
			bits.conds[i].mask = bit;
			bits.conds[i].value = ~m->conds[i].value & bit;
			r = write_conds(c, call, s, &bits);
			if (r < 0)
				return r;
		}
		return 0;
	}
	oci_write_rule(c, call, s->action, m->conds, m->n);
	return 0;
}

static struct seccomp_cond opposite(const struct seccomp_cond *cond)
{
	static const uint8_t ops[] = {
		[SECCOMP_OP_NE] = SECCOMP_OP_EQ,
		[SECCOMP_OP_LT] = SECCOMP_OP_GE,
		[SECCOMP_OP_LE] = SECCOMP_OP_GT,
		[SECCOMP_OP_EQ] = SECCOMP_OP_NE,
		[SECCOMP_OP_GE] = SECCOMP_OP_LT,
		[SECCOMP_OP_GT] = SECCOMP_OP_LE,
		[SECCOMP_OP_MASKED_EQ] = SECCOMP_OP_MASKED_NE,
		[SECCOMP_OP_MASKED_NE] = SECCOMP_OP_MASKED_EQ,
	};
	struct seccomp_cond result = *cond;

	result.op = ops[cond->op];
	return result;
}

struct piece {
	struct piece *next;
	struct case_merged m;
};

/* What @pieces leave after taking @before away: each piece with the opposite of each condition. */
static int subtract(struct converter *c, const struct policy_case *before, unsigned bits,
		    struct piece **pieces)
{
	struct piece *result = NULL;
	size_t n = 0;

	for (const struct piece *p = *pieces; p; p = p->next) {
		for (uint32_t i = 0; i < before->n_conds; i++) {
			struct piece *left = arena_new(c->arena, struct piece);
			int r = 1;

			if (!left)
				return policy_no_memory(c->log);
			left->m = p->m;
			/* Where the earlier ones hold, so that the pieces do not overlap. */
			for (uint32_t k = 0; k < i && r == 1; k++)
				r = case_merge(&left->m, before->conds[k], bits);
			if (r == 1)
				r = case_merge(&left->m, opposite(&before->conds[i]), bits);
			if (r == 0)
				continue;
			if (r < 0 || ++n > PIECES_MAX)
				return oci_cannot_say(c, before->statement,
						      "it becomes too many rules");
			left->next = result;
			result = left;
		}
	}
	*pieces = result;
	return 0;
}

/* One rule, without what those before it decide in another way. */
static int write_piece(struct converter *c, unsigned call, unsigned bits,
		       const struct policy_case *first, const struct policy_case *own,
		       const struct policy_statement *s)
{
	struct piece *pieces = arena_new(c->arena, struct piece);
	int r = 0;

	if (!pieces)
		return policy_no_memory(c->log);
	if (own) {
		pieces->m.n = own->n_conds;
		memcpy(pieces->m.conds, own->conds, own->n_conds * sizeof(*own->conds));
	}
	for (const struct policy_case *k = first; k != own && r == 0; k = k->next)
		if (k->statement->action != s->action)
			r = subtract(c, k, bits, &pieces);
	for (const struct piece *p = pieces; p && r == 0; p = p->next)
		r = write_conds(c, call, s, &p->m);
	return r;
}

/* Every case a rule, in an order that makes profiles try them in theirs. */
static int write_cases(struct converter *c, unsigned call, unsigned bits,
		       const struct policy_case *cases)
{
	const struct policy_case *const *ordered;
	size_t n;
	int r = oci_order_cases(c->arena, cases, bits, &ordered, &n);

	if (r < 0)
		return policy_no_memory(c->log);
	for (size_t i = 0; i < n && r == 0; i++) {
		struct case_merged m = {.n = ordered[i]->n_conds};

		memcpy(m.conds, ordered[i]->conds, m.n * sizeof(*m.conds));
		r = write_conds(c, call, ordered[i]->statement, &m);
	}
	return r;
}

/* The cases, and behind them one that always holds for what is left. */
static int write_in_order(struct converter *c, unsigned call, unsigned bits,
			  const struct policy_range *range)
{
	static const struct seccomp_cond always = {.op = SECCOMP_OP_GE};
	struct policy_case *first = NULL, **at = &first;

	for (const struct policy_case *k = range->cases;; k = k->next) {
		*at = arena_new(c->arena, struct policy_case);
		if (!*at)
			return policy_no_memory(c->log);
		if (!k)
			break;
		**at = *k;
		at = (struct policy_case **)&(*at)->next;
	}
	**at = (struct policy_case){.statement = range->otherwise, .conds = &always, .n_conds = 1};
	return write_cases(c, call, bits, first);
}

static int write_in_pieces(struct converter *c, unsigned call, unsigned bits,
			   const struct policy_range *range)
{
	int r = 0;

	for (const struct policy_case *k = range->cases; k && r == 0; k = k->next)
		if (k->statement->action != c->default_action)
			r = write_piece(c, call, bits, range->cases, k, k->statement);
	if (r == 0 && range->otherwise->action != c->default_action)
		r = write_piece(c, call, bits, range->cases, NULL, range->otherwise);
	return r;
}

int oci_write_call(struct converter *c, unsigned call, const struct policy_arch *arch,
		   const struct policy_range *range)
{
	unsigned bits = seccomp_arch_info(arch->arch)->bits;
	const struct policy_log before = *c->log;
	int r;

	if (c->manner[call] == AS_IT_IS)
		return write_cases(c, call, bits, range->cases);
	if (c->manner[call] == IN_ORDER)
		return write_in_order(c, call, bits, range);
	r = write_in_pieces(c, call, bits, range);
	if (r != -EINVAL)
		return r;
	/* Taken back: it is said only if there is no other manner either. */
	c->why[call] = c->log->last;
	*c->log = before;
	if (c->log->last)
		c->log->last->next = NULL;
	c->manner[call] = IN_ORDER;
	c->retry = true;
	return 0;
}
