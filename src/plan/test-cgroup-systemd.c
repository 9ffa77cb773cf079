/* The scope that systemd is asked for, and what it is told of limits. */
#include "plan/cgroup.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

static char memory[1 << 18];
static struct arena arena;
static struct err err;
static struct facts facts;
static struct plan_cgroup plan;

static int set_up(void **state)
{
	static char empty[] = "{}";

	(void)state;
	arena_init(&arena, memory, sizeof(memory));
	err = (struct err){0};
	plan = (struct plan_cgroup){0};
	return facts_parse(&arena, empty, 2, &facts, &err);
}

/* @rest is what follows the version, with ' for quotes. */
static int build(const char *rest)
{
	char *text = arena_format(&arena, "{\"ociVersion\":\"1.3.0\"%s}", rest);
	struct spec spec;

	for (char *p = text; *p; p++) {
		if (*p == '\'')
			*p = '"';
	}
	if (spec_parse(&arena, text, strlen(text), &spec, &err) < 0)
		fail_msg("%s: %s", err.where, err.text);
	plan = (struct plan_cgroup){0};
	return plan_cgroup_build(&arena, &spec, &facts, CGROUP_MANAGER_SYSTEMD, "ID", &plan, &err);
}

static void build_resources(const char *resources)
{
	if (build(arena_format(&arena, ",'linux':{'resources':{%s}}", resources)) < 0)
		fail_msg("%s: %s", err.where, err.text);
}

/* The last of the properties with this name counts; NULL: there is none. */
static const char *property(const char *name)
{
	const char *found = NULL;

	for (size_t i = 0; i < plan.n_properties; i++) {
		const char *at = strchr(plan.properties[i], ' ') + 1;

		if (str_starts(at, name) && at[strlen(name)] == ' ')
			found = plan.properties[i];
	}
	return found;
}

static void expect(const char *line)
{
	char name[64];

	(void)sscanf(strchr(line, ' ') + 1, "%63s", name);
	if (!property(name))
		fail_msg("no property %s", name);
	assert_string_equal(property(name), line);
}

static void test_names(void **state)
{
	(void)state;
	assert_int_equal(build(""), 0);
	assert_string_equal(plan.unit, "coracle-ID.scope");
	assert_string_equal(plan.path, "/system.slice/coracle-ID.scope");
	assert_false(plan.user_manager);
	expect("string Slice system.slice");
	expect("bool Delegate true");
	expect("u64 TasksMax 18446744073709551615");
	expect("-string OOMPolicy continue");
	facts.user_manager = true;
	assert_int_equal(build(""), 0);
	assert_string_equal(plan.path, "/user.slice/coracle-ID.scope");
	assert_true(plan.user_manager);
	assert_int_equal(build(",'linux':{'cgroupsPath':'a-b.slice:cri:web'}"), 0);
	assert_string_equal(plan.path, "/a.slice/a-b.slice/cri-web.scope");
	assert_true(build(",'linux':{'cgroupsPath':'/a/b'}") < 0);
	assert_string_equal(err.where, "linux.cgroupsPath");
}

static void test_limits(void **state)
{
	(void)state;
	build_resources("'memory':{'limit':1000,'swap':1500,'reservation':500},'pids':{'limit':7}");
	expect("-u64 MemoryMax 1000");
	expect("-u64 MemorySwapMax 500");
	expect("-u64 MemoryLow 500");
	expect("-u64 TasksMax 7");
	assert_null(property("CPUWeight"));
	build_resources("'cpu':{'shares':512,'cpus':'0-3,7','mems':'0'}");
	expect("-u64 CPUWeight 59");
	expect("-bits AllowedCPUs 0-3,7");
	expect("-bits AllowedMemoryNodes 0");
	/* Strides are the kernel's alone. */
	build_resources("'cpu':{'cpus':'0-7:2/4'}");
	assert_null(property("AllowedCPUs"));
	build_resources("'unified':{'memory.high':'max','memory.oom.group':'1','cpu.idle':'1',"
			"'io.weight':'default 50','memory.min':'4k','cpuset.cpus':''}");
	expect("-u64 MemoryHigh 18446744073709551615");
	expect("-string OOMPolicy kill");
	expect("-u64 CPUWeight 0");
	expect("-u64 IOWeight 50");
	assert_null(property("MemoryMin"));
	assert_null(property("AllowedCPUs"));
}

