/* The cgroup part of the plan, from configurations as engines write them. */
#include "plan/cgroup.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char memory[1 << 18];
static struct arena arena;
static struct err err;
static struct facts facts;
static struct plan_cgroup plan;
static enum cgroup_manager manager;

static struct cgroup_hierarchy v1[] = {
	{"name=systemd", "/sys/fs/cgroup/systemd", "/"},
	{"cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct", "/"},
	{"pids", "/sys/fs/cgroup/pids", "/"},
};

static int set_up(void **state)
{
	char empty[] = "{}";

	(void)state;
	arena_init(&arena, memory, sizeof(memory));
	err = (struct err){0};
	manager = CGROUP_MANAGER_CGROUPFS;
	return facts_parse(&arena, empty, 2, &facts, &err);
}

static void be_hybrid(void)
{
	facts.cgroup = (struct facts_cgroup){.arrangement = CGROUP_HYBRID,
					     .unified_mount_point = "/sys/fs/cgroup/unified",
					     .unified_self_path = "/",
					     .self_writable = true,
					     .v1 = v1,
					     .n_v1 = 3};
}

static void be_user(const char *self)
{
	facts.euid = 1000;
	facts.user_manager = true;
	facts.admin = facts.may_bpf = false;
	facts.cgroup.unified_self_path = self;
	facts.cgroup.self_writable = true;
}

/* @linux_ is the object "linux" with ' for quotes. */
static int build(const char *linux_)
{
	char *text = arena_format(&arena, "{\"ociVersion\":\"1.3.0\",\"linux\":%s}", linux_);
	struct spec spec;

	for (char *p = text; *p; p++) {
		if (*p == '\'')
			*p = '"';
	}
	if (spec_parse(&arena, text, strlen(text), &spec, &err) < 0)
		fail_msg("%s: %s", err.where, err.text);
	plan = (struct plan_cgroup){0};
	return plan_cgroup_build(&arena, &spec, &facts, manager, "ID", &plan, &err);
}

static void expect_path(const char *linux_, const char *path)
{
	if (build(linux_) < 0)
		fail_msg("%s: %s", err.where, err.text);
	assert_string_equal(plan.path, path);
}

static void expect_error(const char *linux_, enum err_id id, const char *where)
{
	assert_true(build(linux_) < 0);
	assert_string_equal(err_name(err.id), err_name(id));
	assert_string_equal(err.where, where);
}

static void test_path(void **state)
{
	(void)state;
	expect_path("{}", "/coracle/ID");
	assert_true(plan.unified);
	expect_path("{'cgroupsPath':'/a/b'}", "/a/b");
	expect_path("{'cgroupsPath':'a/b'}", "/a/b");
	expect_path("{'cgroupsPath':'//a/./b//'}", "/a/b");
	expect_path("{'cgroupsPath':'..a/b..'}", "/..a/b..");
	expect_error("{'cgroupsPath':'/'}", ERR_CONFIG_INVALID, "linux.cgroupsPath");
	expect_error("{'cgroupsPath':'/.'}", ERR_CONFIG_INVALID, "linux.cgroupsPath");
	expect_error("{'cgroupsPath':'/a/../../b'}", ERR_CONFIG_INVALID, "linux.cgroupsPath");
	expect_error("{'cgroupsPath':'..'}", ERR_CONFIG_INVALID, "linux.cgroupsPath");
}

static void test_delegated_path(void **state)
{
	(void)state;
	be_user("/user.slice/app.scope");
	expect_path("{}", "/user.slice/app.scope/coracle-ID");
	assert_true(plan.optional);
	expect_path("{'resources':{'pids':{'limit':5}}}", "/user.slice/coracle-ID");
	assert_false(plan.optional);
	expect_path("{'cgroupsPath':'/x'}", "/x");
	assert_false(plan.optional);
	/* Where it is possible, so that an update can ask for a controller. */
	facts.cgroup.parent_writable = true;
	expect_path("{}", "/user.slice/coracle-ID");
	assert_true(plan.optional);
	facts.cgroup.parent_writable = false;
	be_user("/");
	expect_path("{}", "/coracle-ID");
	expect_path("{'resources':{'pids':{'limit':5}}}", "/coracle-ID");
	be_user("");
	expect_path("{}", "/coracle-ID");
	/* What is known to be refused is not planned. */
	facts.cgroup.self_writable = false;
	expect_path("{}", "");
	expect_path("{'resources':{'pids':{'limit':5}}}", "/coracle-ID");
	/* Root of a user namespace is a user on the host. */
	set_up(NULL);
	facts.cgroup.self_writable = true;
	facts.may_bpf = false;
	facts.cgroup.unified_self_path = "/delegated";
	expect_path("{}", "/delegated/coracle-ID");
}

