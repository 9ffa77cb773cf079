/* For tests: a classic BPF machine by the book, and a decision whether two programs are the same.
 * It knows nothing of policies, emitter or verifier. */
#pragma once

#include <linux/bpf_common.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* struct seccomp_data as 16 words in memory order of a machine of either endianness. */
struct sim_data {
	uint32_t words[16];
};

static inline struct sim_data sim_data(uint32_t arch, uint32_t nr, const uint64_t args[6],
				       bool big_endian)
{
	struct sim_data d = {{nr, arch, 0x1234, 0x5678}};

	for (unsigned i = 0; i < 6; i++) {
		d.words[4 + 2 * i + (big_endian ? 1 : 0)] = (uint32_t)args[i];
		d.words[4 + 2 * i + (big_endian ? 0 : 1)] = (uint32_t)(args[i] >> 32);
	}
	return d;
}

/* Runs a program; a broken one returns *@ok false. Counts steps. */
static inline uint32_t sim_run(const struct sock_filter *insns, size_t n, const struct sim_data *d,
			       unsigned *steps, bool *ok)
{
	uint32_t a = 0, x = 0, mem[16] = {0};
	size_t pc = 0;

	*ok = true;
	while (pc < n) {
		const struct sock_filter *f = &insns[pc++];
		uint32_t operand = BPF_SRC(f->code) == BPF_X ? x : f->k;

		++*steps;
		switch (BPF_CLASS(f->code)) {
		case BPF_LD:
			if (BPF_MODE(f->code) == BPF_ABS && f->k % 4 == 0 && f->k < 64)
				a = d->words[f->k / 4];
			else if (BPF_MODE(f->code) == BPF_IMM)
				a = f->k;
			else if (BPF_MODE(f->code) == BPF_LEN)
				a = 64;
			else if (BPF_MODE(f->code) == BPF_MEM && f->k < 16)
				a = mem[f->k];
			else
				goto broken;
			break;
		case BPF_LDX:
			if (BPF_MODE(f->code) == BPF_IMM)
				x = f->k;
			else if (BPF_MODE(f->code) == BPF_LEN)
				x = 64;
			else if (BPF_MODE(f->code) == BPF_MEM && f->k < 16)
				x = mem[f->k];
			else
				goto broken;
			break;
		case BPF_ST:
			mem[f->k % 16] = a;
			break;
		case BPF_STX:
			mem[f->k % 16] = x;
			break;
		case BPF_ALU:
			switch (BPF_OP(f->code)) {
			case BPF_ADD:
				a += operand;
				break;
			case BPF_SUB:
				a -= operand;
				break;
			case BPF_AND:
				a &= operand;
				break;
			case BPF_OR:
				a |= operand;
				break;
			case BPF_LSH:
				a <<= operand & 31;
				break;
			case BPF_RSH:
				a >>= operand & 31;
				break;
			default:
				goto broken;
			}
			break;
		case BPF_JMP:
			switch (BPF_OP(f->code)) {
			case BPF_JA:
				pc = f->k < n ? pc + f->k : n;
				break;
			case BPF_JEQ:
				pc += a == operand ? f->jt : f->jf;
				break;
			case BPF_JGT:
				pc += a > operand ? f->jt : f->jf;
				break;
			case BPF_JGE:
				pc += a >= operand ? f->jt : f->jf;
				break;
			case BPF_JSET:
				pc += a & operand ? f->jt : f->jf;
				break;
			default:
				goto broken;
			}
			break;
		case BPF_RET:
			return f->code == (BPF_RET | BPF_A) ? a : f->k;
		default:
			a = x;
			break;
		}
	}
broken:
	*ok = false;
	return 0;
}

/* What is known of one word: an interval, and the outcomes of tests of its bits. */
#define SIM_FACTS 64
struct sim_known {
	uint32_t first[16], last[16];
	struct {
		uint32_t word, mask, value;
		bool equal;
	} facts[SIM_FACTS];
	unsigned n_facts;
};

struct sim_seen;

struct sim_side {
	const struct sock_filter *insns;
	size_t n, pc;
	uint32_t word, mask; /* what the accumulator holds: words[word] & mask */
	bool loaded, done, broken;
	uint32_t verdict;
	/* By instruction: whether the two programs differ there or anywhere it leads to, and which
	 * words are loaded there or anywhere it leads to. */
	const bool *differs_ahead;
	const uint16_t *loads_ahead;
	struct sim_seen *seen;
};

/* Places that were followed to the end without finding a difference: see sim_seen(). */
#define SIM_SEEN 65536
struct sim_seen {
	uint64_t places[SIM_SEEN];
	uint64_t round; /* other than in all walks before */
};

