/* Tests of the option parser. */
#include "cli/args.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

struct options {
	const char *bundle, *format, *env_file;
	bool tty, has_tty, detach, all;
	uint32_t fds;
	struct str_list env;
};

#define AT(member) offsetof(struct options, member)

static const struct option rows[] = {
	{.name = "bundle",
	 .letter = 'b',
	 .type = OPTION_STRING,
	 .offset = AT(bundle),
	 .argument = "DIR",
	 .fallback = "."},
	{.name = "format",
	 .letter = 'f',
	 .type = OPTION_CHOICE,
	 .offset = AT(format),
	 .argument = "text|json",
	 .fallback = "text"},
	{.name = "env-file", .type = OPTION_STRING, .offset = AT(env_file), .argument = "FILE"},
	{.name = "tty",
	 .letter = 't',
	 .type = OPTION_FLAG,
	 .offset = AT(tty),
	 .has_given = true,
	 .given = AT(has_tty),
	 .argument = ""},
	{.name = "detach",
	 .letter = 'd',
	 .type = OPTION_FLAG,
	 .offset = AT(detach),
	 .argument = ""},
	{.name = "all", .letter = 'a', .type = OPTION_FLAG, .offset = AT(all), .argument = ""},
	{.name = "fds", .type = OPTION_U32, .offset = AT(fds), .argument = "N", .fallback = "7"},
	{.name = "env",
	 .letter = 'e',
	 .type = OPTION_LIST,
	 .offset = AT(env),
	 .argument = "NAME=VALUE"},
	{.name = "no-subreaper", .type = OPTION_NOTHING, .argument = ""},
	{.name = "secret-thing", .hidden = true, .type = OPTION_NOTHING, .argument = ""},
	{.name = "", .letter = 'V', .hidden = true, .type = OPTION_NOTHING, .argument = ""},
};

static const struct option_table table = OPTION_TABLE(rows, struct options);

#define WORDS_MAX 16

struct parse {
	struct arena arena;
	struct args args;
	struct options o;
	struct err e;
	char *words[WORDS_MAX + 1];
	int r;
};

/* Parse the words of @line, which spaces separate; ~ stands for an empty word. */
static struct parse *parse(const char *line, bool stop_at_positional)
{
	struct parse *p = calloc(1, sizeof(*p));
	char *copy, *save = NULL;
	size_t n = 0;

	assert_non_null(p);
	arena_init(&p->arena, NULL, 0);
	copy = arena_strdup(&p->arena, line);
	assert_non_null(copy);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		assert_true(n < WORDS_MAX);
		/* On the heap one by one, so that sanitizers see a read beyond the end. */
		p->words[n] = strdup(str_eq(word, "~") ? "" : word);
		assert_non_null(p->words[n++]);
	}
	p->args = (struct args){
		.arena = &p->arena,
		.table = &table,
		.next = p->words,
		.stop_at_positional = stop_at_positional,
		.values = &p->o,
	};
	assert_int_equal(args_set_fallbacks(&p->args, &p->e), 0);
	p->r = args_parse(&p->args, &p->e);
	return p;
}

static void done(struct parse *p)
{
	for (size_t i = 0; i < WORDS_MAX; i++)
		free(p->words[i]);
	arena_done(&p->arena);
	free(p);
}

static void test_fallbacks(void **state)
{
	struct parse *p = parse("", false);

	(void)state;
	assert_int_equal(p->r, 0);
	assert_string_equal(p->o.bundle, ".");
	assert_string_equal(p->o.format, "text");
	assert_string_equal(p->o.env_file, "");
	assert_int_equal(p->o.fds, 7);
	assert_false(p->o.tty);
	assert_false(p->o.has_tty);
	assert_int_equal(p->o.env.n, 0);
	assert_int_equal(p->args.positionals.n, 0);
	done(p);
}

