/* coracle pause and coracle resume. */
#include "cli/command.h"

static int run_pause(struct invocation *inv, struct err *e)
{
	return container_pause(&inv->rt, inv->args.items[0], e);
}

static int run_resume(struct invocation *inv, struct err *e)
{
	return container_resume(&inv->rt, inv->args.items[0], e);
}

const struct command command_pause = {
	.name = "pause",
	.summary = "suspend all processes in a container",
	.positionals = {POSITIONAL_ID},
	.run = run_pause,
};

const struct command command_resume = {
	.name = "resume",
	.summary = "let the processes of a paused container go on",
	.positionals = {POSITIONAL_ID},
	.run = run_resume,
};
