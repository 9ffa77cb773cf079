/* The verifier. Pure, host side.
 *
 * It follows the program with a box: an interval of architectures times one of numbers. A
 * comparison splits the box, a return must agree with the policy over all of it, and so does a
 * load of an argument, which only numbers with rules may reach; from there on verify-args.c goes
 * on. The program may do no more than the emitter has reason to: anything else is wrong, even if it
 * happens to give the right verdicts. */
#include "seccomp/compile/verify.h"

#include <errno.h>
#include <linux/bpf_common.h>
#include <linux/seccomp.h>

#include "base/str.h"
#include "seccomp/compile/verify-args.h"

/* Instructions that all paths together may have. Each is on few: the emitter makes trees. */
#define STEPS_MAX (64 * BPF_MAXINSNS)

enum {
	HOLDS_NOTHING,
	HOLDS_ARCH,
	HOLDS_NR
};

struct interval {
	uint32_t first, last;
};

struct box {
	struct interval arch, nr;
	uint32_t pc;
	int holds;
};

struct verifier {
	struct arena *arena;
	const struct seccomp_policy *policy;
	const struct seccomp_program *program;
	const struct sock_filter *insns;
	size_t n;
	struct box *stack;
	size_t depth, size;
	struct verify_scratch scratch;
	uint32_t steps;
	uint32_t max_steps; /* for a list of rules */
	bool tried_points;  /* one took more, and was not proven whole */
	/* Where the last search in an architecture's entries ended: the next is often near. */
	size_t near[SECCOMP_ARCH_MAX];
	/* The last list of rules that was proven, what follows it, and from where. */
	const struct seccomp_rule *proven;
	seccomp_action proven_action;
	uint32_t proven_pc;
	int proven_arch;
	struct err *e;
};

static int wrong(struct verifier *v, const char *what, uint32_t pc)
{
	return err_set(v->e, ERR_INTERNAL, -EINVAL,
		       "the seccomp filter is not what its profile says: instruction %u %s", pc,
		       what);
}

static int differs(struct verifier *v, uint32_t arch, uint32_t nr, uint32_t want, uint32_t got)
{
	return err_set(v->e, ERR_INTERNAL, -EINVAL,
		       "the seccomp filter is not what its profile says: architecture 0x%x, system "
		       "call %u: expected 0x%x, got 0x%x",
		       arch, nr, want, got);
}

/* --- what the policy says --------------------------------------------------------------------- */

/* What it says about the numbers from one up to @last: a list of rules, or an action. */
struct cell {
	uint32_t last;
	uint32_t action;
	const struct seccomp_rule *rules;
	enum seccomp_arch arch; /* of the rules */
};

static const struct seccomp_abi *abi_of(const struct seccomp_policy *p, enum seccomp_arch arch)
{
	for (size_t i = 0; i < p->n_abis; i++)
		if (p->abis[i].arch == arch)
			return &p->abis[i];
	return NULL;
}

/* The cell of a number that the profile gives no rule. @last ends the architecture's numbers. */
static struct cell cell_without_rule(const struct seccomp_policy *p, const struct seccomp_abi *abi,
				     uint32_t nr, uint32_t last)
{
	bool s390 = abi->arch == SECCOMP_ARCH_S390 || abi->arch == SECCOMP_ARCH_S390X;
	struct cell c = {.last = last, .action = p->default_action};
	bool has = abi->has_last;
	uint32_t largest = abi->last;

	if (s390 && nr == 0 && has)
		return (struct cell){.last = 0, .action = p->unknown_action};
	if (abi->has_last_private) {
		if (nr >= SECCOMP_ARM_PRIVATE) {
			has = true;
			largest = abi->last_private;
		} else {
			c.last = SECCOMP_ARM_PRIVATE - 1;
		}
	}
	if (has && nr > largest)
		c.action = p->unknown_action;
	else if (has)
		c.last = largest;
	return c;
}

static struct cell cell_of_abi(struct verifier *v, const struct seccomp_abi *abi, uint32_t nr,
			       uint32_t last)
{
	const struct seccomp_policy *p = v->policy;
	size_t low = v->near[abi->arch], high = abi->n_entries;
	struct cell c;

	/* At most one entry further than the last time, or anywhere. */
	if (low >= high || abi->entries[low].nr > nr)
		low = 0;
	else if (low + 1 < high && abi->entries[low + 1].last >= nr)
		high = low + 1;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (abi->entries[middle].last < nr)
			low = middle + 1;
		else
			high = middle;
	}
	v->near[abi->arch] = low;
	if (low < abi->n_entries && abi->entries[low].nr <= nr) {
		const struct seccomp_entry *entry = &abi->entries[low];

		return (struct cell){MIN(entry->last, last), entry->action, entry->rules,
				     abi->arch};
	}
	c = cell_without_rule(p, abi, nr, last);
	if (low < abi->n_entries)
		c.last = MIN(c.last, abi->entries[low].nr - 1);
	return c;
}

