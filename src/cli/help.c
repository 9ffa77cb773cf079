/* Help. Runs in the command-line half only. */
#include "cli/help.h"

#include <errno.h>

#include "base/str.h"
#include "cli/global.h"
#include "cli/text.h"
#include "cli/topics.h"

#define COLUMN 30

void help_add_positionals(struct text *t, const struct command *c)
{
	for (size_t i = 0; i < POSITIONAL_MAX && c->positionals[i].name; i++) {
		const struct positional *p = &c->positionals[i];

		text_add(t, " %s%s%s%s", p->optional ? "[" : "", p->name, p->repeated ? "..." : "",
			 p->optional ? "]" : "");
	}
}

/* The right-hand column; on a line of its own if the left one is too wide. */
static void add_explanation(struct text *t, const char *help)
{
	if (text_column(t) + 2 > COLUMN)
		text_add(t, "\n");
	text_pad(t, COLUMN);
	text_add(t, "%s", help);
}

static void add_option(struct text *t, const struct option *o)
{
	char letter[5] = {'-', o->letter, ',', ' ', '\0'};

	text_add(t, "  %s--%s", o->letter ? letter : "    ", o->name);
	if (o->argument[0] != '\0')
		text_add(t, " %s", o->argument);
	add_explanation(t, o->help);
	if (o->fallback)
		text_add(t, " (default: %s)", o->fallback);
	text_add(t, "\n");
}

static void add_options(struct text *t, const struct option_table *table)
{
	for (size_t i = 0; i < table->n; i++)
		if (!table->rows[i].hidden)
			add_option(t, &table->rows[i]);
	add_option(t, &option_help);
}

static void add_program(struct text *t)
{
	text_add(t, "Usage: coracle [OPTION]... COMMAND [ARGUMENT]...\n"
		    "Run containers by the OCI runtime specification.\n\nCommands:\n");
	for (const struct command *const *c = commands; *c; c++) {
		if ((*c)->hidden)
			continue;
		text_add(t, "  %s", (*c)->name);
		text_pad(t, 14);
		text_add(t, "%s\n", (*c)->summary);
	}
	text_add(t, "\nOptions:\n");
	add_options(t, &global_option_table);
	text_add(
		t,
		"\n`coracle COMMAND --help` shows the options of a command.\nTopics of `coracle help TOPIC`:");
	for (const struct topic *topic = topics; topic->name; topic++)
		text_add(t, " %s%s", topic->name, topic[1].name ? "," : ".\n");
}

static void add_command(struct text *t, const struct command *c)
{
	bool any = false;

	text_add(t, "Usage: coracle [OPTION]... %s [OPTION]...", c->name);
	help_add_positionals(t, c);
	/* A summary is a phrase; here it stands as a sentence. */
	text_add(t, "\n%c%s.\n", c->summary[0] - 'a' + 'A', c->summary + 1);
	for (size_t i = 0; i < POSITIONAL_MAX && c->positionals[i].name; i++) {
		text_add(t, "%s  %s", any ? "" : "\nArguments:\n", c->positionals[i].name);
		add_explanation(t, c->positionals[i].help);
		text_add(t, "\n");
		any = true;
	}
	text_add(t, "\nOptions:\n");
	add_options(t, &c->options);
	text_add(t, "\n`coracle --help` shows the options that stand before the command.\n");
}

int help_print(struct arena *a, const struct command *c, struct err *e)
{
	const char *out;
	struct text t;

	text_init(&t, a);
	if (c)
		add_command(&t, c);
	else
		add_program(&t);
	if (text_finish(&t, &out) < 0)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "compose the help");
	return command_print(out, t.len, e);
}

/* --- for tests ------------------------------------------------------------------------------- */

static void write_option(struct json_writer *w, const struct option *o)
{
	static const char *const types[] = {
		[OPTION_FLAG] = "flag",  [OPTION_STRING] = "string", [OPTION_CHOICE] = "choice",
		[OPTION_U32] = "number", [OPTION_LIST] = "list",     [OPTION_NOTHING] = "flag",
		[OPTION_HELP] = "help",
	};
	char letter[2] = {o->letter, '\0'};

	json_object_begin(w);
	json_kv_string(w, "name", o->name);
	json_kv_string(w, "letter", letter);
	json_kv_string(w, "type", types[o->type]);
	json_kv_string(w, "argument", o->argument);
	json_kv_string(w, "default", o->fallback ? o->fallback : "");
	json_kv_string(w, "help", o->help);
	json_kv_bool(w, "hidden", o->hidden);
	json_object_end(w);
}

static void write_options(struct json_writer *w, const struct option_table *table)
{
	json_key(w, "options");
	json_array_begin(w);
	for (size_t i = 0; i < table->n; i++)
		write_option(w, &table->rows[i]);
	write_option(w, &option_help);
	json_array_end(w);
}

static void write_command(struct json_writer *w, const struct command *c)
{
	json_object_begin(w);
	json_kv_string(w, "name", c->name);
	json_kv_string(w, "summary", c->summary);
	json_kv_bool(w, "hidden", c->hidden);
	json_kv_bool(w, "companion", c->companion);
	json_key(w, "arguments");
	json_array_begin(w);
	for (size_t i = 0; i < POSITIONAL_MAX && c->positionals[i].name; i++) {
		json_object_begin(w);
		json_kv_string(w, "name", c->positionals[i].name);
		json_kv_string(w, "help", c->positionals[i].help);
		json_kv_bool(w, "optional", c->positionals[i].optional);
		json_kv_bool(w, "repeated", c->positionals[i].repeated);
		json_kv_string(w, "choices",
			       c->positionals[i].choices ? c->positionals[i].choices : "");
		json_object_end(w);
	}
	json_array_end(w);
	write_options(w, &c->options);
	json_object_end(w);
}

int help_print_tables(struct arena *a, struct err *e)
{
	struct json_writer w;

	json_writer_init(&w, a, true);
	json_object_begin(&w);
	write_options(&w, &global_option_table);
	json_key(&w, "commands");
	json_array_begin(&w);
	for (const struct command *const *c = commands; *c; c++)
		write_command(&w, *c);
	json_array_end(&w);
	json_object_end(&w);
	return command_print_json(&w, e);
}
