/* Device rules: the emitted program against a simulator of the rules that shares nothing with the
 * emitter, over every access to a grid of devices. The program is run by an interpreter of the few
 * instructions it is made of. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <linux/bpf.h>
#include <cmocka.h>

#include "base/str.h"
#include "plan/cgroup.h"

enum {
	MKNOD = 1,
	READ = 2,
	WRITE = 4,
};

static const int64_t numbers[] = {0, 1, 2, 3, 4, 5, 9, 10, 136, 200, 4294967294, 4294967295};

#define NUMBERS ARRAY_SIZE(numbers)

/* Are the devices that every container has among the rules? */
static bool builtin = true;

/* --- what the rules mean -----------------------------------------------------------------------
 */

static void simulate_rule(bool verdict[3], const struct spec_device_rule *r, char type,
			  int64_t major, int64_t minor)
{
	if (r->type[0] != '\0' && r->type[0] != 'a' && r->type[0] != type)
		return;
	if (r->has_major && r->major != -1 && r->major != major)
		return;
	if (r->has_minor && r->minor != -1 && r->minor != minor)
		return;
	for (int bit = 0; bit < 3; bit++) {
		if (strchr(r->access, "mrw"[bit]))
			verdict[bit] = r->allow;
	}
}

static void simulate_defaults(bool verdict[3], char type, int64_t major, int64_t minor)
{
	static const struct spec_device_rule rules[] = {
		{true, "a", "m", false, false, 0, 0},    {true, "c", "rwm", true, true, 1, 3},
		{true, "c", "rwm", true, true, 1, 5},    {true, "c", "rwm", true, true, 1, 7},
		{true, "c", "rwm", true, true, 1, 8},    {true, "c", "rwm", true, true, 1, 9},
		{true, "c", "rwm", true, true, 5, 0},    {true, "c", "rwm", true, true, 5, 1},
		{true, "c", "rwm", true, true, 5, 2},    {true, "c", "rwm", true, true, 10, 200},
		{true, "c", "rwm", true, false, 136, 0},
	};

	for (size_t i = 0; builtin && i < ARRAY_SIZE(rules); i++)
		simulate_rule(verdict, &rules[i], type, major, minor);
}

static bool simulate(const struct spec_device_rule *rules, size_t n, char type, int64_t major,
		     int64_t minor, int access)
{
	bool verdict[3] = {false, false, false};

	simulate_defaults(verdict, type, major, minor);
	for (size_t i = 0; i < n; i++) {
		const struct spec_device_rule *r = &rules[i];
		bool for_all =
			(!r->has_major || r->major == -1) && (!r->has_minor || r->minor == -1);

		simulate_rule(verdict, r, type, major, minor);
		if (for_all && (r->type[0] == '\0' || r->type[0] == 'a' || r->type[0] == type))
			simulate_defaults(verdict, type, major, minor);
	}
	for (int bit = 0; bit < 3; bit++) {
		if ((access & (1 << bit)) && !verdict[bit])
			return false;
	}
	return true;
}

/* --- the machine -------------------------------------------------------------------------------
 */

static bool condition(int op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_JEQ:
		return a == b;
	case BPF_JNE:
		return a != b;
	case BPF_JSET:
		return (a & b) != 0;
	case BPF_JLT:
		return a < b;
	case BPF_JLE:
		return a <= b;
	case BPF_JGT:
		return a > b;
	default:
		fail_msg("unknown condition %x", (unsigned)op);
		return false;
	}
}

