/* Comparing filters: 1,000 random pairs against trying every call that any condition could tell
 * from another, and pairs whose difference is known. */
#include <errno.h>

#include "seccomp/policy/test-policies.h"

#include "seccomp/compile/test-profiles.h"
#include "seccomp/policy/differ.h"

struct found {
	const struct seccomp_program *x, *y;
	bool weaker, stricter, other;
	size_t n;
};

/* Every witness must be one. */
static void take(void *context, const struct policy_difference *d)
{
	struct found *f = context;
	struct sim_data data;
	unsigned steps = 0;
	bool ok;

	memcpy(data.words, d->words, sizeof(data.words));
	assert_int_equal(sim_run(f->x->insns, f->x->n, &data, &steps, &ok), d->a);
	assert_int_equal(sim_run(f->y->insns, f->y->n, &data, &steps, &ok), d->b);
	assert_true(d->a != d->b);
	assert_true(d->words[0] >= d->nr_first && d->words[0] <= d->nr_last);
	f->weaker |= policy_action_rank(d->b) > policy_action_rank(d->a);
	f->stricter |= policy_action_rank(d->b) < policy_action_rank(d->a);
	f->other |= policy_action_rank(d->b) == policy_action_rank(d->a);
	f->n++;
}

static struct found compare(struct arena *a, const struct seccomp_program *x,
			    const struct seccomp_program *y)
{
	struct found f = {.x = x, .y = y};
	struct err e = {0};
	bool complete;

	assert_int_equal(policy_differ(a, x, y, take, &f, &complete, &e), 0);
	assert_true(complete);
	return f;
}

/* --- by chance -------------------------------------------------------------------------------- */

#define CALLS 4
static const char *const calls[CALLS] = {"read", "ioctl", "socket", "clone"};

/* Values near which conditions change. */
static const uint64_t edges[] = {0, 1, 2, 3, 4, 7, 8, 0xffffffff, 0x100000000, 0x100000001};

static size_t random_condition(struct rng *r, char *buf, size_t size)
{
	static const char *const ops[] = {"==", "!=", "<", "<=", ">", ">="};
	uint64_t value = edges[rng_below(r, ARRAY_SIZE(edges))];
	size_t n = str_format(buf, size, "$arg%u", rng_below(r, 2));

	if (rng_below(r, 3) == 0)
		n += str_format(buf + n, size - n, " & %u", 1 + rng_below(r, 15));
	return n + str_format(buf + n, size - n, " %s %llu", ops[rng_below(r, 6)],
			      (unsigned long long)value);
}

static size_t random_rule(struct rng *r, char *buf, size_t size)
{
	static const char *const actions[] = {"ALLOW()", "ERRNO(1)", "ERRNO(2)",
					      "LOG()",   "KILL()",   "TRAP()"};
	size_t n = str_format(buf, size, "$syscall in (@%s, @%s)", calls[rng_below(r, CALLS)],
			      calls[rng_below(r, CALLS)]);

	for (uint32_t i = rng_below(r, 3); i > 0; i--) {
		n += str_format(buf + n, size - n, rng_below(r, 2) ? " && " : " && !");
		n += str_format(buf + n, size - n, "(");
		n += random_condition(r, buf + n, size - n);
		if (rng_below(r, 3) == 0) {
			n += str_format(buf + n, size - n, " || ");
			n += random_condition(r, buf + n, size - n);
		}
		n += str_format(buf + n, size - n, ")");
	}
	return n + str_format(buf + n, size - n, " => %s;\n", actions[rng_below(r, 6)]);
}

static void random_policy(struct rng *r, char *buf, size_t size)
{
	size_t n = str_format(buf, size, "%s", rng_below(r, 2) ? "arch x86_64, x86;\n" : "");

	for (uint32_t i = 1 + rng_below(r, 5); i > 0; i--)
		n += random_rule(r, buf + n, size - n);
	(void)str_format(buf + n, size - n, "=> %s;\n", rng_below(r, 2) ? "ALLOW()" : "ERRNO(1)");
}

