/* coracle start. */
#include "cli/command.h"

static int run(struct invocation *inv, struct err *e)
{
	return container_start(&inv->rt, inv->args.items[0], e);
}

const struct command command_start = {
	.name = "start",
	.summary = "start the program of a created container",
	.positionals = {POSITIONAL_ID},
	.run = run,
};
