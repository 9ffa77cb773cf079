/* The emitter: a policy to classic BPF. Pure, host side.
 *
 * All numbers of an architecture, 0 to 2^32-1, become a list of ranges with one verdict each,
 * neighbours with equal verdicts merged; the list becomes a balanced tree of comparisons, and a
 * verdict that needs arguments a chain of tests behind its leaf. The program is
 *
 *	load architecture; one test each → section
 *	section: load number; tree → return, or tests of arguments → return
 *
 * It is written from its end: the targets of a jump exist before the jump does, and those that
 * eight bits cannot reach get an unconditional jump (or, for a return, another one) in front of
 * what is there. */
#include "seccomp/compile/emit.h"

#include <errno.h>
#include <linux/bpf_common.h>
#include <linux/seccomp.h>

#include "base/str.h"

#define OFFSET_NR   ((uint32_t)offsetof(struct seccomp_data, nr))
#define OFFSET_ARCH ((uint32_t)offsetof(struct seccomp_data, arch))
#define OFFSET_ARGS ((uint32_t)offsetof(struct seccomp_data, args))

/* Conditional jumps reach 255; each of the two targets may put one instruction in front. */
#define NEAR 253

/* Returns are shared while they are this near. */
#define SHARE 200

#define RETURNS 16

/* --- ranges ----------------------------------------------------------------------------------- */

/* Up to the next range's start. */
struct range {
	uint32_t start;
	seccomp_action action;
	const struct seccomp_rule *rules;
};

/* A list of all numbers of a section. Memory that is touched costs more than anything done with it,
 * so it grows with what merging leaves. */
struct range_list {
	struct arena *arena;
	struct range *items;
	size_t n, size;
	bool x86_64; /* with x32 behind */
	bool failed; /* out of memory */
};

#define RANGES_FIRST 256

/* The width of arguments for the rules of a range. */
static unsigned range_bits(const struct range_list *list, const struct seccomp_abi *abi,
			   const struct range *range)
{
	if (list->x86_64)
		return range->start < SECCOMP_X32_BIT ? 64 : 32;
	return seccomp_arch_info(abi->arch)->bits;
}

static bool rules_equal(const struct seccomp_rule *x, const struct seccomp_rule *y)
{
	for (; x && y && x != y; x = x->next, y = y->next) {
		if (x->action != y->action || x->n_conds != y->n_conds)
			return false;
		for (size_t i = 0; i < x->n_conds; i++) {
			const struct seccomp_cond *a = &x->conds[i], *b = &y->conds[i];

			if (a->value != b->value || a->mask != b->mask || a->arg != b->arg ||
			    a->op != b->op)
				return false;
		}
	}
	return x == y;
}

static bool verdicts_equal(const struct range *x, const struct range *y)
{
	if (x->action != y->action || !x->rules != !y->rules)
		return false;
	/* Neighbours are of one width: x86_64's last number has no rules. */
	return !x->rules || rules_equal(x->rules, y->rules);
}

/* From @start on this verdict counts, until another is added. What was added at the same place or
 * behind it is replaced. */
static void range_add(struct range_list *list, struct range range)
{
	while (list->n && list->items[list->n - 1].start >= range.start)
		list->n--;
	if (list->n && verdicts_equal(&list->items[list->n - 1], &range))
		return;
	if (list->n == list->size) {
		size_t size = list->size ? 2 * list->size : RANGES_FIRST;
		struct range *items = arena_newn(list->arena, struct range, size);

		if (!items) {
			list->failed = true;
			return;
		}
		if (list->n)
			memcpy(items, list->items, list->n * sizeof(*items));
		list->items = items;
		list->size = size;
	}
	list->items[list->n++] = range;
}

static void range_add_action(struct range_list *list, uint32_t start, seccomp_action action)
{
	range_add(list, (struct range){.start = start, .action = action});
}

