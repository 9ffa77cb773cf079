/* What policies mean, by verdicts of the compiled program; and first of all that what older
 * compilers got wrong is right here, or refused. */
#include <errno.h>

#include "seccomp/policy/test-policies.h"

#define X86_64 SECCOMP_ARCH_X86_64
#define X86    SECCOMP_ARCH_X86

static struct compiled new_compiled(void)
{
	return (struct compiled){.options = {.native = X86_64, .kernel = 6 << 8}};
}

/* The error, with its place: "LINE:COLUMN: TEXT". */
static void refuses(const char *text, const char *expected)
{
	struct compiled c = new_compiled();
	char got[500];

	assert_int_equal(compile_policy(&c, text), -EINVAL);
	assert_non_null(c.log.first);
	(void)str_format(got, sizeof(got), "%u:%u: %s", c.log.first->place.line,
			 c.log.first->place.column, c.log.first->text);
	assert_string_equal(got, expected);
	done(&c);
}

/* --- soundness -------------------------------------------------------------------------------- */

/* A call that the architecture lacks: the rule does not apply there, whatever else it says. */
static void test_absent_call(void **state)
{
	struct compiled c = new_compiled();

	(void)state;
	compile_sound(&c, "$syscall == @_llseek => ALLOW();\n=> ERRNO(1);");
	assert_int_equal(verdict(&c, X86_64, "read", 0, 0, 0), ERRNO(1));
	done(&c);
	compile_sound(&c, "$syscall == @_llseek && $arg0 == 1 => KILL();\n=> ALLOW();");
	assert_int_equal(verdict(&c, X86_64, "read", 1, 0, 0), SECCOMP_RET_ALLOW);
	done(&c);
	compile_sound(&c, "$syscall != @_llseek => ERRNO(1);\n=> ALLOW();");
	assert_int_equal(verdict(&c, X86_64, "read", 0, 0, 0), ERRNO(1));
	done(&c);
	compile_sound(&c, "$syscall not in (@_llseek, @read) => ERRNO(1);\n=> ALLOW();");
	assert_int_equal(verdict(&c, X86_64, "read", 0, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(&c, X86_64, "write", 0, 0, 0), ERRNO(1));
	done(&c);
}

/* What is not understood ends nothing in silence. */
static void test_illegal_characters(void **state)
{
	(void)state;
	refuses("$syscall == @read => ALLOW();\n$syscall * @write => KILL();\n=> ALLOW();",
		"2:10: \"*\" has no place in a policy");
	refuses("=> ALLOW(); \x01", "1:13: byte 0x01 has no place in a policy");
	refuses("=> ALLOW(); \xc3\xa4", "1:13: \"\xc3\xa4\" has no place in a policy");
	refuses("$syscall = @read => ;\n( $arg0 == 3 \x01 /* x\n#ifdef\n",
		"1:10: expected a comparison, \"in\" or \"not in\"");
	refuses("=> ALLOW(); /* and so on", "1:13: the comment does not end");
}

static void test_one_letter_symbol(void **state)
{
	struct compiled c = new_compiled();

	(void)state;
	compile_sound(&c, "#ifdef A\n=> KILL();\n#endif\n=> ALLOW();");
	assert_int_equal(verdict(&c, X86_64, "read", 0, 0, 0), SECCOMP_RET_ALLOW);
	done(&c);
}

static void test_errno_range(void **state)
{
	struct compiled c = new_compiled();

	(void)state;
	refuses("=> ERRNO(2147418112);", "1:10: ERRNO takes numbers up to 4095");
	refuses("=> ERRNO(4096);", "1:10: ERRNO takes numbers up to 4095");
	refuses("=> TRACE(65536);", "1:10: TRACE takes numbers up to 65535");
	refuses("=> ERRNO(EWHAT);", "1:10: no error is called \"EWHAT\"");
	refuses("=> ERRNO();", "1:4: ERRNO needs an error: ERRNO(EPERM)");
	refuses("=> ALLOW(3);", "1:10: ALLOW takes nothing");
	compile_sound(&c, "=> ERRNO(4095);");
	assert_int_equal(verdict(&c, X86_64, "read", 0, 0, 0), ERRNO(4095));
	done(&c);
}

static void test_wide_values(void **state)
{
	struct compiled c = new_compiled();

	(void)state;
	compile_sound(&c, "arch x86_64, x86;\n$arg0 == 4294967297 => ERRNO(1);\n=> ALLOW();");
	assert_int_equal(verdict(&c, X86_64, "read", 4294967297, 0, 0), ERRNO(1));
	assert_int_equal(verdict(&c, X86_64, "read", 1, 0, 0), SECCOMP_RET_ALLOW);
	/* No argument of 32 bits is that large. */
	assert_int_equal(verdict(&c, X86, "read", 1, 0, 0), SECCOMP_RET_ALLOW);
	done(&c);
	compile_sound(&c, "$arg0 & 4294967296 == 4294967296 => KILL();\n=> ALLOW();");
	assert_int_equal(verdict(&c, X86_64, "read", 0, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(&c, X86_64, "read", 0x1ffffffff, 0, 0), SECCOMP_RET_KILL_PROCESS);
	done(&c);
	refuses("$arg0 == 18446744073709551616 => KILL(); => ALLOW();",
		"1:10: the number has more than 64 bits");
}

/* All 64 bits, on machines of both orders of bytes. */
static void test_whole_arguments(void **state)
{
	static const enum seccomp_arch natives[] = {X86_64, SECCOMP_ARCH_S390X};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(natives); i++) {
		struct compiled c = {.options = {.native = natives[i]}};

		compile_sound(&c, "$arg0 == 5 => ERRNO(1);\n$arg0 > 0x500000000 => ERRNO(2);\n"
				  "=> ALLOW();");
		assert_int_equal(verdict(&c, natives[i], "read", 5, 0, 0), ERRNO(1));
		assert_int_equal(verdict(&c, natives[i], "read", 0x100000005, 0, 0),
				 SECCOMP_RET_ALLOW);
		assert_int_equal(verdict(&c, natives[i], "read", 0x500000001, 0, 0), ERRNO(2));
		done(&c);
	}
}

static void test_default_required(void **state)
{
	(void)state;
	refuses("$syscall == @read => ALLOW();\n", "2:1: no rule decides about what is left");
	refuses("", "1:1: no rule decides about what is left");
}

/* Numbers of another architecture are other calls: what is not named is killed, x32 as well. */
static void test_other_architectures(void **state)
{
	const uint64_t args[6] = {0};
	struct compiled c = new_compiled();

	(void)state;
	compile_sound(&c, "$syscall in (@mkdir, @sendfile) => ALLOW();\n=> ALLOW();");
	assert_int_equal(verdict(&c, X86, "ptrace", 0, 0, 0), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(verdict(&c, X86, "init_module", 0, 0, 0), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(verdict(&c, X86, "kexec_load", 0, 0, 0), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(run_program(&c.program, X86_64, SECCOMP_X32_BIT | 39, args),
			 SECCOMP_RET_KILL_PROCESS);
	done(&c);
	compile_sound(&c, "$arch != @x86_64 => ERRNO(7);\n=> ALLOW();");
	assert_int_equal(verdict(&c, X86, "ptrace", 0, 0, 0), ERRNO(7));
	done(&c);
	/* Those that a condition names are part of the policy. */
	compile_sound(&c,
		      "$arch == @x86 => ERRNO(1);\n$arch == @x86_64 => ERRNO(2);\n=> ERRNO(10);");
	assert_int_equal(verdict(&c, X86, "read", 0, 0, 0), ERRNO(1));
	assert_int_equal(verdict(&c, X86_64, "read", 0, 0, 0), ERRNO(2));
	done(&c);
	refuses("arch aarch64;\n=> ALLOW();", "2:1: the policy is not for x86_64");
}

static void test_sets_with_and(void **state)
{
	struct compiled c = new_compiled();

	(void)state;
	compile_sound(&c,
		      "$arch == @x86_64 && $syscall in (@read, @write) && $arg0 == 1 => ERRNO(1);\n"
		      "=> ALLOW();");
	assert_int_equal(verdict(&c, X86_64, "write", 1, 0, 0), ERRNO(1));
	assert_int_equal(verdict(&c, X86_64, "write", 2, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(&c, X86_64, "close", 1, 0, 0), SECCOMP_RET_ALLOW);
	done(&c);
}

static void test_actions_are_told_apart(void **state)
{
	char buf[POLICY_ACTION_MAX];

	(void)state;
	assert_string_equal(policy_action_text(SECCOMP_RET_LOG, buf), "LOG()");
	assert_string_equal(policy_action_text(SECCOMP_RET_KILL_PROCESS, buf), "KILL_PROCESS()");
	assert_string_equal(policy_action_text(SECCOMP_RET_KILL_THREAD, buf), "KILL_THREAD()");
	assert_string_equal(policy_action_text(ERRNO(1), buf), "ERRNO(EPERM)");
	assert_string_equal(policy_action_text(ERRNO(4000), buf), "ERRNO(4000)");
	assert_string_equal(policy_action_text(SECCOMP_RET_TRACE | 2, buf), "TRACE(ENOENT)");
	assert_string_equal(policy_action_text(SECCOMP_RET_TRAP | 2, buf), "TRAP(2)");
}

/* --- the language ----------------------------------------------------------------------------- */

static void test_booleans(void **state)
{
	struct compiled c = new_compiled();

	(void)state;
	compile_sound(&c, "!($arg0 == 1 || $arg0 == 2) && ($arg1 == 3 || $arg1 > 10) => ERRNO(1);\n"
			  "=> ALLOW();");
	assert_int_equal(verdict(&c, X86_64, "read", 1, 3, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(&c, X86_64, "read", 2, 11, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(&c, X86_64, "read", 3, 3, 0), ERRNO(1));
	assert_int_equal(verdict(&c, X86_64, "read", 0, 11, 0), ERRNO(1));
	assert_int_equal(verdict(&c, X86_64, "read", 0, 10, 0), SECCOMP_RET_ALLOW);
	done(&c);
}

static void test_first_match_wins(void **state)
{
	struct compiled c = new_compiled();

	(void)state;
	compile_sound(&c, "openat(flags & O_CREAT) => ERRNO(1);\n$syscall == @openat => LOG();\n"
			  "openat() => KILL();\n=> ALLOW();");
	assert_int_equal(verdict(&c, X86_64, "openat", 0, 0, 0x40), ERRNO(1));
	assert_int_equal(verdict(&c, X86_64, "openat", 0, 0, 0), SECCOMP_RET_LOG);
	assert_true(c.map.used[0] && c.map.used[1] && !c.map.used[2] && c.map.used[3]);
	done(&c);
}

/* Of an int the kernel takes 32 bits; so does a comparison by name. */
static void test_named_arguments(void **state)
{
	struct compiled c = new_compiled();

	(void)state;
	compile_sound(&c, "arch x86_64, x86;\n"
			  "socket(family == AF_VSOCK) => ERRNO(1);\n"
			  "openat(dfd == AT_FDCWD) => ERRNO(2);\n"
			  "mknod(mode & S_IFMT == S_IFCHR) => ERRNO(3);\n"
			  "read(fd < 3) => ERRNO(4);\n=> ALLOW();");
	assert_int_equal(verdict(&c, X86_64, "socket", 40, 0, 0), ERRNO(1));
	assert_int_equal(verdict(&c, X86_64, "socket", 0x100000028, 0, 0), ERRNO(1));
	assert_int_equal(verdict(&c, X86_64, "openat", 0xffffff9c, 0, 0), ERRNO(2));
	assert_int_equal(verdict(&c, X86_64, "openat", (uint64_t)-100, 0, 0), ERRNO(2));
	assert_int_equal(verdict(&c, X86_64, "openat", 5, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(&c, X86_64, "mknod", 0, 0xffff0000 | 0020644, 0), ERRNO(3));
	assert_int_equal(verdict(&c, X86_64, "mknod", 0, 0100644, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(&c, X86_64, "read", 0xf00000002, 0, 0), ERRNO(4));
	assert_int_equal(verdict(&c, X86_64, "read", 3, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(&c, X86, "read", 2, 0, 0), ERRNO(4));
	done(&c);
	refuses("openat(flagz == 1) => KILL();\n=> ALLOW();",
		"1:8: openat has no argument \"flagz\"");
	refuses("read(fd == 0x100000000) => KILL();\n=> ALLOW();",
		"1:6: the kernel looks at 32 bits of this argument, and the value has more");
}

/* clone(2) has its arguments in another order on s390. */
static void test_argument_order(void **state)
{
	struct compiled c = {.options = {.native = SECCOMP_ARCH_S390X}};

	(void)state;
	compile_sound(&c, "clone(clone_flags & CLONE_NEWUSER) => ERRNO(1);\n=> ALLOW();");
	assert_int_equal(verdict(&c, SECCOMP_ARCH_S390X, "clone", 0, 0x10000000, 0), ERRNO(1));
	assert_int_equal(verdict(&c, SECCOMP_ARCH_S390X, "clone", 0x10000000, 0, 0),
			 SECCOMP_RET_ALLOW);
	done(&c);
}

static void test_constants_of_architectures(void **state)
{
	struct compiled c = {.options = {.native = SECCOMP_ARCH_MIPS64}};

	(void)state;
	assert_int_equal(compile_policy(&c, "openat(flags & O_CREAT) => KILL();\n=> ALLOW();"),
			 -EINVAL);
	assert_string_equal(c.log.first->text, "the value of O_CREAT on mips64 is not known here");
	done(&c);
	compile_sound(&c, "openat(flags & O_WRONLY) => KILL();\n=> ALLOW();");
	done(&c);
}

static void test_numbers(void **state)
{
	struct compiled c = new_compiled();

	(void)state;
	compile_sound(&c, "$arg0 in (0x10, 0b101, 0o17, 1 << 8, ~0 << 63, -1, (1 | 2) << 4) => "
			  "ERRNO(1);\n=> ALLOW();");
	for (size_t i = 0; i < 7; i++) {
		const uint64_t values[] = {16, 5, 15, 256, 1ULL << 63, UINT64_MAX, 48};

		assert_int_equal(verdict(&c, X86_64, "read", values[i], 0, 0), ERRNO(1));
		assert_int_equal(verdict(&c, X86_64, "read", values[i] ^ 64, 0, 0),
				 SECCOMP_RET_ALLOW);
	}
	done(&c);
	refuses("$arg0 == 010 => KILL();\n=> ALLOW();",
		"1:10: a number that begins with 0 means one thing to C and another to older "
		"compilers of policies");
	refuses("$arg0 == 0x => KILL();\n=> ALLOW();", "1:10: \"0x\" is no number");
	refuses("$arg0 == 12ab => KILL();\n=> ALLOW();", "1:10: \"12ab\" is no number");
}

static void test_masks(void **state)
{
	static const char *const texts[] = {"$arg0 & 6 < 4 => ERRNO(1); => ALLOW();",
					    "$arg0 & 6 >= 3 => ERRNO(1); => ALLOW();",
					    "$arg0 & 6 > 1 => ERRNO(1); => ALLOW();",
					    "$arg0 & 6 <= 5 => ERRNO(1); => ALLOW();",
					    "$arg0 & 6 != 2 => ERRNO(1); => ALLOW();",
					    "$arg0 & 6 == 3 => ERRNO(1); => ALLOW();"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct compiled c = new_compiled();

		compile_sound(&c, texts[i]);
		for (uint64_t v = 0; v < 16; v++) {
			uint64_t m = v & 6;
			const bool holds[] = {m<4, m >= 3, m> 1, m <= 5, m != 2, m == 3};

			assert_int_equal(verdict(&c, X86_64, "read", v, 0, 0),
					 holds[i] ? ERRNO(1) : SECCOMP_RET_ALLOW);
		}
		done(&c);
	}
}

static void test_sets_and_names(void **state)
{
	struct compiled c = new_compiled();

	(void)state;
	compile_sound(&c,
		      "let @@mine = (@read, @@chown);\nlet BOTH = CLONE_NEWUSER | CLONE_NEWNS;\n"
		      "$syscall in (@@mine, @write, 39) => ERRNO(1);\n"
		      "unshare(unshare_flags & BOTH == BOTH) => ERRNO(2);\n"
		      "$syscall not in @@known => ERRNO(ENOSYS);\n=> ALLOW();");
	assert_int_equal(verdict(&c, X86_64, "fchownat", 0, 0, 0), ERRNO(1));
	assert_int_equal(verdict(&c, X86_64, "getpid", 0, 0, 0), ERRNO(1));
	assert_int_equal(verdict(&c, X86_64, "unshare", 0x10020000, 0, 0), ERRNO(2));
	assert_int_equal(verdict(&c, X86_64, "unshare", 0x10000000, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(&c, X86_64, "close", 0, 0, 0), SECCOMP_RET_ALLOW);
	{
		const uint64_t args[6] = {0};

		assert_int_equal(run_program(&c.program, X86_64, 5000, args), ERRNO(ENOSYS));
	}
	done(&c);
	refuses("$syscall in @@file-sytem => ALLOW();\n=> KILL();",
		"1:13: no set is called \"@@file-sytem\"");
	refuses("$syscall == @file => ALLOW();\n=> KILL();",
		"1:13: no system call is called \"file\" on any architecture");
	refuses("let O_CREAT = 1;\n=> KILL();", "1:5: \"O_CREAT\" has a meaning already");
}

static void test_blocks(void **state)
{
	struct compiled c = new_compiled();

	(void)state;
	compile_sound(
		&c,
		"arch x86_64, x86;\non x86 {\n\t$syscall == @read => ERRNO(1);\n\t=> LOG();\n}\n"
		"$syscall == @read => ERRNO(2);\n=> ALLOW();");
	assert_int_equal(verdict(&c, X86, "read", 0, 0, 0), ERRNO(1));
	assert_int_equal(verdict(&c, X86, "write", 0, 0, 0), SECCOMP_RET_LOG);
	assert_int_equal(verdict(&c, X86_64, "read", 0, 0, 0), ERRNO(2));
	assert_int_equal(verdict(&c, X86_64, "write", 0, 0, 0), SECCOMP_RET_ALLOW);
	done(&c);
}

static void test_parameters(void **state)
{
	static const char text[] =
		"#ifdef CAP_SYS_ADMIN\n$syscall == @mount => ERRNO(1);\n#else\n"
		"$syscall == @mount => ERRNO(2);\n#endif\n"
		"#ifndef NAME\n# ifdef ARCH_AMD64\n$syscall == @read => ERRNO(3);\n"
		"# endif\n#endif\n"
		"cap(CAP_NET_RAW) && socket() => ERRNO(4);\n"
		"kernel >= 5.10 && kernel < 6.1 && close() => ERRNO(5);\n"
		"defined(NAME) && write() => ERRNO(6);\n=> ALLOW();";
	static const char *const names[] = {"NAME"};
	struct compiled c = new_compiled();

	(void)state;
	compile_sound(&c, text);
	assert_int_equal(verdict(&c, X86_64, "mount", 0, 0, 0), ERRNO(2));
	assert_int_equal(verdict(&c, X86_64, "read", 0, 0, 0), ERRNO(3));
	assert_int_equal(verdict(&c, X86_64, "socket", 0, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(&c, X86_64, "close", 0, 0, 0), ERRNO(5));
	assert_int_equal(verdict(&c, X86_64, "write", 0, 0, 0), SECCOMP_RET_ALLOW);
	done(&c);
	c.options.capabilities = 1ULL << 21 | 1ULL << 13;
	c.options.kernel = 6 << 8 | 1;
	c.options.defined = names;
	c.options.n_defined = 1;
	compile_sound(&c, text);
	assert_int_equal(verdict(&c, X86_64, "mount", 0, 0, 0), ERRNO(1));
	assert_int_equal(verdict(&c, X86_64, "read", 0, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(&c, X86_64, "socket", 0, 0, 0), ERRNO(4));
	assert_int_equal(verdict(&c, X86_64, "close", 0, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(&c, X86_64, "write", 0, 0, 0), ERRNO(6));
	done(&c);
}

/* The calls that a kernel has. */
static void test_kernel_set(void **state)
{
	struct compiled c = new_compiled();

	(void)state;
	compile_sound(&c,
		      "$syscall == @read => ALLOW();\n$syscall in KERNEL(5.3) => ERRNO(EPERM);\n"
		      "=> ERRNO(ENOSYS);");
	assert_int_equal(verdict(&c, X86_64, "read", 0, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(verdict(&c, X86_64, "clone3", 0, 0, 0), ERRNO(EPERM));
	assert_int_equal(verdict(&c, X86_64, "openat2", 0, 0, 0), ERRNO(ENOSYS));
	done(&c);
}

static void test_numbers_of_calls(void **state)
{
	const uint64_t args[6] = {0};
	struct compiled c = new_compiled();

	(void)state;
	compile_sound(&c, "$syscall == @close@x86 => ERRNO(1);\n$syscall >= 1000 => ERRNO(2);\n"
			  "$syscall < @write => ERRNO(3);\n=> ALLOW();");
	assert_int_equal(run_program(&c.program, X86_64, 6, args), ERRNO(1));
	assert_int_equal(run_program(&c.program, X86_64, 1000, args), ERRNO(2));
	assert_int_equal(run_program(&c.program, X86_64, 0x3fffffff, args), ERRNO(2));
	assert_int_equal(run_program(&c.program, X86_64, 0, args), ERRNO(3));
	assert_int_equal(run_program(&c.program, X86_64, 1, args), SECCOMP_RET_ALLOW);
	done(&c);
}

/* --- files ------------------------------------------------------------------------------------ */

static int load(void *context, struct arena *a, const char *path, char **ret, size_t *ret_len)
{
	const char *const *files = context;

	for (size_t i = 0; files[i]; i += 2) {
		if (!str_eq(files[i], path))
			continue;
		*ret = arena_strdup(a, files[i + 1]);
		*ret_len = strlen(files[i + 1]);
		return *ret ? 0 : -ENOMEM;
	}
	return -ENOENT;
}

static void test_include(void **state)
{
	static const char *const files[] = {
		"base.policy", "let @@base = (@read);\n$syscall in @@base => ERRNO(1);\n",
		"self.policy", "include \"self.policy\";\n",
		"bad.policy",  "$syscall = 1;\n",
		"open.policy", "#ifdef X\n",
		NULL,
	};
	struct compiled c = new_compiled();

	(void)state;
	c.options.load = load;
	c.options.context = (void *)(uintptr_t)files;
	compile_sound(&c, "include \"base.policy\";\n$syscall in @@base => KILL();\n=> ALLOW();");
	assert_int_equal(verdict(&c, X86_64, "read", 0, 0, 0), ERRNO(1));
	done(&c);
	assert_int_equal(compile_policy(&c, "include \"self.policy\";\n=> ALLOW();"), -EINVAL);
	assert_string_equal(c.log.first->text, "the file includes itself");
	done(&c);
	assert_int_equal(compile_policy(&c, "include \"bad.policy\";\n=> ALLOW();"), -EINVAL);
	assert_string_equal(c.log.first->place.file->name, "bad.policy");
	done(&c);
	assert_int_equal(compile_policy(&c, "include \"open.policy\";\n=> ALLOW();\n#endif"),
			 -EINVAL);
	assert_string_equal(c.log.first->text, "there is no #endif for this");
	done(&c);
	assert_int_equal(compile_policy(&c, "include \"none\";\n=> ALLOW();"), -EINVAL);
	assert_string_equal(c.log.first->text, "read \"none\": no such file or directory");
	done(&c);
}

/* --- messages --------------------------------------------------------------------------------- */

/* The place, the line, the carets, the hint. */
static void test_messages(void **state)
{
	struct compiled c = new_compiled();

	(void)state;
	assert_int_equal(compile_policy(&c, "// one\n\t$syscall == @opnat => ALLOW();\n"
					    "openat(flag == 3) => KILL();\n"
					    "$arg7 == 3 => KILL();\n=> ALLOW();"),
			 -EINVAL);
	assert_string_equal(
		policy_message_text(&c.arena, c.log.first),
		"test:2:14: error: no system call is called \"opnat\" on any architecture\n"
		"  \t$syscall == @opnat => ALLOW();\n"
		"  \t            ^~~~~~\n"
		"  hint: did you mean openat?\n");
	assert_string_equal(policy_message_text(&c.arena, c.log.first->next),
			    "test:3:8: error: openat has no argument \"flag\"\n"
			    "  openat(flag == 3) => KILL();\n"
			    "         ^~~~\n"
			    "  hint: openat has: dfd, filename, flags, mode\n");
	assert_string_equal(policy_message_text(&c.arena, c.log.first->next->next),
			    "test:4:1: error: no variable is called \"$arg7\"\n"
			    "  $arg7 == 3 => KILL();\n"
			    "  ^~~~~\n"
			    "  hint: there are $syscall, $arch, and $arg0 to $arg5\n");
	done(&c);
}

static void test_syntax_errors(void **state)
{
	(void)state;
	refuses("$syscall == @read => ALLOW()\n=> KILL();", "2:1: expected \";\"");
	refuses("$syscall == => ALLOW();", "1:13: expected @call, @@set or a number");
	refuses("$syscall == (@read) => ALLOW();",
		"1:13: expected one call; `in (…)` compares with several");
	refuses("($arg0 == 1 => ALLOW();\n=> KILL();", "1:13: expected \"&&\", \"||\" or \")\"");
	refuses("$arg0 => ALLOW();", "1:7: expected a comparison, \"&\", \"in\" or \"not in\"");
	refuses("$syscall == @mount => DENY();",
		"1:23: expected an action: ALLOW(), ERRNO(…), KILL(), LOG(), NOTIFY(), TRACE(…) "
		"or TRAP()");
	refuses("$syscall in @file-system => ALLOW();",
		"1:13: no system call is called \"file\" on any architecture");
	refuses("#include <x>\n=> ALLOW();", "1:1: no directive is called \"#include\"");
	refuses("#else\n=> ALLOW();", "1:1: there is no #ifdef that this belongs to");
	refuses("on x86 { on x86 { => ALLOW(); } }\n=> KILL();",
		"1:10: a block for architectures within another");
	refuses("arch amd65;\n=> ALLOW();", "1:6: no architecture is called \"amd65\"");
	refuses("$syscall == @clock => ALLOW();\n=> KILL();",
		"1:13: \"clock\" is a group, not a system call");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_absent_call),
		cmocka_unit_test(test_illegal_characters),
		cmocka_unit_test(test_one_letter_symbol),
		cmocka_unit_test(test_errno_range),
		cmocka_unit_test(test_wide_values),
		cmocka_unit_test(test_whole_arguments),
		cmocka_unit_test(test_default_required),
		cmocka_unit_test(test_other_architectures),
		cmocka_unit_test(test_sets_with_and),
		cmocka_unit_test(test_actions_are_told_apart),
		cmocka_unit_test(test_booleans),
		cmocka_unit_test(test_first_match_wins),
		cmocka_unit_test(test_named_arguments),
		cmocka_unit_test(test_argument_order),
		cmocka_unit_test(test_constants_of_architectures),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_masks),
		cmocka_unit_test(test_sets_and_names),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_kernel_set),
		cmocka_unit_test(test_numbers_of_calls),
		cmocka_unit_test(test_include),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_syntax_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
