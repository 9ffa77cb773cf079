/* coracle help, coracle version and coracle internal-args. */
#include "cli/command.h"

#include <errno.h>

#include "base/str.h"
#include "cli/help.h"
#include "cli/text.h"
#include "cli/topics.h"
#include "oci/features.h"

static int run_help(struct invocation *inv, struct err *e)
{
	const struct command *c = NULL;

	if (inv->args.n > 0) {
		const struct topic *topic = topic_find(inv->args.items[0]);

		if (topic)
			return topic_print(inv->rt.arena, topic, e);
		c = command_find(inv->args.items[0]);
		if (!c)
			return command_unknown(inv->args.items[0], e);
	}
	return help_print(inv->rt.arena, c, e);
}

/* Docker reads what follows "version" in the first line, and the line "commit:". */
static int run_version(struct invocation *inv, struct err *e)
{
	const char *out;
	struct text t;

	text_init(&t, inv->rt.arena);
	text_add(&t, "coracle version %s\n", inv->version);
	if (inv->commit[0] != '\0')
		text_add(&t, "commit: %s\n", inv->commit);
	text_add(&t, "spec: " OCI_VERSION_MAX "\n");
	if (text_finish(&t, &out) < 0)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "compose the version");
	return command_print(out, t.len, e);
}

static int run_internal_args(struct invocation *inv, struct err *e)
{
	return help_print_tables(inv->rt.arena, e);
}

const struct command command_help = {
	.name = "help",
	.summary = "show help, for a command if one is named",
	.positionals = {{.name = "COMMAND",
			 .help = "a command of coracle, or a topic",
			 .optional = true}},
	.run = run_help,
};

const struct command command_version = {
	.name = "version",
	.summary = "show the version",
	.run = run_version,
};

const struct command command_internal_args = {
	.name = "internal-args",
	.summary = "print the tables of commands and options as JSON, for tests",
	.hidden = true,
	.run = run_internal_args,
};
