/* coracle wait. */
#include "cli/command.h"

#include "base/str.h"

static int run(struct invocation *inv, struct err *e)
{
	char text[16];
	int status, r = container_wait(&inv->rt, inv->args.items[0], &status, e);
	size_t len;

	if (r < 0)
		return r;
	len = str_format(text, sizeof(text), "%d\n", status);
	return command_print(text, len, e);
}

const struct command command_wait = {
	.name = "wait",
	.summary = "wait for a container to end, and print its exit status",
	.positionals = {POSITIONAL_ID},
	.run = run,
};
