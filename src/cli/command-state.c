/* coracle state. */
#include "cli/command.h"

static int run(struct invocation *inv, struct err *e)
{
	struct container_info info;
	struct json_writer w;
	int r;

	r = container_info(&inv->rt, inv->args.items[0], &info, e);
	if (r < 0)
		return r;
	json_writer_init(&w, inv->rt.arena, true);
	json_object_begin(&w);
	command_write_info(&w, inv->rt.arena, &info);
	json_object_end(&w);
	return command_print_json(&w, e);
}

const struct command command_state = {
	.name = "state",
	.summary = "print the state of a container as JSON",
	.positionals = {POSITIONAL_ID},
	.run = run,
};
