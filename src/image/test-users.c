/* Users of images: names, numbers, groups, and files that are not as they should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <cmocka.h>

#include "image/users.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "broken:x\n"
			     "web:x:33:34:,,,:/srv/web:/bin/false\n"
			     "1000:x:7:7::/seven:/bin/sh\n"
			     "last:x:5:6::/last:/bin/sh";
static const char group[] = "root:x:0:\nadm:x:4:web,last\nweb:x:34:\naudio:x:29:last,xweb\n\nx\n";

static struct user find(const char *who)
{
	struct user u;
	struct err e = {0};

	assert_int_equal(users_find(who, passwd, group, &u, &e), 0);
	return u;
}

static void test_names(void **state)
{
	struct user u = find("");

	(void)state;
	assert_int_equal(u.uid, 0);
	assert_string_equal(u.home, "/root");
	assert_int_equal(u.n_groups, 0);
	u = find("web");
	assert_int_equal(u.uid, 33);
	assert_int_equal(u.gid, 34);
	assert_string_equal(u.home, "/srv/web");
	assert_int_equal(u.n_groups, 1);
	assert_int_equal(u.groups[0], 4);
	u = find("web:audio");
	assert_int_equal(u.gid, 29);
	assert_int_equal(u.n_groups, 0);
	u = find("last");
	assert_int_equal(u.uid, 5);
	assert_int_equal(u.n_groups, 2);
}

static void test_numbers(void **state)
{
	struct user u = find("33");

	(void)state;
	assert_int_equal(u.gid, 34);
	assert_int_equal(u.n_groups, 1);
	u = find("4711:4712");
	assert_int_equal(u.uid, 4711);
	assert_int_equal(u.gid, 4712);
	assert_string_equal(u.home, "");
	/* A name of digits is a name first. */
	assert_int_equal(find("1000").uid, 7);
	assert_int_equal(find("33:").gid, 34);
}

static void test_missing(void **state)
{
	static const char *const unknown[] = {"nobody", "broken", "web:none", "-1", "4294967295"};
	struct user u = {.uid = 77};
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		assert_int_equal(users_find(unknown[i], passwd, group, &u, &e), -ENOENT);
		assert_int_equal(u.uid, 77);
	}
	assert_int_equal(users_find("web", "", "", &u, &e), -ENOENT);
	assert_int_equal(users_find("", "", "", &u, &e), 0);
	assert_int_equal(u.uid, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
