/* The proof for arguments. Pure, host side.
 *
 * The twelve halves of arguments are intervals, with the outcomes of tests of their bits beside
 * them; what no value agrees with is not followed. A comparison that these do not decide is
 * followed both ways. Rules that can no longer match are dropped, then all knowledge of halves that
 * no remaining rule looks at, and no instruction from here on; what was seen before in the same
 * place with the same knowledge is not followed again. So the work is a small multiple of the rules
 * where they look at different arguments, and of the values where they look at the same. Where many
 * rules look at many arguments it could still be too much: then the program is run with values
 * around those that the rules name. */
#include "seccomp/compile/verify-args.h"

#include <errno.h>
#include <linux/bpf_common.h>
#include <linux/seccomp.h>

#include "base/str.h"
#include "seccomp/compile/verify-bits.h"

#define HALVES 12
#define FACTS  16

#define OFFSET_ARGS ((uint32_t)offsetof(struct seccomp_data, args))

/* Points for each list of rules whose proof was given up. */
#define POINTS_MAX 20000

struct fact {
	struct bits_fact bits;
	uint8_t half;
};

/* Half 2 * n is the low one of argument n, 2 * n + 1 the high one. */
struct known {
	uint32_t first[HALVES], last[HALVES];
	struct fact facts[FACTS];
	uint32_t n_facts;
};

struct verify_state {
	struct known known;
	const struct seccomp_rule *rule; /* the first that can still match */
	uint32_t pc;
	uint32_t half, mask; /* what the accumulator holds */
};

struct walk {
	struct arena *arena;
	const struct sock_filter *insns;
	size_t n;
	const struct seccomp_rule *rules;
	seccomp_action otherwise; /* where no rule matches */
	bool wide, big_endian;
	uint32_t steps_left;
	struct verify_scratch *scratch;
	size_t depth, n_seen;
	uint32_t wrong_pc;
	const char *wrong;
};

/* Outcomes of steps, beside 0 and negative errnos. */
enum {
	GIVE_UP = 1
};

enum truth {
	NO,
	YES,
	MAYBE
};

static int wrong(struct walk *w, uint32_t pc, const char *what)
{
	w->wrong_pc = pc;
	w->wrong = what;
	return -EINVAL;
}

/* --- rules ------------------------------------------------------------------------------------ */

/* Whether some value of @half is within [@first, @last] and agrees with all that is known, and with
 * @more if it is given. */
static bool exists(const struct known *k, unsigned half, uint32_t first, uint32_t last,
		   const struct bits_fact *more)
{
	struct bits_fact facts[FACTS + 1];
	uint32_t n = 0;

	first = MAX(first, k->first[half]);
	last = MIN(last, k->last[half]);
	for (uint32_t i = 0; i < k->n_facts; i++)
		if (k->facts[i].half == half)
			facts[n++] = k->facts[i].bits;
	if (more)
		facts[n++] = *more;
	return bits_exist(facts, n, first, last);
}

/* Whether all values of a half agree with some bits, on what is known. */
static enum truth bits_hold(const struct known *k, unsigned half, uint32_t mask, uint32_t value)
{
	struct bits_fact f = {.mask = mask, .value = value, .equal = true};

	if (mask == 0)
		return value == 0 ? YES : NO;
	if (k->first[half] == k->last[half])
		return (k->first[half] & mask) == value ? YES : NO;
	if (!exists(k, half, 0, UINT32_MAX, &f))
		return NO;
	f.equal = false;
	return exists(k, half, 0, UINT32_MAX, &f) ? MAYBE : YES;
}

/* Whether an argument can be within [@min, @max]. What is known of one half does not depend on the
 * other, and of each some value is possible. */
static bool can_be(const struct known *k, unsigned arg, bool wide, uint64_t min, uint64_t max)
{
	uint32_t min_high = (uint32_t)(min >> 32), max_high = (uint32_t)(max >> 32);
	unsigned low = 2U * arg, high = low + 1;

	if (!wide)
		return min_high == 0 &&
		       exists(k, low, (uint32_t)min, max_high ? UINT32_MAX : (uint32_t)max, NULL);
	if (min_high == max_high)
		return exists(k, high, min_high, max_high, NULL) &&
		       exists(k, low, (uint32_t)min, (uint32_t)max, NULL);
	if (max_high - min_high > 1 && exists(k, high, min_high + 1, max_high - 1, NULL))
		return true;
	if (exists(k, high, min_high, min_high, NULL) &&
	    exists(k, low, (uint32_t)min, UINT32_MAX, NULL))
		return true;
	return exists(k, high, max_high, max_high, NULL) && exists(k, low, 0, (uint32_t)max, NULL);
}

