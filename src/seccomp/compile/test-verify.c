/* The verifier: it takes what the emitter makes, and nothing else. Each instruction of 100 programs
 * is changed in every way that an instruction can be a little wrong; the verifier must object to
 * each change that changes a verdict. Which do is found out by a simulator that knows neither
 * policies nor the verifier; that the others do not is proven by following both programs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "seccomp/compile/compile.h"
#include "seccomp/compile/emit.h"
#include "seccomp/compile/test-profiles.h"
#include "seccomp/compile/test-simulator.h"
#include "seccomp/compile/verify.h"

#define PROGRAMS 100
#define SEED     0x9e3779b97f4a7c15ULL

/* --- points ----------------------------------------------------------------------------------- */

struct point {
	struct sim_data data;
	uint32_t verdict;
};

struct points {
	struct point *items;
	size_t n, size;
};

static void add_point(struct points *p, uint32_t arch, uint32_t nr, const uint64_t args[6],
		      bool big_endian)
{
	if (p->n == p->size) {
		void *more;

		p->size = p->size ? 2 * p->size : 1024;
		more = realloc(p->items, p->size * sizeof(*p->items));
		assert_non_null(more);
		p->items = more;
	}
	p->items[p->n++].data = sim_data(arch, nr, args, big_endian);
}

/* Values of an argument around a constant of the program. */
static size_t values_around(uint32_t k, uint64_t out[12])
{
	uint64_t low = k, high = (uint64_t)k << 32;
	const uint64_t all[12] = {low,
				  low - 1,
				  low + 1,
				  high,
				  high - 1,
				  high + 0xffffffff,
				  low | 1ULL << 32,
				  ~low,
				  low ^ 0x80000000,
				  ~0ULL << 32 | low,
				  0,
				  ~0ULL};

	memcpy(out, all, sizeof(all));
	return 12;
}

/* Points for a program from its own constants: all comparisons, in all places. */
static void add_args(struct points *p, const struct seccomp_program *prog, uint32_t arch,
		     uint32_t nr, bool big_endian, const struct seccomp_rule *rules,
		     struct rng *rng)
{
	uint64_t constants[256], base[6];
	size_t n = 0;

	for (size_t i = 0; i < prog->n && n < 256; i++)
		if (BPF_CLASS(prog->insns[i].code) == BPF_JMP && prog->insns[i].k > 2048)
			constants[n++] = prog->insns[i].k;
	for (const struct seccomp_rule *r = rules; r; r = r->next) {
		memset(base, 0, sizeof(base));
		for (size_t i = 0; i < r->n_conds; i++)
			base[r->conds[i].arg] = r->conds[i].value +
						(r->conds[i].op == SECCOMP_OP_GT ||
						 r->conds[i].op == SECCOMP_OP_NE) -
						(r->conds[i].op == SECCOMP_OP_LT);
		add_point(p, arch, nr, base, big_endian);
		for (size_t i = 0; i < r->n_conds; i++) {
			const struct seccomp_cond *c = &r->conds[i];
			uint64_t args[6];

			memcpy(args, base, sizeof(args));
			for (unsigned bit = 0; bit < 64; bit++) {
				args[c->arg] = base[c->arg] ^ 1ULL << bit;
				add_point(p, arch, nr, args, big_endian);
				args[c->arg] = c->value ^ 1ULL << bit;
				add_point(p, arch, nr, args, big_endian);
			}
			for (int d = -2; d <= 2; d++) {
				args[c->arg] = c->value + (uint64_t)d;
				add_point(p, arch, nr, args, big_endian);
				args[c->arg] = c->value + ((uint64_t)d << 32);
				add_point(p, arch, nr, args, big_endian);
				args[c->arg] = (c->value | 0xffffffff) + ((uint64_t)d << 32);
				add_point(p, arch, nr, args, big_endian);
				args[c->arg] = (c->value & ~0xffffffffULL) + ((uint64_t)d << 32);
				add_point(p, arch, nr, args, big_endian);
			}
		}
	}
	for (unsigned t = 0; t < 200; t++) {
		uint64_t values[12], args[6];

		for (unsigned i = 0; i < 6; i++) {
			args[i] = random_value(rng);
			if (n && rng_below(rng, 4)) {
				(void)values_around(
					(uint32_t)constants[rng_below(rng, (uint32_t)n)], values);
				args[i] = values[rng_below(rng, 12)];
			}
		}
		add_point(p, arch, nr, args, big_endian);
	}
}

