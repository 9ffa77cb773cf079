/* coracle list. */
#include "cli/command.h"

#include <errno.h>

#include "base/str.h"
#include "cli/text.h"

struct list_options {
	bool quiet;
	const char *format;
};

static const struct option options[] = {
	{.name = "format",
	 .letter = 'f',
	 .type = OPTION_CHOICE,
	 .offset = offsetof(struct list_options, format),
	 .argument = "table|json",
	 .fallback = "table",
	 .help = "what to print"},
	{.name = "quiet",
	 .letter = 'q',
	 .type = OPTION_FLAG,
	 .offset = offsetof(struct list_options, quiet),
	 .argument = "",
	 .help = "print ids only"},
};

#define COLUMNS 6
/* As runc's table: columns are at least 12 wide, with three spaces between them. */
#define COLUMN_MIN 12
#define COLUMN_GAP 3

struct row {
	const char *cells[COLUMNS];
	char pid[12];
};

static void add_table(struct text *t, const struct row *rows, size_t n)
{
	size_t width[COLUMNS];

	for (size_t c = 0; c < COLUMNS; c++) {
		width[c] = COLUMN_MIN;
		for (size_t i = 0; i < n; i++)
			width[c] = MAX(width[c], strlen(rows[i].cells[c]) + COLUMN_GAP);
	}
	for (size_t i = 0; i < n; i++) {
		size_t column = 0;

		for (size_t c = 0; c < COLUMNS; c++) {
			text_add(t, "%s", rows[i].cells[c]);
			column += width[c];
			if (c + 1 < COLUMNS)
				text_pad(t, column);
		}
		text_add(t, "\n");
	}
}

static int print_table(struct arena *a, const struct container_info *infos, size_t n, struct err *e)
{
	struct row *rows = arena_newn(a, struct row, n + 1);
	const char *out;
	struct text t;

	if (!rows)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "compose the list");
	rows[0] = (struct row){{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}, ""};
	for (size_t i = 0; i < n; i++) {
		struct row *row = &rows[i + 1];

		(void)str_format(row->pid, sizeof(row->pid), "%d", (int)infos[i].pid);
		row->cells[0] = infos[i].id;
		row->cells[1] = row->pid;
		row->cells[2] = container_status_name(infos[i].status);
		row->cells[3] = infos[i].bundle;
		row->cells[4] = infos[i].created;
		row->cells[5] = command_user_name(a, infos[i].owner);
	}
	text_init(&t, a);
	add_table(&t, rows, n + 1);
	if (text_finish(&t, &out) < 0)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "compose the list");
	return command_print(out, t.len, e);
}

static int print_json(struct arena *a, const struct container_info *infos, size_t n, struct err *e)
{
	struct json_writer w;

	json_writer_init(&w, a, false);
	json_array_begin(&w);
	for (size_t i = 0; i < n; i++) {
		json_object_begin(&w);
		command_write_info(&w, a, &infos[i]);
		json_object_end(&w);
	}
	json_array_end(&w);
	return command_print_json(&w, e);
}

static int print_ids(struct arena *a, const struct container_info *infos, size_t n, struct err *e)
{
	const char *out;
	struct text t;

	text_init(&t, a);
	for (size_t i = 0; i < n; i++)
		text_add(&t, "%s\n", infos[i].id);
	if (text_finish(&t, &out) < 0)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "compose the list");
	return command_print(out, t.len, e);
}

static int run(struct invocation *inv, struct err *e)
{
	const struct list_options *o = inv->options;
	struct arena *a = inv->rt.arena;
	struct container_info *infos;
	size_t n;
	int r;

	r = container_list(&inv->rt, &infos, &n, e);
	if (r < 0)
		return r;
	if (o->quiet)
		return print_ids(a, infos, n, e);
	return str_eq(o->format, "json") ? print_json(a, infos, n, e) : print_table(a, infos, n, e);
}

const struct command command_list = {
	.name = "list",
	.summary = "list the containers below the state directory",
	.options = OPTION_TABLE(options, struct list_options),
	.run = run,
};
