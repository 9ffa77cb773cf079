/* The store: what is kept is what is used, digests tell meanings apart, and nothing that anybody
 * writes into a file changes a verdict. */
#include <errno.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "seccomp/compile/stored.h"
#include "seccomp/compile/test-simulator.h"

/* A store of one file. */
static struct {
	char name[128], bytes[BPF_MAXINSNS * sizeof(struct sock_filter)];
	size_t len;
	unsigned loads, saves;
	int load_error, save_error;
} shelf;

static int load(const char *folder, const char *name, size_t max, struct arena *a, char **ret,
		size_t *ret_len)
{
	assert_string_equal(folder, "/store");
	shelf.loads++;
	if (shelf.load_error)
		return shelf.load_error;
	if (!str_eq(name, shelf.name))
		return -ENOENT;
	if (shelf.len > max)
		return -EFBIG;
	*ret = arena_alloc(a, shelf.len + 1);
	assert_non_null(*ret);
	memcpy(*ret, shelf.bytes, shelf.len);
	*ret_len = shelf.len;
	return 0;
}

static int save(const char *folder, const char *name, const void *data, size_t len)
{
	assert_string_equal(folder, "/store");
	shelf.saves++;
	if (shelf.save_error)
		return shelf.save_error;
	(void)str_format(shelf.name, sizeof(shelf.name), "%s", name);
	memcpy(shelf.bytes, data, len);
	shelf.len = len;
	return 0;
}

static const struct seccomp_store keeps = {.folder = "/store", .load = load, .save = save};
static const struct seccomp_store reads = {.folder = "/store", .load = load};

static int empty_shelf(void **state)
{
	(void)state;
	memset(&shelf, 0, sizeof(shelf));
	return 0;
}

/* Single quotes in the place of double ones. */
static struct seccomp_program compile(struct arena *a, const char *seccomp,
				      const struct seccomp_store *store)
{
	struct seccomp_options options = {.native = SECCOMP_ARCH_X86_64, .store = store};
	char *text = arena_format(a, "{'linux':{'seccomp':%s}}", seccomp);
	struct spec *spec = arena_new(a, struct spec);
	struct seccomp_program program = {0};
	struct err e = {0};

	assert_non_null(text);
	assert_non_null(spec);
	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	if (spec_parse(a, text, strlen(text), spec, &e) < 0 ||
	    seccomp_compile(a, &spec->linux_.seccomp, &options, &program, &e) < 0)
		fail_msg("%s: %s", e.where, e.text);
	return program;
}

static void assert_same(const struct seccomp_program *x, const struct seccomp_program *y)
{
	assert_int_equal(x->n, y->n);
	assert_memory_equal(x->insns, y->insns, x->n * sizeof(*x->insns));
	assert_int_equal(x->flags, y->flags);
	assert_int_equal(x->notify, y->notify);
}

#define DENIES(ret)                                                                                \
	"{'defaultAction':'SCMP_ACT_ALLOW','architectures':['SCMP_ARCH_X86'],'syscalls':["         \
	"{'names':['mkdir','personality'],'action':'SCMP_ACT_ERRNO','errnoRet':" ret ",'args':["   \
	"{'index':0,'value':8,'op':'SCMP_CMP_NE'}]},{'names':['getpid'],'action':"                 \
	"'SCMP_ACT_NOTIFY'}],'flags':['SECCOMP_FILTER_FLAG_LOG']}"

static void test_kept_and_used(void **state)
{
	struct seccomp_program without, made, found;
	struct arena a;

	(void)state;
	arena_init(&a, NULL, 0);
	without = compile(&a, DENIES("13"), NULL);
	made = compile(&a, DENIES("13"), &keeps);
	assert_int_equal(shelf.saves, 1);
	assert_int_equal(shelf.len, made.n * sizeof(*made.insns));
	found = compile(&a, DENIES("13"), &keeps);
	assert_int_equal(shelf.loads, 2);
	assert_int_equal(shelf.saves, 1);
	assert_same(&without, &made);
	assert_same(&made, &found);
	assert_null(made.complaint);
	assert_null(found.complaint);
	arena_done(&a);
}

