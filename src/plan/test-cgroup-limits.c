/* Limits as values of files, for configurations as engines write them, on cgroup v2 and v1. */
#include "plan/cgroup-internal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

static char memory[1 << 19];
static struct arena arena;
static struct err err;
static struct plan_cgroup plan;
static char found[2048];

static struct cgroup_hierarchy v1[] = {
	{"name=systemd", "/v1/systemd", "/"},
	{"cpu,cpuacct", "/v1/cpu", "/"},
	{"cpuset", "/v1/cpuset", "/"},
	{"memory", "/v1/memory", "/"},
	{"pids", "/v1/pids", "/"},
	{"blkio", "/v1/blkio", "/"},
	{"hugetlb", "/v1/hugetlb", "/"},
	{"net_cls,net_prio", "/v1/net", "/"},
	{"rdma", "/v1/rdma", "/"},
};

static const struct facts_cgroup unified = {.arrangement = CGROUP_UNIFIED};
static const struct facts_cgroup hybrid = {
	.arrangement = CGROUP_HYBRID,
	.v1 = v1,
	.n_v1 = ARRAY_SIZE(v1),
};

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, memory, sizeof(memory));
	err = (struct err){0};
	return 0;
}

/* @resources with ' for quotes. */
static void parse(const char *resources, struct spec *spec)
{
	char *text = arena_format(&arena, "{\"ociVersion\":\"1.3.0\",\"linux\":{\"resources\":%s}}",
				  resources);

	for (char *p = text; *p; p++) {
		if (*p == '\'')
			*p = '"';
	}
	if (spec_parse(&arena, text, strlen(text), spec, &err) < 0)
		fail_msg("%s: %s: %s", resources, err.where, err.text);
}

static int limits(const struct facts_cgroup *facts, const char *all, const char *asked)
{
	struct spec a, b;
	size_t len = 0;
	int r;

	parse(all, &a);
	if (asked)
		parse(asked, &b);
	plan = (struct plan_cgroup){0};
	r = plan_cgroup_limits(&arena, &a.linux_.resources,
			       asked ? &b.linux_.resources : &a.linux_.resources, facts, &plan,
			       &err);
	found[0] = '\0';
	for (size_t i = 0; r == 0 && i < plan.n_writes; i++) {
		const struct plan_cgroup_write *w = &plan.writes[i];

		len += (size_t)snprintf(
			found + len, sizeof(found) - len, "%s%s=%s%s%s%s%s%s%s%s", i ? "; " : "",
			w->file, w->value, w->else_file ? " or " : "",
			w->else_file ? w->else_file : "", w->else_file ? "=" : "",
			w->else_file ? w->else_value : "", w->if_there ? " if there" : "",
			w->late ? " late" : "", w->usage_file ? " checked" : "");
	}
	return r;
}

static void expect(const struct facts_cgroup *facts, const char *resources, const char *writes)
{
	if (limits(facts, resources, NULL) < 0)
		fail_msg("%s: %s: %s", resources, err.where, err.text);
	assert_string_equal(found, writes);
}

static void expect_both(const char *resources, const char *on_v2, const char *on_v1)
{
	expect(&unified, resources, on_v2);
	expect(&hybrid, resources, on_v1);
}

static void expect_update(const struct facts_cgroup *facts, const char *all, const char *asked,
			  const char *writes)
{
	if (limits(facts, all, asked) < 0)
		fail_msg("%s: %s: %s", asked, err.where, err.text);
	assert_string_equal(found, writes);
}

static void expect_error(const struct facts_cgroup *facts, const char *resources, enum err_id id,
			 const char *where)
{
	assert_true(limits(facts, resources, NULL) < 0);
	assert_string_equal(err_name(err.id), err_name(id));
	assert_string_equal(err.where, where);
	err = (struct err){0};
}

