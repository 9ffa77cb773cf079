/* Two programs, one after the other, over sets of calls in the place of calls. Pure, host side.
 *
 * What is known of each word of struct seccomp_data is an interval and outcomes of tests of its
 * bits. A comparison splits what is known; what no value agrees with is dropped. Where the first
 * program returns, the second starts with what is known by then, and where that returns, the two
 * verdicts are compared. A place that was seen with the same knowledge of all that is still looked
 * at is not gone through again; the rest of the knowledge is kept, for the witness. */
#include "seccomp/policy/differ.h"

#include <errno.h>
#include <linux/bpf_common.h>
#include <linux/seccomp.h>

#include "base/str.h"
#include "seccomp/compile/verify-bits.h"

#define WORDS      16
#define WORD_NR    0
#define WORD_ARCH  1
#define FACTS      48
#define STEPS_MAX  20000000U
#define SEEN_FIRST 4096U

struct fact {
	struct bits_fact bits;
	uint8_t word;
};

struct place {
	uint32_t first[WORDS], last[WORDS];
	struct fact facts[FACTS];
	uint32_t n_facts;
	uint32_t pc, word, mask; /* what the accumulator holds: a word, masked */
	bool second;             /* the first program has returned: */
	seccomp_action verdict;
};

struct walk {
	struct arena *arena;
	const struct seccomp_program *programs[2];
	uint16_t *ahead[2]; /* by instruction: the words that are loaded there or behind */
	struct place *stack;
	size_t depth, size;
	uint64_t *seen;
	size_t n_seen, seen_size;
	uint32_t steps;
	bool incomplete;
	void (*tell)(void *context, const struct policy_difference *d);
	void *context;
};

unsigned policy_action_rank(seccomp_action action)
{
	static const uint32_t ranks[] = {
		SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP,
		SECCOMP_RET_ERRNO,        SECCOMP_RET_USER_NOTIF,  SECCOMP_RET_TRACE,
		SECCOMP_RET_LOG,          SECCOMP_RET_ALLOW,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(ranks); i++)
		if ((action & SECCOMP_RET_ACTION_FULL) == ranks[i])
			return i;
	return 0; /* the kernel kills for what it does not know */
}

/* --- what is known ---------------------------------------------------------------------------- */

/* Whether some value of a word within [@first, @last] agrees with all that is known. */
static bool exists(const struct place *p, uint32_t word, uint32_t first, uint32_t last)
{
	struct bits_fact facts[FACTS];
	uint32_t n = 0;

	first = MAX(first, p->first[word]);
	last = MIN(last, p->last[word]);
	if (first > last)
		return false;
	for (uint32_t i = 0; i < p->n_facts; i++)
		if (p->facts[i].word == word)
			facts[n++] = p->facts[i].bits;
	return n == 0 || bits_exist(facts, n, first, last);
}

/* The smallest value of a word that agrees; there is one. */
static uint32_t smallest(const struct place *p, uint32_t word)
{
	uint32_t first = p->first[word], last = p->last[word];

	while (first < last) {
		uint32_t middle = first + (last - first) / 2;

		if (exists(p, word, first, middle))
			last = middle;
		else
			first = middle + 1;
	}
	return first;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ULL;
	return h ^ h >> 29;
}

static uint64_t hash(const struct walk *w, const struct place *p)
{
	uint16_t used = (uint16_t)(w->ahead[p->second][p->pc] | 1U << p->word);
	uint64_t h = mix(p->pc, (uint64_t)p->verdict << 1 | p->second);

	if (!p->second)
		used |= w->ahead[1][0];
	h = mix(h, (uint64_t)p->word << 32 | p->mask);
	for (unsigned i = 0; i < WORDS; i++)
		if (used >> i & 1)
			h = mix(h, (uint64_t)p->first[i] << 32 | p->last[i]);
	for (uint32_t i = 0; i < p->n_facts; i++) {
		const struct fact *f = &p->facts[i];

		if (!(used >> f->word & 1))
			continue;
		h = mix(h, (uint64_t)f->bits.mask << 32 | f->bits.value);
		h = mix(h, (uint64_t)f->word << 1 | f->bits.equal);
	}
	return h ? h : 1;
}

static void insert(uint64_t *table, size_t size, uint64_t h)
{
	size_t at = h & (size - 1);

	while (table[at])
		at = (at + 1) & (size - 1);
	table[at] = h;
}

/* Whether the place was seen; it is from now on. Returns 1, 0 or -ENOMEM. */
static int seen_before(struct walk *w, const struct place *p)
{
	uint64_t h = hash(w, p);

	if (w->n_seen * 2 >= w->seen_size) {
		size_t size = w->seen_size ? 4 * w->seen_size : SEEN_FIRST;
		uint64_t *table = arena_newn(w->arena, uint64_t, size);

		if (!table)
			return -ENOMEM;
		for (size_t i = 0; i < w->seen_size; i++)
			if (w->seen[i])
				insert(table, size, w->seen[i]);
		w->seen = table;
		w->seen_size = size;
	}
	for (size_t at = h & (w->seen_size - 1); w->seen[at]; at = (at + 1) & (w->seen_size - 1))
		if (w->seen[at] == h)
			return 1;
	insert(w->seen, w->seen_size, h);
	w->n_seen++;
	return 0;
}

