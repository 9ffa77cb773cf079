/* coracle image: done by a program of its own, since it needs libraries. */
#include "cli/command.h"

static int run(struct invocation *inv, struct err *e)
{
	return command_become(inv, "coracle-image", e);
}

const struct command command_image = {
	.name = "image",
	.summary = "keep, seal, mount and run images",
	.positionals =
		{{.name = "VERB",
		  .help = "what to do; `coracle image help` lists them",
		  .choices = "build|info|dump|diff|check|mount|umount|import|list|inspect|tag|rm|"
			     "gc|fsck|run|export|unpack|seal|verify"},
		 {.name = "ARGUMENT",
		  .help = "its options and arguments; `coracle image VERB --help` shows them",
		  .optional = true,
		  .repeated = true}},
	.stop_at_positional = true,
	.companion = true,
	.run = run,
};
