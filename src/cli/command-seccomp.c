/* coracle seccomp: done by a program of its own, which no container's start has to carry. */
#include "cli/command.h"

static int run(struct invocation *inv, struct err *e)
{
	return command_become(inv, "coracle-seccomp", e);
}

const struct command command_seccomp = {
	.name = "seccomp",
	.summary = "compile, check, compare and trace filters",
	.positionals =
		{{.name = "VERB",
		  .help = "what to do; `coracle seccomp help` lists them",
		  .choices = "compile|check|explain|disasm|diff|convert|trace|dump"},
		 {.name = "ARGUMENT",
		  .help = "its options and arguments; `coracle seccomp VERB --help` shows them",
		  .optional = true,
		  .repeated = true}},
	.stop_at_positional = true,
	.companion = true,
	.run = run,
};