static bool can_be_less(const struct known *k, unsigned arg, bool wide, uint64_t v)
{
	return v > 0 && can_be(k, arg, wide, 0, v - 1);
}

static bool can_be_greater(const struct known *k, unsigned arg, bool wide, uint64_t v)
{
	return v < UINT64_MAX && can_be(k, arg, wide, v + 1, UINT64_MAX);
}

static enum truth cond_holds(const struct known *k, const struct seccomp_cond *c, bool wide)
{
	unsigned low = 2U * c->arg, high = low + 1;
	uint64_t v = wide ? c->value : (uint32_t)c->value;
	bool less, equal, greater, can = false, can_fail = false;
	enum truth a, b;

	if (c->op == SECCOMP_OP_MASKED_EQ || c->op == SECCOMP_OP_MASKED_NE) {
		bool want = c->op == SECCOMP_OP_MASKED_EQ;

		a = bits_hold(k, low, (uint32_t)c->mask, (uint32_t)c->value);
		b = bits_hold(k, high, (uint32_t)(c->mask >> 32), (uint32_t)(c->value >> 32));
		if (a == NO || b == NO)
			return want ? NO : YES;
		if (a == YES && b == YES)
			return want ? YES : NO;
		return MAYBE;
	}
	less = can_be_less(k, c->arg, wide, v);
	equal = can_be(k, c->arg, wide, v, v);
	greater = can_be_greater(k, c->arg, wide, v);
	switch ((enum seccomp_op)c->op) {
	case SECCOMP_OP_EQ:
	case SECCOMP_OP_NE:
		can = equal;
		can_fail = less || greater;
		break;
	case SECCOMP_OP_LT:
	case SECCOMP_OP_GE:
		can = less;
		can_fail = equal || greater;
		break;
	case SECCOMP_OP_LE:
	case SECCOMP_OP_GT:
		can = less || equal;
		can_fail = greater;
		break;
	case SECCOMP_OP_MASKED_EQ:
	case SECCOMP_OP_MASKED_NE:
	case SECCOMP_OP_MAX:
		break;
	}
	if (c->op == SECCOMP_OP_NE || c->op == SECCOMP_OP_GE || c->op == SECCOMP_OP_GT) {
		less = can;
		can = can_fail;
		can_fail = less;
	}
	return can && can_fail ? MAYBE : can ? YES : NO;
}

static enum truth rule_holds(struct walk *w, const struct known *k, const struct seccomp_rule *r)
{
	enum truth all = YES;

	for (size_t i = 0; i < r->n_conds; i++) {
		enum truth t = cond_holds(k, &r->conds[i], w->wide);

		if (w->steps_left)
			w->steps_left--;
		if (t == NO)
			return NO;
		if (t == MAYBE)
			all = MAYBE;
	}
	return all;
}

/* A return must be right whichever of the rules that may match does. */
static int check_return(struct walk *w, const struct verify_state *s)
{
	uint32_t verdict = w->insns[s->pc].k;

	for (const struct seccomp_rule *r = s->rule; r; r = r->next) {
		enum truth t = rule_holds(w, &s->known, r);

		if (t == NO)
			continue;
		if (r->action != verdict)
			return wrong(w, s->pc, "returns what no rule that matches wants");
		if (t == YES)
			return 0;
	}
	if (verdict != w->otherwise)
		return wrong(w, s->pc, "returns something else where no rule matches");
	return 0;
}

/* Whether some condition has reason for a comparison of this half, so masked. A jump to the wrong
 * place compares something with what was meant for something else. */
static bool has_reason(const struct walk *w, uint32_t half, uint32_t mask,
		       const struct sock_filter *f)
{
	for (const struct seccomp_rule *r = w->rules; r; r = r->next) {
		for (size_t i = 0; i < r->n_conds; i++) {
			const struct seccomp_cond *c = &r->conds[i];
			uint32_t value = (uint32_t)(half % 2 ? c->value >> 32 : c->value);
			uint32_t bits = (uint32_t)(half % 2 ? c->mask >> 32 : c->mask);

			if (c->arg != half / 2)
				continue;
			if (c->op != SECCOMP_OP_MASKED_EQ && c->op != SECCOMP_OP_MASKED_NE) {
				if (value == f->k && mask == UINT32_MAX)
					return true;
			} else if (BPF_OP(f->code) == BPF_JSET) {
				if (value == 0 && bits == f->k && mask == UINT32_MAX)
					return true;
			} else if (value == f->k && bits == mask) {
				return true;
			}
		}
	}
	return false;
}