/* What Docker, Podman and kubelet write for "no limit". */
static void test_no_limits(void **state)
{
	static const char *const resources[] = {
		"'memory':{'limit':0,'reservation':-1,'swap':0,'kernel':-1,'kernelTCP':0}",
		"'memory':{'disableOOMKiller':false,'checkBeforeUpdate':true,'limit':-1,'swap':-1}",
		"'cpu':{'shares':0,'quota':-1,'period':100000,'burst':0,'cpus':'','mems':''}",
		"'cpu':{'shares':1024,'quota':0,'realtimeRuntime':0,'realtimePeriod':0,'idle':0}",
		"'cpu':{'realtimeRuntime':-1}",
		"'blockIO':{'weight':0,'leafWeight':0,'weightDevice':[],'throttleReadBpsDevice':[]}",
		"'blockIO':{'throttleReadBpsDevice':[{'major':8,'minor':0,'rate':0}]}",
		"'hugepageLimits':[],'rdma':{},'unified':{}",
		"'network':{'classID':0,'priorities':[]}",
		"'pids':{}",
		"'pids':{'limit':-1}",
		"'pids':{'limit':9223372036854775807}",
		"'devices':[]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(resources); i++) {
		const char *text = arena_format(&arena, "{%s}", resources[i]);

		expect_both(text, "", "");
	}
}

static void test_cpu(void **state)
{
	(void)state;
	expect_both("{'cpu':{'shares':512}}", "cpu.weight=59", "cpu.shares=512");
	expect_both("{'cpu':{'quota':50000}}", "cpu.max=50000 100000", "cpu.cfs_quota_us=50000");
	expect_both("{'cpu':{'quota':50000,'period':200000,'burst':1000}}",
		    "cpu.max=50000 200000; cpu.max.burst=1000",
		    "cpu.cfs_period_us=200000; cpu.cfs_quota_us=50000; cpu.cfs_burst_us=1000");
	expect_both("{'cpu':{'period':200000}}", "cpu.max=max 200000",
		    "cpu.cfs_period_us=200000; cpu.cfs_quota_us=-1");
	expect_both("{'cpu':{'period':100000}}", "", "");
	/* An idle group has no weight. */
	expect_both("{'cpu':{'idle':1,'shares':512}}", "cpu.idle=1", "cpu.idle=1");
	expect_both("{'cpu':{'cpus':'0-1','mems':'0'}}", "cpuset.cpus=0-1; cpuset.mems=0",
		    "cpuset.cpus=0-1; cpuset.mems=0");
	expect(&hybrid, "{'cpu':{'realtimeRuntime':950,'realtimePeriod':1000}}",
	       "cpu.rt_period_us=1000; cpu.rt_runtime_us=950");
	expect_error(&unified, "{'cpu':{'realtimeRuntime':950}}", ERR_CGROUP_LIMIT,
		     "linux.resources.cpu.realtimeRuntime");
	expect_error(&unified, "{'cpu':{'realtimePeriod':1000}}", ERR_CGROUP_LIMIT,
		     "linux.resources.cpu.realtimePeriod");
}

/* The ends, the defaults, and what runc's own documentation of the curve names. */
static void test_weight(void **state)
{
	uint64_t last = 0;

	(void)state;
	assert_int_equal(plan_cpu_weight(0), 1);
	assert_int_equal(plan_cpu_weight(2), 1);
	assert_int_equal(plan_cpu_weight(102), 17);
	assert_int_equal(plan_cpu_weight(1024), 100);
	assert_int_equal(plan_cpu_weight(262144), 10000);
	assert_int_equal(plan_cpu_weight(UINT64_MAX), 10000);
	for (uint64_t shares = 2; shares <= 262144; shares++) {
		uint64_t weight = plan_cpu_weight(shares);

		assert_in_range(weight, last, 10000);
		last = weight;
	}
	assert_int_equal(plan_io_weight(10), 1);
	assert_int_equal(plan_io_weight(1000), 10000);
	assert_int_equal(plan_io_weight(100), 910);
}

