/* Tests of the documents that we write ourselves: the configuration of `spec` passes our own parser
 * and rules, and the features document is JSON that says what it must. */
#include "oci/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "oci/features.h"
#include "oci/spec.h"

static struct arena arena;

static void write_spec(bool rootless, struct spec *ret)
{
	struct template_options o = {.rootless = rootless, .uid = 1000, .gid = 100};
	struct json_writer w;
	const char *text;
	struct err e;
	size_t len;
	char *copy;

	json_writer_init(&w, &arena, true);
	template_write(&o, &w);
	assert_int_equal(json_writer_finish(&w, &text, &len), 0);
	copy = arena_strdup(&arena, text);
	assert_non_null(copy);
	assert_int_equal(spec_parse(&arena, copy, len, ret, &e), 0);
	assert_int_equal(spec_check(ret, &e), 0);
}

static const struct spec_mount *find_mount(const struct spec *spec, const char *destination)
{
	for (size_t i = 0; i < spec->n_mounts; i++)
		if (str_eq(spec->mounts[i].destination, destination))
			return &spec->mounts[i];
	return NULL;
}

static void test_privileged(void **state)
{
	struct spec spec;

	(void)state;
	write_spec(false, &spec);
	assert_string_equal(spec.oci_version, "1.3.0");
	assert_string_equal(spec.hostname, "coracle");
	assert_true(spec.root_readonly);
	assert_true(spec.process.terminal);
	assert_int_equal(spec.process.capabilities.bounding.n, 3);
	assert_int_equal(spec.process.capabilities.ambient.n, 0);
	assert_int_equal(spec.process.capabilities.inheritable.n, 0);
	assert_int_equal(spec.n_mounts, 7);
	assert_string_equal(find_mount(&spec, "/sys")->type, "sysfs");
	assert_int_equal(find_mount(&spec, "/dev/pts")->options.n, 6);
	assert_non_null(spec_namespace_find(&spec, NS_NETWORK));
	assert_non_null(spec_namespace_find(&spec, NS_CGROUP));
	assert_null(spec_namespace_find(&spec, NS_USER));
	assert_int_equal(spec.linux_.resources.n_devices, 1);
	assert_int_equal(spec.linux_.uid_mappings.n, 0);
}

static void test_rootless(void **state)
{
	const struct spec_mount *pts;
	struct spec spec;

	(void)state;
	write_spec(true, &spec);
	assert_null(spec_namespace_find(&spec, NS_NETWORK));
	assert_non_null(spec_namespace_find(&spec, NS_USER));
	assert_int_equal(spec.linux_.uid_mappings.n, 1);
	assert_int_equal(spec.linux_.uid_mappings.items[0].host_id, 1000);
	assert_int_equal(spec.linux_.gid_mappings.items[0].host_id, 100);
	assert_false(spec.linux_.resources.present);
	assert_int_equal(spec.n_mounts, 7);
	assert_string_equal(find_mount(&spec, "/sys")->source, "/sys");
	pts = find_mount(&spec, "/dev/pts");
	for (size_t i = 0; i < pts->options.n; i++)
		assert_false(str_starts(pts->options.items[i], "gid="));
}

static void test_features(void **state)
{
	static const char *const mount_options[] = {"ro", "rro", NULL};
	const struct features_seccomp seccomp = {mount_options, mount_options, mount_options,
						 mount_options};
	struct features_context c = {"1.2.3", "abc", mount_options, &seccomp, true};
	struct json_writer w;
	const char *text;
	size_t len;

	(void)state;
	json_writer_init(&w, &arena, false);
	features_write(&c, &w);
	assert_int_equal(json_writer_finish(&w, &text, &len), 0);
	assert_non_null(strstr(text, "\"ociVersionMin\":\"1.0.0\",\"ociVersionMax\":\"1.3.0\""));
	assert_non_null(strstr(text, "\"mountOptions\":[\"ro\",\"rro\"]"));
	assert_non_null(strstr(text, "\"CAP_CHOWN\","));
	assert_non_null(strstr(text, ",\"CAP_CHECKPOINT_RESTORE\"]"));
	assert_non_null(strstr(text, "\"run.oci.coracle.checkpoint.enabled\":\"true\""));
	assert_non_null(strstr(text, "\"mountExtensions\":{\"idmap\":{\"enabled\":"));
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_privileged),
		cmocka_unit_test(test_rootless),
		cmocka_unit_test(test_features),
	};

	arena_init(&arena, NULL, 0);
	return cmocka_run_group_tests(tests, NULL, teardown);
}
