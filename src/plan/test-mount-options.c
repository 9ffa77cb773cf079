/* The table of mount options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/sys.h"
#include "plan/mount-options.h"

/* The search halves it. */
static void test_sorted(void **state)
{
	(void)state;
	for (unsigned n = 1; mount_option_at(n); n++)
		assert_true(strcmp(mount_option_at(n - 1)->name, mount_option_at(n)->name) < 0);
}

static void test_every_row_is_found(void **state)
{
	unsigned n = 0;

	(void)state;
	for (; mount_option_at(n); n++)
		assert_ptr_equal(mount_option_find(mount_option_at(n)->name), mount_option_at(n));
	assert_true(n > 60);
	assert_null(mount_option_find(""));
	assert_null(mount_option_find("zzz"));
	assert_null(mount_option_find("size=1m"));
	assert_null(mount_option_find("idmap=uids=0-0-1"));
}

/* What `features` says is what may be used. */
static void test_names_are_the_rows(void **state)
{
	unsigned n = 0;

	(void)state;
	for (; plan_mount_option_names[n]; n++) {
		assert_non_null(mount_option_at(n));
		assert_string_equal(plan_mount_option_names[n], mount_option_at(n)->name);
	}
	assert_null(mount_option_at(n));
}

/* config.md, "Linux mount options": all that MUST and SHOULD be known, and tmpcopyup. */
static void test_specification(void **state)
{
	static const char *const names[] = {
		"async",         "atime",        "bind",
		"defaults",      "dev",          "diratime",
		"dirsync",       "exec",         "iversion",
		"lazytime",      "loud",         "noatime",
		"nodev",         "nodiratime",   "noexec",
		"noiversion",    "nolazytime",   "norelatime",
		"nostrictatime", "nosuid",       "private",
		"rbind",         "relatime",     "ro",
		"rprivate",      "rshared",      "rslave",
		"runbindable",   "rw",           "shared",
		"silent",        "slave",        "strictatime",
		"suid",          "sync",         "unbindable",
		"nosymfollow",   "ratime",       "rdev",
		"rdiratime",     "rexec",        "rnoatime",
		"rnodiratime",   "rnoexec",      "rnorelatime",
		"rnosuid",       "rnosymfollow", "rrelatime",
		"rro",           "rrw",          "rsuid",
		"rstrictatime",  "rsymfollow",   "rnodev",
		"symfollow",     "tmpcopyup",    "rnostrictatime",
		"idmap",         "ridmap",       "mand",
		"nomand",
	};

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(names); n++)
		if (!mount_option_find(names[n]))
			fail_msg("%s is missing", names[n]);
}

/* Options that cancel each other are mirror images. */
static void test_pairs(void **state)
{
	static const char *const pairs[][2] = {
		{"dev", "nodev"},
		{"suid", "nosuid"},
		{"exec", "noexec"},
		{"rw", "ro"},
		{"diratime", "nodiratime"},
		{"symfollow", "nosymfollow"},
		{"rdev", "rnodev"},
		{"rsuid", "rnosuid"},
		{"rexec", "rnoexec"},
		{"rrw", "rro"},
		{"rdiratime", "rnodiratime"},
		{"rsymfollow", "rnosymfollow"},
		{"async", "sync"},
		{"nolazytime", "lazytime"},
		{"nomand", "mand"},
		{"noiversion", "iversion"},
		{"loud", "silent"},
	};

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(pairs); n++) {
		const struct mount_option *off = mount_option_find(pairs[n][0]);
		const struct mount_option *on = mount_option_find(pairs[n][1]);

		assert_int_equal(off->kind, on->kind);
		assert_int_equal(off->clear, on->set);
		assert_true(on->set != 0);
		assert_int_equal(off->set, 0);
		assert_int_equal(on->clear, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sorted),
		cmocka_unit_test(test_every_row_is_found),
		cmocka_unit_test(test_names_are_the_rows),
		cmocka_unit_test(test_specification),
		cmocka_unit_test(test_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