/* --- places seen before ------------------------------------------------------------------------
 */

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ULL;
	return h ^ h >> 29;
}

static uint64_t state_hash(const struct verify_state *s)
{
	uint64_t h = mix(s->pc, (uintptr_t)s->rule);

	h = mix(h, (uint64_t)s->half << 32 | s->mask);
	for (unsigned i = 0; i < HALVES; i++)
		h = mix(h, (uint64_t)s->known.first[i] << 32 | s->known.last[i]);
	for (uint32_t i = 0; i < s->known.n_facts; i++) {
		const struct fact *f = &s->known.facts[i];

		h = mix(h, (uint64_t)f->bits.mask << 32 | f->bits.value);
		h = mix(h, (uint64_t)f->half << 1 | f->bits.equal);
	}
	return h ? h : 1;
}

static void seen_insert(uint64_t *table, size_t size, uint64_t h)
{
	size_t at = h & (size - 1);

	while (table[at])
		at = (at + 1) & (size - 1);
	table[at] = h;
}

/* Whether a state was followed before; it counts as followed from now on. Returns 1, 0 or -ENOMEM.
 * What stands for a state has 64 bits: two different ones with the same are not to be expected. */
static int seen_before(struct walk *w, const struct verify_state *s)
{
	struct verify_scratch *m = w->scratch;
	uint64_t h = state_hash(s);

	if (w->n_seen * 2 >= m->seen_size) {
		size_t size = m->seen_size ? 4 * m->seen_size : 64;
		uint64_t *table = arena_newn(w->arena, uint64_t, size);

		if (!table)
			return -ENOMEM;
		for (size_t i = 0; i < m->seen_size; i++)
			if (m->seen[i])
				seen_insert(table, size, m->seen[i]);
		m->seen = table;
		m->seen_size = size;
	}
	for (size_t at = h & (m->seen_size - 1); m->seen[at]; at = (at + 1) & (m->seen_size - 1))
		if (m->seen[at] == h)
			return 1;
	seen_insert(m->seen, m->seen_size, h);
	w->n_seen++;
	return 0;
}

static void forget_places(struct walk *w)
{
	w->n_seen = 0;
	if (w->scratch->seen_size)
		memset(w->scratch->seen, 0, w->scratch->seen_size * sizeof(*w->scratch->seen));
}

/* --- following -------------------------------------------------------------------------------- */

/* Drop rules that cannot match any more, and what nobody will ask for. */
static void forget(struct walk *w, struct verify_state *s)
{
	uint32_t used = 1U << s->half, kept = 0;

	while (s->rule && rule_holds(w, &s->known, s->rule) == NO)
		s->rule = s->rule->next;
	for (const struct seccomp_rule *r = s->rule; r; r = r->next) {
		for (size_t i = 0; i < r->n_conds; i++)
			used |= 3U << 2 * r->conds[i].arg;
		if (w->steps_left)
			w->steps_left--;
	}
	if (s->pc < w->n)
		used |= w->scratch->ahead[s->pc];
	for (unsigned i = 0; i < HALVES; i++) {
		if (used >> i & 1)
			continue;
		s->known.first[i] = 0;
		s->known.last[i] = UINT32_MAX;
	}
	for (uint32_t i = 0; i < s->known.n_facts; i++)
		if (used >> s->known.facts[i].half & 1)
			s->known.facts[kept++] = s->known.facts[i];
	s->known.n_facts = kept;
}

/* To be followed later, from @pc, with what has become known. */
static int push(struct walk *w, const struct verify_state *from, uint32_t pc)
{
	struct verify_scratch *m = w->scratch;
	struct verify_state *s;
	int r;

	if (w->depth == m->stack_size) {
		size_t size = m->stack_size ? 2 * m->stack_size : 16;
		struct verify_state *stack = arena_newn(w->arena, struct verify_state, size);

		if (!stack)
			return -ENOMEM;
		if (w->depth)
			memcpy(stack, m->stack, w->depth * sizeof(*stack));
		m->stack = stack;
		m->stack_size = size;
	}
	s = &m->stack[w->depth];
	*s = *from;
	s->pc = pc;
	forget(w, s);
	r = seen_before(w, s);
	if (r == 0)
		w->depth++;
	return r < 0 ? r : 0;
}

static int push_interval(struct walk *w, const struct verify_state *s, uint32_t pc, uint32_t first,
			 uint32_t last)
{
	struct verify_state part = *s;

	part.known.first[s->half] = MAX(first, s->known.first[s->half]);
	part.known.last[s->half] = MIN(last, s->known.last[s->half]);
	if (!exists(&part.known, s->half, 0, UINT32_MAX, NULL))
		return 0;
	return push(w, &part, pc);
}