/* The bits of @index, from the lowest, at the places of the bits of @places. */
static inline uint32_t sim_deposit(uint32_t index, uint32_t places)
{
	uint32_t x = 0;

	for (; places; places &= places - 1, index >>= 1)
		if (index & 1)
			x |= places & -places;
	return x;
}

/* The smallest number from @from on whose bits @fixed are those of @value. Returns whether there is
 * one: numbers with fixed bits are in the order of their free bits. */
static inline bool sim_align(uint32_t from, uint32_t fixed, uint32_t value, uint32_t *ret)
{
	uint64_t low = 0, end = 1ULL << __builtin_popcount(~fixed), high = end;

	while (low < high) {
		uint64_t middle = (low + high) / 2;

		if ((sim_deposit((uint32_t)middle, ~fixed) | value) < from)
			low = middle + 1;
		else
			high = middle;
	}
	*ret = sim_deposit((uint32_t)low, ~fixed) | value;
	return low < end;
}

/* A value for a word that agrees with all that is known. Returns 1 and *@ret; 0 if there is none;
 * -1 if none was found among very many. */
static inline int sim_solve(const struct sim_known *known, uint32_t word, uint32_t *ret)
{
	uint32_t fixed = 0, value = 0, x = known->first[word];

	for (unsigned i = 0; i < known->n_facts; i++) {
		uint32_t mask = known->facts[i].mask, bits = known->facts[i].value;

		/* One bit that is not one thing is the other. */
		if (!known->facts[i].equal)
			bits ^= mask;
		if (known->facts[i].word != word || (!known->facts[i].equal && mask & (mask - 1)))
			continue;
		if ((value ^ bits) & fixed & mask)
			return 0;
		fixed |= mask;
		value |= bits;
	}
	for (unsigned tries = 0; tries < 100000; tries++) {
		bool holds = true;
		uint32_t step = 0;

		if (!sim_align(x, fixed, value, &x) || x > known->last[word])
			return 0;
		for (unsigned i = 0; i < known->n_facts && holds; i++) {
			uint32_t mask = known->facts[i].mask;

			holds = known->facts[i].word != word || known->facts[i].equal ||
				(x & mask) != known->facts[i].value;
			/* Where this can change: at its lowest bit that is free. */
			mask &= ~fixed;
			if (!holds && mask)
				step = (x | ((mask & -mask) - 1)) + 1;
		}
		if (holds) {
			*ret = x;
			return 1;
		}
		if (step <= x)
			return 0;
		x = step;
	}
	return -1;
}

/* Whether both sides were here before, with the same knowledge of what either still looks at. */
static inline bool sim_seen(const struct sim_side *x, const struct sim_side *y,
			    const struct sim_known *known, struct sim_seen *seen)
{
	uint32_t used = 1U << x->word | 1U << y->word;
	uint64_t h = seen->round, *place;
	const uint64_t sides[4] = {(uint64_t)x->pc << 32 | (x->done ? x->verdict : x->mask),
				   (uint64_t)y->pc << 32 | (y->done ? y->verdict : y->mask),
				   (uint64_t)x->word << 32 | y->word,
				   (uint64_t)x->done << 3 | (uint64_t)y->done << 2 |
					   (uint64_t)x->broken << 1 | y->broken};

	if (!x->done)
		used |= x->loads_ahead[x->pc];
	if (!y->done)
		used |= y->loads_ahead[y->pc];
	for (unsigned i = 0; i < 4; i++)
		h = (h ^ sides[i]) * 0x9e3779b97f4a7c15ULL, h ^= h >> 31;
	for (unsigned w = 0; w < 16; w++) {
		if (!(used >> w & 1))
			continue;
		h = (h ^ ((uint64_t)known->first[w] << 32 | known->last[w])) *
		    0x9e3779b97f4a7c15ULL;
		h ^= h >> 31;
	}
	for (unsigned i = 0; i < known->n_facts; i++) {
		if (!(used >> known->facts[i].word & 1))
			continue;
		h = (h ^ ((uint64_t)known->facts[i].mask << 32 | known->facts[i].value)) *
		    0x9e3779b97f4a7c15ULL;
		h = (h ^ ((uint64_t)known->facts[i].word << 1 | known->facts[i].equal)) *
		    0x9e3779b97f4a7c15ULL;
		h ^= h >> 31;
	}
	place = &seen->places[h % SIM_SEEN];
	if (*place == h)
		return true;
	*place = h;
	return false;
}

/* Two programs side by side. @budget bounds the walk. 0: they are the same; every path that a value
 * can take was followed. 1: they are not, and the witness tells them apart. -1: the budget was not
 * enough, or a program does what ours do not. */
static inline int sim_differ(struct sim_side x, struct sim_side y, struct sim_known known,
			     unsigned *budget, struct sim_data *witness);

