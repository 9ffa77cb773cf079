/* What the tables write is what they read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "oci/spec.h"

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

/* The mounts in @text, with ' for quotes, as they are written again. */
static const char *again(const char *text)
{
	char *copy = arena_strdup(&arena, text);
	struct json_writer w;
	struct spec spec;
	const char *out;
	size_t len;

	for (char *p = copy; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	if (spec_mounts_parse(&arena, copy, strlen(copy), &spec, &err) < 0)
		return NULL;
	json_writer_init(&w, &arena, false);
	spec_mounts_write(&w, spec.mounts, spec.n_mounts);
	assert_int_equal(json_writer_finish(&w, &out, &len), 0);
	copy = arena_strndup(&arena, out, len - 1);
	for (char *p = copy; *p; p++)
		*p = *p == '"' ? '\'' : *p;
	return copy;
}

static void test_mounts(void **state)
{
	static const char all[] =
		"[{'destination':'/a','type':'bind','source':'/b','options':['rbind','ro'],"
		"'uidMappings':[{'containerID':0,'hostID':1000,'size':10}],"
		"'gidMappings':[{'containerID':1,'hostID':2000,'size':20},"
		"{'containerID':30,'hostID':3000,'size':1}]},{'destination':'/c'}]";

	(void)state;
	assert_string_equal(again(all), all);
	assert_string_equal(again("[]"), "[]");
	assert_string_equal(again("{'mounts':[{'destination':'/a','options':[]}]}"),
			    "[{'destination':'/a'}]");
	/* Other keys of a config.json do not matter. */
	assert_string_equal(again("{'ociVersion':'x','root':{},'mounts':null}"), "[]");
}

static void test_wrong(void **state)
{
	static const char *const cases[][2] = {
		{"7", "mounts"},
		{"[7]", "mounts[0]"},
		{"[{'destination':'/a'},{}]", "mounts[1].destination"},
		{"{'mounts':{}}", "mounts"},
		{"[{'destination':'/a','uidMappings':[{'size':1}]}]", "mounts[0]"},
		{"[] []", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		err = (struct err){0};
		if (again(cases[i][0]))
			fail_msg("%s is no error", cases[i][0]);
		assert_string_equal(err.where, cases[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_mounts, set_up),
		cmocka_unit_test_setup(test_wrong, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