/* A comparison of a whole half. */
static int branch_interval(struct walk *w, const struct verify_state *s,
			   const struct sock_filter *f, uint32_t yes, uint32_t no)
{
	uint32_t k = f->k;
	int r = 0;

	switch (BPF_OP(f->code)) {
	case BPF_JEQ:
		if (k > 0)
			r = push_interval(w, s, no, 0, k - 1);
		if (r == 0 && k < UINT32_MAX)
			r = push_interval(w, s, no, k + 1, UINT32_MAX);
		return r ? r : push_interval(w, s, yes, k, k);
	case BPF_JGT:
		if (k < UINT32_MAX)
			r = push_interval(w, s, yes, k + 1, UINT32_MAX);
		return r ? r : push_interval(w, s, no, 0, k);
	case BPF_JGE:
		r = push_interval(w, s, yes, k, UINT32_MAX);
		return r || k == 0 ? r : push_interval(w, s, no, 0, k - 1);
	default:
		return wrong(w, s->pc, "compares in a way that is not ours");
	}
}

/* A test of some bits of a half against a value. */
static int branch_bits(struct walk *w, const struct verify_state *s, uint32_t mask, uint32_t value,
		       uint32_t yes, uint32_t no)
{
	const struct sock_filter equal = {.code = BPF_JMP | BPF_JEQ | BPF_K, .k = value};
	struct verify_state part = *s;
	struct fact *f;
	int r;

	if (mask == UINT32_MAX)
		return branch_interval(w, s, &equal, yes, no);
	switch (bits_hold(&s->known, s->half, mask, value)) {
	case YES:
		return push(w, s, yes);
	case NO:
		return push(w, s, no);
	case MAYBE:
		break;
	}
	if (s->known.n_facts == FACTS)
		return GIVE_UP;
	f = &part.known.facts[part.known.n_facts++];
	*f = (struct fact){.bits = {.mask = mask, .value = value}, .half = (uint8_t)s->half};
	r = push(w, &part, no);
	f->bits.equal = true;
	return r ? r : push(w, &part, yes);
}

static int branch(struct walk *w, const struct verify_state *s)
{
	const struct sock_filter *f = &w->insns[s->pc];
	uint32_t yes = s->pc + 1 + f->jt, no = s->pc + 1 + f->jf;

	if (!has_reason(w, s->half, s->mask, f))
		return wrong(w, s->pc, "compares what no rule speaks of");
	if (BPF_OP(f->code) == BPF_JSET)
		return branch_bits(w, s, s->mask & f->k, 0, no, yes);
	if (s->mask == UINT32_MAX)
		return branch_interval(w, s, f, yes, no);
	if (BPF_OP(f->code) != BPF_JEQ)
		return wrong(w, s->pc, "compares in a way that is not ours");
	return branch_bits(w, s, s->mask, f->k, yes, no);
}

/* Follow a state up to where it splits or ends. */
static int follow(struct walk *w, struct verify_state *s)
{
	for (;; s->pc++) {
		const struct sock_filter *f;
		uint32_t offset;

		if (s->pc >= w->n)
			return wrong(w, s->pc, "is past the end");
		if (w->steps_left == 0)
			return GIVE_UP;
		w->steps_left--;
		f = &w->insns[s->pc];
		offset = f->k - OFFSET_ARGS;
		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (offset > 44 || offset % 4)
				return wrong(w, s->pc, "loads no argument");
			s->half = offset / 4 ^ (w->big_endian ? 1 : 0);
			s->mask = UINT32_MAX;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			s->mask &= f->k;
			break;
		case BPF_JMP | BPF_JA:
			if (f->k >= w->n)
				return wrong(w, s->pc, "jumps past the end");
			s->pc += f->k;
			break;
		case BPF_RET | BPF_K:
			return check_return(w, s);
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGT | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
		case BPF_JMP | BPF_JSET | BPF_K:
			return branch(w, s);
		default:
			return wrong(w, s->pc, "has no place in a filter of ours");
		}
	}
}

/* For each instruction, the halves that are loaded there or behind: jumps go forward, so what lies
 * ahead is known from the end. */