static void make_points(struct points *p, const struct seccomp_policy *policy,
			const struct seccomp_program *prog, struct rng *rng)
{
	static const uint64_t zeros[6];
	static const uint32_t odd[] = {0,          1,          0x3fffffff, 0x40000000, 0x40000001,
				       0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};

	p->n = 0;
	for (size_t a = 0; a < policy->n_abis; a++) {
		const struct seccomp_abi *abi = &policy->abis[a];
		const struct seccomp_arch_info *info = seccomp_arch_info(abi->arch);

		for (uint32_t delta = 0; delta < 3; delta++)
			add_point(p, info->audit + delta - 1, 0, zeros, info->big_endian);
		add_point(p, info->audit ^ 0x80000000, 0, zeros, info->big_endian);
		for (size_t i = 0; i < prog->n; i++) {
			const struct sock_filter *f = &prog->insns[i];

			for (uint32_t delta = 0; delta < 3 && BPF_CLASS(f->code) == BPF_JMP;
			     delta++)
				add_point(p, info->audit, f->k + delta - 1, zeros,
					  info->big_endian);
		}
		for (uint32_t nr = 0; nr < 600; nr++)
			add_point(p, info->audit, info->base + nr, zeros, info->big_endian);
		for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
			add_point(p, info->audit, odd[i], zeros, info->big_endian);
		for (size_t i = 0; i < abi->n_entries; i++)
			if (abi->entries[i].rules)
				add_args(p, prog, info->audit, abi->entries[i].nr, info->big_endian,
					 abi->entries[i].rules, rng);
	}
	add_point(p, 0, 0, zeros, false);
	add_point(p, 0xffffffff, 0, zeros, false);
}

/* --- mutants ---------------------------------------------------------------------------------- */

/* The n-th way to change an instruction; false past the last. */
static bool mutate(const struct sock_filter *from, unsigned way, struct sock_filter *to)
{
	static const uint16_t compares[] = {BPF_JMP | BPF_JEQ | BPF_K, BPF_JMP | BPF_JGT | BPF_K,
					    BPF_JMP | BPF_JGE | BPF_K, BPF_JMP | BPF_JSET | BPF_K,
					    BPF_JMP | BPF_JA};
	bool jump = BPF_CLASS(from->code) == BPF_JMP && BPF_OP(from->code) != BPF_JA;

	*to = *from;
	switch (way) {
	case 0:
		to->k++;
		return true;
	case 1:
		to->k--;
		return true;
	case 2:
		to->k ^= 0x80000000;
		return true;
	case 3:
		to->k ^= 0x10000;
		return true;
	case 4:
		to->k = 0;
		return true;
	case 5:
		to->code = BPF_LD | BPF_W | BPF_ABS;
		return true;
	case 6:
		to->code = BPF_RET | BPF_K;
		return true;
	case 7:
		to->code = BPF_ALU | BPF_AND | BPF_K;
		return true;
	case 8:
		to->k += 4;
		return true;
	case 9:
		to->k -= 4;
		return true;
	default:
		break;
	}
	if (!jump)
		return false;
	switch (way) {
	case 10:
		to->jt++;
		return true;
	case 11:
		to->jt--;
		return true;
	case 12:
		to->jf++;
		return true;
	case 13:
		to->jf--;
		return true;
	case 14:
		to->jt = from->jf;
		to->jf = from->jt;
		return true;
	default:
		break;
	}
	if (way - 15 >= ARRAY_SIZE(compares))
		return false;
	to->code = compares[way - 15];
	return true;
}