static struct cell cell_of(struct verifier *v, uint32_t arch, uint32_t nr)
{
	const struct seccomp_policy *p = v->policy;
	const struct seccomp_abi *abi = NULL;

	for (size_t i = 0; i < p->n_abis && !abi; i++)
		if (seccomp_arch_info(p->abis[i].arch)->audit == arch)
			abi = &p->abis[i];
	if (!abi)
		return (struct cell){.last = UINT32_MAX, .action = p->bad_arch_action};
	if (arch != seccomp_arch_info(SECCOMP_ARCH_X86_64)->audit)
		return cell_of_abi(v, abi, nr, UINT32_MAX);

	if (nr < SECCOMP_X32_BIT) {
		abi = abi_of(p, SECCOMP_ARCH_X86_64);
		if (abi)
			return cell_of_abi(v, abi, nr, SECCOMP_X32_BIT - 1);
		return (struct cell){.last = SECCOMP_X32_BIT - 1, .action = p->bad_arch_action};
	}
	abi = abi_of(p, SECCOMP_ARCH_X32);
	if (abi)
		return cell_of_abi(v, abi, nr, UINT32_MAX);
	if (nr == UINT32_MAX)
		return (struct cell){.last = nr, .action = p->default_action};
	return (struct cell){.last = UINT32_MAX - 1, .action = p->bad_arch_action};
}

/* The rules of a cell, from where the program turns to arguments. */
static int check_rules(struct verifier *v, const struct cell *cell, uint32_t nr, uint32_t pc)
{
	uint32_t wrong_pc = pc;
	const char *what = "";
	int r;

	if (v->proven == cell->rules && v->proven_action == cell->action && v->proven_pc == pc &&
	    v->proven_arch == (int)cell->arch)
		return 0;
	r = seccomp_verify_args(v->arena, &v->scratch, v->program, pc, cell->rules, cell->action,
				cell->arch, v->max_steps, &v->tried_points, &wrong_pc, &what);
	if (r == -EINVAL) {
		(void)wrong(v, what, wrong_pc);
		return err_wrap(v->e, "%s, system call %u", seccomp_arch_info(cell->arch)->name,
				nr);
	}
	if (r < 0)
		return err_sys(v->e, ERR_INTERNAL, r, "verify the seccomp filter");
	v->proven = cell->rules;
	v->proven_action = cell->action;
	v->proven_pc = pc;
	v->proven_arch = (int)cell->arch;
	return 0;
}

/* --- following with boxes --------------------------------------------------------------------- */

/* One architecture, or an interval of which the policy names none. */
static int check_numbers(struct verifier *v, const struct box *box, uint32_t arch, bool returns)
{
	const struct sock_filter *f = &v->insns[box->pc];
	uint32_t nr = box->nr.first;

	for (;;) {
		struct cell c = cell_of(v, arch, nr);
		int r;

		if (!returns && !c.rules)
			return differs(v, arch, nr, c.action, 0);
		if (returns && (c.rules || c.action != f->k))
			return differs(v, arch, nr, c.action, f->k);
		r = c.rules ? check_rules(v, &c, nr, box->pc) : 0;
		if (r < 0)
			return r;
		if (c.last >= box->nr.last)
			return 0;
		nr = c.last + 1;
	}
}

/* The whole box, at a return or where arguments come in. */
static int check_box(struct verifier *v, const struct box *box, bool returns)
{
	const struct seccomp_policy *p = v->policy;
	uint64_t width = (uint64_t)box->arch.last - box->arch.first + 1, named = 0;

	for (size_t i = 0; i < p->n_abis; i++) {
		uint32_t arch = seccomp_arch_info(p->abis[i].arch)->audit;
		bool seen = false;
		int r;

		for (size_t k = 0; k < i; k++)
			seen |= seccomp_arch_info(p->abis[k].arch)->audit == arch;
		if (seen || arch < box->arch.first || arch > box->arch.last)
			continue;
		named++;
		r = check_numbers(v, box, arch, returns);
		if (r < 0)
			return r;
	}
	if (width > named) {
		uint32_t got = v->insns[box->pc].k;

		if (!returns || got != p->bad_arch_action)
			return differs(v, box->arch.first, box->nr.first, p->bad_arch_action, got);
	}
	return 0;
}

