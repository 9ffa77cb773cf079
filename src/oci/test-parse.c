/* Tests of the interpreter: what is accepted and refused, where, and in which words. */
#include <errno.h>

#include "base/json.h"
#include "base/str.h"
#include "oci/test-document.h"

struct refusal {
	const char *text, *where, *words;
};

static void expect_refused(const struct refusal *cases, size_t n, enum err_id id)
{
	for (size_t i = 0; i < n; i++) {
		struct document d;
		struct spec s;

		if (document_parse(&d, cases[i].text, &s) == 0)
			fail_msg("accepted: %s", cases[i].text);
		assert_string_equal(d.err.where, cases[i].where);
		assert_string_equal(d.err.text, cases[i].words);
		assert_int_equal(d.err.id, id);
		assert_int_equal(d.err.code, -EINVAL);
		document_done(&d);
	}
}

static void test_wrong_types(void **state)
{
	static const struct refusal cases[] = {
		{"[]", "", "line 1: expected an object, got an array"},
		{"'{}'", "", "line 1: expected an object, got a string \"{}\""},
		{"null", "", "line 1: expected an object, got null"},
		{"2", "", "line 1: expected an object, got the number 2"},
		{"{'hostname':5}", "hostname", "line 1: expected a string, got the number 5"},
		{"{'hostname':[]}", "hostname", "line 1: expected a string, got an array"},
		{"{'process':{'terminal':1}}", "process.terminal",
		 "line 1: expected true or false, got the number 1"},
		{"{'process':{'terminal':'true'}}", "process.terminal",
		 "line 1: expected true or false, got a string \"true\""},
		{"{'process':[]}", "process", "line 1: expected an object, got an array"},
		{"{'process':{'user':0}}", "process.user",
		 "line 1: expected an object, got the number 0"},
		{"{\n'linux':{'resources':\n{'memory':{'limit':'1g'}}}}",
		 "linux.resources.memory.limit",
		 "line 3: expected an integer, got a string \"1g\""},
		{"{'linux':{'resources':{'memory':{'limit':1.5}}}}", "linux.resources.memory.limit",
		 "line 1: expected an integer, got the number 1.5"},
		{"{'linux':{'resources':{'memory':{'limit':true}}}}",
		 "linux.resources.memory.limit", "line 1: expected an integer, got true"},
		{"{'linux':{'resources':{'memory':{'limit':{}}}}}", "linux.resources.memory.limit",
		 "line 1: expected an integer, got an object"},
		{"{'vm':7}", "vm", "line 1: expected an object, got the number 7"},
		{"{'process':{'user':{'uid':'0123456789012345678901234567890123456789\\nx'}}}",
		 "process.user.uid",
		 "line 1: expected an integer, got a string "
		 "\"0123456789012345678901234567890123456...\""},
		{"{'process':{'user':{'uid':'a\\nb\\u001b'}}}", "process.user.uid",
		 "line 1: expected an integer, got a string \"a?b?\""},
	};

	(void)state;
	expect_refused(cases, ARRAY_SIZE(cases), ERR_CONFIG_TYPE);
}

static void test_wrong_types_in_lists(void **state)
{
	static const struct refusal cases[] = {
		{"{'mounts':{}}", "mounts", "line 1: expected an array, got an object"},
		{"{'mounts':[{},{},7]}", "mounts[2]",
		 "line 1: expected an object, got the number 7"},
		{"{'mounts':[null]}", "mounts[0]", "line 1: expected an object, got null"},
		{"{'mounts':[{},{},{},{'options':['a',\nfalse]}]}", "mounts[3].options[1]",
		 "line 2: expected a string, got false"},
		{"{'process':{'args':['a',null]}}", "process.args[1]",
		 "line 1: expected a string, got null"},
		{"{'process':{'args':'a'}}", "process.args",
		 "line 1: expected an array, got a string \"a\""},
		{"{'process':{'user':{'additionalGids':[1,'2']}}}",
		 "process.user.additionalGids[1]",
		 "line 1: expected an integer, got a string \"2\""},
		{"{'process':{'user':{'additionalGids':[4294967296]}}}",
		 "process.user.additionalGids[0]",
		 "line 1: out of range: 4294967296 does not fit in 32 bits"},
	};

	(void)state;
	expect_refused(cases, ARRAY_SIZE(cases), ERR_CONFIG_TYPE);
}

