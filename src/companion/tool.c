/* Commands, messages and help of the programs beside the runtime. */
#include "companion/tool.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/time.h"

#include "config.h"

#define MESSAGE_SIZE 600

/* --- messages -------------------------------------------------------------------------------- */

void tool_print_message(const struct tool_message *m)
{
	char when[TIME_UTC_SIZE];
	struct timespec now = {0};
	struct json_writer w;
	const char *line;
	struct arena a;
	size_t len;

	(void)sys_clock_gettime(CLOCK_REALTIME, &now);
	arena_init(&a, NULL, 0);
	json_writer_init(&w, &a, false);
	json_object_begin(&w);
	json_kv_string(&w, "level", m->level);
	json_kv_string(&w, "msg", m->text);
	json_kv_string(&w, "time", time_format_utc(&now, when));
	if (m->code)
		json_kv_string(&w, "code", m->code);
	if (m->file) {
		json_kv_string(&w, "file", m->file);
		json_kv_u64(&w, "line", m->line);
		json_kv_u64(&w, "column", m->column);
	}
	if (m->hint && m->hint[0])
		json_kv_string(&w, "hint", m->hint);
	json_object_end(&w);
	if (json_writer_finish(&w, &line, &len) == 0)
		(void)io_write_all(STDERR_FILENO, line, len);
	arena_done(&a);
}

int tool_fail(const struct tool *t, const struct err *e)
{
	char text[MESSAGE_SIZE];

	err_message(e, text, sizeof(text));
	if (t->log_json) {
		const struct tool_message m = {
			.level = "error", .code = err_name(e->id), .text = text, .hint = e->hint};

		tool_print_message(&m);
		return t->failed;
	}
	fprintf(stderr, "%s: %s\n", t->program, text);
	if (e->hint[0] && isatty(STDERR_FILENO))
		fprintf(stderr, "  hint: %s\n", e->hint);
	return t->failed;
}

int tool_usage(const struct tool *t, const char *what)
{
	struct err e = {0};

	(void)err_set(&e, ERR_USAGE, -EINVAL, "%s: %s", t->command->name, what);
	(void)err_hint(&e, "try '%s %s --help'", t->program, t->command->name);
	return tool_fail(t, &e);
}

void tool_warn(const struct tool *t, const char *text)
{
	const struct tool_message m = {.level = "warning", .text = text};

	if (t->log_json)
		tool_print_message(&m);
	else
		fprintf(stderr, "%s: warning: %s\n", t->program, text);
}

bool tool_take_log_format(struct tool *t, const char *word)
{
	t->log_json = str_eq(word, "json");
	return t->log_json || str_eq(word, "text");
}

int tool_print_json(const struct tool *t, struct json_writer *w)
{
	struct err e = {0};
	const char *text;
	size_t len;
	int r = json_writer_finish(w, &text, &len);

	if (r == 0)
		r = io_write_all(STDOUT_FILENO, text, len);
	if (r == 0)
		return 0;
	(void)err_sys(&e, ERR_IO, r, "write the result");
	return tool_fail(t, &e);
}

/* --- help ------------------------------------------------------------------------------------ */

void tool_print_help(const struct tool *t)
{
	const struct tool_command *k = t->command;

	printf("Usage: %s %s [OPTION]...%s%s\n\n%c%s.\n\nOptions:\n%s%s"
	       "      --log-format F    messages as text (default) or json\n"
	       "  -h, --help            show this help\n",
	       t->program, k->name, k->arguments[0] ? " " : "", k->arguments,
	       k->summary[0] - 'a' + 'A', k->summary + 1, k->help, t->help);
}

static void print_commands(const struct tool *t)
{
	printf("Usage: %s COMMAND [OPTION]... [ARGUMENT]...\n\n%s\n\nCommands:\n", t->program,
	       t->about);
	for (const struct tool_command *k = t->commands; k->name; k++)
		printf("  %-8s %s\n", k->name, k->summary);
	printf("\n'%s COMMAND --help' shows the options of a command.\n", t->program);
}

/* --- the command ----------------------------------------------------------------------------- */

static const struct tool_command *find(const struct tool_command *k, const char *name)
{
	for (; k && k->name; k++)
		if (str_eq(k->name, name))
			return k;
	return NULL;
}

int tool_run(struct tool *t, struct cli *c, int argc, char **argv)
{
	struct err e = {0};

	if (argc < 2 || str_eq(argv[1], "--help") || str_eq(argv[1], "-h") ||
	    str_eq(argv[1], "help")) {
		t->command = argc > 2 ? find(t->commands, argv[2]) : NULL;
		if (t->command)
			tool_print_help(t);
		else
			print_commands(t);
		return argc < 2 ? t->failed : 0;
	}
	if (str_eq(argv[1], "--version")) {
		printf("%s %s\n", t->file, CORACLE_VERSION);
		return 0;
	}
	t->command = find(t->commands, argv[1]);
	if (!t->command)
		t->command = find(t->inner, argv[1]);
	if (!t->command) {
		(void)err_set(&e, ERR_USAGE, -EINVAL, "unknown command '%s'", argv[1]);
		(void)err_hint(&e, "try '%s --help'", t->program);
		return tool_fail(t, &e);
	}
	opterr = 0; /* we say it ourselves */
	return t->command->run(c, argc - 1, argv + 1);
}