/* systemd writes whole percents down: never less than was asked for. */
static void test_quota(void **state)
{
	(void)state;
	build_resources("'cpu':{'quota':50000}");
	expect("-u64 CPUQuotaPerSecUSec 500000");
	expect("-u64 CPUQuotaPeriodUSec 100000");
	build_resources("'cpu':{'quota':1001,'period':30000}");
	expect("-u64 CPUQuotaPerSecUSec 40000");
	expect("-u64 CPUQuotaPeriodUSec 30000");
	build_resources("'unified':{'cpu.max':'max'}");
	expect("-u64 CPUQuotaPerSecUSec 18446744073709551615");
	build_resources("'unified':{'cpu.max':'9000000000000000000 100000'}");
	assert_null(property("CPUQuotaPerSecUSec"));
}

static void test_disks(void **state)
{
	(void)state;
	build_resources(
		"'blockIO':{'weight':300,'weightDevice':[{'major':8,'minor':0,'weight':10}],"
		"'throttleReadBpsDevice':[{'major':8,'minor':16,'rate':77}],"
		"'throttleWriteIOPSDevice':[{'major':8,'minor':16,'rate':5}]}");
	expect("-u64 IOWeight 2930");
	expect("-disk IODeviceWeight /dev/block/8:0 1");
	expect("-disk IOReadBandwidthMax /dev/block/8:16 77");
	expect("-disk IOWriteIOPSMax /dev/block/8:16 5");
	build_resources("'unified':{'io.max':'8:0 rbps=1 wbps=max rlimit=3'}");
	expect("-disk IOReadBandwidthMax /dev/block/8:0 1");
	expect("-disk IOWriteBandwidthMax /dev/block/8:0 18446744073709551615");
	assert_null(property("IOReadIOPSMax"));
}

/* What waits for init is told when it is written. */
static void test_late(void **state)
{
	(void)state;
	build_resources("'pids':{'limit':0},'memory':{'limit':1000}");
	expect("u64 TasksMax 18446744073709551615");
	assert_int_equal(plan_cgroup_properties(&arena, &plan, true, &err), 0);
	assert_int_equal(plan.n_properties, 1);
	expect("-u64 TasksMax 1");
	assert_int_equal(plan_cgroup_properties(&arena, &plan, false, &err), 0);
	assert_int_equal(plan.n_properties, 1);
	expect("-u64 MemoryMax 1000");
}

static void test_annotations(void **state)
{
	(void)state;
	assert_int_equal(build(",'annotations':{'org.systemd.property.A':'true',"
			       "'org.systemd.property.B':'uint64 5',"
			       "'org.systemd.property.C':'7',"
			       "'org.systemd.property.D':'uint32 4294967295',"
			       "'org.systemd.property.E':'int64 -3'}"),
			 0);
	expect("bool A true");
	expect("u64 B 5");
	expect("i32 C 7");
	expect("u32 D 4294967295");
	expect("i64 E -3");
	assert_true(build(",'annotations':{'org.systemd.property.A':'2147483648'}") < 0);
	assert_true(build(",'annotations':{'org.systemd.property.A':'uint32 -1'}") < 0);
	assert_true(build(",'annotations':{'org.systemd.property.A':'x y'}") < 0);
	assert_string_equal(err.where, "annotations[\"org.systemd.property.A\"]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_names, set_up),
		cmocka_unit_test_setup(test_limits, set_up),
		cmocka_unit_test_setup(test_quota, set_up),
		cmocka_unit_test_setup(test_disks, set_up),
		cmocka_unit_test_setup(test_late, set_up),
		cmocka_unit_test_setup(test_annotations, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
