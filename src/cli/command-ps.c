/* coracle ps. */
#include "cli/command.h"

#include <errno.h>

#include "base/str.h"
#include "cli/text.h"

struct ps_options {
	const char *format;
};

static const struct option options[] = {
	{.name = "format",
	 .letter = 'f',
	 .type = OPTION_CHOICE,
	 .offset = offsetof(struct ps_options, format),
	 .argument = "table|json",
	 .fallback = "table",
	 .help = "what to print"},
};

static int print_table(struct arena *a, const pid_t *pids, size_t n, struct err *e)
{
	const char *out;
	struct text t;

	text_init(&t, a);
	text_add(&t, "PID\n");
	for (size_t i = 0; i < n; i++)
		text_add(&t, "%d\n", (int)pids[i]);
	if (text_finish(&t, &out) < 0)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "compose the list");
	return command_print(out, t.len, e);
}

/* As people who know runc call it: ps ID -e -x. */
static int print_as_ps(struct invocation *inv, struct err *e)
{
	const struct str_list words = {inv->args.items + 1, inv->args.n - 1};
	const char *out;
	int r = container_ps(&inv->rt, inv->args.items[0], &words, &out, e);

	return r < 0 ? r : command_print(out, strlen(out), e);
}

static int run(struct invocation *inv, struct err *e)
{
	const struct ps_options *o = inv->options;
	struct json_writer w;
	pid_t *pids;
	size_t n;
	int r;

	if (str_eq(o->format, "table") && inv->args.n > 1)
		return print_as_ps(inv, e);
	r = container_pids(&inv->rt, inv->args.items[0], &pids, &n, e);
	if (r < 0)
		return r;
	if (str_eq(o->format, "table"))
		return print_table(inv->rt.arena, pids, n, e);

	json_writer_init(&w, inv->rt.arena, false);
	json_array_begin(&w);
	for (size_t i = 0; i < n; i++)
		json_i64(&w, pids[i]);
	json_array_end(&w);
	return command_print_json(&w, e);
}

const struct command command_ps = {
	.name = "ps",
	.summary = "list the processes in a container",
	.positionals = {POSITIONAL_ID,
			{.name = "ARGUMENT",
			 .help = "of ps(1), which prints the table then",
			 .optional = true,
			 .repeated = true}},
	.options = OPTION_TABLE(options, struct ps_options),
	.stop_at_positional = true,
	.run = run,
};