static void test_memory(void **state)
{
	(void)state;
	expect_both("{'memory':{'limit':100,'reservation':50}}", "memory.max=100; memory.low=50",
		    "memory.limit_in_bytes=100; memory.soft_limit_in_bytes=50");
	/* The specification counts memory and swap together. */
	expect_both("{'memory':{'limit':100,'swap':300}}", "memory.max=100; memory.swap.max=200",
		    "memory.limit_in_bytes=100; memory.memsw.limit_in_bytes=300");
	expect_both("{'memory':{'limit':100,'swap':100}}",
		    "memory.max=100; memory.swap.max=0 if there",
		    "memory.limit_in_bytes=100; memory.memsw.limit_in_bytes=100");
	expect(&hybrid,
	       "{'memory':{'swappiness':0,'kernel':5,'kernelTCP':6,'disableOOMKiller':true,"
	       "'useHierarchy':true}}",
	       "memory.use_hierarchy=1; memory.kmem.limit_in_bytes=5; "
	       "memory.kmem.tcp.limit_in_bytes=6; memory.swappiness=0; memory.oom_control=1");
	expect_error(&unified, "{'memory':{'swap':100}}", ERR_CONFIG_INVALID,
		     "linux.resources.memory.swap");
	expect_error(&unified, "{'memory':{'limit':-1,'swap':100}}", ERR_CONFIG_INVALID,
		     "linux.resources.memory.swap");
	expect_error(&hybrid, "{'memory':{'limit':101,'swap':100}}", ERR_CONFIG_INVALID,
		     "linux.resources.memory.swap");
	expect_error(&unified, "{'memory':{'limit':-2}}", ERR_CONFIG_INVALID,
		     "linux.resources.memory.limit");
	expect_error(&hybrid, "{'memory':{'kernel':-2}}", ERR_CONFIG_INVALID,
		     "linux.resources.memory.kernel");
	expect_error(&unified, "{'memory':{'swappiness':0}}", ERR_CGROUP_LIMIT,
		     "linux.resources.memory.swappiness");
	expect_error(&unified, "{'memory':{'kernel':1}}", ERR_CGROUP_LIMIT,
		     "linux.resources.memory.kernel");
	expect_error(&unified, "{'memory':{'kernelTCP':1}}", ERR_CGROUP_LIMIT,
		     "linux.resources.memory.kernelTCP");
	expect_error(&unified, "{'memory':{'disableOOMKiller':true}}", ERR_CGROUP_LIMIT,
		     "linux.resources.memory.disableOOMKiller");
}

static void test_pids(void **state)
{
	(void)state;
	expect_both("{'pids':{'limit':100}}", "pids.max=100", "pids.max=100");
	expect_both("{'pids':{'limit':4194303}}", "pids.max=4194303", "pids.max=4194303");
	expect_both("{'pids':{'limit':2}}", "pids.max=2", "pids.max=2");
	expect_both("{'pids':{'limit':1}}", "pids.max=1 late", "pids.max=1 late");
	expect_both("{'pids':{'limit':0}}", "pids.max=0 late", "pids.max=0 late");
	assert_true(plan_cgroup_late(&plan));
	expect_error(&unified, "{'pids':{'limit':-2}}", ERR_CONFIG_INVALID,
		     "linux.resources.pids.limit");
	expect_update(&unified, "{}", "{'pids':{'limit':0}}", "pids.max=0");
	assert_false(plan_cgroup_late(&plan));
	expect_update(&unified, "{}", "{'pids':{'limit':-1}}", "pids.max=max");
}

