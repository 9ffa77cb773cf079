/* The tables: every name is found, numbers are those of the kernel, architectures those of the
 * specification. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/str.h"
#include "seccomp/compile/table.h"

static uint32_t number(const char *name, enum seccomp_arch arch)
{
	int call = syscall_from_name(name);
	uint32_t nr = 0;

	assert_true(call >= 0);
	if (syscall_number((unsigned)call, arch, &nr) < 0)
		return UINT32_MAX;
	return nr;
}

static void test_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SYSCALL_COUNT; i++) {
		assert_int_equal(syscall_from_name(syscall_name(i)), i);
		if (i > 0)
			assert_true(strcmp(syscall_name(i - 1), syscall_name(i)) < 0);
	}
	assert_int_equal(syscall_from_name(""), -ENOENT);
	assert_int_equal(syscall_from_name("reaD"), -ENOENT);
	assert_int_equal(syscall_from_name("frobnicate"), -ENOENT);
}

/* Each name has a number somewhere, and all fit the places that they are stored in. */
static void test_numbers(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SYSCALL_COUNT; i++) {
		bool somewhere = false;

		for (unsigned c = 0; c < SYSCALL_COLUMNS; c++) {
			uint16_t n = syscall_numbers[c][i];

			if (n == SYSCALL_ABSENT)
				continue;
			somewhere = true;
			assert_true(n < SYSCALL_NUMBER_MAX ||
				    (c == SYSCALL_COLUMN_ARM && n >= SYSCALL_STORED_ARM_PRIVATE &&
				     n < SYSCALL_STORED_ARM_PRIVATE + 16));
		}
		assert_true(somewhere);
	}
}

static void test_known(void **state)
{
	static const struct {
		const char *name;
		enum seccomp_arch arch;
		uint32_t nr;
	} known[] = {
		{"read", SECCOMP_ARCH_X86_64, 0},
		{"read", SECCOMP_ARCH_X86, 3},
		{"read", SECCOMP_ARCH_AARCH64, 63},
		{"read", SECCOMP_ARCH_X32, 0x40000000},
		{"execve", SECCOMP_ARCH_X32, 0x40000208},
		{"read", SECCOMP_ARCH_MIPS, 4003},
		{"read", SECCOMP_ARCH_MIPSEL64, 5000},
		{"read", SECCOMP_ARCH_MIPS64N32, 6000},
		{"socketcall", SECCOMP_ARCH_X86, 102},
		{"ipc", SECCOMP_ARCH_S390, 117},
		{"socketcall", SECCOMP_ARCH_X86_64, UINT32_MAX},
		{"cacheflush", SECCOMP_ARCH_ARM, 0xf0002},
		{"set_tls", SECCOMP_ARCH_ARM, 0xf0005},
		{"_llseek", SECCOMP_ARCH_X86_64, UINT32_MAX},
		{"clone3", SECCOMP_ARCH_RISCV64, 435},
		{"mseal", SECCOMP_ARCH_X86_64, 462},
		{"mseal", SECCOMP_ARCH_PPC64LE, 462},
		{"statmount", SECCOMP_ARCH_S390X, 457},
		{"listmount", SECCOMP_ARCH_LOONGARCH64, 458},
		{"lsm_set_self_attr", SECCOMP_ARCH_SH, 460},
		{"setxattrat", SECCOMP_ARCH_M68K, 463},
		{"open_tree_attr", SECCOMP_ARCH_X86, 467},
		{"file_getattr", SECCOMP_ARCH_PARISC64, 468},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		assert_int_equal(number(known[i].name, known[i].arch), known[i].nr);
}

static void test_introduced(void **state)
{
	(void)state;
	assert_int_equal(syscall_introduced((unsigned)syscall_from_name("read")), 0);
	assert_int_equal(syscall_introduced((unsigned)syscall_from_name("openat2")), 0x0506);
	assert_int_equal(syscall_introduced((unsigned)syscall_from_name("close_range")), 0x0509);
	assert_int_equal(syscall_introduced((unsigned)syscall_from_name("mseal")), 0x060a);
}

static void test_architectures(void **state)
{
	(void)state;
	for (int i = 0; i < SECCOMP_ARCH_MAX; i++) {
		const struct seccomp_arch_info *info = seccomp_arch_info((enum seccomp_arch)i);

		assert_true(str_starts(info->name, "SCMP_ARCH_"));
		assert_int_equal(seccomp_arch_from_name(info->name), i);
		assert_int_equal(info->big_endian, !(info->audit & 0x40000000));
		if (i == SECCOMP_ARCH_X32 || info->base == 6000) /* n32 */
			assert_int_equal(info->bits, 32);
		else
			assert_int_equal(info->bits, info->audit & 0x80000000 ? 64 : 32);
	}
	assert_int_equal(seccomp_arch_from_name("SCMP_ARCH_VAX"), -EINVAL);
	assert_int_equal(seccomp_arch_from_name("x86_64"), -EINVAL);
	assert_true(seccomp_native_arch() >= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),         cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_known),         cmocka_unit_test(test_introduced),
		cmocka_unit_test(test_architectures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
