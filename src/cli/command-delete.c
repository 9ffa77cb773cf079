/* coracle delete. */
#include "cli/command.h"

struct delete_options {
	bool force, regex;
};

static const struct option options[] = {
	{.name = "force",
	 .letter = 'f',
	 .type = OPTION_FLAG,
	 .offset = offsetof(struct delete_options, force),
	 .argument = "",
	 .help = "kill the container first if it still runs"},
	OPTION_REGEX(struct delete_options),
};

static int delete_one(struct invocation *inv, const char *id, struct err *e)
{
	const struct delete_options *o = inv->options;

	return container_delete(&inv->rt, id, o->force, e);
}

static int run(struct invocation *inv, struct err *e)
{
	const struct delete_options *o = inv->options;

	return o->regex ? command_for_each(inv, inv->args.items[0], delete_one, e)
			: delete_one(inv, inv->args.items[0], e);
}

const struct command command_delete = {
	.name = "delete",
	.summary = "remove a container that has ended",
	.positionals = {POSITIONAL_ID},
	.options = OPTION_TABLE(options, struct delete_options),
	.run = run,
};
