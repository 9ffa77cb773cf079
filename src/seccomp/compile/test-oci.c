/* What a profile means: verdicts of the compiled program, by the simulator; and what is refused,
 * with path and words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "seccomp/compile/compile.h"
#include "seccomp/compile/test-simulator.h"

#define ERRNO(n) (SECCOMP_RET_ERRNO | (n))

struct profile {
	char text[4096];
	struct spec spec;
	struct arena arena;
	struct seccomp_program prog;
	struct err err;
};

/* Single quotes in the place of double ones. Compiles for x86_64. */
static int compile(struct profile *p, const char *seccomp)
{
	struct seccomp_options options = {.native = SECCOMP_ARCH_X86_64};

	p->err = (struct err){0};
	(void)str_format(p->text, sizeof(p->text), "{'linux':{'seccomp':%s}}", seccomp);
	for (char *c = p->text; *c; c++)
		if (*c == '\'')
			*c = '"';
	arena_init(&p->arena, NULL, 0);
	if (spec_parse(&p->arena, p->text, strlen(p->text), &p->spec, &p->err) < 0)
		fail_msg("%s: %s", p->err.where, p->err.text);
	return seccomp_compile(&p->arena, &p->spec.linux_.seccomp, &options, &p->prog, &p->err);
}

static void compile_sound(struct profile *p, const char *seccomp)
{
	if (compile(p, seccomp) < 0)
		fail_msg("%s: %s", p->err.where, p->err.text);
}

static uint32_t verdict(const struct profile *p, enum seccomp_arch arch, const char *name,
			uint64_t arg0, uint64_t arg1)
{
	const uint64_t args[6] = {arg0, arg1};
	const struct seccomp_arch_info *info = seccomp_arch_info(arch);
	struct sim_data d;
	unsigned steps = 0;
	uint32_t nr = 0, result;
	bool ok;

	if (*name >= '0' && *name <= '9') {
		uint64_t value = 0;

		assert_int_equal(str_to_u64(name, &value), 0);
		nr = (uint32_t)value;
	} else {
		assert_int_equal(syscall_number((unsigned)syscall_from_name(name), arch, &nr), 0);
	}
	d = sim_data(info->audit, nr, args, info->big_endian);
	result = sim_run(p->prog.insns, p->prog.n, &d, &steps, &ok);
	assert_true(ok);
	return result;
}

#define X64(name, a, b) verdict(&p, SECCOMP_ARCH_X86_64, name, a, b)
#define X86(name, a, b) verdict(&p, SECCOMP_ARCH_X86, name, a, b)
#define X32(name, a, b) verdict(&p, SECCOMP_ARCH_X32, name, a, b)

