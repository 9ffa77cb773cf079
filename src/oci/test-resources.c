/* Resources by themselves: what is written is what is read, and what an update adds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "oci/spec.h"

static char memory[1 << 18];
static struct arena arena;
static struct err err;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, memory, sizeof(memory));
	err = (struct err){0};
	return 0;
}

/* @text with ' for quotes. */
static struct spec_resources parse(const char *text)
{
	char *copy = arena_strdup(&arena, text);
	struct spec_resources r;

	for (char *p = copy; *p; p++) {
		if (*p == '\'')
			*p = '"';
	}
	if (spec_resources_parse(&arena, copy, strlen(copy), &r, &err) < 0)
		fail_msg("%s: %s: %s", text, err.where, err.text);
	return r;
}

/* *@r as JSON with ' for quotes. */
static char *format(const struct spec_resources *r)
{
	struct json_writer w;
	const char *text;
	char *copy;
	size_t len;

	json_writer_init(&w, &arena, false);
	spec_resources_write(&w, r);
	assert_int_equal(json_writer_finish(&w, &text, &len), 0);
	copy = arena_strndup(&arena, text, len - 1);
	for (char *p = copy; *p; p++) {
		if (*p == '"')
			*p = '\'';
	}
	return copy;
}

static void expect_merged(const char *base, const char *more, const char *merged)
{
	struct spec_resources a = parse(base), b = parse(more);

	spec_resources_drop_zeros(&b);
	assert_int_equal(spec_resources_merge(&arena, &a, &b, &err), 0);
	assert_string_equal(format(&a), merged);
}

static const char everything[] =
	"{'unified':{'memory.high':'1','io.max':'8:0 rbps=1'},"
	"'devices':[{'allow':false,'access':'rwm'},"
	"{'allow':true,'type':'c','major':1,'minor':-1,'access':'r'}],"
	"'memory':{'limit':1,'reservation':2,'swap':3,'kernel':4,'kernelTCP':5,'swappiness':6,"
	"'disableOOMKiller':true,'useHierarchy':false,'checkBeforeUpdate':true},"
	"'cpu':{'shares':1,'quota':-1,'burst':3,'period':4,'realtimeRuntime':5,'realtimePeriod':6,"
	"'cpus':'0-3','mems':'0','idle':1},"
	"'pids':{'limit':7},"
	"'blockIO':{'weight':10,'leafWeight':20,"
	"'weightDevice':[{'major':8,'minor':0,'weight':30,'leafWeight':40}],"
	"'throttleReadBpsDevice':[{'major':8,'minor':0,'rate':1}],"
	"'throttleWriteBpsDevice':[{'major':8,'minor':0,'rate':2}],"
	"'throttleReadIOPSDevice':[{'major':8,'minor':0,'rate':3}],"
	"'throttleWriteIOPSDevice':[{'major':8,'minor':0,'rate':4}]},"
	"'hugepageLimits':[{'pageSize':'2MB','limit':18446744073709551615}],"
	"'network':{'classID':1,'priorities':[{'name':'lo','priority':2}]},"
	"'rdma':{'mlx5_1':{'hcaHandles':1,'hcaObjects':2},'mlx5_2':{'hcaObjects':3}}}";

static void test_round_trip(void **state)
{
	struct spec_resources r = parse(everything);

	(void)state;
	assert_string_equal(format(&r), everything);
	r = parse("{}");
	assert_string_equal(format(&r), "{}");
	expect_merged("{}", everything, everything);
	expect_merged(everything, "{}", everything);
}

static void test_merge(void **state)
{
	(void)state;
	expect_merged("{'cpu':{'quota':5,'cpus':'0'},'pids':{'limit':9}}",
		      "{'cpu':{'period':7,'mems':'0'},'memory':{'limit':-1}}",
		      "{'memory':{'limit':-1},'cpu':{'quota':5,'period':7,'cpus':'0','mems':'0'},"
		      "'pids':{'limit':9}}");
	/* By device, page size, interface, key. */
	expect_merged(
		"{'blockIO':{'throttleReadBpsDevice':[{'major':8,'minor':0,'rate':1},"
		"{'major':8,'minor':16,'rate':2}]},"
		"'hugepageLimits':[{'pageSize':'2MB','limit':1}],'rdma':{'a':{'hcaHandles':1}},"
		"'unified':{'x.y':'1'}}",
		"{'blockIO':{'throttleReadBpsDevice':[{'major':8,'minor':16,'rate':0},"
		"{'major':9,'minor':0,'rate':3}]},"
		"'hugepageLimits':[{'pageSize':'1GB','limit':2},{'pageSize':'2MB','limit':3}],"
		"'rdma':{'a':{'hcaHandles':2}},'unified':{'x.y':'2','z.z':'3'}}",
		"{'unified':{'x.y':'2','z.z':'3'},"
		"'blockIO':{'throttleReadBpsDevice':[{'major':8,'minor':0,'rate':1},"
		"{'major':8,'minor':16,'rate':0},{'major':9,'minor':0,'rate':3}]},"
		"'hugepageLimits':[{'pageSize':'2MB','limit':3},{'pageSize':'1GB','limit':2}],"
		"'rdma':{'a':{'hcaHandles':2}}}");
	/* Rules of devices as a whole. */
	expect_merged("{'devices':[{'allow':false,'access':'r'},{'allow':false,'access':'w'}]}",
		      "{'devices':[{'allow':true,'access':'m'}]}",
		      "{'devices':[{'allow':true,'access':'m'}]}");
}

/* With zeros engines say nothing, but where zero is a value. */
static void test_zeros(void **state)
{
	(void)state;
	expect_merged("{'memory':{'limit':1,'swap':2},'cpu':{'shares':3,'quota':4,'burst':5}}",
		      "{'memory':{'limit':0,'swap':0,'swappiness':0},"
		      "'cpu':{'shares':0,'quota':0,'period':0,'burst':0},'pids':{'limit':0}}",
		      "{'memory':{'limit':1,'swap':2,'swappiness':0},"
		      "'cpu':{'shares':3,'quota':4,'burst':0},'pids':{'limit':0}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_round_trip, set_up),
		cmocka_unit_test_setup(test_merge, set_up),
		cmocka_unit_test_setup(test_zeros, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