static void test_needs_self(void **state)
{
	struct spec spec = {.linux_ = {.cgroups_path = ""}};

	(void)state;
	assert_false(plan_cgroup_needs_self(&spec, &facts, CGROUP_MANAGER_CGROUPFS));
	be_user("");
	assert_true(plan_cgroup_needs_self(&spec, &facts, CGROUP_MANAGER_CGROUPFS));
	assert_false(plan_cgroup_needs_self(&spec, &facts, CGROUP_MANAGER_DISABLED));
	spec.linux_.cgroups_path = "/x";
	assert_false(plan_cgroup_needs_self(&spec, &facts, CGROUP_MANAGER_CGROUPFS));
}

static void test_optional_only_when_nothing_is_asked(void **state)
{
	(void)state;
	expect_path("{}", "/coracle/ID");
	assert_true(plan.optional);
	expect_path("{'resources':{'devices':[{'allow':false,'access':'rwm'}]}}", "/coracle/ID");
	assert_false(plan.optional);
	expect_path("{'cgroupsPath':'x'}", "/x");
	assert_false(plan.optional);
}

static void test_arrangements(void **state)
{
	static const char limit[] = "{'resources':{'pids':{'limit':5}}}";
	struct cgroup_hierarchy old[] = {
		{"pids", "/sys/fs/cgroup/pids", "/"},
		{"devices", "/sys/fs/cgroup/devices", "/"},
		{"freezer", "/sys/fs/cgroup/freezer", "/"},
	};

	(void)state;
	be_hybrid();
	facts.cgroup.arrangement = CGROUP_V1;
	/* The first tells what processes there are. */
	expect_path("{}", "/coracle/ID");
	assert_false(plan.unified);
	assert_int_equal(plan.n_v1, 1);
	assert_ptr_equal(plan.v1[0], &v1[0]);
	facts.cgroup.v1 = old;
	facts.cgroup.n_v1 = ARRAY_SIZE(old);
	expect_path("{'resources':{'pids':{'limit':5},'devices':[{'allow':false,'access':'rwm'}]}}",
		    "/coracle/ID");
	assert_int_equal(plan.n_v1, 3);
	assert_ptr_equal(plan.v1[0], &old[2]);
	assert_ptr_equal(plan.v1[1], &old[1]);
	assert_ptr_equal(plan.v1[2], &old[0]);
	assert_int_equal(plan.n_device_program, 0);
	assert_string_equal(plan.device_list.items[0], "deny a");
	be_user("");
	expect_path("{}", "");
	expect_error(limit, ERR_CGROUP_LIMIT, "");
	set_up(NULL);
	facts.cgroup.arrangement = CGROUP_NONE;
	expect_error("{}", ERR_CGROUP, "");
	be_user("");
	expect_path("{}", "");
	expect_error(limit, ERR_CGROUP, "");
	be_hybrid();
	expect_path("{}", "/coracle-ID");
	assert_true(plan.optional);
	expect_error(limit, ERR_CGROUP_LIMIT, "linux.resources.pids.limit");
	assert_true(err.hint[0] != '\0');
}

static void test_managers(void **state)
{
	static const char *const bad[] = {
		"/a/b",       "a.slice:x",     ":x",           "a.slice:p:",
		"a:p:x",      "-a.slice:p:x",  "a-.slice:p:x", "a--b.slice::x",
		".slice:p:x", "a.slice:p:x y", "a.slice:p/:x", "a.slice:p:x/../y",
	};

	(void)state;
	manager = CGROUP_MANAGER_SYSTEMD;
	expect_path("{}", "/system.slice/coracle-ID.scope");
	assert_string_equal(plan.unit, "coracle-ID.scope");
	assert_false(plan.user_manager);
	assert_false(plan.optional);
	expect_path("{'cgroupsPath':'a-b-c.slice:pre:x'}",
		    "/a.slice/a-b.slice/a-b-c.slice/pre-x.scope");
	expect_path("{'cgroupsPath':'-.slice::x'}", "/x.scope");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		expect_error(arena_format(&arena, "{'cgroupsPath':'%s'}", bad[i]),
			     ERR_CONFIG_INVALID, "linux.cgroupsPath");
	be_user("/user.slice/user-1000.slice/session-1.scope");
	expect_path("{}", "/user.slice/coracle-ID.scope");
	assert_true(plan.user_manager);
	be_hybrid();
	expect_path("{}", "/user.slice/coracle-ID.scope");
	assert_int_equal(plan.n_v1, 0);
	facts.euid = 0;
	expect_path("{'resources':{'pids':{'limit':5}}}", "/user.slice/coracle-ID.scope");
	assert_int_equal(plan.n_v1, 1);
	facts.cgroup.arrangement = CGROUP_V1;
	expect_error("{}", ERR_CGROUP, "");
	manager = CGROUP_MANAGER_DISABLED;
	expect_path("{'cgroupsPath':'/x','resources':{'devices':[{'allow':false,'access':'rwm'}]}}",
		    "");
	assert_int_equal(plan.n_device_program, 0);
	expect_error("{'resources':{'pids':{'limit':5}}}", ERR_CGROUP_LIMIT,
		     "linux.resources.pids.limit");
}