/* The numbers of @abi, which go from @first to @last. */
static void ranges_of_abi(struct range_list *list, const struct seccomp_policy *p,
			  const struct seccomp_abi *abi, uint32_t first, uint32_t last)
{
	unsigned family = seccomp_arch_info(abi->arch)->family;
	bool entered_private = false;
	size_t i;

	range_add_action(list, first, p->default_action);
	/* s390 passes numbers above 255 to its kernel by way of call 0, which is itself where the
	 * kernel does not know the number. */
	if (family == SECCOMP_FAMILY_S390 && abi->has_last) {
		range_add_action(list, 0, p->unknown_action);
		range_add_action(list, 1, p->default_action);
	}
	for (i = 0; i < abi->n_entries; i++) {
		const struct seccomp_entry *entry = &abi->entries[i];

		if (abi->arch == SECCOMP_ARCH_ARM && entry->nr >= SECCOMP_ARM_PRIVATE &&
		    !entered_private) {
			entered_private = true;
			if (abi->has_last)
				range_add_action(list, abi->last + 1, p->unknown_action);
			range_add_action(list, SECCOMP_ARM_PRIVATE, p->default_action);
		}
		range_add(list, (struct range){
					.start = entry->nr,
					.action = entry->action,
					.rules = entry->rules,
				});
		if (entry->last < last)
			range_add_action(list, entry->last + 1, p->default_action);
	}
	if (abi->has_last_private) {
		if (!entered_private) {
			if (abi->has_last)
				range_add_action(list, abi->last + 1, p->unknown_action);
			range_add_action(list, SECCOMP_ARM_PRIVATE, p->default_action);
		}
		range_add_action(list, abi->last_private + 1, p->unknown_action);
	} else if (abi->has_last && abi->last < last) {
		range_add_action(list, abi->last + 1, p->unknown_action);
	}
}

static const struct seccomp_abi *find_abi(const struct seccomp_policy *p, enum seccomp_arch arch)
{
	for (size_t i = 0; i < p->n_abis; i++)
		if (p->abis[i].arch == arch)
			return &p->abis[i];
	return NULL;
}

/* All numbers of the section that @abi belongs to. */
static void ranges_of_section(struct range_list *list, const struct seccomp_policy *p,
			      const struct seccomp_abi *abi)
{
	const struct seccomp_abi *x64 = find_abi(p, SECCOMP_ARCH_X86_64);
	const struct seccomp_abi *x32 = find_abi(p, SECCOMP_ARCH_X32);

	if (abi != x64 && abi != x32) {
		ranges_of_abi(list, p, abi, 0, UINT32_MAX);
		return;
	}
	if (x64)
		ranges_of_abi(list, p, x64, 0, SECCOMP_X32_BIT - 1);
	else
		range_add_action(list, 0, p->bad_arch_action);
	if (x32) {
		ranges_of_abi(list, p, x32, SECCOMP_X32_BIT, UINT32_MAX);
		return;
	}
	range_add_action(list, SECCOMP_X32_BIT, p->bad_arch_action);
	/* A tracer skips a call by giving it this number; seccomp sees it again (4.8). */
	range_add_action(list, UINT32_MAX, p->default_action);
}

/* --- instructions, from the end -----------------------------------------------------------------
 */

struct chain {
	struct chain *next;
	const struct seccomp_rule *rules;
	seccomp_action action;
	uint32_t at;
	unsigned bits;
};

struct emitter {
	struct arena *arena;
	const struct seccomp_policy *policy;
	struct sock_filter *insns; /* the last one first */
	uint32_t n, size;
	bool full, failed; /* too long; out of memory */
	struct {
		seccomp_action action;
		uint32_t at;
	} returns[RETURNS];
	unsigned n_returns, next_return;
	struct chain *chains; /* those that this section has already */
	bool big_endian;
	const struct seccomp_abi *abi; /* of this section */
	struct range_list list;        /* its numbers */
};

#define INSNS_FIRST 512