struct counts {
	unsigned long mutants, objected, simulated, witnessed, equivalent, equivalent_objected,
		searched, undecided;
};

/* Whether a point tells the programs apart. */
static bool point_differs(const struct seccomp_program *x, const struct seccomp_program *y,
			  const struct sim_data *d)
{
	unsigned steps = 0;
	bool x_ok, y_ok;
	uint32_t vx = sim_run(x->insns, x->n, d, &steps, &x_ok);
	uint32_t vy = sim_run(y->insns, y->n, d, &steps, &y_ok);

	return x_ok != y_ok || vx != vy;
}

/* For each instruction, what lies there and ahead. */
static void look_ahead(const struct seccomp_program *prog, const struct seccomp_program *other,
		       bool *differs, uint16_t *loads)
{
	for (size_t i = prog->n; i-- > 0;) {
		const struct sock_filter *f = &prog->insns[i];
		size_t to[2] = {i + 1, i + 1};

		if (f->code == (BPF_JMP | BPF_JA)) {
			to[0] = to[1] = f->k < prog->n ? i + 1 + f->k : prog->n;
		} else if (BPF_CLASS(f->code) == BPF_JMP) {
			to[0] += f->jt;
			to[1] += f->jf;
		}
		differs[i] = memcmp(f, &other->insns[i], sizeof(*f)) != 0;
		loads[i] = 0;
		if (f->code == (BPF_LD | BPF_W | BPF_ABS) && f->k < 64)
			loads[i] = (uint16_t)(1U << (f->k / 4));
		for (unsigned k = 0; k < 2 && BPF_CLASS(f->code) != BPF_RET; k++) {
			if (to[k] >= prog->n)
				continue;
			differs[i] |= differs[to[k]];
			loads[i] |= loads[to[k]];
		}
	}
}

static int compare_programs(const struct seccomp_program *x, const struct seccomp_program *y,
			    struct sim_data *witness)
{
	static bool differs[2][BPF_MAXINSNS];
	static uint16_t loads[2][BPF_MAXINSNS];
	static struct sim_seen seen;
	struct sim_side sx = {.insns = x->insns, .n = x->n}, sy = {.insns = y->insns, .n = y->n};
	struct sim_known all = {0};
	unsigned budget = 2000000;

	look_ahead(x, y, differs[0], loads[0]);
	look_ahead(y, x, differs[1], loads[1]);
	sx.differs_ahead = differs[0];
	sx.loads_ahead = loads[0];
	sy.differs_ahead = differs[1];
	sy.loads_ahead = loads[1];
	sx.seen = sy.seen = &seen;
	seen.round++;
	memset(all.last, 0xff, sizeof(all.last));
	return sim_differ(sx, sy, all, &budget, witness);
}

/* Points by chance, made of the programs' constants, at the numbers that pass the changed place. */
static bool search_differs(const struct seccomp_program *x, const struct seccomp_program *y,
			   const struct points *points, const uint32_t *through, size_t n_through)
{
	struct rng rng = {SEED};

	for (unsigned i = 0; i < 400000 && n_through; i++) {
		struct sim_data d =
			points->items[through[rng_below(&rng, (uint32_t)n_through)]].data;

		for (unsigned w = 4; w < 16; w++) {
			uint32_t k = x->insns[rng_below(&rng, (uint32_t)x->n)].k;

			if (rng_below(&rng, 2))
				continue;
			d.words[w] = rng_below(&rng, 3) ? 0 : k;
			if (rng_below(&rng, 3) == 0)
				d.words[w] = k + rng_below(&rng, 3) - 1;
			if (rng_below(&rng, 6) == 0)
				d.words[w] |= x->insns[rng_below(&rng, (uint32_t)x->n)].k;
			if (rng_below(&rng, 6) == 0)
				d.words[w] = rng_next(&rng);
			if (rng_below(&rng, 6) == 0)
				d.words[w] ^= 1U << rng_below(&rng, 32);
		}
		if (point_differs(x, y, &d))
			return true;
	}
	return false;
}