/* One test of one side. */
struct sim_test {
	struct sim_side x, y;
	struct sim_side *s; /* whose test it is */
	size_t yes, no;
	unsigned op;
	uint32_t w, mask, k;
	unsigned *budget;
	struct sim_data *witness;
};

/* Go on at @pc with what has become known, if any value can be there. */
static inline int sim_follow(struct sim_test *t, const struct sim_known *part, size_t pc)
{
	uint32_t value;
	int r = part->first[t->w] > part->last[t->w] ? 0 : sim_solve(part, t->w, &value);

	if (r <= 0)
		return r;
	t->s->pc = pc;
	return sim_differ(t->x, t->y, *part, t->budget, t->witness);
}

/* The same with the outcome of a test of bits. */
static inline int sim_follow_fact(struct sim_test *t, const struct sim_known *known, uint32_t value,
				  bool equal, size_t pc)
{
	struct sim_known part = *known;

	if (part.n_facts == SIM_FACTS)
		return -1;
	part.facts[part.n_facts].word = t->w;
	part.facts[part.n_facts].mask = t->mask;
	part.facts[part.n_facts].value = value;
	part.facts[part.n_facts++].equal = equal;
	return sim_follow(t, &part, pc);
}

static inline int sim_follow_interval(struct sim_test *t, const struct sim_known *known,
				      uint32_t first, uint32_t last, size_t pc)
{
	struct sim_known part = *known;

	part.first[t->w] = first > known->first[t->w] ? first : known->first[t->w];
	part.last[t->w] = last < known->last[t->w] ? last : known->last[t->w];
	return sim_follow(t, &part, pc);
}

static inline bool sim_holds(unsigned op, uint32_t value, uint32_t k)
{
	return op == BPF_JSET  ? (value & k) != 0
	       : op == BPF_JGT ? value > k
	       : op == BPF_JGE ? value >= k
			       : value == k;
}

/* Some bits compared by size, which is no interval and no fact. */
static inline int sim_branch_order(struct sim_test *t, const struct sim_known *known)
{
	uint32_t first = known->first[t->w], last = known->last[t->w], least = 0;
	const uint32_t more = t->op == BPF_JGT;
	bool few = last - first < 4096;
	int r;

	/* What the bits can be is in the order of deposits: from some value on it holds. */
	if ((more && t->k == UINT32_MAX) || !sim_align(t->k + more, ~t->mask, 0, &least))
		return sim_follow(t, known, t->no);
	if (least == 0)
		return sim_follow(t, known, t->yes);
	r = sim_follow_fact(t, known, t->mask, true, t->yes);
	if (least == t->mask) /* the one value that holds */
		return r ? r : sim_follow_fact(t, known, t->mask, false, t->no);
	if (r == 0)
		r = sim_follow_fact(t, known, least, true, t->yes);
	if (r == 0)
		r = sim_follow_fact(t, known, 0, true, t->no);
	if (r != 0)
		return r;
	/* The same both ways, whatever the value, is the same. */
	if (!few && sim_follow(t, known, t->yes) == 0 && sim_follow(t, known, t->no) == 0)
		return 0;
	/* Else value by value, all where they are few. What the lines above have found different
	 * is not known to be so, and must be seen again. */
	t->x.seen->round++;
	for (uint32_t i = 0; i < 4096 && r == 0; i++) {
		uint32_t v = first + (few || i < 2048 ? i : i * 0x100801);

		if (v >= first && v <= last)
			r = sim_follow_interval(t, known, v, v,
						sim_holds(t->op, v & t->mask, t->k) ? t->yes
										    : t->no);
	}
	return r || few ? r : -1;
}

/* Some bits compared with a value. */
static inline int sim_branch_bits(struct sim_test *t, const struct sim_known *known)
{
	int r;

	for (unsigned i = 0; i < known->n_facts; i++)
		if (known->facts[i].word == t->w && known->facts[i].mask == t->mask &&
		    known->facts[i].value == t->k && !known->facts[i].equal)
			return sim_follow(t, known, t->no);
	if (t->k & ~t->mask)
		return sim_follow(t, known, t->no);
	r = sim_follow_fact(t, known, t->k, true, t->yes);
	return r ? r : sim_follow_fact(t, known, t->k, false, t->no);
}

static inline int sim_branch_interval(struct sim_test *t, const struct sim_known *known)
{
	uint32_t k = t->k;
	int r = 0;

	if (t->op == BPF_JEQ) {
		r = sim_follow_interval(t, known, k, k, t->yes);
		if (r == 0 && k > 0)
			r = sim_follow_interval(t, known, 0, k - 1, t->no);
		if (r == 0 && k < UINT32_MAX)
			r = sim_follow_interval(t, known, k + 1, UINT32_MAX, t->no);
		return r;
	}
	if (t->op == BPF_JGT && k++ == UINT32_MAX)
		return sim_follow(t, known, t->no);
	r = sim_follow_interval(t, known, k, UINT32_MAX, t->yes);
	return r || k == 0 ? r : sim_follow_interval(t, known, 0, k - 1, t->no);
}

