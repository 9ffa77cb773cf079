#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "doctor/ranges.h"

#define PROBLEMS 8

static char memory[16384];

/* A database of users, its ranges and a ledger; the problems in them. */
struct world {
	struct arena arena;
	struct range_problem problems[PROBLEMS];
	size_t n;
};

static char *copy(struct world *w, const char *text)
{
	char *copied = arena_strdup(&w->arena, text);

	assert_non_null(copied);
	return copied;
}

static void audit(struct world *w, const char *subuid, const char *passwd, const char *ledger)
{
	struct range_list ranges;
	struct real_list users;
	struct past_list past;

	arena_init(&w->arena, memory, sizeof(memory));
	assert_int_equal(ranges_parse(&w->arena, copy(w, subuid), &ranges), 0);
	assert_int_equal(ranges_parse_real(&w->arena, copy(w, passwd), &users), 0);
	assert_int_equal(ranges_parse_past(&w->arena, copy(w, ledger), 'u', &past), 0);
	w->n = ranges_audit(&ranges, &users, &users, &past, w->problems, PROBLEMS);
}

#define ALICE "alice:x:1000:1000::/home/alice:/bin/sh\n"
#define BOB   "bob:x:1001:1001::/home/bob:/bin/sh\n"

static void test_in_order(void **state)
{
	struct world w;

	(void)state;
	audit(&w, "alice:100000:65536\nbob:165536:65536\n", ALICE BOB,
	      "u alice 100000 65536 2026-01-01 2026-02-01\n");
	assert_int_equal(w.n, 0);
}

static void test_damaged_lines_are_left_out(void **state)
{
	struct range_list ranges;
	struct world w;

	(void)state;
	arena_init(&w.arena, memory, sizeof(memory));
	assert_int_equal(ranges_parse(&w.arena,
				      copy(&w, "alice:100000\n:1:2\nbob:x:5\nbob:5:0\n"
					       "bob:4294967000:65536\n# a\n\nbob:5:3:7\nbob:5:3"),
				      &ranges),
			 0);
	assert_int_equal(ranges.n, 1);
	assert_string_equal(ranges.items[0].owner, "bob");
	assert_int_equal(ranges.items[0].first, 5);
	assert_int_equal(ranges.items[0].count, 3);
}

static void test_overlap(void **state)
{
	struct world w;

	(void)state;
	audit(&w, "alice:100000:65536\nbob:165535:10\n", ALICE BOB, "");
	assert_int_equal(w.n, 1);
	assert_int_equal(w.problems[0].kind, RANGE_OVERLAPS);
	assert_string_equal(w.problems[0].other.owner, "bob");

	/* One user by two names, and twice, is nobody's problem. */
	audit(&w, "alice:100000:65536\n1000:100000:65536\nalice:100000:10\n", ALICE, "");
	assert_int_equal(w.n, 0);
}

static void test_real_ids(void **state)
{
	struct world w;

	(void)state;
	audit(&w, "alice:1001:5\n", ALICE BOB, "");
	assert_int_equal(w.n, 1);
	assert_int_equal(w.problems[0].kind, RANGE_IS_REAL);
	assert_string_equal(w.problems[0].real->name, "bob");
	audit(&w, "alice:1002:5\n", ALICE BOB, "");
	assert_int_equal(w.n, 0);
}

static void test_orphan(void **state)
{
	struct world w;

	(void)state;
	audit(&w, "carol:100000:65536\n1001:200000:65536\n1002:300000:65536\n", ALICE BOB, "");
	assert_int_equal(w.n, 2);
	assert_int_equal(w.problems[0].kind, RANGE_ORPHAN);
	assert_string_equal(w.problems[0].range.owner, "carol");
	assert_string_equal(w.problems[1].range.owner, "1002");
}

static void test_reuse(void **state)
{
	struct world w;

	(void)state;
	audit(&w, "bob:165536:65536\n", BOB,
	      "g alice 165536 65536 2026-01-01 2026-02-01\n"
	      "u alice 165536 65536 2026-01-01 2026-03-01\n");
	assert_int_equal(w.n, 1);
	assert_int_equal(w.problems[0].kind, RANGE_REUSED);
	assert_string_equal(w.problems[0].past->range.owner, "alice");
	assert_string_equal(w.problems[0].past->until, "2026-03-01");
}

/* The worst comes first, and what there is no room for is counted. */
static void test_order_and_room(void **state)
{
	struct world w;
	struct range_list ranges;
	struct real_list users;
	struct past_list past = {0};
	struct range_problem one;

	(void)state;
	audit(&w, "carol:100000:10\nalice:1001:5\nbob:100005:10\n", ALICE BOB, "");
	assert_int_equal(w.n, 3);
	assert_int_equal(w.problems[0].kind, RANGE_OVERLAPS);
	assert_int_equal(w.problems[1].kind, RANGE_IS_REAL);
	assert_int_equal(w.problems[2].kind, RANGE_ORPHAN);

	assert_int_equal(ranges_parse(&w.arena, copy(&w, "carol:1:1\ndave:7:1\n"), &ranges), 0);
	assert_int_equal(ranges_parse_real(&w.arena, copy(&w, ""), &users), 0);
	assert_int_equal(ranges_audit(&ranges, &users, &users, &past, &one, 1), 2);
	assert_string_equal(one.range.owner, "carol");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_damaged_lines_are_left_out),
		cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_real_ids),
		cmocka_unit_test(test_orphan),
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_order_and_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