/* What nobody but the walk has found. */
static void explain(const struct seccomp_program *good, const struct seccomp_program *bad,
		    const struct sim_data *d)
{
	for (size_t i = 0; i < good->n; i++) {
		const struct sock_filter *x = &good->insns[i], *y = &bad->insns[i];

		if (memcmp(x, y, sizeof(*x)) != 0)
			print_error("instruction %zu of %zu: %#x %u %u %#x became %#x %u %u %#x\n",
				    i, good->n, x->code, x->jt, x->jf, x->k, y->code, y->jt, y->jf,
				    y->k);
	}
	for (unsigned w = 0; w < 16; w++)
		print_error(" %#x", d->words[w]);
	print_error("\n");
}

static void judge(const struct seccomp_policy *policy, const struct seccomp_program *good,
		  const struct seccomp_program *bad, const struct points *points,
		  const uint32_t *through, size_t n_through, struct arena *a, struct counts *counts)
{
	struct sim_data witness = {{0}};
	struct err e = {0};
	bool simulated = false,
	     objected = seccomp_verify(a, policy, bad, SECCOMP_VERIFY_EXHAUSTED, NULL, &e) < 0;
	int differ;

	counts->mutants++;
	counts->objected += objected;
	for (size_t i = 0; i < n_through && !simulated; i++) {
		const struct point *p = &points->items[through[i]];
		unsigned steps = 0;
		bool ok;
		uint32_t verdict = sim_run(bad->insns, bad->n, &p->data, &steps, &ok);

		simulated = !ok || verdict != p->verdict;
	}
	if (simulated) {
		counts->simulated++;
		assert_true(objected);
		return;
	}
	differ = compare_programs(good, bad, &witness);
	if (differ == 0) {
		counts->equivalent++;
		counts->equivalent_objected += objected;
		return;
	}
	if (!objected)
		explain(good, bad, &witness);
	assert_true(objected);
	if (differ < 0) {
		if (search_differs(good, bad, points, through, n_through)) {
			counts->searched++;
			return;
		}
		counts->undecided++;
		return;
	}
	assert_true(point_differs(good, bad, &witness));
	counts->witnessed++;
}

/* Which points pass through which instruction: others cannot tell a change there. */
static void trace(const struct seccomp_program *prog, struct points *points, uint32_t **through,
		  size_t *n_through)
{
	for (size_t i = 0; i < points->n; i++) {
		struct point *p = &points->items[i];
		size_t pc = 0;
		uint32_t acc = 0;

		for (;; pc++) {
			const struct sock_filter *f = &prog->insns[pc];

			through[pc][n_through[pc]++] = (uint32_t)i;
			if (f->code == (BPF_LD | BPF_W | BPF_ABS))
				acc = p->data.words[f->k / 4];
			else if (f->code == (BPF_ALU | BPF_AND | BPF_K))
				acc &= f->k;
			else if (f->code == (BPF_JMP | BPF_JA))
				pc += f->k;
			else if (BPF_CLASS(f->code) == BPF_RET)
				break;
			else
				pc += (BPF_OP(f->code) == BPF_JEQ   ? acc == f->k
				       : BPF_OP(f->code) == BPF_JGT ? acc > f->k
				       : BPF_OP(f->code) == BPF_JGE ? acc >= f->k
								    : (acc & f->k) != 0)
					      ? f->jt
					      : f->jf;
		}
		p->verdict = prog->insns[pc].k;
	}
}