static int look_ahead(struct walk *w)
{
	uint16_t *ahead;

	if (w->scratch->ahead)
		return 0;
	ahead = arena_newn(w->arena, uint16_t, w->n);
	if (!ahead)
		return -ENOMEM;
	for (size_t i = w->n; i-- > 0;) {
		const struct sock_filter *f = &w->insns[i];
		uint32_t offset = f->k - OFFSET_ARGS;
		size_t to[2] = {i + 1, i + 1};

		if (BPF_CLASS(f->code) == BPF_LD && offset <= 44 && offset % 4 == 0)
			ahead[i] = (uint16_t)(1U << (offset / 4 ^ (w->big_endian ? 1 : 0)));
		if (BPF_CLASS(f->code) == BPF_RET)
			continue;
		if (BPF_CLASS(f->code) == BPF_JMP) {
			bool always = BPF_OP(f->code) == BPF_JA;

			to[0] += always ? f->k : f->jt;
			to[1] += always ? f->k : f->jf;
		}
		for (unsigned k = 0; k < 2; k++)
			if (to[k] < w->n)
				ahead[i] |= ahead[to[k]];
	}
	w->scratch->ahead = ahead;
	return 0;
}

static int prove(struct walk *w, uint32_t pc)
{
	struct verify_state start = {.pc = pc, .rule = w->rules};
	int r;

	memset(start.known.last, 0xff, sizeof(start.known.last));
	forget_places(w);
	r = push(w, &start, pc);
	while (w->depth && r == 0) {
		struct verify_state s = w->scratch->stack[--w->depth];

		r = follow(w, &s);
	}
	return r;
}

/* --- points ----------------------------------------------------------------------------------- */

/* All that is known of a point: intervals of one value. The rest is as above. */
static int try_point(struct walk *w, uint32_t pc, const uint64_t args[6])
{
	struct verify_state s = {.pc = pc, .rule = w->rules};
	int r = 0;

	for (unsigned i = 0; i < HALVES; i++) {
		s.known.first[i] = (uint32_t)(i % 2 ? args[i / 2] >> 32 : args[i / 2]);
		s.known.last[i] = s.known.first[i];
	}
	w->depth = 0;
	forget_places(w);
	w->steps_left = UINT32_MAX;
	r = push(w, &s, pc);
	while (w->depth && r == 0) {
		w->steps_left = UINT32_MAX;
		s = w->scratch->stack[--w->depth];
		r = follow(w, &s);
	}
	return r;
}

static uint64_t satisfying(const struct seccomp_cond *c)
{
	if (c->op == SECCOMP_OP_NE || c->op == SECCOMP_OP_GT)
		return c->value + 1;
	if (c->op == SECCOMP_OP_MASKED_NE)
		return c->value ^ c->mask;
	return c->op == SECCOMP_OP_LT ? c->value - 1 : c->value;
}

/* Around the values that satisfy each rule. */
static int try_points(struct walk *w, uint32_t pc)
{
	uint32_t left = POINTS_MAX;

	for (const struct seccomp_rule *rule = w->rules; rule; rule = rule->next) {
		uint64_t base[6] = {0};

		for (size_t i = 0; i < rule->n_conds; i++)
			base[rule->conds[i].arg] = satisfying(&rule->conds[i]);
		for (size_t i = 0; i < rule->n_conds * 8ULL; i++) {
			const struct seccomp_cond *c = &rule->conds[i / 8];
			uint64_t v = c->value, step = 1ULL << 32, args[6];
			const uint64_t around[8] = {base[c->arg], v,        v + 1,       v - 1,
						    v + step,     v - step, v ^ c->mask, ~v};
			int r;

			if (left == 0)
				return 0;
			left--;
			memcpy(args, base, sizeof(args));
			args[c->arg] = around[i % 8];
			r = try_point(w, pc, args);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

int seccomp_verify_args(struct arena *a, struct verify_scratch *scratch,
			const struct seccomp_program *program, uint32_t pc,
			const struct seccomp_rule *rules, seccomp_action otherwise,
			enum seccomp_arch arch, uint32_t max_steps, bool *tried_points,
			uint32_t *ret_pc, const char **ret_what)
{
	struct walk w = {
		.arena = a,
		.scratch = scratch,
		.insns = program->insns,
		.n = program->n,
		.rules = rules,
		.otherwise = otherwise,
		.wide = seccomp_arch_info(arch)->bits == 64,
		.big_endian = seccomp_arch_info(arch)->big_endian,
		.steps_left = max_steps,
	};
	int r = look_ahead(&w);

	if (r == 0)
		r = prove(&w, pc);
	if (r == GIVE_UP) {
		*tried_points = true;
		r = try_points(&w, pc);
	}
	if (r == -EINVAL) {
		*ret_pc = w.wrong_pc;
		*ret_what = w.wrong;
	}
	return r;
}