/* Try all combinations of edges, by the simulator alone. */
static struct found brute_force(const struct seccomp_program *x, const struct seccomp_program *y)
{
	static const enum seccomp_arch archs[] = {SECCOMP_ARCH_X86_64, SECCOMP_ARCH_X86,
						  SECCOMP_ARCH_ARM};
	uint64_t values[3 * ARRAY_SIZE(edges) + 16];
	struct found f = {0};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(edges); i++)
		for (int k = -1; k <= 1; k++)
			values[n++] = edges[i] + (uint64_t)(int64_t)k;
	for (uint64_t i = 0; i < 16; i++)
		values[n++] = 0x500000000 + i;
	for (size_t m = 0; m < ARRAY_SIZE(archs) * (CALLS + 1); m++) {
		enum seccomp_arch arch = archs[m % ARRAY_SIZE(archs)];
		size_t call = m / ARRAY_SIZE(archs);
		uint32_t nr = call < CALLS ? number_of(calls[call], arch) : 400;

		for (size_t i = 0; i < n * n; i++) {
			const uint64_t args[6] = {values[i / n], values[i % n]};
			uint32_t a = run_program(x, arch, nr, args);
			uint32_t b = run_program(y, arch, nr, args);

			f.n += a != b;
			f.weaker |= policy_action_rank(b) > policy_action_rank(a);
			f.stricter |= policy_action_rank(b) < policy_action_rank(a);
			f.other |= a != b && policy_action_rank(b) == policy_action_rank(a);
		}
	}
	return f;
}

static void test_random(void **state)
{
	struct rng rng = {.state = 4711};
	size_t equal = 0, weaker = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		struct compiled x = {.options = {.native = SECCOMP_ARCH_X86_64}}, y = x;
		char text[4096];
		struct found ours, theirs;

		random_policy(&rng, text, sizeof(text));
		compile_sound(&x, text);
		/* Every third pair says the same, in other words or not. */
		if (i % 3)
			random_policy(&rng, text, sizeof(text));
		compile_sound(&y, text);
		ours = compare(&x.arena, &x.program, &y.program);
		theirs = brute_force(&x.program, &y.program);
		assert_int_equal(!ours.n, !theirs.n);
		assert_int_equal(ours.weaker, theirs.weaker);
		assert_int_equal(ours.stricter, theirs.stricter);
		assert_int_equal(ours.other, theirs.other);
		equal += !ours.n;
		weaker += ours.weaker;
		done(&x);
		done(&y);
	}
	assert_true(equal > 100 && weaker > 100);
}

/* --- known ------------------------------------------------------------------------------------ */

static void differs(const char *one, const char *other, bool weaker, bool stricter)
{
	struct compiled x = {.options = {.native = SECCOMP_ARCH_X86_64}}, y = x;
	struct found f;

	compile_sound(&x, one);
	compile_sound(&y, other);
	f = compare(&x.arena, &x.program, &y.program);
	assert_int_equal(f.weaker, weaker);
	assert_int_equal(f.stricter, stricter);
	done(&x);
	done(&y);
}

static void test_known(void **state)
{
	(void)state;
	differs("=> ALLOW();", "=> ALLOW();", false, false);
	differs("=> ERRNO(1);", "=> ERRNO(2);", false, false);
	differs("=> ERRNO(1);", "=> LOG();", true, false);
	differs("=> ALLOW();", "$syscall == @ptrace => KILL(); => ALLOW();", false, true);
	/* One value of 2^64. */
	differs("$arg3 == 0x123456789abcdef0 => KILL(); => ALLOW();", "=> ALLOW();", true, false);
	/* The same in other words. */
	differs("$arg0 < 4 => KILL(); => ALLOW();", "$arg0 & ~3 == 0 => KILL(); => ALLOW();", false,
		false);
	differs("$arg0 in (1, 3) => KILL(); => ALLOW();",
		"!($arg0 != 1 && $arg0 != 3) => KILL(); => ALLOW();", false, false);
	/* An architecture more. */
	differs("=> ALLOW();", "arch x86_64, x86; => ALLOW();", true, false);
}

/* Programs of others: what is not understood is not compared. */
static void test_foreign(void **state)
{
	/* NOLINTBEGIN(misc-redundant-expression): some of the names mean 0 */
	static struct sock_filter insns[] = {
		{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
		{BPF_ALU | BPF_ADD | BPF_K, 0, 0, 1},
		{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
	};
	/* NOLINTEND(misc-redundant-expression) */
	const struct seccomp_program plain = {.insns = insns + 2, .n = 1},
				     odd = {.insns = insns, .n = 3};
	struct arena a;
	struct found f = {0};
	struct err e = {0};
	bool complete;

	(void)state;
	arena_init(&a, NULL, 0);
	assert_int_equal(policy_differ(&a, &plain, &odd, take, &f, &complete, &e), -EOPNOTSUPP);
	assert_string_equal(e.text, "the second program computes in ways that cannot be compared");
	assert_int_equal(policy_differ(&a, &plain, &plain, take, &f, &complete, &e), 0);
	assert_true(complete);
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_foreign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