/* Places are counted from the end; what was emitted last is what would run next. */
static uint32_t emit(struct emitter *m, unsigned code, uint32_t k, uint32_t jt, uint32_t jf)
{
	if (m->n == BPF_MAXINSNS) {
		m->full = true;
		return 0;
	}
	if (m->n == m->size) {
		uint32_t size = m->size ? 2 * m->size : INSNS_FIRST;
		struct sock_filter *insns = arena_newn(m->arena, struct sock_filter, size);

		if (!insns) {
			m->full = m->failed = true;
			return 0;
		}
		if (m->n)
			memcpy(insns, m->insns, m->n * sizeof(*insns));
		m->insns = insns;
		m->size = size;
	}
	m->insns[m->n] = (struct sock_filter){
		.code = (uint16_t)code, .jt = (uint8_t)jt, .jf = (uint8_t)jf, .k = k};
	return m->n++;
}

static uint32_t emit_load(struct emitter *m, uint32_t offset)
{
	return emit(m, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

static uint32_t emit_return(struct emitter *m, seccomp_action action)
{
	unsigned i;

	for (i = 0; i < m->n_returns; i++)
		if (m->returns[i].action == action)
			break;
	if (i < m->n_returns && m->n - m->returns[i].at <= SHARE)
		return m->returns[i].at;
	if (i == m->n_returns) {
		/* More different actions than places: the oldest loses its place. */
		if (m->n_returns < RETURNS)
			m->n_returns++;
		else
			i = m->next_return++ % RETURNS;
		m->returns[i].action = action;
	}
	m->returns[i].at = emit(m, BPF_RET | BPF_K, action, 0, 0);
	return m->returns[i].at;
}

/* A place from which a jump emitted now, or after one more instruction, gets to @target. */
static uint32_t within_reach(struct emitter *m, uint32_t target)
{
	if (m->n - target <= NEAR || m->full)
		return target;
	if (m->insns[target].code == (BPF_RET | BPF_K))
		return emit_return(m, m->insns[target].k);
	return emit(m, BPF_JMP | BPF_JA, m->n - target - 1, 0, 0);
}

/* A load of what the accumulator holds already is not jumped to, but over. */
static uint32_t skip_load(const struct emitter *m, uint32_t target, uint32_t loaded)
{
	const struct sock_filter *insn = &m->insns[target];

	if (target && insn->code == (BPF_LD | BPF_W | BPF_ABS) && insn->k == loaded)
		return target - 1;
	return target;
}

/* Compare what was loaded from offset @loaded with @k, and go on at @yes or @no. */
static uint32_t emit_jump(struct emitter *m, unsigned op, uint32_t k, uint32_t yes, uint32_t no,
			  uint32_t loaded)
{
	yes = within_reach(m, skip_load(m, yes, loaded));
	no = within_reach(m, skip_load(m, no, loaded));
	return emit(m, BPF_JMP | op | BPF_K, k, m->n - yes - 1, m->n - no - 1);
}

/* --- arguments -------------------------------------------------------------------------------- */

static uint32_t arg_offset(const struct emitter *m, unsigned arg, bool high)
{
	return OFFSET_ARGS + 8 * arg + (high != m->big_endian ? 4 : 0);
}

/* One half of a masked comparison; a mask without bits there needs none. */
static uint32_t emit_masked_half(struct emitter *m, uint32_t offset, uint32_t mask, uint32_t value,
				 uint32_t yes, uint32_t no)
{
	if (mask == 0)
		return yes;
	if (mask == UINT32_MAX) {
		(void)emit_jump(m, BPF_JEQ, value, yes, no, offset);
	} else if (value == 0) {
		(void)emit_jump(m, BPF_JSET, mask, no, yes, offset);
	} else {
		/* The mask destroys what was loaded. */
		(void)emit_jump(m, BPF_JEQ, value, yes, no, UINT32_MAX);
		(void)emit(m, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
	}
	return emit_load(m, offset);
}

static uint32_t emit_cond(struct emitter *m, const struct seccomp_cond *c, unsigned bits,
			  uint32_t yes, uint32_t no)
{
	uint32_t low = arg_offset(m, c->arg, false), high = arg_offset(m, c->arg, true);
	uint32_t value = (uint32_t)c->value, value_high = (uint32_t)(c->value >> 32), at;
	bool negated = c->op == SECCOMP_OP_NE || c->op == SECCOMP_OP_LT || c->op == SECCOMP_OP_LE;
	unsigned op = BPF_JEQ;

	if (c->op == SECCOMP_OP_MASKED_NE) {
		at = emit_masked_half(m, low, (uint32_t)c->mask, value, no, yes);
		return emit_masked_half(m, high, (uint32_t)(c->mask >> 32), value_high, at, yes);
	}
	if (c->op == SECCOMP_OP_MASKED_EQ) {
		at = emit_masked_half(m, low, (uint32_t)c->mask, value, yes, no);
		return emit_masked_half(m, high, (uint32_t)(c->mask >> 32), value_high, at, no);
	}
	if (negated) {
		uint32_t swap = yes;

		yes = no;
		no = swap;
	}
	/* What is left are EQ, GE (or not LT) and GT (or not LE). */
	if (c->op == SECCOMP_OP_GE || c->op == SECCOMP_OP_LT)
		op = BPF_JGE;
	else if (c->op == SECCOMP_OP_GT || c->op == SECCOMP_OP_LE)
		op = BPF_JGT;
	(void)emit_jump(m, op, value, yes, no, low);
	at = emit_load(m, low);
	if (bits == 32)
		return at;
	at = emit_jump(m, BPF_JEQ, value_high, at, no, high);
	if (op != BPF_JEQ)
		(void)emit_jump(m, BPF_JGT, value_high, yes, at, high);
	return emit_load(m, high);
}

/* All rules for one number; those with equal rules share it. */
static int emit_chain(struct emitter *m, const struct range *range, uint32_t *ret)
{
	unsigned bits = range_bits(&m->list, m->abi, range);
	const struct seccomp_rule **rules;
	struct chain *chain;
	size_t n = 0, i = 0;
	uint32_t at;

	for (chain = m->chains; chain; chain = chain->next) {
		if (chain->bits == bits && chain->action == range->action &&
		    rules_equal(chain->rules, range->rules)) {
			*ret = chain->at;
			return 0;
		}
	}
	for (const struct seccomp_rule *r = range->rules; r; r = r->next)
		n++;
	rules = arena_newn(m->arena, const struct seccomp_rule *, n);
	chain = arena_new(m->arena, struct chain);
	if (!rules || !chain)
		return -ENOMEM;
	i = 0;
	for (const struct seccomp_rule *r = range->rules; r; r = r->next)
		rules[i++] = r;

	at = emit_return(m, range->action);
	while (i-- > 0 && !m->full) {
		uint32_t yes = emit_return(m, rules[i]->action);

		for (size_t k = rules[i]->n_conds; k-- > 0;)
			yes = emit_cond(m, &rules[i]->conds[k], bits, yes, at);
		at = yes;
	}
	*chain = (struct chain){m->chains, range->rules, range->action, at, bits};
	m->chains = chain;
	*ret = at;
	return 0;
}

/* --- the tree --------------------------------------------------------------------------------- */

static int emit_leaf(struct emitter *m, const struct range *range, uint32_t *ret)
{
	if (range->rules)
		return emit_chain(m, range, ret);
	*ret = emit_return(m, range->action);
	return 0;
}

/* The ranges from @first to @last, by the number in the accumulator. */
static int emit_tree(struct emitter *m, const struct range *items, size_t first, size_t last,
		     uint32_t *ret)
{
	size_t middle = first + (last - first + 1) / 2;
	uint32_t below = 0, above = 0;
	int r;

	if (first == last || m->full)
		return emit_leaf(m, &items[first], ret);
	if (last - first == 2 && items[last].start - items[middle].start == 1 &&
	    verdicts_equal(&items[first], &items[last])) {
		r = emit_leaf(m, &items[first], &below);
		if (r == 0)
			r = emit_leaf(m, &items[middle], &above);
		if (r == 0)
			*ret = emit_jump(m, BPF_JEQ, items[middle].start, above, below, OFFSET_NR);
		return r;
	}
	r = emit_tree(m, items, middle, last, &above);
	if (r == 0)
		r = emit_tree(m, items, first, middle - 1, &below);
	if (r == 0)
		*ret = emit_jump(m, BPF_JGE, items[middle].start, above, below, OFFSET_NR);
	return r;
}

static int emit_section(struct emitter *m, const struct seccomp_abi *abi, uint32_t *ret)
{
	struct range_list *list = &m->list;
	uint32_t at = 0;
	int r;

	*list = (struct range_list){
		.arena = m->arena,
		.x86_64 = abi->arch == SECCOMP_ARCH_X86_64 || abi->arch == SECCOMP_ARCH_X32,
	};
	m->big_endian = seccomp_arch_info(abi->arch)->big_endian;
	m->abi = abi;
	m->chains = NULL;
	ranges_of_section(list, m->policy, abi);
	if (list->failed)
		return -ENOMEM;
	r = emit_tree(m, list->items, 0, list->n - 1, &at);
	if (r < 0)
		return r;
	/* One verdict for all numbers needs none loaded. */
	*ret = list->n > 1 ? emit_load(m, OFFSET_NR) : at;
	return 0;
}

/* --- the program ------------------------------------------------------------------------------ */

static int emit_program(struct emitter *m)
{
	const struct seccomp_policy *p = m->policy;
	uint32_t sections[SECCOMP_ARCH_MAX], audit[SECCOMP_ARCH_MAX], at;
	size_t n = 0;

	/* From the last to the native one, which ends up nearest to the start. */
	for (size_t i = p->n_abis; i-- > 0;) {
		uint32_t token = seccomp_arch_info(p->abis[i].arch)->audit;
		bool seen = false;
		int r;

		for (size_t k = 0; k < n; k++)
			seen |= audit[k] == token;
		if (seen)
			continue;
		audit[n] = token;
		r = emit_section(m, &p->abis[i], &sections[n++]);
		if (r < 0)
			return r;
	}
	at = emit_return(m, p->bad_arch_action);
	for (size_t k = 0; k < n; k++)
		at = emit_jump(m, BPF_JEQ, audit[k], sections[k], at, OFFSET_ARCH);
	(void)emit_load(m, OFFSET_ARCH);
	return 0;
}

int seccomp_emit(struct arena *a, const struct seccomp_policy *policy, struct seccomp_program *ret,
		 struct err *e)
{
	struct emitter m = {.arena = a, .policy = policy};
	struct sock_filter *insns;
	int r;

	r = emit_program(&m);
	if (r == 0 && m.failed)
		r = -ENOMEM;
	if (r < 0)
		return err_sys(e, ERR_INTERNAL, r, "compile the seccomp profile");
	if (m.full) {
		(void)err_set(
			e, ERR_CONFIG_INVALID, -E2BIG,
			"the filter needs more than the %d instructions that the kernel takes",
			BPF_MAXINSNS);
		return err_where(e, "linux.seccomp.syscalls");
	}
	insns = m.insns;
	for (uint32_t i = 0; i < m.n / 2; i++) {
		struct sock_filter swap = insns[i];

		insns[i] = insns[m.n - 1 - i];
		insns[m.n - 1 - i] = swap;
	}
	ret->insns = insns;
	ret->n = m.n;
	ret->flags = policy->flags;
	ret->notify = policy->notify;
	return 0;
}