static void mutate_program(const struct seccomp_policy *policy, const struct seccomp_program *prog,
			   struct points *points, struct counts *counts)
{
	struct seccomp_program bad = *prog;
	uint32_t **through = calloc(prog->n, sizeof(*through));
	size_t *n_through = calloc(prog->n, sizeof(*n_through));

	assert_non_null(through);
	assert_non_null(n_through);
	for (size_t i = 0; i < prog->n; i++) {
		through[i] = malloc(points->n * sizeof(**through));
		assert_non_null(through[i]);
	}
	trace(prog, points, through, n_through);
	bad.insns = malloc(prog->n * sizeof(*bad.insns));
	assert_non_null(bad.insns);
	memcpy(bad.insns, prog->insns, prog->n * sizeof(*bad.insns));
	for (size_t i = 0; i < prog->n; i++) {
		for (unsigned way = 0; mutate(&prog->insns[i], way, &bad.insns[i]); way++) {
			struct arena a;

			if (!memcmp(&bad.insns[i], &prog->insns[i], sizeof(*bad.insns)))
				continue;
			arena_init(&a, NULL, 0);
			judge(policy, prog, &bad, points, through[i], n_through[i], &a, counts);
			arena_done(&a);
		}
		bad.insns[i] = prog->insns[i];
	}
	for (size_t i = 0; i < prog->n; i++)
		free(through[i]);
	free(through);
	free(n_through);
	free(bad.insns);
}

static void test_mutants(void **state)
{
	static const char *const x86[] = {"SCMP_ARCH_X86", "SCMP_ARCH_X32", NULL};
	static const char *const arm[] = {"SCMP_ARCH_ARM", NULL};
	static const struct {
		enum seccomp_arch native;
		const char *const *archs;
	} machines[] = {{SECCOMP_ARCH_X86_64, x86},
			{SECCOMP_ARCH_X86_64, x86},
			{SECCOMP_ARCH_AARCH64, arm},
			{SECCOMP_ARCH_S390X, NULL}};
	struct counts counts = {0};
	struct points points = {0};
	struct rng rng = {SEED};

	(void)state;
	for (unsigned i = 0; i < PROGRAMS; i++) {
		struct profile_shape shape = {.max_rules = 12,
					      .max_names = 5,
					      .args_percent = 20,
					      .one_action = i % 2,
					      .archs = machines[i % 4].archs};
		struct seccomp_options options = {.native = machines[i % 4].native};
		const struct seccomp_warning *warnings;
		struct seccomp_program prog = {0};
		struct seccomp_policy policy;
		struct spec_seccomp spec;
		struct err e = {0};
		struct arena a;

		arena_init(&a, NULL, 0);
		spec = random_profile(&a, &rng, &shape);
		assert_int_equal(
			seccomp_policy_from_oci(&a, &spec, &options, &policy, &warnings, &e), 0);
		assert_int_equal(seccomp_emit(&a, &policy, &prog, &e), 0);
		if (seccomp_verify(&a, &policy, &prog, SECCOMP_VERIFY_EXHAUSTED, NULL, &e) < 0)
			fail_msg("%s", e.text);
		make_points(&points, &policy, &prog, &rng);
		mutate_program(&policy, &prog, &points, &counts);
		arena_done(&a);
	}
	print_message(
		"# %d programs, %lu mutants: verifier objects to %lu; simulator to %lu by its "
		"points, %lu by a witness and %lu by a search; %lu are equivalent (of them the verifier objects "
		"to %lu); %lu are undecided\n",
		PROGRAMS, counts.mutants, counts.objected, counts.simulated, counts.witnessed,
		counts.searched, counts.equivalent, counts.equivalent_objected, counts.undecided);
	free(points.items);
	assert_true(counts.mutants > 50000);
	/* What the simulator cannot decide, the verifier has objected to. */
	assert_true(counts.undecided * 5000 < counts.mutants);
}

/* --- what is no program of ours -----------------------------------------------------------------
 */