static void test_block_io(void **state)
{
	static const char throttles[] =
		"{'blockIO':{'throttleReadBpsDevice':[{'major':8,'minor':0,'rate':1}],"
		"'throttleWriteBpsDevice':[{'major':8,'minor':16,'rate':2}],"
		"'throttleReadIOPSDevice':[{'major':8,'minor':0,'rate':3}],"
		"'throttleWriteIOPSDevice':[{'major':8,'minor':0,'rate':4}]}}";

	(void)state;
	expect_both("{'blockIO':{'weight':100}}", "io.bfq.weight=100 or io.weight=910",
		    "blkio.bfq.weight=100 or blkio.weight=100");
	expect_both("{'blockIO':{'weightDevice':[{'major':8,'minor':0,'weight':1000}]}}",
		    "io.bfq.weight=8:0 1000 or io.weight=8:0 10000",
		    "blkio.bfq.weight_device=8:0 1000 or blkio.weight_device=8:0 1000");
	expect_both(throttles,
		    "io.max=8:0 rbps=1; io.max=8:16 wbps=2; io.max=8:0 riops=3; io.max=8:0 wiops=4",
		    "blkio.throttle.read_bps_device=8:0 1; blkio.throttle.write_bps_device=8:16 2; "
		    "blkio.throttle.read_iops_device=8:0 3; "
		    "blkio.throttle.write_iops_device=8:0 4");
	assert_string_equal(plan.writes[3].origin,
			    "linux.resources.blockIO.throttleWriteIOPSDevice[0]");
	expect(&hybrid,
	       "{'blockIO':{'leafWeight':10,'weightDevice':[{'major':8,'minor':0,'leafWeight':20}]}}",
	       "blkio.leaf_weight=10; blkio.leaf_weight_device=8:0 20");
	expect_update(&unified, "{}",
		      "{'blockIO':{'throttleReadBpsDevice':[{'major':8,'minor':0,'rate':0}]}}",
		      "io.max=8:0 rbps=max");
	expect_update(&hybrid, "{}",
		      "{'blockIO':{'throttleReadBpsDevice':[{'major':8,'minor':0,'rate':0}]}}",
		      "blkio.throttle.read_bps_device=8:0 0");
	expect_error(&unified, "{'blockIO':{'leafWeight':10}}", ERR_CGROUP_LIMIT,
		     "linux.resources.blockIO.leafWeight");
	expect_error(&unified, "{'blockIO':{'weight':9}}", ERR_CONFIG_INVALID,
		     "linux.resources.blockIO.weight");
	expect_error(&hybrid, "{'blockIO':{'weightDevice':[{'major':8,'minor':0,'weight':1001}]}}",
		     ERR_CONFIG_INVALID, "linux.resources.blockIO.weightDevice[0].weight");
}

static void test_others(void **state)
{
	(void)state;
	expect_both("{'hugepageLimits':[{'pageSize':'2MB','limit':0}]}",
		    "hugetlb.2MB.max=0; hugetlb.2MB.rsvd.max=0 if there",
		    "hugetlb.2MB.limit_in_bytes=0; hugetlb.2MB.rsvd.limit_in_bytes=0 if there");
	expect_both(
		"{'rdma':{'mlx5_1':{'hcaHandles':3,'hcaObjects':4},'m2':{'hcaObjects':5},'x':{}}}",
		"rdma.max=mlx5_1 hca_handle=3 hca_object=4; rdma.max=m2 hca_object=5",
		"rdma.max=mlx5_1 hca_handle=3 hca_object=4; rdma.max=m2 hca_object=5");
	expect(&hybrid, "{'network':{'classID':7,'priorities':[{'name':'lo','priority':2}]}}",
	       "net_cls.classid=7; net_prio.ifpriomap=lo 2");
	expect_error(&unified, "{'network':{'classID':1}}", ERR_CGROUP_LIMIT,
		     "linux.resources.network.classID");
	expect_error(&unified, "{'network':{'priorities':[{'name':'lo','priority':1}]}}",
		     ERR_CGROUP_LIMIT, "linux.resources.network.priorities");
}

