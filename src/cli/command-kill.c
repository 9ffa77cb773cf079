/* coracle kill. */
#include "cli/command.h"

#include <errno.h>
#include <signal.h>

#include "cli/value.h"

struct kill_options {
	bool all, regex;
};

static const struct option options[] = {
	{.name = "all",
	 .letter = 'a',
	 .type = OPTION_FLAG,
	 .offset = offsetof(struct kill_options, all),
	 .argument = "",
	 .help = "send the signal to all processes in the container"},
	OPTION_REGEX(struct kill_options),
};

static int read_signal(const struct invocation *inv, int *ret, struct err *e)
{
	const char *name = inv->args.n > 1 ? inv->args.items[1] : "";

	*ret = SIGTERM;
	/* Buildah may give an empty name. */
	if (name[0] == '\0' || value_to_signal(name, ret) == 0)
		return 0;
	(void)err_set(e, ERR_USAGE, -EINVAL, "kill: unknown signal \"%s\"", name);
	return err_hint(e, "a number from 0 to 64, or a name: TERM, SIGTERM, RTMIN+3");
}

/* One of those that match: that it has ended, or is gone, is no failure. */
static int kill_match(struct invocation *inv, const char *id, struct err *e)
{
	const struct kill_options *o = inv->options;
	int signal, r = read_signal(inv, &signal, e);

	if (r == 0)
		r = container_kill(&inv->rt, id, signal, o->all, e);
	return r < 0 && (e->id == ERR_CONTAINER_STATE || e->id == ERR_CONTAINER_MISSING) ? 0 : r;
}

static int run(struct invocation *inv, struct err *e)
{
	const struct kill_options *o = inv->options;
	int signal, r = read_signal(inv, &signal, e);

	if (r < 0)
		return r;
	return o->regex ? command_for_each(inv, inv->args.items[0], kill_match, e)
			: container_kill(&inv->rt, inv->args.items[0], signal, o->all, e);
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