static int verify_insns(struct sock_filter *insns, size_t n, struct err *e)
{
	static const char *const names[] = {"read"};
	struct spec_seccomp_syscall s = {.names = {(const char **)names, 1},
					 .action = "SCMP_ACT_ALLOW"};
	struct spec_seccomp spec = {.default_action = "SCMP_ACT_KILL",
				    .syscalls = &s,
				    .n_syscalls = 1,
				    .listener_path = "",
				    .listener_metadata = ""};
	struct seccomp_options options = {.native = SECCOMP_ARCH_RISCV64};
	const struct seccomp_warning *warnings;
	struct seccomp_program prog = {.insns = insns, .n = n};
	struct seccomp_policy policy;
	struct arena a;
	int r;

	*e = (struct err){0};
	arena_init(&a, NULL, 0);
	assert_int_equal(seccomp_policy_from_oci(&a, &spec, &options, &policy, &warnings, e), 0);
	r = seccomp_verify(&a, &policy, &prog, SECCOMP_VERIFY_QUICK, NULL, e);
	arena_done(&a);
	return r;
}

#define INSN(code, k, jt, jf) ((struct sock_filter){(code), (jt), (jf), (k)})
#define RETURN(k)             INSN(BPF_RET | BPF_K, k, 0, 0)
#define LOAD(k)               INSN(BPF_LD | BPF_W | BPF_ABS, k, 0, 0)
#define EQUAL(k, jt, jf)      INSN(BPF_JMP | BPF_JEQ | BPF_K, k, jt, jf)

#define EXPECT_WRONG(...)                                                                          \
	do {                                                                                       \
		struct sock_filter insns[] = {__VA_ARGS__};                                        \
		struct err e_;                                                                     \
		assert_int_equal(verify_insns(insns, ARRAY_SIZE(insns), &e_), -EINVAL);            \
		assert_int_equal(e_.id, ERR_INTERNAL);                                             \
	} while (0)

static void test_other_programs(void **state)
{
	struct sock_filter right[] = {
		LOAD(4),         EQUAL(0xc00000f3, 0, 3),   LOAD(0),
		EQUAL(63, 0, 1), RETURN(SECCOMP_RET_ALLOW), RETURN(SECCOMP_RET_KILL_THREAD)};
	struct err e;

	(void)state;
	assert_int_equal(verify_insns(right, ARRAY_SIZE(right), &e), 0);
	assert_int_equal(verify_insns(right, 0, &e), -EINVAL);
	assert_int_equal(verify_insns(right, BPF_MAXINSNS + 1, &e), -EINVAL);
	EXPECT_WRONG(RETURN(SECCOMP_RET_ALLOW));
	EXPECT_WRONG(RETURN(SECCOMP_RET_KILL_THREAD));
	EXPECT_WRONG(LOAD(4));
	EXPECT_WRONG(LOAD(0), EQUAL(63, 200, 0));
	EXPECT_WRONG(INSN(BPF_JMP | BPF_JA, 0xffffffff, 0, 0), RETURN(0));
	EXPECT_WRONG(EQUAL(63, 0, 0), RETURN(0));
	EXPECT_WRONG(LOAD(8), RETURN(0));
	/* The number of another architecture. */
	EXPECT_WRONG(LOAD(0), EQUAL(63, 0, 1), RETURN(SECCOMP_RET_ALLOW), RETURN(0));
	/* Right, but by way of an instruction that the kernel's check cannot follow. */
	EXPECT_WRONG(LOAD(4), EQUAL(0xc00000f3, 0, 4), LOAD(0),
		     INSN(BPF_ALU | BPF_OR | BPF_K, 0, 0, 0), EQUAL(63, 0, 1),
		     RETURN(SECCOMP_RET_ALLOW), RETURN(0));
	EXPECT_WRONG(LOAD(16), RETURN(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mutants),
		cmocka_unit_test(test_other_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