/* --- splitting -------------------------------------------------------------------------------- */

/* To be followed later, from @pc. */
static int push(struct walk *w, const struct place *from, size_t pc)
{
	struct place *p;
	int r;

	if (w->depth == w->size) {
		size_t size = w->size ? 2 * w->size : 64;
		struct place *stack = arena_newn(w->arena, struct place, size);

		if (!stack)
			return -ENOMEM;
		if (w->depth)
			memcpy(stack, w->stack, w->depth * sizeof(*stack));
		w->stack = stack;
		w->size = size;
	}
	p = &w->stack[w->depth];
	*p = *from;
	p->pc = (uint32_t)pc;
	r = seen_before(w, p);
	if (r == 0)
		w->depth++;
	return r < 0 ? r : 0;
}

static int push_interval(struct walk *w, const struct place *from, size_t pc, uint32_t first,
			 uint32_t last)
{
	struct place part;

	if (!exists(from, from->word, first, last))
		return 0;
	part = *from;
	part.first[from->word] = MAX(first, from->first[from->word]);
	part.last[from->word] = MIN(last, from->last[from->word]);
	return push(w, &part, pc);
}

/* Add a fact, to those of the same kind where that can be: equal bits become one fact of a word. A
 * bit that is not one thing is the other. Returns false if there is no room. */
static bool add_fact(struct place *p, struct bits_fact new)
{
	if (!new.equal && !(new.mask &(new.mask - 1))) {
		new.equal = true;
		new.value ^= new.mask;
	}
	for (uint32_t i = 0; i < p->n_facts && new.equal; i++) {
		struct fact *f = &p->facts[i];

		if (f->word != p->word || !f->bits.equal ||
		    (f->bits.value ^ new.value) & f->bits.mask & new.mask)
			continue;
		f->bits.mask |= new.mask;
		f->bits.value |= new.value;
		return true;
	}
	if (p->n_facts == FACTS)
		return false;
	p->facts[p->n_facts++] = (struct fact){new, (uint8_t)p->word};
	return true;
}

static int push_fact(struct walk *w, const struct place *from, size_t pc, uint32_t mask,
		     uint32_t value, bool equal)
{
	struct place part = *from;

	if (mask == 0)
		return (value == 0) == equal ? push(w, from, pc) : 0;
	if (!add_fact(&part, (struct bits_fact){mask, value, equal})) {
		w->incomplete = true;
		return 0;
	}
	if (!exists(&part, from->word, 0, UINT32_MAX))
		return 0;
	return push(w, &part, pc);
}

/* A whole word and one value. Numbers are cut into intervals, which stay few; arguments are not. */
static int branch_value(struct walk *w, const struct place *p, uint32_t k, size_t yes, size_t no)
{
	bool cut = p->word <= WORD_ARCH || k == p->first[p->word] || k == p->last[p->word];
	int r = push_interval(w, p, yes, k, k);

	if (r < 0)
		return r;
	if (!cut && k > p->first[p->word] && k < p->last[p->word])
		return push_fact(w, p, no, UINT32_MAX, k, false);
	if (k > 0)
		r = push_interval(w, p, no, 0, k - 1);
	if (r == 0 && k < UINT32_MAX)
		r = push_interval(w, p, no, k + 1, UINT32_MAX);
	return r;
}

/* Some bits by size: from the top, the first bit that differs decides. */
static int branch_order(struct walk *w, const struct place *p, bool or_equal, uint32_t k,
			size_t yes, size_t no)
{
	uint32_t mask = p->mask;
	int r = 0;

	for (unsigned i = 32; i-- > 0 && r == 0;) {
		uint32_t bit = 1U << i, above = i == 31 ? 0 : ~(2 * bit - 1);

		if (k & above & ~mask)
			return 0; /* smaller, and said so above */
		if (k & bit)
			r = push_fact(w, p, no, mask & (above | bit), k & above, true);
		else if (mask & bit)
			r = push_fact(w, p, yes, mask & (above | bit), (k & above) | bit, true);
	}
	if (r < 0 || k & ~mask)
		return r;
	return push_fact(w, p, or_equal ? yes : no, mask, k, true);
}

static int branch(struct walk *w, const struct place *p)
{
	const struct sock_filter *f = &w->programs[p->second]->insns[p->pc];
	size_t yes = (size_t)p->pc + 1 + f->jt, no = (size_t)p->pc + 1 + f->jf;
	uint32_t k = f->k, mask = p->mask;
	bool whole = mask == UINT32_MAX;
	int r;

	switch (BPF_OP(f->code)) {
	case BPF_JEQ:
		if (whole)
			return branch_value(w, p, k, yes, no);
		if (k & ~mask)
			return push(w, p, no);
		r = push_fact(w, p, yes, mask, k, true);
		return r < 0 ? r : push_fact(w, p, no, mask, k, false);
	case BPF_JSET:
		r = push_fact(w, p, yes, mask & k, 0, false);
		return r < 0 ? r : push_fact(w, p, no, mask & k, 0, true);
	case BPF_JGT:
		if (!whole)
			return branch_order(w, p, false, k, yes, no);
		if (k == UINT32_MAX)
			return push(w, p, no);
		k++;
		break;
	default:
		if (!whole)
			return branch_order(w, p, true, k, yes, no);
		break;
	}
	r = push_interval(w, p, yes, k, UINT32_MAX);
	return r < 0 || k == 0 ? r : push_interval(w, p, no, 0, k - 1);
}

