/* coracle kill. */
#include "cli/command.h"

#include <errno.h>
#include <signal.h>

#include "cli/value.h"

struct kill_options {
	bool all;
};

static const struct option options[] = {
	{.name = "all",
	 .letter = 'a',
	 .type = OPTION_FLAG,
	 .offset = offsetof(struct kill_options, all),
	 .argument = "",
	 .help = "send the signal to all processes in the container"},
};

static int run(struct invocation *inv, struct err *e)
{
	const struct kill_options *o = inv->options;
	const char *name = inv->args.n > 1 ? inv->args.items[1] : "";
	int signal = SIGTERM;

	/* Buildah may give an empty name. */
	if (name[0] != '\0' && value_to_signal(name, &signal) < 0) {
		(void)err_set(e, ERR_USAGE, -EINVAL, "kill: unknown signal \"%s\"", name);
		return err_hint(e, "a number from 0 to 64, or a name: TERM, SIGTERM, RTMIN+3");
	}
	return container_kill(&inv->rt, inv->args.items[0], signal, o->all, e);
}

const struct command command_kill = {
	.name = "kill",
	.summary = "send a signal to the first process of a container",
	.positionals = {POSITIONAL_ID,
			{.name = "SIGNAL",
			 .help = "a number, or a name such as TERM (the default)",
			 .optional = true}},
	.options = OPTION_TABLE(options, struct kill_options),
	.run = run,
};