static int execute(const struct bpf_insn *insns, size_t n, const struct bpf_cgroup_dev_ctx *ctx)
{
	uint64_t reg[11] = {0};

	for (size_t pc = 0; pc < n; pc++) {
		const struct bpf_insn *i = &insns[pc];
		uint32_t word;

		switch (i->code) {
		case BPF_LDX | BPF_W | BPF_MEM:
			assert_int_equal(i->src_reg, 1);
			memcpy(&word, (const char *)ctx + i->off, sizeof(word));
			reg[i->dst_reg] = word;
			break;
		case BPF_ALU | BPF_MOV | BPF_X:
			reg[i->dst_reg] = (uint32_t)reg[i->src_reg];
			break;
		case BPF_ALU | BPF_SUB | BPF_K:
			reg[i->dst_reg] = (uint32_t)reg[i->dst_reg] - (uint32_t)i->imm;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			reg[i->dst_reg] = (uint32_t)reg[i->dst_reg] & (uint32_t)i->imm;
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			reg[i->dst_reg] = (uint64_t)i->imm;
			break;
		case BPF_JMP | BPF_JA:
			assert_true(i->off >= 0);
			pc += (size_t)i->off;
			break;
		case BPF_JMP | BPF_EXIT:
			return (int)reg[0];
		default:
			assert_int_equal(i->code & 0x0f, BPF_JMP32 | BPF_K);
			assert_true(i->off >= 0);
			if (condition(i->code & 0xf0, (uint32_t)reg[i->dst_reg], (uint32_t)i->imm))
				pc += (size_t)i->off;
		}
	}
	fail_msg("ran off the end");
	return -1;
}

static bool run(const struct bpf_insn *insns, size_t n, char type, int64_t major, int64_t minor,
		int access)
{
	struct bpf_cgroup_dev_ctx ctx = {
		.access_type = (uint32_t)access << 16 |
			       (type == 'c' ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK),
		.major = (uint32_t)major,
		.minor = (uint32_t)minor,
	};

	return n == 0 || execute(insns, n, &ctx) == 1;
}

/* --- tests --------------------------------------------------------------------------------------
 */

static char memory[1 << 18];

static void compile(const struct spec_device_rule *rules, size_t n, struct bpf_insn **insns,
		    size_t *n_insns)
{
	struct arena a;
	struct err e = {0};

	arena_init(&a, memory, sizeof(memory));
	if (plan_device_program(&a, rules, n, builtin, insns, n_insns, &e) < 0)
		fail_msg("%s", e.text);
	assert_null(a.chunks);
}

/* What a failure looks like has to say which rules. */
static void describe(const struct spec_device_rule *rules, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct spec_device_rule *r = &rules[i];

		print_error("%s %s %lld:%lld %s\n", r->allow ? "allow" : "deny", r->type,
			    r->has_major ? (long long)r->major : -1,
			    r->has_minor ? (long long)r->minor : -1, r->access);
	}
}

static void check_all(const struct spec_device_rule *rules, size_t n)
{
	struct bpf_insn *insns;
	size_t n_insns;

	compile(rules, n, &insns, &n_insns);
	for (size_t i = 0; i < 2 * NUMBERS * NUMBERS * 8; i++) {
		char type = i & 1 ? 'c' : 'b';
		int access = (int)(i / 2 % 8);
		int64_t major = numbers[i / 16 % NUMBERS], minor = numbers[i / 16 / NUMBERS];
		bool want = simulate(rules, n, type, major, minor, access);

		if (run(insns, n_insns, type, major, minor, access) != want) {
			describe(rules, n);
			fail_msg("%c %lld:%lld access %d: want %d", type, (long long)major,
				 (long long)minor, access, want);
		}
	}
}

static void check(const struct spec_device_rule *rules, size_t n)
{
	for (int i = 0; i < 2; i++) {
		builtin = !builtin;
		check_all(rules, n);
	}
}

static uint32_t seed = 1;