static void test_actions(void **state)
{
	struct profile p;

	(void)state;
	compile_sound(&p, "{'defaultAction':'SCMP_ACT_ERRNO','syscalls':["
			  "{'names':['read'],'action':'SCMP_ACT_ALLOW'},"
			  "{'names':['write'],'action':'SCMP_ACT_KILL'},"
			  "{'names':['open'],'action':'SCMP_ACT_KILL_PROCESS'},"
			  "{'names':['close'],'action':'SCMP_ACT_TRAP'},"
			  "{'names':['stat'],'action':'SCMP_ACT_ERRNO','errnoRet':38},"
			  "{'names':['fstat'],'action':'SCMP_ACT_TRACE','errnoRet':65535},"
			  "{'names':['lstat'],'action':'SCMP_ACT_LOG'},"
			  "{'names':['mseal'],'action':'SCMP_ACT_TRACE'}]}");
	assert_int_equal(X64("read", 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(X64("write", 0, 0), SECCOMP_RET_KILL_THREAD);
	assert_int_equal(X64("open", 0, 0), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(X64("close", 0, 0), SECCOMP_RET_TRAP);
	assert_int_equal(X64("stat", 0, 0), ERRNO(ENOSYS));
	assert_int_equal(X64("fstat", 0, 0), SECCOMP_RET_TRACE | 65535);
	assert_int_equal(X64("lstat", 0, 0), SECCOMP_RET_LOG);
	assert_int_equal(X64("mseal", 0, 0), SECCOMP_RET_TRACE | EPERM);
	assert_int_equal(X64("poll", 0, 0), ERRNO(EPERM));
	assert_false(p.prog.notify);
	assert_int_equal(p.prog.flags, 0);
	arena_done(&p.arena);
}

/* The native one always, others as named, all else is killed; x32 only when it is named. */
static void test_architectures(void **state)
{
	struct profile p;

	(void)state;
	compile_sound(&p, "{'defaultAction':'SCMP_ACT_ERRNO','architectures':['SCMP_ARCH_X86',"
			  "'SCMP_ARCH_AARCH64','SCMP_ARCH_X86'],'syscalls':["
			  "{'names':['read'],'action':'SCMP_ACT_ALLOW'}]}");
	assert_int_equal(X64("read", 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(X86("read", 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(X86("0", 0, 0), ERRNO(EPERM));
	assert_int_equal(X32("read", 0, 0), SECCOMP_RET_KILL_THREAD);
	assert_int_equal(X64("1073741824", 0, 0), SECCOMP_RET_KILL_THREAD);
	assert_int_equal(X64("4294967294", 0, 0), SECCOMP_RET_KILL_THREAD);
	assert_int_equal(X64("4294967295", 0, 0), ERRNO(EPERM));
	assert_int_equal(verdict(&p, SECCOMP_ARCH_AARCH64, "read", 0, 0), SECCOMP_RET_KILL_THREAD);
	arena_done(&p.arena);

	compile_sound(&p, "{'defaultAction':'SCMP_ACT_KILL','architectures':['SCMP_ARCH_X32'],"
			  "'syscalls':[{'names':['read'],'action':'SCMP_ACT_ALLOW'}]}");
	assert_int_equal(X64("read", 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(X32("read", 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(X32("1073741825", 0, 0), SECCOMP_RET_KILL_THREAD);
	assert_int_equal(X86("read", 0, 0), SECCOMP_RET_KILL_THREAD);
	arena_done(&p.arena);
}

static void test_unknown_numbers(void **state)
{
	struct profile p;

	(void)state;
	/* The largest that the profile names counts whatever it wants for it. */
	compile_sound(&p, "{'defaultAction':'SCMP_ACT_ERRNO','architectures':['SCMP_ARCH_X86',"
			  "'SCMP_ARCH_X32'],'syscalls':["
			  "{'names':['read','frobnicate'],'action':'SCMP_ACT_ALLOW'},"
			  "{'names':['openat2'],'action':'SCMP_ACT_ERRNO'}]}");
	assert_int_equal(X64("436", 0, 0), ERRNO(EPERM));
	assert_int_equal(X64("437", 0, 0), ERRNO(EPERM));
	assert_int_equal(X64("438", 0, 0), ERRNO(ENOSYS));
	assert_int_equal(X64("1073741823", 0, 0), ERRNO(ENOSYS));
	assert_int_equal(X32("1073742261", 0, 0), ERRNO(EPERM));
	assert_int_equal(X32("1073742262", 0, 0), ERRNO(ENOSYS));
	assert_int_equal(X86("437", 0, 0), ERRNO(EPERM));
	assert_int_equal(X86("4294967295", 0, 0), ERRNO(ENOSYS));
	assert_non_null(p.prog.warnings);
	assert_string_equal(p.prog.warnings->text, "unknown system call \"frobnicate\"");
	assert_int_equal(p.prog.warnings->syscall, 0);
	assert_int_equal(p.prog.warnings->name, 1);
	assert_null(p.prog.warnings->next);
	arena_done(&p.arena);

	compile_sound(&p, "{'defaultAction':'SCMP_ACT_KILL','syscalls':["
			  "{'names':['read'],'action':'SCMP_ACT_ALLOW'}]}");
	assert_int_equal(X64("5000", 0, 0), SECCOMP_RET_KILL_THREAD);
	arena_done(&p.arena);
}

#define ARG(i, value, two, op)                                                                     \
	"{'index':" #i ",'value':" #value ",'valueTwo':" #two ",'op':'SCMP_CMP_" #op "'}"
#define ALLOW_PERSONALITY(args)                                                                    \
	"{'defaultAction':'SCMP_ACT_ERRNO','architectures':['SCMP_ARCH_X86'],'syscalls':[{"        \
	"'names':['personality','mseal'],'action':'SCMP_ACT_ALLOW','args':[" args "]}]}"

static void test_operators(void **state)
{
	static const struct {
		const char *args;
		uint64_t yes[3], no[3];
	} cases[] = {
		{ALLOW_PERSONALITY(ARG(0, 4294967301, 0, EQ)), {4294967301}, {5, 4294967300, 0}},
		{ALLOW_PERSONALITY(ARG(0, 4294967301, 0, NE)), {5, 4294967300, 0}, {4294967301}},
		{ALLOW_PERSONALITY(ARG(0, 4294967301, 0, LT)), {5, 4294967300, 0}, {4294967301}},
		{ALLOW_PERSONALITY(ARG(0, 4294967301, 0, LE)),
		 {5, 4294967301, 4294967300},
		 {4294967302, 1ULL << 33, UINT64_MAX}},
		{ALLOW_PERSONALITY(ARG(0, 4294967301, 0, GT)),
		 {4294967302, 1ULL << 33, UINT64_MAX},
		 {4294967301, 6, 0}},
		{ALLOW_PERSONALITY(ARG(0, 4294967301, 0, GE)),
		 {4294967301, 1ULL << 33, UINT64_MAX},
		 {4294967300, 6, 0}},
		{ALLOW_PERSONALITY(ARG(0, 4294967297, 4294967296, MASKED_EQ)),
		 {1ULL << 32, 7ULL << 32, 1ULL << 32 | 2},
		 {0, 1ULL << 33, 1ULL << 32 | 1}},
		/* Bits outside of the mask do not count, on either side. */
		{ALLOW_PERSONALITY(ARG(0, 240, 255, MASKED_EQ)), {0xf0, 0x1f1, 0xff}, {0, 0xe0, 1}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct profile p;

		compile_sound(&p, cases[i].args);
		for (unsigned k = 0; k < 3; k++) {
			uint64_t yes = cases[i].yes[k] ? cases[i].yes[k] : cases[i].yes[0];
			uint64_t no = k == 0 || cases[i].no[k] ? cases[i].no[k] : cases[i].no[0];

			assert_int_equal(X64("personality", yes, 1), SECCOMP_RET_ALLOW);
			assert_int_equal(X64("personality", no, 1), ERRNO(EPERM));
			assert_int_equal(X64("mseal", yes, 1), SECCOMP_RET_ALLOW);
		}
		arena_done(&p.arena);
	}
}

/* Without a repeated argument all must hold, with one any; narrow architectures see low halves. */
static void test_args(void **state)
{
	struct profile p;

	(void)state;
	compile_sound(&p, ALLOW_PERSONALITY(ARG(0, 1, 0, EQ) "," ARG(1, 2, 0, EQ)));
	assert_int_equal(X64("personality", 1, 2), SECCOMP_RET_ALLOW);
	assert_int_equal(X64("personality", 1, 3), ERRNO(EPERM));
	assert_int_equal(X64("personality", 1ULL << 32 | 1, 2), ERRNO(EPERM));
	assert_int_equal(X86("personality", 7ULL << 32 | 1, 2), SECCOMP_RET_ALLOW);
	arena_done(&p.arena);

	compile_sound(
		&p, ALLOW_PERSONALITY(ARG(0, 1, 0, EQ) "," ARG(1, 2, 0, EQ) "," ARG(0, 5, 0, EQ)));
	assert_int_equal(X64("personality", 1, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(X64("personality", 5, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(X64("personality", 0, 2), SECCOMP_RET_ALLOW);
	assert_int_equal(X64("personality", 2, 1), ERRNO(EPERM));
	arena_done(&p.arena);

	/* A mask of nothing is no condition. */
	compile_sound(&p, ALLOW_PERSONALITY(ARG(0, 0, 0, MASKED_EQ)));
	assert_int_equal(X64("personality", 77, 0), SECCOMP_RET_ALLOW);
	arena_done(&p.arena);
	compile_sound(&p, ALLOW_PERSONALITY(ARG(0, 4294967296, 0, MASKED_EQ)));
	assert_int_equal(X64("personality", 1ULL << 32, 0), ERRNO(EPERM));
	assert_int_equal(X86("personality", 1ULL << 32, 0), SECCOMP_RET_ALLOW);
	arena_done(&p.arena);
}

#define SOCKET(action, errno_ret, args)                                                            \
	"{'names':['socket'],'action':'SCMP_ACT_" action "'" errno_ret ",'args':[" args "]}"

/* The order that engines' profiles rely on, and what rules beat others. */
static void test_order(void **state)
{
	struct profile p;

	(void)state;
	compile_sound(&p,
		      "{'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':38,'syscalls':[" SOCKET(
			      "ALLOW", "", ARG(0, 16, 0, NE)) "," SOCKET("ERRNO", ",'errnoRet':1",
									 ARG(0, 40, 0, EQ)) "]}");
	assert_int_equal(X64("socket", 40, 0), ERRNO(EPERM));
	assert_int_equal(X64("socket", 2, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(X64("socket", 16, 0), ERRNO(ENOSYS));
	arena_done(&p.arena);

	/* No condition beats all, the first of several; what wants the default is not there. */
	compile_sound(&p, "{'defaultAction':'SCMP_ACT_KILL','syscalls':[" SOCKET(
				  "LOG", "", ARG(0, 16, 0, EQ)) ",{'names':['socket'],'action':"
								"'SCMP_ACT_KILL'},{'names':["
								"'bind'],'action':'SCMP_ACT_LOG'},"
								"{'names':['bind'],'action':"
								"'SCMP_ACT_ALLOW'}]}");
	assert_int_equal(X64("socket", 16, 0), SECCOMP_RET_LOG);
	assert_int_equal(X64("bind", 16, 0), SECCOMP_RET_LOG);
	arena_done(&p.arena);
	compile_sound(&p, "{'defaultAction':'SCMP_ACT_KILL','syscalls':[" SOCKET(
				  "LOG", "", ARG(0, 16, 0, EQ)) ",{'names':['socket'],'action':"
								"'SCMP_ACT_ALLOW'}]}");
	assert_int_equal(X64("socket", 16, 0), SECCOMP_RET_ALLOW);
	arena_done(&p.arena);
	/* Of two that contradict each other the first counts. */
	compile_sound(&p, "{'defaultAction':'SCMP_ACT_KILL','syscalls':[" SOCKET(
				  "LOG", "", ARG(0, 16, 0, EQ)) "," SOCKET("ALLOW", "",
									   ARG(0, 16, 0, EQ)) "]}");
	assert_int_equal(X64("socket", 16, 0), SECCOMP_RET_LOG);
	arena_done(&p.arena);
}

static void test_multiplexed(void **state)
{
	struct profile p;

	(void)state;
	compile_sound(&p,
		      "{'defaultAction':'SCMP_ACT_ERRNO','architectures':['SCMP_ARCH_X86'],"
		      "'syscalls':[{'names':['accept','shmget'],'action':'SCMP_ACT_ALLOW'}," SOCKET(
			      "ALLOW", "", ARG(0, 40, 0, NE) "," ARG(1, 3, 0, EQ)) "]}");
	assert_int_equal(X86("socketcall", 5, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(X86("socketcall", 4, 0), ERRNO(EPERM));
	assert_int_equal(X86("ipc", 23, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(X86("shmget", 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(X86("socket", 40, 3), ERRNO(EPERM));
	assert_int_equal(X86("socketcall", 1, 3), SECCOMP_RET_ALLOW);
	assert_int_equal(X86("socketcall", 1, 4), ERRNO(EPERM));
	assert_int_equal(X64("accept", 0, 0), SECCOMP_RET_ALLOW);
	arena_done(&p.arena);
}

/* A call that has rules is not unknown, even if all that the profile names comes before it. */
static void test_subcall_above_last(void **state)
{
	struct profile p;

	(void)state;
	compile_sound(&p, "{'defaultAction':'SCMP_ACT_ERRNO','architectures':['SCMP_ARCH_X86'],"
			  "'syscalls':[{'names':['semop'],'action':'SCMP_ACT_ALLOW'},"
			  "{'names':['read'],'action':'SCMP_ACT_ALLOW'}]}");
	assert_int_equal(X86("ipc", 1, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(X86("ipc", 2, 0), ERRNO(EPERM));
	assert_int_equal(X86("write", 0, 0), ERRNO(EPERM));
	assert_int_equal(X86("118", 0, 0), ERRNO(ENOSYS));
	arena_done(&p.arena);
}

static void test_notify_and_flags(void **state)
{
	struct profile p;

	(void)state;
	compile_sound(&p, "{'defaultAction':'SCMP_ACT_ALLOW','flags':['SECCOMP_FILTER_FLAG_LOG',"
			  "'SECCOMP_FILTER_FLAG_SPEC_ALLOW','SECCOMP_FILTER_FLAG_TSYNC',"
			  "'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV']}");
	assert_int_equal(p.prog.flags, 2 | 4);
	assert_false(p.prog.notify);
	arena_done(&p.arena);
	compile_sound(&p, "{'defaultAction':'SCMP_ACT_ALLOW','flags':["
			  "'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'],'listenerPath':'/a',"
			  "'listenerMetadata':'b','syscalls':["
			  "{'names':['read'],'action':'SCMP_ACT_NOTIFY'}]}");
	assert_int_equal(p.prog.flags, 8 | 32);
	assert_true(p.prog.notify);
	assert_int_equal(X64("read", 0, 0), SECCOMP_RET_USER_NOTIF);
	arena_done(&p.arena);
	/* Nothing is asked for that no verdict needs. */
	compile_sound(&p, "{'defaultAction':'SCMP_ACT_NOTIFY'}");
	assert_int_equal(p.prog.flags, 8);
	arena_done(&p.arena);
}

static void expect_refused(const char *seccomp, const char *where, const char *words)
{
	struct profile p;

	assert_int_equal(compile(&p, seccomp), -EINVAL);
	assert_string_equal(p.err.where, where);
	assert_string_equal(p.err.text, words);
	assert_int_equal(p.err.id, ERR_CONFIG_INVALID);
	arena_done(&p.arena);
}

#define RULE(more)                                                                                 \
	"{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['read'],'action':" more "}]}"

static void test_refused(void **state)
{
	(void)state;
	expect_refused("{}", "linux.seccomp.defaultAction",
		       "expected an action of seccomp, got \"\"");
	expect_refused("{'defaultAction':'SCMP_ACT_MAYBE'}", "linux.seccomp.defaultAction",
		       "expected an action of seccomp, got \"SCMP_ACT_MAYBE\"");
	expect_refused("{'defaultAction':'SCMP_ACT_ALLOW','defaultErrnoRet':1}",
		       "linux.seccomp.defaultErrnoRet",
		       "SCMP_ACT_ALLOW has no error number to return");
	expect_refused("{'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':2147418112}",
		       "linux.seccomp.defaultErrnoRet",
		       "expected a number up to 4095, got 2147418112");
	expect_refused("{'defaultAction':'SCMP_ACT_ALLOW','architectures':['SCMP_ARCH_X86','VAX']}",
		       "linux.seccomp.architectures[1]",
		       "expected an architecture of seccomp, got \"VAX\"");
	expect_refused("{'defaultAction':'SCMP_ACT_ALLOW','flags':['X']}", "linux.seccomp.flags[0]",
		       "expected a flag of seccomp, got \"X\"");
	expect_refused("{'defaultAction':'SCMP_ACT_ALLOW','listenerMetadata':'x'}",
		       "linux.seccomp.listenerMetadata",
		       "listenerMetadata is set without listenerPath");
	expect_refused(RULE("'allow'"), "linux.seccomp.syscalls[0].action",
		       "expected an action of seccomp, got \"allow\"");
	expect_refused(RULE("'SCMP_ACT_KILL','errnoRet':1"), "linux.seccomp.syscalls[0].errnoRet",
		       "SCMP_ACT_KILL has no error number to return");
	expect_refused(RULE("'SCMP_ACT_KILL','args':[{'index':6,'op':'SCMP_CMP_EQ'}]"),
		       "linux.seccomp.syscalls[0].args[0].index",
		       "system calls have arguments 0 to 5, got 6");
	expect_refused(RULE("'SCMP_ACT_KILL','args':[" ARG(0, 1, 1, EQ) ",{'op':'=='}]"),
		       "linux.seccomp.syscalls[0].args[1].op",
		       "expected an operator of seccomp, got \"==\"");
	expect_refused("{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'action':'SCMP_ACT_LOG'}]}",
		       "linux.seccomp.syscalls[0].names", "a rule names no system call");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_architectures),
		cmocka_unit_test(test_unknown_numbers),
		cmocka_unit_test(test_operators),
		cmocka_unit_test(test_args),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_multiplexed),
		cmocka_unit_test(test_subcall_above_last),
		cmocka_unit_test(test_notify_and_flags),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