/* Room for what a comparison leaves: at most three boxes. */
static int reserve(struct verifier *v)
{
	struct box *stack;

	if (v->depth + 3 <= v->size)
		return 0;
	stack = arena_newn(v->arena, struct box, v->size ? 2 * v->size : 32);
	if (!stack)
		return err_sys(v->e, ERR_INTERNAL, -ENOMEM, "verify the seccomp filter");
	if (v->depth)
		memcpy(stack, v->stack, v->depth * sizeof(*stack));
	v->stack = stack;
	v->size = v->size ? 2 * v->size : 32;
	return 0;
}

static void push(struct verifier *v, const struct box *box, struct interval part, uint32_t pc)
{
	struct box *b = &v->stack[v->depth++];

	*b = *box;
	b->pc = pc;
	if (box->holds == HOLDS_ARCH)
		b->arch = part;
	else
		b->nr = part;
}

/* Split a box by a comparison; empty parts are dropped. */
static int branch(struct verifier *v, const struct box *box, const struct sock_filter *f)
{
	struct interval x = box->holds == HOLDS_ARCH ? box->arch : box->nr;
	uint32_t yes = box->pc + 1 + f->jt, no = box->pc + 1 + f->jf, k = f->k;

	if (box->holds == HOLDS_NOTHING)
		return wrong(v, "compares what was not loaded", box->pc);
	switch (BPF_OP(f->code)) {
	case BPF_JEQ:
		if (k >= x.first && k <= x.last)
			push(v, box, (struct interval){k, k}, yes);
		if (k > x.first)
			push(v, box, (struct interval){x.first, MIN(k - 1, x.last)}, no);
		if (k < x.last)
			push(v, box, (struct interval){MAX(k + 1, x.first), x.last}, no);
		return 0;
	case BPF_JGT:
		if (k == UINT32_MAX) {
			push(v, box, x, no);
			return 0;
		}
		k++;
		break;
	case BPF_JGE:
		break;
	default:
		return wrong(v, "compares in a way that is not ours", box->pc);
	}
	if (x.last >= k)
		push(v, box, (struct interval){MAX(k, x.first), x.last}, yes);
	if (x.first < k)
		push(v, box, (struct interval){x.first, MIN(k - 1, x.last)}, no);
	return 0;
}

/* Follow one box up to where it splits or ends. */
static int follow(struct verifier *v, struct box box)
{
	for (;; box.pc++) {
		const struct sock_filter *f;

		if (box.pc >= v->n)
			return wrong(v, "is past the end", box.pc);
		if (++v->steps > STEPS_MAX)
			return wrong(v, "is on too many paths", box.pc);
		f = &v->insns[box.pc];
		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (f->k == offsetof(struct seccomp_data, nr))
				box.holds = HOLDS_NR;
			else if (f->k == offsetof(struct seccomp_data, arch))
				box.holds = HOLDS_ARCH;
			else
				return check_box(v, &box, false);
			break;
		case BPF_JMP | BPF_JA:
			if (f->k >= v->n)
				return wrong(v, "jumps past the end", box.pc);
			box.pc += f->k;
			break;
		case BPF_RET | BPF_K:
			return check_box(v, &box, true);
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGT | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
			return branch(v, &box, f);
		default:
			return wrong(v, "has no place before the number is decided", box.pc);
		}
	}
}

int seccomp_verify(struct arena *a, const struct seccomp_policy *policy,
		   const struct seccomp_program *program, uint32_t max_steps, bool *ret_complete,
		   struct err *e)
{
	struct verifier v = {
		.arena = a,
		.policy = policy,
		.program = program,
		.insns = program->insns,
		.n = program->n,
		.max_steps = max_steps,
		.e = e,
	};
	int r = 0;

	if (program->n == 0 || program->n > BPF_MAXINSNS)
		return wrong(&v, "is not there, or one too many", (uint32_t)program->n);
	r = reserve(&v);
	if (r < 0)
		return r;
	v.stack[v.depth++] = (struct box){{0, UINT32_MAX}, {0, UINT32_MAX}, 0, HOLDS_NOTHING};
	while (v.depth && r == 0) {
		struct box box = v.stack[--v.depth];

		r = reserve(&v);
		if (r == 0)
			r = follow(&v, box);
	}
	if (ret_complete)
		*ret_complete = !v.tried_points;
	return r;
}