static void test_wrong_types_in_maps(void **state)
{
	static const struct refusal cases[] = {
		{"{'annotations':{'a.b':1}}", "annotations[\"a.b\"]",
		 "line 1: expected a string, got the number 1"},
		{"{'annotations':{'a':null}}", "annotations[\"a\"]",
		 "line 1: expected a string, got null"},
		{"{'annotations':[]}", "annotations", "line 1: expected an object, got an array"},
		{"{'annotations':{'0123456789012345678901234567890123456789-\\n':1}}",
		 "annotations[\"0123456789012345678901234567890123456...\"]",
		 "line 1: expected a string, got the number 1"},
		{"{'linux':{'sysctl':{'net.a':true}}}", "linux.sysctl[\"net.a\"]",
		 "line 1: expected a string, got true"},
		{"{'linux':{'resources':{'unified':{'memory.max':9}}}}",
		 "linux.resources.unified[\"memory.max\"]",
		 "line 1: expected a string, got the number 9"},
		{"{'linux':{'resources':{'rdma':{'x':{'hcaHandles':-1}}}}}",
		 "linux.resources.rdma[\"x\"].hcaHandles", "line 1: out of range: -1 is negative"},
		{"{'linux':{'netDevices':{'eth0':'eth1'}}}", "linux.netDevices[\"eth0\"]",
		 "line 1: expected an object, got a string \"eth1\""},
		{"{'linux':{'timeOffsets':{'boottime':{'secs':'1'}}}}",
		 "linux.timeOffsets[\"boottime\"].secs",
		 "line 1: expected an integer, got a string \"1\""},
	};

	(void)state;
	expect_refused(cases, ARRAY_SIZE(cases), ERR_CONFIG_TYPE);
}

static void test_duplicates(void **state)
{
	static const struct refusal cases[] = {
		{"{'hostname':'a','hostname':'a'}", "hostname", "line 1: the key occurs twice"},
		{"{'hostname':null,\n'x':0,'hostname':'a'}", "hostname",
		 "line 2: the key occurs twice"},
		{"{'linux':{},'linux':{}}", "linux", "line 1: the key occurs twice"},
		{"{'host\\u006eame':'a','hostname':'a'}", "hostname",
		 "line 1: the key occurs twice"},
		{"{'process':{'user':{'uid':1,'gid':2,'uid':1}}}", "process.user.uid",
		 "line 1: the key occurs twice"},
		{"{'mounts':[{'type':'a'},{'type':'b','source':'c','type':'d'}]}", "mounts[1].type",
		 "line 1: the key occurs twice"},
		{"{'annotations':{'a':'1','b':'2','a':'1'}}", "annotations[\"a\"]",
		 "line 1: the key occurs twice"},
		{"{'linux':{'netDevices':{'a':{},'a':{}}}}", "linux.netDevices[\"a\"]",
		 "line 1: the key occurs twice"},
		{"{'linux':{'timeOffsets':{'boottime':{},'boottime':{}}}}",
		 "linux.timeOffsets[\"boottime\"]", "line 1: the key occurs twice"},
	};

	(void)state;
	expect_refused(cases, ARRAY_SIZE(cases), ERR_CONFIG_TYPE);
}

static void test_syntax_errors_have_paths(void **state)
{
	static const struct refusal cases[] = {
		{"", "", "line 1: expected a value, got the end of the document"},
		{"{'hostname' 'a'}", "", "line 1: expected ':', got '\"'"},
		{"{'hostname':'a\\u0000'}", "hostname", "line 1: embedded NUL in a string"},
		{"{'process':{'args':['a'\n'b']}}", "process.args[1]",
		 "line 2: expected ',' or ']', got '\"'"},
		{"{'process':{'args':['a',]}}", "process.args[1]",
		 "line 1: expected a value, got ']'"},
		{"{'linux':{'sysctl':{'a':01}}}", "linux.sysctl[\"a\"]",
		 "line 1: a number begins with 0"},
		{"{'annotations':{'a':'b'", "annotations",
		 "line 1: expected ',' or '}', got the end of the document"},
		{"{'linux':{'future':[1,}}", "linux.future", "line 1: expected a value, got '}'"},
		{"{'hostname':'a'} x", "", "line 1: expected the end of the document, got 'x'"},
	};

	(void)state;
	expect_refused(cases, ARRAY_SIZE(cases), ERR_JSON_SYNTAX);
}

