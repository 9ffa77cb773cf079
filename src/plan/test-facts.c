/* Facts as JSON, there and back. */
#include "plan/facts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char memory[1 << 16];
static struct arena arena;
static struct err err;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, memory, sizeof(memory));
	err = (struct err){0};
	return 0;
}

static int parse(const char *text, struct facts *ret)
{
	return facts_parse(&arena, arena_strdup(&arena, text), strlen(text), ret, &err);
}

static const char *write(const struct facts *f)
{
	struct json_writer w;
	const char *text;
	size_t len;

	json_writer_init(&w, &arena, false);
	facts_write(f, &w);
	assert_int_equal(json_writer_finish(&w, &text, &len), 0);
	return text;
}

static void test_absent(void **state)
{
	struct facts f;

	(void)state;
	assert_int_equal(parse("{}", &f), 0);
	assert_int_equal(f.euid, 0);
	assert_true(f.admin && f.may_map_ids && f.may_bpf);
	assert_int_equal(f.capabilities, 0x1ffffffffffULL);
	assert_int_equal(f.rlimits[7].hard, UINT64_MAX);
	assert_int_equal(f.cgroup.arrangement, CGROUP_UNIFIED);
	assert_string_equal(f.cgroup.unified_mount_point, "/sys/fs/cgroup");
	assert_int_equal(parse("{\"cgroup\":{\"arrangement\":\"hybrid\"}}", &f), 0);
	assert_string_equal(f.cgroup.unified_mount_point, "/sys/fs/cgroup/unified");
	assert_int_equal(parse("{\"cgroup\":{\"arrangement\":\"none\"}}", &f), 0);
	assert_string_equal(f.cgroup.unified_mount_point, "");
}

static void test_round_trip(void **state)
{
	struct cgroup_hierarchy v1[20];
	struct facts back, f = {
				   .euid = 1000,
				   .egid = 100,
				   .may_map_ids = true,
				   .capabilities = 0x8000000021ULL,
				   .last_cap = 40,
				   .architecture = SECCOMP_ARCH_AARCH64,
				   .ignored_signals = 1ULL << 63 | 1ULL << 12,
				   .nested = true,
				   .user_manager = true,
				   .cgroup = {.arrangement = CGROUP_HYBRID,
					      .unified_mount_point = "/cg \"x\"",
					      .unified_self_path = "/user",
					      .self_writable = true,
					      .parent_writable = true,
					      .v1 = v1,
					      .n_v1 = 20},
			   };
	const char *text;

	(void)state;
	for (int i = 0; i < 16; i++) {
		f.rlimits[i].soft = (uint64_t)i;
		f.rlimits[i].hard = UINT64_MAX - (uint64_t)i;
	}
	for (int i = 0; i < 20; i++)
		v1[i] = (struct cgroup_hierarchy){i & 1 ? "cpu,cpuacct" : "pids", "/m", "/s"};
	text = write(&f);
	assert_int_equal(parse(text, &back), 0);
	assert_string_equal(write(&back), text);
	assert_int_equal(back.capabilities, f.capabilities);
	assert_int_equal(back.architecture, f.architecture);
	assert_int_equal(back.ignored_signals, f.ignored_signals);
	assert_true(back.nested);
	assert_true(back.user_manager);
	assert_int_equal(back.rlimits[15].hard, UINT64_MAX - 15);
	assert_int_equal(back.cgroup.n_v1, 20);
	assert_string_equal(back.cgroup.v1[19].controllers, "cpu,cpuacct");
	assert_false(back.may_bpf);
}

static void test_unknown_keys_are_ignored(void **state)
{
	struct facts f;

	(void)state;
	assert_int_equal(parse("{\"x\":[{\"euid\":[]}],\"euid\":7,\"y\":null}", &f), 0);
	assert_int_equal(f.euid, 7);
}

static void expect(const char *text, const char *where)
{
	struct facts f;

	set_up(NULL);
	assert_int_equal(parse(text, &f), -EINVAL);
	assert_string_equal(err.where, where);
	assert_true(err.text[0] != '\0');
}

static void test_errors(void **state)
{
	(void)state;
	expect("[]", "");
	expect("{\"euid\":-1}", "euid");
	expect("{\"euid\":4294967296}", "euid");
	expect("{\"admin\":0}", "admin");
	expect("{\"admin\":true,\"admin\":true}", "admin");
	expect("{\"capabilities\":[\"CAP_NONE\"]}", "capabilities");
	expect("{\"ignoredSignals\":[65]}", "ignoredSignals");
	expect("{\"rlimits\":{\"RLIMIT_X\":{}}}", "rlimits.RLIMIT_X");
	expect("{\"rlimits\":{\"RLIMIT_CPU\":{\"soft\":\"1\"}}}", "rlimits.RLIMIT_CPU.soft");
	expect("{\"cgroup\":{\"arrangement\":\"v3\"}}", "cgroup.arrangement");
	expect("{\"cgroup\":{\"v1\":[{\"controllers\":1}]}}", "cgroup.v1.controllers");
	expect("{} x", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_absent, set_up),
		cmocka_unit_test_setup(test_round_trip, set_up),
		cmocka_unit_test_setup(test_unknown_keys_are_ignored, set_up),
		cmocka_unit_test_setup(test_errors, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
