/* Reading /proc/self/cgroup and mountinfo, from texts. */
#include "cgroup/probe.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char memory[1 << 16];

static struct facts_cgroup parse(const char *text)
{
	struct facts_cgroup f = {.unified_mount_point = "", .unified_self_path = ""};
	struct arena a;

	arena_init(&a, memory, sizeof(memory));
	assert_int_equal(cgroup_parse_self(&a, arena_strdup(&a, text), &f), 0);
	return f;
}

static void test_unified(void **state)
{
	struct facts_cgroup f = parse("0::/user.slice/user-1000.slice/session-2.scope\n");

	(void)state;
	assert_int_equal(f.n_v1, 0);
	assert_string_equal(f.unified_self_path, "/user.slice/user-1000.slice/session-2.scope");
}

static void test_hybrid(void **state)
{
	struct facts_cgroup f = parse("9:name=systemd:/a\n8:pids:/\n2:cpu,cpuacct:/x:y/z\n0::/b\n");

	(void)state;
	assert_int_equal(f.n_v1, 3);
	assert_string_equal(f.v1[0].controllers, "name=systemd");
	assert_string_equal(f.v1[0].self_path, "/a");
	assert_string_equal(f.v1[2].controllers, "cpu,cpuacct");
	assert_string_equal(f.v1[2].self_path, "/x:y/z");
	assert_string_equal(f.unified_self_path, "/b");
}

static void test_unusable_paths(void **state)
{
	(void)state;
	assert_string_equal(parse("0::/../../other\n").unified_self_path, "");
	assert_string_equal(parse("0::/gone (deleted)\n").unified_self_path, "");
	assert_string_equal(parse("0::/").unified_self_path, "/");
	assert_string_equal(parse("").unified_self_path, "");
	assert_int_equal(parse("nonsense\n7\n:\n::\n3:pids\n").n_v1, 0);
}

static void test_mountinfo(void **state)
{
	static const char text[] =
		"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
		"32 31 0:29 / /cg/cpu\\040x rw shared:9 master:1 - cgroup cgroup rw,cpu,cpuacct\n"
		"33 31 0:30 / /cg/named rw - cgroup none rw,xattr,name=systemd\n"
		"34 31 0:31 / /cg/two rw - cgroup2 cgroup2 rw,pids\n"
		"35 31";
	struct arena a;

	(void)state;
	arena_init(&a, memory, sizeof(memory));
	assert_string_equal(cgroup_find_mount(&a, text, "cpu,cpuacct"), "/cg/cpu x");
	assert_string_equal(cgroup_find_mount(&a, text, "cpuacct"), "/cg/cpu x");
	assert_string_equal(cgroup_find_mount(&a, text, "name=systemd"), "/cg/named");
	assert_null(cgroup_find_mount(&a, text, "pids"));
	assert_null(cgroup_find_mount(&a, text, "cpu,memory"));
	assert_null(cgroup_find_mount(&a, "", "cpu"));
}

/* Whatever this machine is, what is said about it has to be consistent. */
static void test_here(void **state)
{
	struct facts_cgroup f;
	struct err e = {0};
	struct arena a;

	(void)state;
	arena_init(&a, memory, sizeof(memory));
	assert_int_equal(cgroup_probe(&a, true, true, &f, &e), 0);
	assert_int_equal(f.unified_mount_point[0] != '\0',
			 f.arrangement == CGROUP_UNIFIED || f.arrangement == CGROUP_HYBRID);
	if (f.arrangement == CGROUP_UNIFIED)
		assert_int_equal(f.n_v1, 0);
	for (size_t i = 0; i < f.n_v1; i++)
		assert_int_equal(f.v1[i].mount_point[0], '/');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unified),        cmocka_unit_test(test_hybrid),
		cmocka_unit_test(test_unusable_paths), cmocka_unit_test(test_mountinfo),
		cmocka_unit_test(test_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
