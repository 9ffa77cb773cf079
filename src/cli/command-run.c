/* coracle run. */
#include "cli/command.h"

static const struct option options[] = {
	OPTION_BUNDLE(struct create_options),
	OPTION_CONFIG(struct create_options),
	OPTION_DETACH(struct create_options),
	{.name = "keep",
	 .type = OPTION_FLAG,
	 .offset = offsetof(struct create_options, keep),
	 .argument = "",
	 .help = "do not delete the container when it has ended"},
	OPTION_PID_FILE(struct create_options),
	OPTION_CONSOLE_SOCKET(struct create_options),
	OPTION_PIDFD_SOCKET(struct create_options),
	OPTION_NO_PIVOT(struct create_options),
	OPTION_NO_NEW_KEYRING(struct create_options),
	OPTION_PRESERVE_FDS(struct create_options),
	OPTION_NO_SUBREAPER,
};

static int run(struct invocation *inv, struct err *e)
{
	return container_run(&inv->rt, inv->args.items[0], inv->options, &inv->status, e);
}

const struct command command_run = {
	.name = "run",
	.summary = "create and start a container, and wait for it",
	.positionals = {POSITIONAL_NEW_ID},
	.options = OPTION_TABLE(options, struct create_options),
	.run = run,
};