/* Follows one test both ways. Returns as sim_differ(). */
static inline int sim_branch(struct sim_side x, struct sim_side y, const struct sim_known *known,
			     bool side_x, unsigned *budget, struct sim_data *witness)
{
	struct sim_test t = {.x = x, .y = y, .budget = budget, .witness = witness};
	const struct sock_filter *f;
	uint32_t value;
	bool sure;

	t.s = side_x ? &t.x : &t.y;
	f = &t.s->insns[t.s->pc];
	t.yes = t.s->pc + 1 + f->jt;
	t.no = t.s->pc + 1 + f->jf;
	t.op = BPF_OP(f->code);
	t.w = t.s->word;
	t.k = f->k;
	t.mask = t.s->mask;
	if (t.op == BPF_JSET) {
		size_t swap = t.yes;

		t.op = BPF_JEQ;
		t.mask &= t.k;
		t.k = 0;
		t.yes = t.no;
		t.no = swap;
	}
	if (t.op != BPF_JEQ && t.op != BPF_JGT && t.op != BPF_JGE)
		return -1;
	sure = t.mask == 0 || known->first[t.w] == known->last[t.w];
	value = known->first[t.w] & t.mask;
	for (unsigned i = 0; i < known->n_facts && !sure; i++) {
		sure = known->facts[i].word == t.w && known->facts[i].mask == t.mask &&
		       known->facts[i].equal;
		if (sure)
			value = known->facts[i].value;
	}
	if (sure)
		return sim_follow(&t, known, sim_holds(t.op, value, t.k) ? t.yes : t.no);
	if (t.mask == UINT32_MAX)
		return sim_branch_interval(&t, known);
	return t.op == BPF_JEQ ? sim_branch_bits(&t, known) : sim_branch_order(&t, known);
}

/* Runs one side up to a test or its end. Returns whether it stands at a test. */
static inline bool sim_advance(struct sim_side *s, bool *unknown)
{
	while (!s->done) {
		const struct sock_filter *f;

		if (s->pc >= s->n) {
			s->done = s->broken = true;
			return false;
		}
		f = &s->insns[s->pc];
		if (f->code == (BPF_LD | BPF_W | BPF_ABS)) {
			if (f->k % 4 || f->k >= 64) {
				s->done = s->broken = true;
				return false;
			}
			s->word = f->k / 4;
			s->mask = UINT32_MAX;
			s->loaded = true;
		} else if (f->code == (BPF_ALU | BPF_AND | BPF_K)) {
			s->mask &= f->k;
		} else if (f->code == (BPF_JMP | BPF_JA)) {
			if (f->k >= s->n) {
				s->done = s->broken = true;
				return false;
			}
			s->pc += f->k;
		} else if (f->code == (BPF_RET | BPF_K)) {
			s->done = true;
			s->verdict = f->k;
			return false;
		} else if (BPF_CLASS(f->code) == BPF_JMP && BPF_SRC(f->code) == BPF_K) {
			if (!s->loaded)
				*unknown = true;
			return true;
		} else {
			*unknown = true;
			return true;
		}
		s->pc++;
	}
	return false;
}

static inline int sim_differ(struct sim_side x, struct sim_side y, struct sim_known known,
			     unsigned *budget, struct sim_data *witness)
{
	bool unknown = false, x_tests, y_tests;

	if (*budget == 0)
		return -1;
	--*budget;
	x_tests = sim_advance(&x, &unknown);
	y_tests = sim_advance(&y, &unknown);
	if (unknown)
		return -1;
	if (x_tests && y_tests && x.pc == y.pc && x.word == y.word && x.mask == y.mask &&
	    !x.differs_ahead[x.pc])
		return 0;
	if ((x_tests || y_tests) && sim_seen(&x, &y, &known, x.seen))
		return 0;
	/* Whoever is behind goes on, so that they meet. */
	if (x_tests && (!y_tests || x.pc <= y.pc))
		return sim_branch(x, y, &known, true, budget, witness);
	if (y_tests)
		return sim_branch(x, y, &known, false, budget, witness);
	if (x.broken == y.broken && x.verdict == y.verdict)
		return 0;
	for (uint32_t w = 0; w < 16; w++) {
		int r = sim_solve(&known, w, &witness->words[w]);

		if (r <= 0)
			return r;
	}
	return 1;
}
