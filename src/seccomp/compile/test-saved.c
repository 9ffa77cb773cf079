/* A filter saved and read again; every cut and every changed byte is noticed or harmless. And: the
 * names in the features document are those of the front end. */
#include <errno.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "seccomp/compile/compile.h"
#include "seccomp/compile/features.h"
#include "seccomp/compile/saved.h"

static struct sock_filter asks[] = {
	{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
	{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 39},
	{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF},
	{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
};

static const struct seccomp_saved sample = {
	.program = {.insns = asks, .n = ARRAY_SIZE(asks), .flags = 8, .notify = true},
	.receiver = "/run/agent",
	.metadata = "words",
};

static void test_round_trip(void **state)
{
	struct seccomp_saved back;
	struct err e = {0};
	struct arena a;
	char *bytes;
	size_t len;

	(void)state;
	arena_init(&a, NULL, 0);
	assert_int_equal(seccomp_saved_format(&a, &sample, &bytes, &len), 0);
	assert_int_equal(seccomp_saved_parse(&a, bytes, len, &back, &e), 0);
	assert_int_equal(back.program.n, ARRAY_SIZE(asks));
	assert_memory_equal(back.program.insns, asks, sizeof(asks));
	assert_int_equal(back.program.flags, 8);
	assert_true(back.program.notify);
	assert_string_equal(back.receiver, "/run/agent");
	assert_string_equal(back.metadata, "words");
	arena_done(&a);
}

static void test_damage(void **state)
{
	struct arena a;
	char *bytes;
	size_t len;

	(void)state;
	arena_init(&a, NULL, 0);
	assert_int_equal(seccomp_saved_format(&a, &sample, &bytes, &len), 0);
	for (size_t cut = 0; cut < len; cut++) {
		struct seccomp_saved back;
		struct err e = {0};
		char *copy = malloc(cut + 1);

		assert_non_null(copy);
		memcpy(copy, bytes, cut);
		assert_int_equal(seccomp_saved_parse(&a, copy, cut, &back, &e), -EBADMSG);
		assert_int_equal(e.id, ERR_STATE_DOCUMENT);
		free(copy);
	}
	/* What is not the program or a string holds in every byte. */
	for (size_t at = 0; at < 24; at++) {
		struct seccomp_saved back;
		struct err e = {0};

		bytes[at] ^= 0x41;
		assert_int_equal(seccomp_saved_parse(&a, bytes, len, &back, &e), -EBADMSG);
		bytes[at] ^= 0x41;
	}
	arena_done(&a);
}

/* A filter that notifies needs its flag and somebody to tell, one that does not may not have it. */
static void test_contradictions(void **state)
{
	struct seccomp_saved wrong[] = {sample, sample, sample};
	struct arena a;

	(void)state;
	arena_init(&a, NULL, 0);
	wrong[0].program.flags = 0;
	wrong[1].receiver = "";
	wrong[2].program.insns = &asks[3];
	wrong[2].program.n = 1;
	wrong[2].program.flags = 32; /* WAIT_KILLABLE_RECV */
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct seccomp_saved back;
		struct err e = {0};
		char *bytes;
		size_t len;

		assert_int_equal(seccomp_saved_format(&a, &wrong[i], &bytes, &len), 0);
		assert_int_equal(seccomp_saved_parse(&a, bytes, len, &back, &e), -EBADMSG);
	}
	arena_done(&a);
}

static int compiles(const char *action, const char *op, const char *arch, const char *flag)
{
	const struct seccomp_options options = {.native = SECCOMP_ARCH_X86_64};
	const char *names[] = {"personality"};
	struct spec_seccomp_arg arg = {.op = op, .value = 8, .value_two = 8};
	struct spec_seccomp_syscall call = {
		.names = {names, 1},
		.action = action,
		.args = &arg,
		.n_args = 1,
	};
	struct spec_seccomp spec = {
		.default_action = "SCMP_ACT_LOG",
		.architectures = {&arch, 1},
		.flags = {&flag, 1},
		.listener_path = "/run/agent",
		.listener_metadata = "",
		.syscalls = &call,
		.n_syscalls = 1,
	};
	struct seccomp_program program;
	struct err e = {0};
	struct arena a;
	int r;

	arena_init(&a, NULL, 0);
	r = seccomp_compile(&a, &spec, &options, &program, &e);
	arena_done(&a);
	return r;
}

static void test_features(void **state)
{
	const struct features_seccomp *f = &seccomp_features;
	const char *const action = f->actions[0], *const op = f->operators[0];
	const char *const arch = f->archs[0], *const flag = f->flags[0];

	(void)state;
	for (size_t i = 0; f->actions[i]; i++)
		assert_int_equal(compiles(f->actions[i], op, arch, flag), 0);
	for (size_t i = 0; f->operators[i]; i++)
		assert_int_equal(compiles(action, f->operators[i], arch, flag), 0);
	for (size_t i = 0; f->archs[i]; i++)
		assert_int_equal(compiles(action, op, f->archs[i], flag), 0);
	for (size_t i = 0; f->flags[i]; i++)
		assert_int_equal(compiles(action, op, arch, f->flags[i]), 0);
	assert_int_equal(compiles("SCMP_ACT_X", op, arch, flag), -EINVAL);
	assert_int_equal(compiles(action, "SCMP_CMP_X", arch, flag), -EINVAL);
	assert_int_equal(compiles(action, op, "SCMP_ARCH_X", flag), -EINVAL);
	assert_int_equal(compiles(action, op, arch, "SECCOMP_FILTER_FLAG_X"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_contradictions),
		cmocka_unit_test(test_features),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
