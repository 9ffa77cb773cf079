#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/audit.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/str.h"
#include "notify/calls.h"
#include "notify/settings.h"
#include "notify/state.h"
#include "notify/target.h"

static char text[4096];

static int parse_settings(struct arena *a, const char *json, struct config *ret, struct err *e)
{
	(void)str_copy(text, sizeof(text), json);
	*e = (struct err){0};
	return config_parse(a, text, strlen(text), ret, e);
}

static void test_settings(void **state)
{
	struct config c;
	struct arena a;
	struct err e;

	(void)state;
	arena_init(&a, NULL, 0);
	assert_int_equal(parse_settings(&a, "{}", &c, &e), 0);
	assert_int_equal(c.n_profiles, 1);
	assert_true(config_profile(&c, "default")->handlers[HANDLER_CHOWN]);
	assert_false(config_profile(&c, "default")->handlers[HANDLER_MOUNT]);
	assert_null(config_profile(&c, "other"));

	assert_int_equal(parse_settings(&a,
					"{\"profiles\":{\"p\":{\"handlers\":[\"xattr\"],\"rate\":7,"
					"\"unhandled\":\"EPERM\",\"devices\":[\"/dev/fuse\"]}}}",
					&c, &e),
			 0);
	assert_int_equal(config_profile(&c, "p")->unhandled, -EPERM);
	assert_int_equal(config_profile(&c, "p")->rate, 7);
	assert_int_equal(config_profile(&c, "p")->devices.n, 1);
	assert_string_equal(config_profile(&c, "p")->filesystems.items[0], "tmpfs");
	assert_string_equal(config_refusal_name(-EACCES), "EACCES");

	assert_int_equal(
		parse_settings(&a, "{\"profiles\":{\"p\":{\"rate\":1,\"rate\":1}}}", &c, &e),
		-EINVAL);
	assert_string_equal(e.text, "profiles.p: line 1: a key that is there twice");
	arena_done(&a);
}

static void test_state(void **unused)
{
	static const char *const bad[] = {
		"{\"fds\":[\"seccompFd\"],\"pid\":7}",
		"{\"fds\":[\"other\",\"seccompFd\"],\"pid\":7,\"state\":{\"id\":\"i\"}}",
		"{\"fds\":[\"seccompFd\"],\"pid\":0,\"state\":{\"id\":\"i\"}}",
		"{\"fds\":[\"seccompFd\"],\"pid\":7,\"pid\":8,\"state\":{\"id\":\"i\"}}",
		"{\"fds\":[\"seccompFd\"],\"pid\":4294967296,\"state\":{\"id\":\"i\"}}",
	};
	struct container_state s;
	struct arena a;
	struct err e;

	(void)unused;
	arena_init(&a, NULL, 0);
	(void)str_copy(text, sizeof(text),
		       "{\"fds\":[\"seccompFd\"],\"pid\":7,\"new\":[{}],\"state\":{\"id\":\"i\","
		       "\"pid\":5,\"annotations\":{\"a\":\"b\"}}}");
	assert_int_equal(container_state_parse(&a, text, strlen(text), &s, &e), 0);
	assert_int_equal(s.pid, 7);
	assert_int_equal(s.init_pid, 5);
	assert_string_equal(s.metadata, "");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		(void)str_copy(text, sizeof(text), bad[i]);
		assert_int_equal(container_state_parse(&a, text, strlen(text), &s, &e), -EINVAL);
	}
	arena_done(&a);
}

static void test_id_map(void **state)
{
	struct id_map m;
	uint32_t id;

	(void)state;
	assert_int_equal(id_map_parse("         0       1000          1\n"
				      "         1    3000000      65536\n",
				      &m),
			 0);
	assert_true(id_map_has(&m, 0) && id_map_has(&m, 65536) && id_map_has(&m, UINT32_MAX));
	assert_false(id_map_has(&m, 65537));
	assert_int_equal(id_map_inside(&m, 3000001, &id), 0);
	assert_int_equal(id, 2);
	assert_int_equal(id_map_inside(&m, 1001, &id), -ENOENT);
	assert_int_equal(id_map_parse("0 0 4294967295\n", &m), 0);
	assert_int_equal(id_map_parse("1 0 4294967295\n", &m), -EINVAL);
	assert_int_equal(id_map_parse("0 0\n", &m), -EINVAL);
	assert_int_equal(id_map_parse("0 0 4294967296\n", &m), -EINVAL);
}

static void test_status(void **state)
{
	static struct target t;

	(void)state;
	assert_int_equal(
		target_parse_status("Name:\tUid:\nUmask:\t0027\nTgid:\t9\nUid:\t1\t2\t3\t4\n"
				    "Gid:\t5\t6\t7\t8\nGroups:\t9 10 \nCapEff:\t0000000100000001\n",
				    &t),
		0);
	assert_int_equal(t.uid, 4);
	assert_int_equal(t.gid, 8);
	assert_int_equal(t.umask, 027);
	assert_int_equal(t.n_groups, 2);
	assert_int_equal(t.tgid, 9);
	assert_true(target_can(&t, 0) && target_can(&t, 32));
	assert_false(target_can(&t, 1));
	assert_int_equal(target_parse_status("Umask:\t0027\nUid:\t1\t2\t3\n", &t), -EINVAL);
}

static void test_calls(void **state)
{
	struct calls c;
	struct config config;
	struct arena a;
	struct err e;

	(void)state;
	arena_init(&a, NULL, 0);
	assert_int_equal(parse_settings(&a,
					"{\"profiles\":{\"default\":{\"handlers\":[\"chown\"],"
					"\"audit\":[\"getppid\",\"fchownat\"]}}}",
					&config, &e),
			 0);
	assert_int_equal(calls_init(&c, &config.profiles[0]), 0);
	assert_int_equal(calls_who(&c, c.arch, SYS_fchownat), HANDLER_CHOWN);
	assert_int_equal(calls_who(&c, c.arch, SYS_getppid), CALL_AUDIT);
	assert_int_equal(calls_who(&c, c.arch, SYS_mknodat), CALL_NOBODY);
	/* Another architecture's numbers mean other calls; x32's are marked. */
	assert_int_equal(calls_who(&c, AUDIT_ARCH_I386, SYS_fchownat), CALL_NOBODY);
	assert_int_equal(calls_who(&c, c.arch, SYS_fchownat | 0x40000000), CALL_NOBODY);
	assert_int_equal(calls_who(&c, c.arch, -1), CALL_NOBODY);
	assert_string_equal(calls_name(&c, c.arch, SYS_fchownat), "fchownat");
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings), cmocka_unit_test(test_state),
		cmocka_unit_test(test_id_map),   cmocka_unit_test(test_status),
		cmocka_unit_test(test_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