/* Proof that the file is what is used: another program with the same meaning. */
static void test_equal_program(void **state)
{
	static const char profile[] = "{'defaultAction':'SCMP_ACT_ALLOW','syscalls':["
				      "{'names':['mkdir'],'action':'SCMP_ACT_ERRNO'}]}";
	struct seccomp_program made, found;
	struct sock_filter *file = (struct sock_filter *)shelf.bytes;
	struct arena a;

	(void)state;
	arena_init(&a, NULL, 0);
	made = compile(&a, profile, &keeps);
	memmove(file + 1, file, made.n * sizeof(*file));
	file[0] = (struct sock_filter){.code = BPF_JMP | BPF_JA};
	shelf.len += sizeof(*file);
	found = compile(&a, profile, &reads);
	assert_null(found.complaint);
	assert_int_equal(found.n, made.n + 1);
	arena_done(&a);
}

static void test_digests(void **state)
{
	static const char *const profiles[] = {
		DENIES("13"),
		DENIES("14"),
		"{'defaultAction':'SCMP_ACT_ALLOW'}",
		"{'defaultAction':'SCMP_ACT_LOG'}",
		"{'defaultAction':'SCMP_ACT_ALLOW','architectures':['SCMP_ARCH_X86']}",
		"{'defaultAction':'SCMP_ACT_ALLOW','architectures':['SCMP_ARCH_X32']}",
		"{'defaultAction':'SCMP_ACT_ERRNO','syscalls':[{'names':['mkdir'],'action':"
		"'SCMP_ACT_ALLOW'}]}",
		"{'defaultAction':'SCMP_ACT_ERRNO','syscalls':[{'names':['mkdir','rmdir'],"
		"'action':'SCMP_ACT_ALLOW'}]}",
		"{'defaultAction':'SCMP_ACT_ERRNO','syscalls':[{'names':['mkdir'],'action':"
		"'SCMP_ACT_ALLOW','args':[{'index':1,'value':1,'op':'SCMP_CMP_EQ'}]}]}",
		"{'defaultAction':'SCMP_ACT_ERRNO','syscalls':[{'names':['mkdir'],'action':"
		"'SCMP_ACT_ALLOW','args':[{'index':1,'value':1,'op':'SCMP_CMP_GE'}]}]}",
	};
	char names[ARRAY_SIZE(profiles)][sizeof(shelf.name)];
	struct arena a;

	(void)state;
	arena_init(&a, NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct seccomp_program p = compile(&a, profiles[i], &keeps);

		assert_null(p.complaint);
		memcpy(names[i], shelf.name, sizeof(names[i]));
		assert_int_equal(strlen(names[i]), 64 + strlen(".bpf"));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(names[i], names[k]);
	}
	/* Flags are the kernel's business beside the program. */
	(void)compile(&a,
		      "{'defaultAction':'SCMP_ACT_ALLOW','flags':["
		      "'SECCOMP_FILTER_FLAG_LOG']}",
		      &keeps);
	assert_string_equal(shelf.name, names[2]);
	arena_done(&a);
}

/* Do they say the same about every call? By the simulator, which shares nothing with the verifier.
 */
static bool is_equal(const struct seccomp_program *x, const struct seccomp_program *y)
{
	static bool differs[BPF_MAXINSNS];
	static uint16_t loads[BPF_MAXINSNS];
	static struct sim_seen seen;
	struct sim_side sx = {.insns = x->insns,
			      .n = x->n,
			      .differs_ahead = differs,
			      .loads_ahead = loads,
			      .seen = &seen};
	struct sim_side sy = sx;
	struct sim_known all = {0};
	struct sim_data witness;
	unsigned budget = 2000000;

	sy.insns = y->insns;
	sy.n = y->n;
	seen.round++;
	memset(differs, true, sizeof(differs));
	memset(loads, 0xff, sizeof(loads));
	memset(all.last, 0xff, sizeof(all.last));
	return sim_differ(sx, sy, all, &budget, &witness) == 0;
}

