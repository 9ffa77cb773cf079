/* Tests of spec_check(): each rule, the path it names, and its words; and the lookups of spec.h. */
#include <errno.h>

#include "base/str.h"
#include "oci/test-document.h"

/* A sound document with members added: to process, to linux, and at the top. */
static void compose(char *buf, size_t size, const char *process, const char *linux_,
		    const char *top)
{
	size_t n =
		str_format(buf, size,
			   "{'ociVersion':'1.2.0','root':{'path':'rootfs'},'process':{'args':['a'],"
			   "'cwd':'/'%s%s},'linux':{%s}%s%s}",
			   *process ? "," : "", process, linux_, *top ? "," : "", top);

	assert_true(n < size);
}

/* NULL in the place of where: the document is accepted. */
static void expect_verdict(const char *text, const char *where, const char *words)
{
	struct document d;
	struct spec s;
	int r;

	if (document_parse(&d, text, &s) < 0)
		fail_msg("%s: %s: %s", text, d.err.where, d.err.text);
	r = spec_check(&s, &d.err);
	if (!where) {
		if (r < 0)
			fail_msg("%s: %s: %s", text, d.err.where, d.err.text);
	} else {
		if (r == 0)
			fail_msg("accepted: %s", text);
		assert_string_equal(d.err.where, where);
		assert_string_equal(d.err.text, words);
		assert_int_equal(r, -EINVAL);
		assert_int_equal(d.err.id, ERR_CONFIG_INVALID);
	}
	document_done(&d);
}

enum part {
	PROCESS,
	LINUX,
	TOP
};

struct rule {
	const char *member, *where, *words;
};

static void expect_rules(enum part part, const struct rule *rules, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *m = rules[i].member;
		char text[1200];

		compose(text, sizeof(text), part == PROCESS ? m : "", part == LINUX ? m : "",
			part == TOP ? m : "");
		expect_verdict(text, rules[i].where, rules[i].words);
	}
}

static void test_versions(void **state)
{
	static const char *const good[] = {"1.0.0",     "1.0.2-dev", "1.2", "1.3.0+dev",
					   "1.0.0-rc5", "1.99.99",   "1.0", "1.2.0-x+y"};
	static const char *const bad[] = {"2.0", "2.0.0", "0.9",  "1",       "1.",     "v1.0.0",
					  "1.x", "1.0.",  "1.0x", "1.0.0.0", "1.0.0 ", "11.0"};
	char text[200], words[120];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		str_format(text, sizeof(text), "{'ociVersion':'%s','root':{'path':'r'}}", good[i]);
		expect_verdict(text, NULL, NULL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		str_format(text, sizeof(text), "{'ociVersion':'%s','root':{'path':'r'}}", bad[i]);
		str_format(words, sizeof(words),
			   "expected version 1.x of the specification, got \"%s\"", bad[i]);
		expect_verdict(text, "ociVersion", words);
	}
}