static uint32_t pick(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static struct spec_device_rule random_rule(void)
{
	static const char *const types[] = {"", "a", "c", "b", "c"};
	static const char *const accesses[] = {"rwm", "r",  "w",   "m",  "rw",
					       "rm",  "wm", "rwm", "mwr"};
	struct spec_device_rule r = {
		.allow = pick(2),
		.type = types[pick(ARRAY_SIZE(types))],
		.access = accesses[pick(ARRAY_SIZE(accesses))],
		.has_major = pick(5) != 0,
		.has_minor = pick(3) != 0,
	};

	r.major = pick(8) ? numbers[pick(NUMBERS)] : -1;
	r.minor = pick(8) ? numbers[pick(NUMBERS)] : -1;
	return r;
}

static void test_random(void **state)
{
	struct spec_device_rule rules[12];

	(void)state;
	for (int i = 0; i < 4000; i++) {
		size_t n = pick(ARRAY_SIZE(rules) + 1);

		for (size_t k = 0; k < n; k++)
			rules[k] = random_rule();
		check(rules, n);
	}
}

static const struct spec_device_rule deny_all = {false, "", "rwm", false, false, 0, 0};
static const struct spec_device_rule allow_all = {true, "a", "rwm", false, false, 0, 0};

/* What Podman and runc spec send. */
static void test_deny_all(void **state)
{
	struct bpf_insn *insns;
	size_t n;

	(void)state;
	check(&deny_all, 1);
	compile(&deny_all, 1, &insns, &n);
	assert_true(n <= 26);
	assert_true(run(insns, n, 'c', 1, 3, READ | WRITE));
	assert_true(run(insns, n, 'c', 136, 77, READ | WRITE));
	assert_true(run(insns, n, 'b', 8, 0, MKNOD));
	assert_false(run(insns, n, 'b', 8, 0, READ));
	assert_false(run(insns, n, 'c', 1, 1, READ));
	assert_true(run(insns, n, 'c', 1, 1, 0));
}

static void test_allow_all_is_no_program(void **state)
{
	const struct spec_device_rule both[] = {
		{true, "c", "rwm", false, false, 0, 0}, deny_all,
		{true, "c", "r", true, true, 10, 229},  {true, "b", "rw", false, false, 0, 0},
		{true, "c", "rwm", true, false, -1, 0},
	};
	struct bpf_insn *insns;
	size_t n;

	(void)state;
	compile(&allow_all, 1, &insns, &n);
	assert_int_equal(n, 0);
	assert_null(insns);
	compile(both, ARRAY_SIZE(both), &insns, &n);
	assert_int_equal(n, 0);
}

/* A privileged container with one device taken away. */
static void test_allow_all_but_one(void **state)
{
	const struct spec_device_rule rules[] = {allow_all, {false, "b", "w", true, true, 9, 0}};
	struct bpf_insn *insns;
	size_t n;

	(void)state;
	check(rules, 2);
	compile(rules, 2, &insns, &n);
	assert_true(n > 0 && n <= 18);
	assert_true(run(insns, n, 'b', 9, 0, READ));
	assert_false(run(insns, n, 'b', 9, 0, READ | WRITE));
}

static void test_rules_after_deny_all_may_take_defaults_away(void **state)
{
	const struct spec_device_rule rules[] = {deny_all,
						 {false, "c", "rwm", true, true, 10, 200}};
	struct bpf_insn *insns;
	size_t n;

	(void)state;
	check(rules, 2);
	compile(rules, 2, &insns, &n);
	assert_false(run(insns, n, 'c', 10, 200, READ));
	assert_true(run(insns, n, 'c', 5, 2, READ | WRITE));
}

/* Bits may be allowed by different rules, and one denied bit denies the request. */
static void test_each_access_by_itself(void **state)
{
	const struct spec_device_rule rules[] = {
		deny_all,
		{true, "c", "r", true, false, 10, 0},
		{true, "c", "w", true, true, 10, 229},
		{true, "c", "rw", true, true, 9, 1},
		{false, "c", "w", true, true, 9, 1},
	};
	struct bpf_insn *insns;
	size_t n;

	(void)state;
	check(rules, ARRAY_SIZE(rules));
	compile(rules, ARRAY_SIZE(rules), &insns, &n);
	assert_true(run(insns, n, 'c', 10, 229, READ | WRITE));
	assert_false(run(insns, n, 'c', 10, 228, READ | WRITE));
	assert_true(run(insns, n, 'c', 9, 1, READ));
	assert_false(run(insns, n, 'c', 9, 1, READ | WRITE));
}

/* The list of cgroup v1 for @rules; NULL: it cannot say them. */
static void expect_list(const struct spec_device_rule *rules, size_t n, const char *const *want)
{
	struct str_list list;
	struct arena a;
	struct err e = {0};
	int r;

	arena_init(&a, memory, sizeof(memory));
	r = plan_device_list(&a, rules, n, false, &list, &e);
	if (!want) {
		assert_int_equal(r, -EOPNOTSUPP);
		assert_int_equal(e.id, ERR_DEVICE_POLICY);
		return;
	}
	assert_int_equal(r, 0);
	for (size_t i = 0; i < list.n; i++)
		assert_string_equal(list.items[i], want[i]);
	assert_null(want[list.n]);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_list(void **state)
{
	static const struct spec_device_rule one = {true, "c", "rw", true, true, 1, 3},
					     again = {true, "c", "m", true, true, 1, 3},
					     major = {true, "b", "r", true, false, 8, 0},
					     not_one = {false, "c", "rw", true, true, 1, 3},
					     other = {false, "c", "w", true, true, 1, 4},
					     part = {false, "b", "r", true, true, 8, 1},
					     nodes = {true, "c", "m", false, false, 0, 0};

	(void)state;
	expect_list(&deny_all, 1, LIST("deny a"));
	expect_list((struct spec_device_rule[]){deny_all, one, major}, 3,
		    LIST("deny a", "allow c 1:3 rw", "allow b 8:* r"));
	expect_list((struct spec_device_rule[]){deny_all, one, again}, 3,
		    LIST("deny a", "allow c 1:3 rwm"));
	/* One entry has to hold all of a request. */
	expect_list((struct spec_device_rule[]){deny_all, nodes, one}, 3,
		    LIST("deny a", "allow c *:* m", "allow c 1:3 rwm"));
	expect_list((struct spec_device_rule[]){deny_all, one, not_one, other}, 4, LIST("deny a"));
	expect_list((struct spec_device_rule[]){allow_all, not_one}, 2,
		    LIST("allow a", "deny c 1:3 rw"));
	/* A part of what is allowed cannot be taken away again, nor given back. */
	expect_list((struct spec_device_rule[]){deny_all, major, part}, 3, NULL);
	expect_list(
		(struct spec_device_rule[]){deny_all, nodes, {false, "c", "m", true, true, 1, 3}},
		3, NULL);
	expect_list((struct spec_device_rule[]){allow_all,
						{false, "b", "r", true, false, 8, 0},
						{true, "b", "r", true, true, 8, 1}},
		    3, NULL);
}

static void expect_invalid(const struct spec_device_rule *rule, const char *where)
{
	struct bpf_insn *insns;
	struct arena a;
	struct err e = {0};
	size_t n;

	arena_init(&a, memory, sizeof(memory));
	assert_int_equal(plan_device_program(&a, rule, 1, true, &insns, &n, &e), -EINVAL);
	assert_int_equal(e.id, ERR_CONFIG_INVALID);
	assert_string_equal(e.where, where);
}

static void test_invalid(void **state)
{
	(void)state;
	expect_invalid(&(struct spec_device_rule){true, "p", "r", false, false, 0, 0},
		       "linux.resources.devices[0].type");
	expect_invalid(&(struct spec_device_rule){true, "c", "", false, false, 0, 0},
		       "linux.resources.devices[0].access");
	expect_invalid(&(struct spec_device_rule){true, "c", "rx", false, false, 0, 0},
		       "linux.resources.devices[0].access");
	expect_invalid(&(struct spec_device_rule){true, "c", "r", true, false, -2, 0},
		       "linux.resources.devices[0].major");
	expect_invalid(&(struct spec_device_rule){true, "c", "r", true, true, 1, 1LL << 32},
		       "linux.resources.devices[0].minor");
}

static void test_too_many(void **state)
{
	struct arena a;
	struct err e = {0};
	struct bpf_insn *insns;
	size_t n, many = 12000;

	(void)state;
	arena_init(&a, NULL, 0);
	struct spec_device_rule *rules = arena_newn(&a, struct spec_device_rule, many);

	assert_non_null(rules);
	for (size_t i = 0; i < many; i++)
		rules[i] = (struct spec_device_rule){true,       "c", i & 1 ? "r" : "w", true, true,
						     (int64_t)i, 1};
	assert_int_equal(plan_device_program(&a, rules, many, true, &insns, &n, &e), -E2BIG);
	assert_int_equal(plan_device_program(&a, rules, 7000, true, &insns, &n, &e), 0);
	for (int64_t i = 0; i < 8000; i++)
		assert_int_equal(run(insns, n, 'c', i, 1, i & 1 ? READ : WRITE), i < 7000);
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deny_all),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_allow_all_is_no_program),
		cmocka_unit_test(test_allow_all_but_one),
		cmocka_unit_test(test_rules_after_deny_all_may_take_defaults_away),
		cmocka_unit_test(test_each_access_by_itself),
		cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