static void test_devices(void **state)
{
	static const char rules[] = "{'resources':{'devices':[{'allow':false,'access':'rwm'}]}}";

	(void)state;
	expect_path(rules, "/coracle/ID");
	assert_true(plan.n_device_program > 0);
	be_hybrid();
	expect_path(rules, "/coracle/ID");
	assert_true(plan.n_device_program > 0);
	assert_int_equal(plan.n_v1, 0);
	facts.may_bpf = false;
	expect_path(rules, "/coracle-ID");
	assert_int_equal(plan.n_device_program, 0);
}

static int build_annotated(const char *linux_, const char *key, const char *value)
{
	char *text = arena_format(&arena,
				  "{\"ociVersion\":\"1.3.0\",\"linux\":%s,"
				  "\"annotations\":{\"%s\":\"%s\"}}",
				  linux_, key, value);
	struct spec spec;

	for (char *p = text; *p; p++) {
		if (*p == '\'')
			*p = '"';
	}
	if (spec_parse(&arena, text, strlen(text), &spec, &err) < 0)
		fail_msg("%s: %s", err.where, err.text);
	plan = (struct plan_cgroup){0};
	return plan_cgroup_build(&arena, &spec, &facts, manager, "ID", &plan, &err);
}

static void test_oom_group(void **state)
{
	static const char key[] = "run.oci.coracle.oom_group";

	(void)state;
	assert_int_equal(build_annotated("{}", key, "0"), 0);
	assert_int_equal(plan.n_writes, 0);
	assert_int_equal(build_annotated("{'resources':{'pids':{'limit':9}}}", key, "1"), 0);
	assert_int_equal(plan.n_writes, 2);
	assert_string_equal(plan.writes[1].file, "memory.oom.group");
	assert_string_equal(plan.writes[1].value, "1");
	assert_string_equal(plan.writes[1].controller, "memory");
	assert_string_equal(plan.writes[1].origin, "annotations[\"run.oci.coracle.oom_group\"]");
	assert_true(build_annotated("{}", key, "yes") < 0);
	assert_string_equal(err.where, "annotations[\"run.oci.coracle.oom_group\"]");
	be_hybrid();
	v1[2].controllers = "memory";
	assert_true(build_annotated("{}", key, "1") < 0);
	assert_string_equal(err_name(err.id), err_name(ERR_CGROUP_LIMIT));
	assert_string_equal(err.where, "annotations[\"run.oci.coracle.oom_group\"]");
	v1[2].controllers = "pids";
}

static void test_builtin_devices(void **state)
{
	static const char key[] = "run.oci.coracle.builtin_devices",
			  rules[] = "{'resources':{'devices':[{'allow':false,'access':'rwm'}]}}";
	size_t n;

	(void)state;
	assert_int_equal(build_annotated(rules, key, "1"), 0);
	n = plan.n_device_program;
	assert_false(plan.devices_late);
	assert_int_equal(build_annotated(rules, key, "0"), 0);
	assert_true(plan.n_device_program > 0 && plan.n_device_program < n);
	assert_true(plan.devices_late);
	/* Without rules there is no policy that could miss anything. */
	assert_int_equal(build_annotated("{}", key, "0"), 0);
	assert_int_equal(plan.n_device_program, 0);
	assert_false(plan.devices_late);
}

static void test_hierarchy_has(void **state)
{
	(void)state;
	assert_true(cgroup_hierarchy_has(&v1[1], "cpu"));
	assert_true(cgroup_hierarchy_has(&v1[1], "cpuacct"));
	assert_false(cgroup_hierarchy_has(&v1[1], "cpua"));
	assert_false(cgroup_hierarchy_has(&v1[1], "acct"));
	assert_true(cgroup_hierarchy_has(&v1[0], "name=systemd"));
	assert_false(cgroup_hierarchy_has(&v1[0], ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_path, set_up),
		cmocka_unit_test_setup(test_delegated_path, set_up),
		cmocka_unit_test_setup(test_needs_self, set_up),
		cmocka_unit_test_setup(test_optional_only_when_nothing_is_asked, set_up),
		cmocka_unit_test_setup(test_arrangements, set_up),
		cmocka_unit_test_setup(test_managers, set_up),
		cmocka_unit_test_setup(test_devices, set_up),
		cmocka_unit_test_setup(test_oom_group, set_up),
		cmocka_unit_test_setup(test_builtin_devices, set_up),
		cmocka_unit_test_setup(test_hierarchy_has, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