static void test_document(void **state)
{
	static const struct rule cases[] = {
		{"{'ociVersion':'1.0.0','root':{'path':'r'}}", NULL, NULL},
		{"{}", "ociVersion", "the version of the specification is missing"},
		{"{'ociVersion':'1.0.0'}", "root", "the root filesystem is missing"},
		{"{'ociVersion':'1.0.0','root':{}}", "root.path",
		 "the path of the root filesystem is missing"},
		{"{'ociVersion':'1.0.0','root':{'path':'r'},'process':{}}", "process.args",
		 "args must not be empty"},
		{"{'ociVersion':'1.0.0','root':{'path':'r'},'process':{'args':['']}}",
		 "process.args[0]", "the program's name is empty"},
		{"{'ociVersion':'1.0.0','root':{'path':'r'},'process':{'args':['a']}}",
		 "process.cwd", "expected an absolute path, got \"\""},
		{"{'ociVersion':'1.0.0','root':{'path':'r'},'process':{'args':['a'],'cwd':'x'}}",
		 "process.cwd", "expected an absolute path, got \"x\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_verdict(cases[i].member, cases[i].where, cases[i].words);
}

static void test_process(void **state)
{
	static const struct rule cases[] = {
		{"'env':['A=1','NOTHING','B==']", NULL, NULL},
		{"'env':['A=1','']", "process.env[1]", "expected NAME=VALUE, got \"\""},
		{"'env':['=x']", "process.env[0]", "expected NAME=VALUE, got \"=x\""},
		{"'user':{'umask':511}", NULL, NULL},
		{"'user':{'uid':4294967294,'gid':4294967294}", NULL, NULL},
		{"'user':{'uid':4294967295}", "process.user.uid", "4294967295 is not an id"},
		{"'user':{'gid':4294967295}", "process.user.gid", "4294967295 is not an id"},
		{"'user':{'additionalGids':[1,4294967295]}", "process.user.additionalGids[1]",
		 "4294967295 is not an id"},
		{"'user':{'umask':512}", "process.user.umask",
		 "expected at most 0777 (511), got 512"},
		{"'consoleSize':{'height':65535,'width':65535}", NULL, NULL},
		{"'consoleSize':{'height':65536}", "process.consoleSize",
		 "a console has at most 65535 rows and columns"},
		{"'oomScoreAdj':1000", NULL, NULL},
		{"'oomScoreAdj':-1000", NULL, NULL},
		{"'oomScoreAdj':1001", "process.oomScoreAdj", "expected -1000 to 1000, got 1001"},
		{"'oomScoreAdj':-1001", "process.oomScoreAdj", "expected -1000 to 1000, got -1001"},
		{"'rlimits':[{'type':'RLIMIT_NOFILE','soft':1,'hard':1},{'type':'RLIMIT_AS'}]",
		 NULL, NULL},
		{"'rlimits':[{'type':'RLIMIT_FOO'}]", "process.rlimits[0].type",
		 "expected the name of a resource limit, got \"RLIMIT_FOO\""},
		{"'rlimits':[{'type':'NOFILE'}]", "process.rlimits[0].type",
		 "expected the name of a resource limit, got \"NOFILE\""},
		{"'rlimits':[{'type':'RLIMIT_AS'},{'type':'RLIMIT_AS'}]", "process.rlimits[1].type",
		 "RLIMIT_AS occurs twice"},
		{"'rlimits':[{'type':'RLIMIT_AS','soft':2,'hard':1}]", "process.rlimits[0]",
		 "the soft limit 2 exceeds the hard limit 1"},
		{"'ioPriority':{'class':'IOPRIO_CLASS_RT','priority':0}", NULL, NULL},
		{"'ioPriority':{'class':'IOPRIO_CLASS_IDLE','priority':7}", NULL, NULL},
		{"'ioPriority':{}", "process.ioPriority.class",
		 "expected an I/O priority class, got \"\""},
		{"'ioPriority':{'class':'IOPRIO_CLASS_BE','priority':8}",
		 "process.ioPriority.priority", "expected 0 to 7, got 8"},
		{"'ioPriority':{'class':'IOPRIO_CLASS_BE','priority':-1}",
		 "process.ioPriority.priority", "expected 0 to 7, got -1"},
	};

	(void)state;
	expect_rules(PROCESS, cases, ARRAY_SIZE(cases));
}

static void test_all_rlimits(void **state)
{
	static const char *const names[] = {
		"AS",   "CORE",   "CPU",   "DATA", "FSIZE",  "LOCKS",  "MEMLOCK",    "MSGQUEUE",
		"NICE", "NOFILE", "NPROC", "RSS",  "RTPRIO", "RTTIME", "SIGPENDING", "STACK"};
	char text[1200] = "'rlimits':[";
	char document[1400];
	size_t n = strlen(text);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		n += str_format(text + n, sizeof(text) - n, "%s{'type':'RLIMIT_%s'}", i ? "," : "",
				names[i]);
	str_format(text + n, sizeof(text) - n, "]");
	compose(document, sizeof(document), text, "", "");
	expect_verdict(document, NULL, NULL);
}

static void test_scheduler(void **state)
{
	static const struct rule cases[] = {
		{"'scheduler':{'policy':'SCHED_OTHER','nice':-20}", NULL, NULL},
		{"'scheduler':{'policy':'SCHED_BATCH','nice':19}", NULL, NULL},
		{"'scheduler':{'policy':'SCHED_FIFO','priority':99}", NULL, NULL},
		{"'scheduler':{'policy':'SCHED_RR','priority':1,'flags':["
		 "'SCHED_FLAG_RESET_ON_FORK']}",
		 NULL, NULL},
		{"'scheduler':{'policy':'SCHED_DEADLINE','runtime':1,'deadline':2,'period':3,"
		 "'flags':['SCHED_FLAG_RECLAIM','SCHED_FLAG_DL_OVERRUN']}",
		 NULL, NULL},
		{"'scheduler':{}", "process.scheduler.policy",
		 "expected a scheduling policy, got \"\""},
		{"'scheduler':{'policy':'SCHED_X'}", "process.scheduler.policy",
		 "expected a scheduling policy, got \"SCHED_X\""},
		{"'scheduler':{'policy':'SCHED_OTHER','nice':20}", "process.scheduler.nice",
		 "expected -20 to 19, got 20"},
		{"'scheduler':{'policy':'SCHED_OTHER','nice':-21}", "process.scheduler.nice",
		 "expected -20 to 19, got -21"},
		{"'scheduler':{'policy':'SCHED_IDLE','priority':1}", "process.scheduler.priority",
		 "only SCHED_FIFO and SCHED_RR have a priority"},
		{"'scheduler':{'policy':'SCHED_FIFO','period':1}", "process.scheduler",
		 "only SCHED_DEADLINE has runtime, deadline and period"},
		{"'scheduler':{'policy':'SCHED_FIFO','flags':['SCHED_FLAG_KEEP_POLICY','X']}",
		 "process.scheduler.flags[1]", "expected a scheduling flag, got \"X\""},
	};

	(void)state;
	expect_rules(PROCESS, cases, ARRAY_SIZE(cases));
}

static void test_mounts_and_hooks(void **state)
{
	static const struct rule cases[] = {
		{"'mounts':[{'destination':'relative'}]", NULL, NULL},
		{"'mounts':[{'destination':'/a'},{}]", "mounts[1].destination",
		 "a mount needs a destination"},
		{"'mounts':[{'destination':'/a','uidMappings':[{'size':1}],"
		 "'gidMappings':[{'size':1}]}]",
		 NULL, NULL},
		{"'mounts':[{'destination':'/a','uidMappings':[{'size':1}]}]", "mounts[0]",
		 "uidMappings and gidMappings need each other"},
		{"'mounts':[{'destination':'/a','gidMappings':[{'size':1}]}]", "mounts[0]",
		 "uidMappings and gidMappings need each other"},
		{"'mounts':[{'destination':'/a','uidMappings':[{'size':1}],'gidMappings':[{}]}]",
		 "mounts[0].gidMappings[0].size", "the size must not be 0"},
		{"'hooks':{'prestart':[{'path':'/a'}],'poststop':[{'path':'/b','timeout':1}]}",
		 NULL, NULL},
		{"'hooks':{'createRuntime':[{'path':'/a'},{'path':'b'}]}",
		 "hooks.createRuntime[1].path", "expected an absolute path, got \"b\""},
		{"'hooks':{'createContainer':[{}]}", "hooks.createContainer[0].path",
		 "expected an absolute path, got \"\""},
		{"'hooks':{'startContainer':[{'path':'/a','timeout':0}]}",
		 "hooks.startContainer[0].timeout", "expected more than 0 seconds, got 0"},
		{"'hooks':{'poststart':[{'path':'/a','timeout':-5}]}", "hooks.poststart[0].timeout",
		 "expected more than 0 seconds, got -5"},
		{"'hooks':{'poststop':[{'path':''}]}", "hooks.poststop[0].path",
		 "expected an absolute path, got \"\""},
		{"'hooks':{'prestart':[{'path':''}]}", "hooks.prestart[0].path",
		 "expected an absolute path, got \"\""},
		{"'hostname':'h'", "hostname",
		 "this needs a namespace of type uts in linux.namespaces"},
		{"'domainname':'d'", "domainname",
		 "this needs a namespace of type uts in linux.namespaces"},
	};

	(void)state;
	expect_rules(TOP, cases, ARRAY_SIZE(cases));
	expect_verdict("{'ociVersion':'1.0.0','root':{'path':'r'},'hostname':'h','domainname':'d',"
		       "'linux':{'namespaces':[{'type':'uts','path':'/proc/1/ns/uts'}]}}",
		       NULL, NULL);
}

#define NS(type)     "'namespaces':[{'type':'" type "'}]"
#define NSP(type)    "'namespaces':[{'type':'" type "','path':'/p'}]"
#define MAPS(u, g)   NS("user") ",'uidMappings':[" u "],'gidMappings':[" g "]"
#define MAP(c, h, s) "{'containerID':" #c ",'hostID':" #h ",'size':" #s "}"

static void test_namespaces(void **state)
{
	static const struct rule cases[] = {
		{"'namespaces':[{'type':'pid'},{'type':'network'},{'type':'mount'},{'type':'ipc'},"
		 "{'type':'uts'},{'type':'cgroup'},{'type':'time'}]",
		 NULL, NULL},
		{"'namespaces':[{'type':'net'}]", "linux.namespaces[0].type",
		 "expected a type of namespace, got \"net\""},
		{"'namespaces':[{}]", "linux.namespaces[0].type",
		 "expected a type of namespace, got \"\""},
		{"'namespaces':[{'type':'pid'},{'type':'ipc'},{'type':'pid','path':'/p'}]",
		 "linux.namespaces[2]", "namespace pid occurs twice"},
		{"'namespaces':[{'type':'ipc','path':'p'}]", "linux.namespaces[0].path",
		 "expected an absolute path, got \"p\""},
		{"'maskedPaths':['/a'],'readonlyPaths':['/a']", NULL, NULL},
		{"'netDevices':{'eth0':{}}", "linux.netDevices",
		 "this needs a namespace of type network in linux.namespaces"},
		{NSP("time") ",'timeOffsets':{'boottime':{'secs':1}}", "linux.timeOffsets",
		 "this needs a new time namespace in linux.namespaces"},
		{"'timeOffsets':{'boottime':{'secs':1}}", "linux.timeOffsets",
		 "this needs a new time namespace in linux.namespaces"},
		{NS("time") ",'timeOffsets':{'boottime':{'secs':1},'monotonic':"
			    "{'nanosecs':999999999}}",
		 NULL, NULL},
		{NS("time") ",'timeOffsets':{'realtime':{}}", "linux.timeOffsets",
		 "expected monotonic or boottime, got \"realtime\""},
		{NS("time") ",'timeOffsets':{'boottime':{'nanosecs':1000000000}}",
		 "linux.timeOffsets[\"boottime\"].nanosecs",
		 "expected at most 999999999, got 1000000000"},
	};

	(void)state;
	expect_rules(LINUX, cases, ARRAY_SIZE(cases));
}

static void test_id_mappings(void **state)
{
	static const struct rule cases[] = {
		{MAPS(MAP(0, 0, 4294967295), MAP(0, 100000, 65536)), NULL, NULL},
		{MAPS(MAP(0, 1000, 1) "," MAP(1, 100000, 65536), MAP(0, 1, 1)), NULL, NULL},
		{MAPS(MAP(0, 10, 5) "," MAP(5, 15, 5) "," MAP(10, 5, 5), MAP(0, 1, 1)), NULL, NULL},
		/* Podman's placeholder beside a namespace to be joined. */
		{NSP("user") ",'uidMappings':[" MAP(0, 0, 1) "],'gidMappings':[" MAP(0, 0, 1) "]",
		 NULL, NULL},
		{NSP("user"), NULL, NULL},
		{"'uidMappings':[" MAP(0, 0, 1) "]", "linux.uidMappings",
		 "this needs a namespace of type user in linux.namespaces"},
		{"'gidMappings':[" MAP(0, 0, 1) "]", "linux.gidMappings",
		 "this needs a namespace of type user in linux.namespaces"},
		/* None at all: the planner takes the caller's. */
		{NS("user"), NULL, NULL},
		{MAPS("", MAP(0, 0, 1)), "linux.uidMappings",
		 "user namespaces enabled, but no uid mappings found"},
		{MAPS(MAP(0, 0, 1), ""), "linux.gidMappings",
		 "user namespaces enabled, but no gid mappings found"},
		{MAPS(MAP(0, 0, 1) "," MAP(1, 1, 0), MAP(0, 0, 1)), "linux.uidMappings[1].size",
		 "the size must not be 0"},
		{MAPS(MAP(0, 0, 1), MAP(4294967295, 0, 1)), "linux.gidMappings[0]",
		 "the range goes beyond the last id, 4294967294"},
		{MAPS(MAP(0, 1, 4294967295), MAP(0, 0, 1)), "linux.uidMappings[0]",
		 "the range goes beyond the last id, 4294967294"},
		{MAPS(MAP(0, 0, 10) "," MAP(9, 100, 1), MAP(0, 0, 1)), "linux.uidMappings[1]",
		 "the container ids overlap with those of entry 0"},
		{MAPS(MAP(10, 0, 10) "," MAP(0, 100, 11), MAP(0, 0, 1)), "linux.uidMappings[1]",
		 "the container ids overlap with those of entry 0"},
		{MAPS(MAP(0, 0, 1), MAP(0, 0, 1) "," MAP(1, 1, 5) "," MAP(7, 5, 5)),
		 "linux.gidMappings[2]", "the host ids overlap with those of entry 1"},
		{MAPS(MAP(1, 0, 9), MAP(0, 0, 1)), "process.user.uid",
		 "user id 0 is not in linux.uidMappings"},
		{MAPS(MAP(0, 0, 9), MAP(1, 0, 1)), "process.user.gid",
		 "group id 0 is not in linux.gidMappings"},
	};

	(void)state;
	expect_rules(LINUX, cases, ARRAY_SIZE(cases));
}

static void test_too_many_mappings(void **state)
{
	static char text[40000];
	size_t n;

	(void)state;
	for (int count = 340; count <= 341; count++) {
		n = str_format(text, sizeof(text),
			       "{'ociVersion':'1.0.0','root':{'path':'r'},'linux':{" NS(
				       "user") ",'gidMappings':[" MAP(0, 0, 1) "],'uidMappings':[");
		for (int i = 0; i < count; i++)
			n += str_format(text + n, sizeof(text) - n,
					"%s{'containerID':%d,'hostID':%d,'size':1}", i ? "," : "",
					i, i);
		n += str_format(text + n, sizeof(text) - n, "]}}");
		assert_true(n < sizeof(text));
		expect_verdict(text, count == 340 ? NULL : "linux.uidMappings",
			       "the kernel takes at most 340 mappings, got 341");
	}
}

#define SYSCTL(ns, key) NS(ns) ",'sysctl':{'" key "':'1'}"

static void test_sysctl(void **state)
{
	static const char needs_network[] =
		"this kernel parameter needs a namespace of type network in linux.namespaces";
	static const char needs_ipc[] =
		"this kernel parameter needs a namespace of type ipc in linux.namespaces";
	static const char no_name[] = "not the name of a kernel parameter";
	static const char no_namespace[] = "this kernel parameter belongs to no namespace";
	static const char needs_user[] = "this kernel parameter needs a new user namespace";
	static const struct rule cases[] = {
		{SYSCTL("network", "net.ipv4.ip_forward"), NULL, NULL},
		{SYSCTL("network", "net/ipv4/ip_forward"), NULL, NULL},
		{SYSCTL("network", "net.ipv4.conf.eth0/100.rp_filter"), NULL, NULL},
		{SYSCTL("network", "net/ipv4/conf/eth0.100/rp_filter"), NULL, NULL},
		{NSP("network") ",'sysctl':{'net.x':'1'}", NULL, NULL},
		{SYSCTL("ipc", "kernel.msgmax"), NULL, NULL},
		{SYSCTL("ipc", "kernel.msg_next_id"), NULL, NULL},
		{SYSCTL("ipc", "kernel.sem"), NULL, NULL},
		{SYSCTL("ipc", "kernel/shm_rmid_forced"), NULL, NULL},
		{SYSCTL("ipc", "fs.mqueue.msg_max"), NULL, NULL},
		{SYSCTL("uts", "kernel.hostname"), NULL, NULL},
		{SYSCTL("uts", "kernel/domainname"), NULL, NULL},
		{MAPS(MAP(0, 0, 1), MAP(0, 0, 1)) ",'sysctl':{'user.max_pid_namespaces':'5'}", NULL,
		 NULL},
		{SYSCTL("ipc", "net.x"), "linux.sysctl[\"net.x\"]", needs_network},
		{SYSCTL("network", "kernel.sem"), "linux.sysctl[\"kernel.sem\"]", needs_ipc},
		{SYSCTL("network", "fs/mqueue/x"), "linux.sysctl[\"fs/mqueue/x\"]", needs_ipc},
		{SYSCTL("network", "user.x"), "linux.sysctl[\"user.x\"]", needs_user},
		{NSP("user") ",'sysctl':{'user.x':'1'}", "linux.sysctl[\"user.x\"]", needs_user},
		{SYSCTL("ipc", "kernel.core_pattern"), "linux.sysctl[\"kernel.core_pattern\"]",
		 no_namespace},
		{SYSCTL("ipc", "vm.swappiness"), "linux.sysctl[\"vm.swappiness\"]", no_namespace},
		{SYSCTL("ipc", "kernel.semaphore"), "linux.sysctl[\"kernel.semaphore\"]",
		 no_namespace},
		{SYSCTL("ipc", "fs.mqueue"), "linux.sysctl[\"fs.mqueue\"]", no_namespace},
		{SYSCTL("network", "network"), "linux.sysctl[\"network\"]", no_namespace},
		/* Out of the subtree, in each notation. */
		{SYSCTL("network", "net/../kernel/core_pattern"),
		 "linux.sysctl[\"net/../kernel/core_pattern\"]", no_name},
		{SYSCTL("network", "net.//.kernel.core_pattern"),
		 "linux.sysctl[\"net.//.kernel.core_pattern\"]", no_name},
		{SYSCTL("network", "net/./x"), "linux.sysctl[\"net/./x\"]", no_name},
		{SYSCTL("network", "net//x"), "linux.sysctl[\"net//x\"]", no_name},
		{SYSCTL("network", "net..x"), "linux.sysctl[\"net..x\"]", no_name},
		{SYSCTL("network", "net."), "linux.sysctl[\"net.\"]", no_name},
		{SYSCTL("network", ".net"), "linux.sysctl[\".net\"]", no_name},
		{SYSCTL("network", "/net/x"), "linux.sysctl[\"/net/x\"]", no_name},
		{SYSCTL("network", ""), "linux.sysctl[\"\"]", no_name},
	};

	(void)state;
	expect_rules(LINUX, cases, ARRAY_SIZE(cases));
	expect_verdict("{'ociVersion':'1.0.0','root':{'path':'r'},'hostname':'h','linux':{" SYSCTL(
			       "uts", "kernel.hostname") "}}",
		       "linux.sysctl[\"kernel.hostname\"]",
		       "this kernel parameter conflicts with \"hostname\"");
	expect_verdict(
		"{'ociVersion':'1.0.0','root':{'path':'r'},'domainname':'d','linux':{" SYSCTL(
			"uts", "kernel.domainname") "}}",
		"linux.sysctl[\"kernel.domainname\"]",
		"this kernel parameter conflicts with \"domainname\"");
}

static void test_paths_and_devices(void **state)
{
	static const struct rule cases[] = {
		{NS("mount") ",'maskedPaths':['/a'],'readonlyPaths':['/b']", NULL, NULL},
		{NS("mount") ",'maskedPaths':['/a','b']", "linux.maskedPaths[1]",
		 "expected an absolute path, got \"b\""},
		{NS("mount") ",'readonlyPaths':['']", "linux.readonlyPaths[0]",
		 "expected an absolute path, got \"\""},
		{"'rootfsPropagation':'runbindable'", NULL, NULL},
		{"'rootfsPropagation':'rslave'", NULL, NULL},
		{"'rootfsPropagation':'sharedd'", "linux.rootfsPropagation",
		 "expected a mount propagation, got \"sharedd\""},
		{"'cgroupsPath':'/a/b..c/...'", NULL, NULL},
		{"'cgroupsPath':'machine.slice:libpod:abc'", NULL, NULL},
		{"'cgroupsPath':'..'", "linux.cgroupsPath",
		 "expected a path without \"..\", got \"..\""},
		{"'cgroupsPath':'/a/../b'", "linux.cgroupsPath",
		 "expected a path without \"..\", got \"/a/../b\""},
		{"'cgroupsPath':'a//..'", "linux.cgroupsPath",
		 "expected a path without \"..\", got \"a//..\""},
		{"'devices':[{'type':'c','path':'/dev/x','major':1,'minor':3},"
		 "{'type':'p','path':'/dev/y'},{'type':'b','path':'/z'},{'type':'u','path':'/u'}]",
		 NULL, NULL},
		{"'devices':[{'type':'a','path':'/dev/x'}]", "linux.devices[0].type",
		 "expected c, b, u or p, got \"a\""},
		{"'devices':[{'type':'c','path':'dev/x'}]", "linux.devices[0].path",
		 "expected an absolute path, got \"dev/x\""},
		{"'devices':[{'type':'c','path':'/x','major':-1}]", "linux.devices[0]",
		 "-1:0 is no device number"},
		{"'devices':[{'type':'c','path':'/x','minor':4294967296}]", "linux.devices[0]",
		 "0:4294967296 is no device number"},
		{"'intelRdt':{'closID':'a/b'}", "linux.intelRdt.closID",
		 "expected \"/\", or a name without \"/\", got \"a/b\""},
		{"'intelRdt':{'closID':'..'}", "linux.intelRdt.closID",
		 "expected \"/\", or a name without \"/\", got \"..\""},
		{"'personality':{'domain':'LINUX32'}", NULL, NULL},
		{"'personality':{'domain':'PER_LINUX'}", "linux.personality.domain",
		 "expected LINUX or LINUX32, got \"PER_LINUX\""},
		{"'memoryPolicy':{'mode':'MPOL_BIND','nodes':'0','flags':['MPOL_F_STATIC_NODES']}",
		 NULL, NULL},
		{"'memoryPolicy':{}", "linux.memoryPolicy.mode",
		 "expected a memory policy, got \"\""},
		{"'memoryPolicy':{'mode':'MPOL_LOCAL','flags':['x']}",
		 "linux.memoryPolicy.flags[0]", "expected a memory policy flag, got \"x\""},
	};

	(void)state;
	expect_rules(LINUX, cases, ARRAY_SIZE(cases));
}

#define RES(member)  "'resources':{" member "}"
#define RULE(member) RES("'devices':[{'allow':false}," member "]")
#define NET(devices) NS("network") ",'netDevices':{" devices "}"

static void test_resources(void **state)
{
	static const char no_interface[] = "not the name of a network interface";
	static const struct rule cases[] = {
		{RULE("{'type':'a','access':'rwm'},{'type':'c','major':-1,'minor':-1,'access':'w'}"),
		 NULL, NULL},
		{RULE("{'type':'p'}"), "linux.resources.devices[1].type",
		 "expected a, b or c, got \"p\""},
		{RULE("{'access':'rx'}"), "linux.resources.devices[1].access",
		 "expected letters out of rwm, got \"rx\""},
		{RULE("{'major':-2}"), "linux.resources.devices[1]", "-2:0 is no device number"},
		{RULE("{'minor':4294967296}"), "linux.resources.devices[1]",
		 "0:4294967296 is no device number"},
		{RES("'hugepageLimits':[{'pageSize':'64KB'},{'pageSize':'2MB'},{'pageSize':'1GB'}]"),
		 NULL, NULL},
		{RES("'hugepageLimits':[{'pageSize':'2M'}]"),
		 "linux.resources.hugepageLimits[0].pageSize",
		 "expected a size like 2MB, got \"2M\""},
		{RES("'hugepageLimits':[{'pageSize':'2MB/../x'}]"),
		 "linux.resources.hugepageLimits[0].pageSize",
		 "expected a size like 2MB, got \"2MB/../x\""},
		{RES("'hugepageLimits':[{}]"), "linux.resources.hugepageLimits[0].pageSize",
		 "expected a size like 2MB, got \"\""},
		{RES("'unified':{'memory.max':'1'}"), NULL, NULL},
		{RES("'unified':{'a/b':'1'}"), "linux.resources.unified[\"a/b\"]",
		 "not the name of a cgroup file"},
		{RES("'unified':{'..':'1'}"), "linux.resources.unified[\"..\"]",
		 "not the name of a cgroup file"},
		{RES("'unified':{'':'1'}"), "linux.resources.unified[\"\"]",
		 "not the name of a cgroup file"},
		{NET("'eth0':{},'wg-1':{'name':'eth1'}"), NULL, NULL},
		{NET("'0123456789abcdef':{}"), "linux.netDevices[\"0123456789abcdef\"]",
		 no_interface},
		{NET("'a/b':{}"), "linux.netDevices[\"a/b\"]", no_interface},
		{NET("'':{}"), "linux.netDevices[\"\"]", no_interface},
		{NET("'eth0':{'name':'..'}"), "linux.netDevices[\"eth0\"].name",
		 "not the name of a network interface, got \"..\""},
		{NET("'eth0':{'name':'a b'}"), "linux.netDevices[\"eth0\"].name",
		 "not the name of a network interface, got \"a b\""},
	};

	(void)state;
	expect_rules(LINUX, cases, ARRAY_SIZE(cases));
}

static void test_process_check(void **state)
{
	struct spec_process p;
	struct document d;

	(void)state;
	document_init(&d, "{'args':['a'],'cwd':'/'}");
	assert_int_equal(spec_process_parse(&d.arena, d.text, d.len, &p, &d.err), 0);
	assert_int_equal(spec_process_check(&p, &d.err), 0);
	p.cwd = "x";
	assert_int_equal(spec_process_check(&p, &d.err), -EINVAL);
	assert_string_equal(d.err.where, "process.cwd");
	document_done(&d);
}

static void test_namespace_lookups(void **state)
{
	struct document d;
	struct spec s;

	(void)state;
	for (int i = 0; i < NS_MAX; i++)
		assert_int_equal(ns_type_from_name(ns_type_name((enum ns_type)i)), i);
	assert_int_equal(ns_type_from_name("network"), NS_NETWORK);
	assert_int_equal(ns_type_from_name("net"), -EINVAL);
	assert_int_equal(ns_type_from_name(""), -EINVAL);

	assert_int_equal(document_parse(&d,
					"{'linux':{'namespaces':[{'type':'pid'},"
					"{'type':'ipc','path':'/i'}]}}",
					&s),
			 0);
	assert_ptr_equal(spec_namespace_find(&s, NS_IPC), &s.linux_.namespaces[1]);
	assert_null(spec_namespace_find(&s, NS_USER));
	document_done(&d);
}

static void test_sysctl_path(void **state)
{
	char buf[64];

	(void)state;
	assert_int_equal(spec_sysctl_path("net.ipv4.ip_forward", buf, sizeof(buf)), 19);
	assert_string_equal(buf, "net/ipv4/ip_forward");
	assert_int_equal(spec_sysctl_path("net/ipv4/ip_forward", buf, sizeof(buf)), 19);
	assert_string_equal(buf, "net/ipv4/ip_forward");
	assert_int_equal(spec_sysctl_path("net.conf.eth0/1.x", buf, sizeof(buf)), 17);
	assert_string_equal(buf, "net/conf/eth0.1/x");
	assert_int_equal(spec_sysctl_path("net/conf/eth0.1/x", buf, sizeof(buf)), 17);
	assert_string_equal(buf, "net/conf/eth0.1/x");
	assert_int_equal(spec_sysctl_path("kernel", buf, 4), 6);
	assert_string_equal(buf, "ker");
	assert_int_equal(spec_sysctl_path("", buf, sizeof(buf)), 0);
	assert_string_equal(buf, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),          cmocka_unit_test(test_document),
		cmocka_unit_test(test_process),           cmocka_unit_test(test_all_rlimits),
		cmocka_unit_test(test_scheduler),         cmocka_unit_test(test_mounts_and_hooks),
		cmocka_unit_test(test_namespaces),        cmocka_unit_test(test_id_mappings),
		cmocka_unit_test(test_too_many_mappings), cmocka_unit_test(test_sysctl),
		cmocka_unit_test(test_paths_and_devices), cmocka_unit_test(test_resources),
		cmocka_unit_test(test_process_check),     cmocka_unit_test(test_namespace_lookups),
		cmocka_unit_test(test_sysctl_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