static void test_depth(void **state)
{
	char text[200] = "{'linux':{'x':";
	size_t n = strlen(text);
	struct document d;
	struct spec s;

	(void)state;
	memset(text + n, '[', 100);
	assert_int_equal(document_parse(&d, text, &s), -EINVAL);
	assert_string_equal(d.err.where, "linux.x");
	assert_string_equal(d.err.text, "line 1: nested more than 64 levels deep");
	document_done(&d);
}

static void test_unknown_keys(void **state)
{
	static const char text[] =
		"{'x':[1,{'y':[[],{}]}],'x':null,'linux':{'future':{'a':1,'a':2}},"
		"'Hostname':'no','hostname':'yes','hostnames':1}";
	struct document d;
	struct spec s;

	(void)state;
	assert_int_equal(document_parse(&d, text, &s), 0);
	assert_string_equal(s.hostname, "yes");
	document_done(&d);
}

static void test_any_order(void **state)
{
	static const char text[] =
		"{'linux':{'rootfsPropagation':'slave','uidMappings':[{'size':3,'containerID':1,"
		"'hostID':2}]},'root':{'readonly':true,'path':'r'},'ociVersion':'1.0.0'}";
	struct document d;
	struct spec s;

	(void)state;
	assert_int_equal(document_parse(&d, text, &s), 0);
	assert_string_equal(s.oci_version, "1.0.0");
	assert_string_equal(s.root_path, "r");
	assert_string_equal(s.linux_.rootfs_propagation, "slave");
	assert_int_equal(s.linux_.uid_mappings.items[0].container_id, 1);
	assert_int_equal(s.linux_.uid_mappings.items[0].host_id, 2);
	assert_int_equal(s.linux_.uid_mappings.items[0].size, 3);
	document_done(&d);
}

static void test_long_lists(void **state)
{
	char text[8000] = "{'mounts':[";
	struct document d;
	struct spec s;
	size_t n = strlen(text);

	(void)state;
	for (int i = 0; i < 100; i++)
		n += str_format(text + n, sizeof(text) - n,
				"%s{'source':'s%d','options':['a%d','b','c','d','e','f%d']}",
				i ? "," : "", i, i, i);
	str_format(text + n, sizeof(text) - n, "]}");
	assert_int_equal(document_parse(&d, text, &s), 0);
	assert_int_equal(s.n_mounts, 100);
	for (size_t i = 0; i < 100; i++) {
		char expected[16];

		str_format(expected, sizeof(expected), "s%zu", i);
		assert_string_equal(s.mounts[i].source, expected);
		assert_string_equal(s.mounts[i].destination, "");
		assert_int_equal(s.mounts[i].options.n, 6);
		str_format(expected, sizeof(expected), "f%zu", i);
		assert_string_equal(s.mounts[i].options.items[5], expected);
	}
	document_done(&d);
}

