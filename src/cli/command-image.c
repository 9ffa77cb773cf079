/* coracle image: done by a program of its own, since it needs a library. */
#include "cli/command.h"

#include <errno.h>

#include "base/str.h"
#include "cli/log.h"
#include "host/companion.h"

/* coracle-image VERB [--log-format=json] ARGUMENT… */
static int run(struct invocation *inv, struct err *e)
{
	const char **argv = arena_newn(inv->rt.arena, const char *, inv->args.n + 3);
	size_t n = 0;

	if (!argv)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "read the command line");
	argv[n++] = "coracle-image";
	for (size_t i = 0; i < inv->args.n; i++) {
		argv[n++] = inv->args.items[i];
		if (i == 0 && log_is_json())
			argv[n++] = "--log-format=json";
	}
	argv[n] = NULL;
	/* execve() takes what it does not change as if it might. */
	return companion_exec("image", (char *const *)(const void *)argv, e);
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