/* Every bit in turn: whatever changes the meaning is noticed, and mended. */
static void test_tampered(void **state)
{
	char good[sizeof(shelf.bytes)];
	struct seccomp_program made;
	size_t len, refused = 0;
	struct arena a;

	(void)state;
	arena_init(&a, NULL, 0);
	made = compile(&a, DENIES("13"), &keeps);
	len = shelf.len;
	memcpy(good, shelf.bytes, len);
	for (size_t bit = 0; bit < len * 8; bit++) {
		struct seccomp_program p;
		struct arena mine;

		arena_init(&mine, NULL, 0);
		memcpy(shelf.bytes, good, len);
		shelf.len = len;
		shelf.bytes[bit / 8] ^= (char)(1 << bit % 8);
		shelf.saves = 0;
		p = compile(&mine, DENIES("13"), &keeps);
		if (p.complaint) {
			refused++;
			assert_same(&p, &made);
			assert_non_null(strstr(p.complaint, "is not the program of this profile"));
			assert_int_equal(shelf.saves, 1);
			assert_memory_equal(shelf.bytes, good, len);
		} else if (!is_equal(&p, &made)) {
			fail_msg("bit %zu of the file was changed, and believed", bit);
		}
		arena_done(&mine);
	}
	/* The other quarter are jump targets of what does not jump. */
	assert_true(refused > len * 8 / 2);
	arena_done(&a);
}

static void test_wrong_sizes(void **state)
{
	static const size_t sizes[] = {0, 1, 7, 8, 9};
	struct seccomp_program made;
	struct arena a;

	(void)state;
	arena_init(&a, NULL, 0);
	made = compile(&a, DENIES("13"), &keeps);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct seccomp_program p;

		shelf.len = sizes[i];
		p = compile(&a, DENIES("13"), &reads);
		assert_non_null(p.complaint);
		assert_same(&p, &made);
	}
	arena_done(&a);
}

static void test_failing_store(void **state)
{
	struct seccomp_program p;
	struct arena a;

	(void)state;
	arena_init(&a, NULL, 0);
	shelf.load_error = -EACCES;
	p = compile(&a, DENIES("13"), &reads);
	assert_non_null(strstr(p.complaint, "permission denied"));
	assert_true(p.n > 0);
	shelf.load_error = 0;
	shelf.save_error = -ENOSPC;
	p = compile(&a, DENIES("13"), &keeps);
	assert_non_null(strstr(p.complaint, "no space left on device"));
	assert_true(p.n > 0);
	p = compile(&a, DENIES("13"), &reads);
	assert_null(p.complaint);
	arena_done(&a);
}

/* Rules that would take too long to prove whole: not kept, and not believed. */
static void test_too_much_to_prove(void **state)
{
	struct seccomp_program made, p;
	char *rules = NULL;
	struct arena a;

	(void)state;
	arena_init(&a, NULL, 0);
	for (unsigned i = 0; i < 120; i++)
		rules = arena_format(&a,
				     "%s{'names':['ioctl'],'action':'SCMP_ACT_ALLOW','args':["
				     "{'index':%u,'value':%u,'op':'SCMP_CMP_GE'},"
				     "{'index':%u,'value':%u,'op':'SCMP_CMP_NE'},"
				     "{'index':%u,'value':%u,'valueTwo':1,'op':"
				     "'SCMP_CMP_MASKED_EQ'}]}",
				     rules ? arena_format(&a, "%s,", rules) : "", i % 3,
				     1000 - i * 7, 3 + i % 2, i * 11, 5U, i * 3 + 1);
	rules = arena_format(&a, "{'defaultAction':'SCMP_ACT_ERRNO','syscalls':[%s]}", rules);
	made = compile(&a, rules, &keeps);
	assert_null(made.complaint);
	assert_int_equal(shelf.saves, 0);
	memcpy(shelf.bytes, made.insns, made.n * sizeof(*made.insns));
	shelf.len = made.n * sizeof(*made.insns);
	p = compile(&a, rules, &keeps);
	assert_null(p.complaint);
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_kept_and_used, empty_shelf),
		cmocka_unit_test_setup(test_equal_program, empty_shelf),
		cmocka_unit_test_setup(test_digests, empty_shelf),
		cmocka_unit_test_setup(test_tampered, empty_shelf),
		cmocka_unit_test_setup(test_wrong_sizes, empty_shelf),
		cmocka_unit_test_setup(test_failing_store, empty_shelf),
		cmocka_unit_test_setup(test_too_much_to_prove, empty_shelf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