static void test_unified(void **state)
{
	(void)state;
	expect(&unified,
	       "{'pids':{'limit':7},'unified':{'pids.max':'9','io.max':'8:0 rbps=1\\n8:16 rbps=2\\n',"
	       "'memory.oom.group':'1','cgroup.max.depth':'','misc.max':'res 1'}}",
	       "pids.max=7; pids.max=9; io.max=8:0 rbps=1; io.max=8:16 rbps=2; memory.oom.group=1; "
	       "cgroup.max.depth=; misc.max=res 1");
	assert_string_equal(plan.writes[1].origin, "linux.resources.unified[\"pids.max\"]");
	assert_string_equal(plan.writes[3].controller, "io");
	assert_string_equal(plan.writes[4].controller, "memory");
	assert_string_equal(plan.writes[5].controller, "");
	expect_error(&unified, "{'unified':{'a/b.c':'1'}}", ERR_CONFIG_INVALID,
		     "linux.resources.unified[\"a/b.c\"]");
	expect_error(&unified, "{'unified':{'pids':'1'}}", ERR_CONFIG_INVALID,
		     "linux.resources.unified[\"pids\"]");
	expect_error(&unified, "{'unified':{'..':'1'}}", ERR_CONFIG_INVALID,
		     "linux.resources.unified[\"..\"]");
	/* On hybrid hosts v2 has what no v1 hierarchy took. */
	expect(&hybrid, "{'unified':{'misc.max':'res 1','cgroup.max.depth':'2'}}",
	       "misc.max=res 1; cgroup.max.depth=2");
	expect_error(&hybrid, "{'unified':{'pids.max':'1'}}", ERR_CGROUP_LIMIT,
		     "linux.resources.unified[\"pids.max\"]");
	expect_error(&hybrid, "{'unified':{'io.max':'1'}}", ERR_CGROUP_LIMIT,
		     "linux.resources.unified[\"io.max\"]");
}

/* What an update leaves unsaid stays, and what it lifts is written. */
static void test_update(void **state)
{
	(void)state;
	expect_update(&unified, "{'cpu':{'quota':5000,'period':50000}}", "{'cpu':{'period':50000}}",
		      "cpu.max=5000 50000");
	expect_update(&unified, "{'cpu':{'quota':-1,'period':50000}}", "{'cpu':{'quota':-1}}",
		      "cpu.max=max 50000");
	expect_update(&hybrid, "{'cpu':{'quota':-1}}", "{'cpu':{'quota':-1}}",
		      "cpu.cfs_quota_us=-1");
	expect_update(&unified, "{'cpu':{'quota':5000}}", "{'cpu':{'quota':0}}", "");
	expect_update(&unified, "{'cpu':{'burst':0}}", "{'cpu':{'burst':0}}", "cpu.max.burst=0");
	/* Leaving idle forgets the weight. */
	expect_update(&unified, "{'cpu':{'idle':0,'shares':512}}", "{'cpu':{'idle':0}}",
		      "cpu.idle=0; cpu.weight=59");
	expect_update(&unified, "{'cpu':{'shares':1024}}", "{'cpu':{'shares':1024}}",
		      "cpu.weight=100");
	expect_update(&unified, "{'memory':{'limit':200,'swap':300}}", "{'memory':{'limit':200}}",
		      "memory.max=200; memory.swap.max=100");
	expect_update(&unified, "{'memory':{'limit':-1}}", "{'memory':{'limit':-1}}",
		      "memory.max=max; memory.swap.max=max if there");
	expect_update(&hybrid, "{'memory':{'limit':-1}}", "{'memory':{'limit':-1}}",
		      "memory.limit_in_bytes=-1; memory.memsw.limit_in_bytes=-1 if there");
	expect_update(&unified, "{'memory':{'limit':5,'reservation':0}}",
		      "{'memory':{'reservation':0}}", "");
	expect_update(&unified, "{'memory':{'limit':5,'checkBeforeUpdate':true}}",
		      "{'memory':{'limit':5}}", "memory.max=5 checked");
	expect_update(&hybrid, "{'memory':{'disableOOMKiller':false}}",
		      "{'memory':{'disableOOMKiller':false}}", "memory.oom_control=0");
	expect_update(&unified, "{'pids':{'limit':5}}", "{}", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_no_limits, set_up),
		cmocka_unit_test_setup(test_cpu, set_up),
		cmocka_unit_test_setup(test_weight, set_up),
		cmocka_unit_test_setup(test_memory, set_up),
		cmocka_unit_test_setup(test_pids, set_up),
		cmocka_unit_test_setup(test_block_io, set_up),
		cmocka_unit_test_setup(test_others, set_up),
		cmocka_unit_test_setup(test_unified, set_up),
		cmocka_unit_test_setup(test_update, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