static void test_ranges(void **state)
{
	static const struct {
		const char *format; /* with one % */
		const char *good[4];
		const char *bad[4];
		const char *words; /* of the first bad one */
	} cases[] = {
		{"{'process':{'user':{'uid':%}}}",
		 {"0", "4294967295", "1e3", "-0"},
		 {"4294967296", "-1", "1e10", "99999999999999999999"},
		 "line 1: out of range: 4294967296 does not fit in 32 bits"},
		{"{'process':{'oomScoreAdj':%}}",
		 {"-2147483648", "2147483647", "0", "7.0"},
		 {"99999999999", "2147483648", "-2147483649", "-1e99"},
		 "line 1: out of range: 99999999999 does not fit in 32 bits"},
		{"{'linux':{'resources':{'memory':{'limit':%}}}}",
		 {"-1", "9223372036854775807", "-9223372036854775808", "1e18"},
		 {"9223372036854775808", "-9223372036854775809", "1e19", "-1e400"},
		 "line 1: out of range: 9223372036854775808 does not fit in 64 bits"},
		{"{'process':{'rlimits':[{'soft':%}]}}",
		 {"0", "18446744073709551615", "1e19", "5e0"},
		 {"18446744073709551616", "-1", "1e20", "-1e400"},
		 "line 1: out of range: 18446744073709551616 does not fit in 64 bits"},
		{"{'linux':{'resources':{'blockIO':{'weight':%}}}}",
		 {"0", "65535", "10", "500"},
		 {"65536", "-1", "4294967296", "1e5"},
		 "line 1: out of range: 65536 does not fit in 16 bits"},
		{"{'process':{'user':{'umask':%}}}",
		 {"0", "18", "63", "511"},
		 {"1234567890123456789012345678901234567890", "-1", "-18", "1e11"},
		 "line 1: out of range: 1234567890123456789012345678901234567... "
		 "does not fit in 32 bits"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *format = cases[i].format;
		size_t hole = strcspn(format, "%");

		for (size_t k = 0; k < 8; k++) {
			const char *number = k < 4 ? cases[i].good[k] : cases[i].bad[k - 4];
			struct document d;
			struct spec s;
			char text[200];

			str_format(text, sizeof(text), "%.*s%s%s", (int)hole, format, number,
				   format + hole + 1);
			assert_int_equal(document_parse(&d, text, &s), k < 4 ? 0 : -EINVAL);
			assert_int_equal(d.err.id, k < 4 ? ERR_NONE : ERR_CONFIG_TYPE);
			if (k == 4)
				assert_string_equal(d.err.text, cases[i].words);
			document_done(&d);
		}
	}
}

static void test_process_paths(void **state)
{
	struct spec_process p;
	struct document d;

	(void)state;
	document_init(&d, "{'user': {'uid': '0'}}");
	assert_int_equal(spec_process_parse(&d.arena, d.text, d.len, &p, &d.err), -EINVAL);
	assert_string_equal(d.err.where, "process.user.uid");
	document_done(&d);

	document_init(&d, "[]");
	assert_int_equal(spec_process_parse(&d.arena, d.text, d.len, &p, &d.err), -EINVAL);
	assert_string_equal(d.err.where, "process");
	document_done(&d);

	document_init(&d, "{}");
	assert_int_equal(spec_process_parse(&d.arena, d.text, d.len, &p, &d.err), 0);
	assert_true(p.present);
	assert_string_equal(p.cwd, "");
	document_done(&d);
}

/* {"annotations": {…}} with @n keys, and the last one again if @twice. */
static const char *large_map(struct arena *a, int n, bool twice, size_t *ret_len)
{
	struct json_writer w;
	const char *text;
	char key[32];

	json_writer_init(&w, a, false);
	json_object_begin(&w);
	json_key(&w, "annotations");
	json_object_begin(&w);
	for (int i = 0; i < n; i++) {
		str_format(key, sizeof(key), "key-%d", i);
		json_kv_string(&w, key, "v");
	}
	if (twice)
		json_kv_string(&w, key, "v");
	json_object_end(&w);
	json_object_end(&w);
	assert_int_equal(json_writer_finish(&w, &text, ret_len), 0);
	return text;
}

/* Many keys in a map cost time in proportion. */
static void test_large_map(void **state)
{
	struct arena a;
	const char *text;
	struct spec s;
	struct err e;
	size_t len;

	(void)state;
	arena_init(&a, NULL, 0);
	text = large_map(&a, 100000, false, &len);
	assert_int_equal(spec_parse(&a, (char *)(uintptr_t)text, len, &s, &e), 0);
	assert_int_equal(s.annotations.n, 100000);
	assert_string_equal(s.annotations.items[77777].key, "key-77777");

	text = large_map(&a, 100000, true, &len);
	assert_int_equal(spec_parse(&a, (char *)(uintptr_t)text, len, &s, &e), -EINVAL);
	assert_string_equal(e.where, "annotations[\"key-99999\"]");
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_types),
		cmocka_unit_test(test_wrong_types_in_lists),
		cmocka_unit_test(test_wrong_types_in_maps),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_syntax_errors_have_paths),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_unknown_keys),
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_long_lists),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_process_paths),
		cmocka_unit_test(test_large_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
