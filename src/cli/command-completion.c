/* coracle completion. */
#include "cli/command.h"

#include <errno.h>

#include "base/str.h"
#include "cli/completion.h"

static int run(struct invocation *inv, struct err *e)
{
	static const char *const shells[] = {
		[COMPLETION_BASH] = "bash",
		[COMPLETION_ZSH] = "zsh",
		[COMPLETION_FISH] = "fish",
	};

	for (size_t i = 0; i < ARRAY_SIZE(shells); i++)
		if (str_eq(inv->args.items[0], shells[i]))
			return completion_print(inv->rt.arena, (enum completion_shell)i, e);
	return err_set(e, ERR_USAGE, -EINVAL, "completion: expected bash, zsh or fish, got \"%s\"",
		       inv->args.items[0]);
}

const struct command command_completion = {
	.name = "completion",
	.summary = "print a completion script for a shell",
	.positionals = {{.name = "SHELL", .help = "bash, zsh or fish", .choices = "bash|zsh|fish"}},
	.run = run,
};
