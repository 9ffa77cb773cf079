/* coracle create. */
#include "cli/command.h"

static const struct option options[] = {
	OPTION_BUNDLE(struct create_options),
	OPTION_CONFIG(struct create_options),
	OPTION_PID_FILE(struct create_options),
	OPTION_CONSOLE_SOCKET(struct create_options),
	OPTION_PIDFD_SOCKET(struct create_options),
	OPTION_NO_PIVOT(struct create_options),
	OPTION_NO_NEW_KEYRING(struct create_options),
	OPTION_PRESERVE_FDS(struct create_options),
	{.name = "keep-status",
	 .type = OPTION_FLAG,
	 .offset = offsetof(struct create_options, keep_status),
	 .argument = "",
	 .help = "let the kernel keep how the container ends, for state and wait"},
	OPTION_NO_SUBREAPER,
};

static int run(struct invocation *inv, struct err *e)
{
	return container_create(&inv->rt, inv->args.items[0], inv->options, e);
}

const struct command command_create = {
	.name = "create",
	.summary = "create a container, up to the point where its program would start",
	.positionals = {POSITIONAL_NEW_ID},
	.options = OPTION_TABLE(options, struct create_options),
	.run = run,
};