/* --- following -------------------------------------------------------------------------------- */

static int finish(struct walk *w, const struct place *p, seccomp_action verdict)
{
	struct policy_difference d = {
		.arch_first = p->first[WORD_ARCH],
		.arch_last = p->last[WORD_ARCH],
		.nr_first = p->first[WORD_NR],
		.nr_last = p->last[WORD_NR],
		.a = p->verdict,
		.b = verdict,
	};
	struct place next;

	if (p->second) {
		if (p->verdict == verdict)
			return 0;
		for (uint32_t i = 0; i < WORDS; i++)
			d.words[i] = smallest(p, i);
		w->tell(w->context, &d);
		return 0;
	}
	next = *p;
	next.second = true;
	next.verdict = verdict;
	next.word = 0;
	next.mask = UINT32_MAX;
	return push(w, &next, 0);
}

static int follow(struct walk *w, struct place *p)
{
	for (;; p->pc++) {
		const struct sock_filter *f = &w->programs[p->second]->insns[p->pc];

		w->steps++;
		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			p->word = f->k / 4;
			p->mask = UINT32_MAX;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			p->mask &= f->k;
			break;
		case BPF_JMP | BPF_JA:
			p->pc += f->k;
			break;
		case BPF_RET | BPF_K:
			return finish(w, p, f->k);
		default:
			return branch(w, p);
		}
	}
}

/* --- programs --------------------------------------------------------------------------------- */

/* Whether the program loads before it compares, and does nothing that follow() does not know. */
static bool is_plain(const struct seccomp_program *p)
{
	if (p->n == 0 || (p->insns[0].code != (BPF_LD | BPF_W | BPF_ABS) &&
			  p->insns[0].code != (BPF_RET | BPF_K)))
		return false;
	for (size_t i = 0; i < p->n; i++) {
		switch (p->insns[i].code) {
		case BPF_LD | BPF_W | BPF_ABS:
		case BPF_ALU | BPF_AND | BPF_K:
		case BPF_JMP | BPF_JA:
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGT | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
		case BPF_JMP | BPF_JSET | BPF_K:
		case BPF_RET | BPF_K:
			break;
		default:
			return false;
		}
	}
	return true;
}

/* All jumps go forward: what lies ahead is known from the end. */
static uint16_t *look_ahead(struct arena *a, const struct seccomp_program *p)
{
	uint16_t *ahead = arena_newn(a, uint16_t, p->n);

	for (size_t i = p->n; ahead && i-- > 0;) {
		const struct sock_filter *f = &p->insns[i];
		size_t to[2] = {i + 1, i + 1};

		if (BPF_CLASS(f->code) == BPF_RET)
			continue;
		if (BPF_CLASS(f->code) == BPF_LD)
			ahead[i] = (uint16_t)(1U << f->k / 4);
		if (BPF_CLASS(f->code) == BPF_JMP) {
			to[0] += BPF_OP(f->code) == BPF_JA ? f->k : f->jt;
			to[1] += BPF_OP(f->code) == BPF_JA ? f->k : f->jf;
		}
		for (unsigned k = 0; k < 2; k++)
			if (to[k] < p->n)
				ahead[i] |= ahead[to[k]];
	}
	return ahead;
}

int policy_differ(struct arena *a, const struct seccomp_program *x, const struct seccomp_program *y,
		  void (*tell)(void *context, const struct policy_difference *d), void *context,
		  bool *ret_complete, struct err *e)
{
	struct walk w = {.arena = a, .programs = {x, y}, .tell = tell, .context = context};
	struct place start = {.mask = UINT32_MAX};
	int r;

	if (!is_plain(x) || !is_plain(y))
		return err_set(e, ERR_UNSUPPORTED, -EOPNOTSUPP,
			       "%s program computes in ways that cannot be compared",
			       is_plain(x) ? "the second" : "the first");
	memset(start.last, 0xff, sizeof(start.last));
	w.ahead[0] = look_ahead(a, x);
	w.ahead[1] = look_ahead(a, y);
	r = w.ahead[0] && w.ahead[1] ? push(&w, &start, 0) : -ENOMEM;
	while (w.depth && r == 0) {
		struct place p = w.stack[--w.depth];

		r = follow(&w, &p);
		if (w.steps > STEPS_MAX) {
			w.incomplete = true;
			break;
		}
	}
	*ret_complete = !w.incomplete;
	return r < 0 ? err_sys(e, ERR_INTERNAL, r, "compare the filters") : 0;
}
