/* coracle notify: done by a program of its own, since it loads plugins. */
#include "cli/command.h"

static int run(struct invocation *inv, struct err *e)
{
	return command_become(inv, "coracle-notify", e);
}

const struct command command_notify = {
	.name = "notify",
	.summary = "answer system calls that a filter passes on",
	.positionals =
		{{.name = "VERB",
		  .help = "what to do; `coracle notify help` lists them",
		  .choices = "serve|check|filter|status"},
		 {.name = "ARGUMENT",
		  .help = "its options and arguments; `coracle notify VERB --help` shows them",
		  .optional = true,
		  .repeated = true}},
	.stop_at_positional = true,
	.companion = true,
	.run = run,
};