/* All spellings of one option with a value. */
static void test_values(void **state)
{
	static const char *const lines[] = {
		"--bundle x", "--bundle=x", "-bundle x", "-bundle=x", "-b x",     "-bx",
		"-b=x",       "-tb x",      "-tbx",      "-dtb=x",    "-b y -bx", "--bundle=y -b=x",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct parse *p = parse(lines[i], false);

		assert_int_equal(p->r, 0);
		assert_string_equal(p->o.bundle, "x");
		assert_int_equal(p->args.positionals.n, 0);
		done(p);
	}
}

/* What looks like an option is a value where one is due. */
static void test_odd_values(void **state)
{
	static const struct {
		const char *line, *bundle;
	} cases[] = {
		{"--bundle -t", "-t"},   {"-b --", "--"}, {"--bundle=", ""},   {"-b ~", ""},
		{"--bundle=a=b", "a=b"}, {"-b -", "-"},   {"--bundle=~", "~"}, {"-b=", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct parse *p = parse(cases[i].line, false);

		assert_int_equal(p->r, 0);
		assert_string_equal(p->o.bundle, cases[i].bundle);
		assert_false(p->o.tty);
		done(p);
	}
}

static void test_flags(void **state)
{
	static const struct {
		const char *line;
		bool tty, has_tty;
	} cases[] = {
		{"-t", true, true},
		{"--tty", true, true},
		{"-tty", true, true},
		{"--tty=true", true, true},
		{"--tty=false", false, true},
		{"-tty=0", false, true},
		{"-t=false", false, true},
		{"-dt=no", false, true},
		{"-d", false, false},
		{"--tty --tty=false", false, true},
		{"--no-subreaper", false, false},
		{"-no-subreaper", false, false},
		{"--no-subreaper=true", false, false},
		{"-V", false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct parse *p = parse(cases[i].line, false);

		assert_int_equal(p->r, 0);
		assert_int_equal(p->o.tty, cases[i].tty);
		assert_int_equal(p->o.has_tty, cases[i].has_tty);
		assert_int_equal(p->args.positionals.n, 0);
		done(p);
	}
}

static void test_bundles_of_letters(void **state)
{
	struct parse *p = parse("-tda -e A=1 -eB=2 --env C=3 -te D=4 --env=E", false);

	(void)state;
	assert_int_equal(p->r, 0);
	assert_true(p->o.tty && p->o.detach && p->o.all);
	assert_int_equal(p->o.env.n, 5);
	assert_string_equal(p->o.env.items[0], "A=1");
	assert_string_equal(p->o.env.items[1], "B=2");
	assert_string_equal(p->o.env.items[2], "C=3");
	assert_string_equal(p->o.env.items[3], "D=4");
	assert_string_equal(p->o.env.items[4], "E");
	done(p);
}

static void test_positionals(void **state)
{
	struct parse *p = parse("one -t two --fds 3 - -- -d --nope", false);

	(void)state;
	assert_int_equal(p->r, 0);
	assert_true(p->o.tty);
	assert_false(p->o.detach);
	assert_int_equal(p->o.fds, 3);
	assert_int_equal(p->args.positionals.n, 5);
	assert_string_equal(p->args.positionals.items[0], "one");
	assert_string_equal(p->args.positionals.items[1], "two");
	assert_string_equal(p->args.positionals.items[2], "-");
	assert_string_equal(p->args.positionals.items[3], "-d");
	assert_string_equal(p->args.positionals.items[4], "--nope");
	assert_null(*p->args.next);
	done(p);
}

static void test_stop_at_positional(void **state)
{
	struct parse *p = parse("-t --fds=2 id ls -d --help", true);

	(void)state;
	assert_int_equal(p->r, 0);
	assert_true(p->o.tty);
	assert_false(p->o.detach);
	assert_false(p->args.help);
	assert_int_equal(p->args.positionals.n, 0);
	assert_string_equal(p->args.next[0], "id");
	assert_string_equal(p->args.next[3], "--help");
	done(p);

	p = parse("-- -id ls", true);
	assert_int_equal(p->r, 0);
	assert_string_equal(p->args.next[0], "-id");
	done(p);
}

static void test_help(void **state)
{
	static const char *const lines[] = {
		"--help", "-h", "-help", "-th", "--help --nope", "id --help", "-h --fds x",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct parse *p = parse(lines[i], false);

		assert_int_equal(p->r, 0);
		assert_true(p->args.help);
		done(p);
	}
}

static void test_mistakes(void **state)
{
	static const struct {
		const char *line, *text, *hint;
	} cases[] = {
		{"--bundel x", "unknown option --bundel", "did you mean --bundle?"},
		{"--bun=x", "unknown option --bun", "did you mean --bundle?"},
		{"-bogus", "", ""}, /* -b ogus */
		{"-xyz", "unknown option -xyz", ""},
		{"-tx", "unknown option -tx", ""},
		{"-x", "unknown option -x", ""},
		{"--zzzzzz", "unknown option --zzzzzz", ""},
		{"--=x", "unknown option --", ""},
		{"--secret-thin", "unknown option --secret-thin", ""},
		{"--bundle", "option --bundle requires an argument", ""},
		{"-bundle", "option -bundle requires an argument", ""},
		{"-tb", "option -b requires an argument", ""},
		{"--env-file", "option --env-file requires an argument", ""},
		{"--format xml", "option --format: expected text|json, got \"xml\"", ""},
		{"--format=tex", "option --format: expected text|json, got \"tex\"", ""},
		{"--format ~", "option --format: expected text|json, got \"\"", ""},
		{"--format text|json", "option --format: expected text|json, got \"text|json\"",
		 ""},
		{"--fds -1", "option --fds: expected a number, got \"-1\"", ""},
		{"--fds=4294967296", "option --fds: expected a number, got \"4294967296\"", ""},
		{"--fds 0x1", "option --fds: expected a number, got \"0x1\"", ""},
		{"--tty=perhaps", "option --tty: expected true or false, got \"perhaps\"", ""},
		{"--no-subreaper=x", "option --no-subreaper: expected true or false, got \"x\"",
		 ""},
		{"--help=yes", "option --help takes no argument", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct parse *p = parse(cases[i].line, false);

		if (cases[i].text[0] == '\0') {
			assert_int_equal(p->r, 0);
		} else {
			assert_int_equal(p->r, -EINVAL);
			assert_int_equal(p->e.id, ERR_USAGE);
			assert_string_equal(p->e.text, cases[i].text);
			assert_string_equal(p->e.hint, cases[i].hint);
		}
		done(p);
	}
}

/* The log must be set up even if what follows is wrong. */
static void test_values_before_a_mistake(void **state)
{
	struct parse *p = parse("--bundle x --nope --fds 9", false);

	(void)state;
	assert_int_equal(p->r, -EINVAL);
	assert_string_equal(p->o.bundle, "x");
	assert_int_equal(p->o.fds, 7);
	assert_string_equal(p->args.next[-1], "--nope");
	done(p);
}

/* Words longer than any name, and every single byte. */
static void test_arbitrary_words(void **state)
{
	char word[300];

	(void)state;
	for (int c = 1; c < 256; c++) {
		memset(word, c == ' ' ? '_' : c, sizeof(word));
		word[0] = '-';
		word[sizeof(word) - 1] = '\0';
		done(parse(word, false));
		word[1] = '-';
		done(parse(word, false));
		word[3] = '\0';
		done(parse(word, false));
		done(parse(word + 1, false));
	}
}

static void test_nearest(void **state)
{
	unsigned best = ARGS_FAR;

	(void)state;
	assert_false(args_is_nearer("x", "exec", &best));
	assert_false(args_is_nearer("banana", "exec", &best));
	assert_true(args_is_nearer("craete", "create", &best));
	assert_false(args_is_nearer("craete", "create", &best));
	best = ARGS_FAR;
	assert_true(args_is_nearer("delet", "delete", &best));
	assert_int_equal(best, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fallbacks),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_odd_values),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_bundles_of_letters),
		cmocka_unit_test(test_positionals),
		cmocka_unit_test(test_stop_at_positional),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_values_before_a_mistake),
		cmocka_unit_test(test_arbitrary_words),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
