/* coracle's main function: the planner's process, from argv to the exit status. */
#include <errno.h>
#include <stdlib.h>

#include "base/str.h"
#include "base/sys.h"
#include "cli/args.h"
#include "cli/command.h"
#include "cli/global.h"
#include "cli/help.h"
#include "cli/hints.h"
#include "cli/log.h"
#include "commit.h"
#include "config.h"

#define FAILURE    1
#define ARENA_SIZE (256 * 1024)

/* Pages of it that nobody touches cost nothing; what fits needs no heap. */
static char arena_buffer[ARENA_SIZE];

/* Put /dev/null where one of the first three descriptors is closed: else the next file we open, a
 * console or a cgroup, would be somebody's standard output. */
static int fill_standard_fds(struct err *e)
{
	struct sys_pollfd fds[3] = {{.fd = 0}, {.fd = 1}, {.fd = 2}};
	const short closed = 0x20; /* POLLNVAL */

	if (sys_poll(fds, 3, 0) <= 0)
		return 0;
	for (int i = 0; i < 3; i++) {
		int fd;

		if (!(fds[i].revents & closed))
			continue;
		/* The lowest free descriptor is this one: those below it are open. The engine's and
		 * the container's standard streams stay open on exec. */
		fd = sys_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);
		if (fd < 0)
			return err_sys(e, ERR_IO, fd, "open /dev/null");
	}
	return 0;
}

/* Add to the error about @word, the last one that was parsed, what the parser cannot know. */
static int explain(const struct command *c, const char *word, struct err *e)
{
	const char *name = word + strspn(word, "-");
	size_t len = strcspn(name, "=");

	if (name > word && !args_find(&c->options, name, len) &&
	    args_find(&global_option_table, name, len)) {
		e->hint[0] = '\0'; /* what is spelled right needs no guess */
		(void)err_hint(e, "this option stands before the command");
	}
	return err_wrap(e, "%s", c->name);
}

/* Parse the words behind the command's name, where @a->next stands, and run it. */
static int run_command(struct invocation *inv, struct args *a, struct err *e)
{
	const struct command *c = inv->command;
	int r;

	a->table = &c->options;
	a->stop_at_positional = c->stop_at_positional;
	a->values = arena_alloc(a->arena, c->options.size);
	if (!a->values)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "read the command line");
	r = args_set_fallbacks(a, e);
	if (r < 0)
		return r;
	r = args_parse(a, e);
	if (r < 0)
		return explain(c, a->next[-1], e);
	if (a->help)
		return help_print(a->arena, c, e);
	inv->options = a->values;
	inv->args = a->positionals;
	if (c->stop_at_positional) {
		inv->args.items = (const char **)a->next;
		for (inv->args.n = 0; a->next[inv->args.n]; inv->args.n++)
			;
	}
	r = command_check_args(c, &inv->args, e);
	return r < 0 ? r : c->run(inv, e);
}

/* Parse the global options and start the log, even if they are wrong: those in front of the mistake
 * may say where it is to be reported. */
static int read_globals(struct args *a, struct err *e)
{
	struct err log_failure;
	int r, log_r;

	r = args_set_fallbacks(a, e);
	if (r < 0)
		return r;
	r = args_parse(a, e);
	log_r = global_open_log(a->values, &log_failure);
	if (r == 0 && log_r < 0) {
		*e = log_failure;
		r = log_r;
	}
	return r;
}

/* What a command that failed did is shown, too; its error follows. */
static int traced(struct invocation *inv, const struct global_options *g, struct args *a,
		  struct err *e)
{
	struct err problem;
	int r = run_command(inv, a, e);

	trace_mark(inv->rt.trace, "end");
	return global_show_trace(g, &inv->rt, r < 0 ? &problem : e) < 0 && r == 0 ? e->code : r;
}

/* Everything but printing the error. */
static int run(struct invocation *inv, char **words, struct err *e)
{
	struct global_options g = {0};
	struct args a = {
		.arena = inv->rt.arena,
		.table = &global_option_table,
		.next = words,
		.stop_at_positional = true,
		.values = &g,
	};
	int r = read_globals(&a, e);

	if (r < 0)
		return r;
	if (a.help)
		return help_print(a.arena, NULL, e);
	if (g.version)
		return command_version.run(inv, e);
	if (!*a.next) {
		(void)err_set(e, ERR_USAGE, -EINVAL, "no command");
		return err_hint(e, "`coracle --help` lists the commands");
	}
	inv->command = command_find(*a.next);
	if (!inv->command)
		return command_unknown(*a.next, e);
	a.next++;
	r = global_resolve(&g, &inv->rt, e);
	return r < 0 ? r : traced(inv, &g, &a, e);
}

static int failure_status(const struct invocation *inv, const struct err *e)
{
	bool own = inv->command && inv->command->failure_status != 0 && e->id != ERR_USAGE;

	return own ? inv->command->failure_status : FAILURE;
}

int main(int argc, char **argv)
{
	struct arena arena;
	struct invocation inv = {
		.rt.arena = &arena,
		.version = CORACLE_VERSION,
		.commit = CORACLE_COMMIT,
	};
	struct err e;
	int r;

#ifdef CORACLE_FAULT
	sys_fault_init("host", getenv("CORACLE_FAULT"));
#endif
	arena_init(&arena, arena_buffer, sizeof(arena_buffer));
	r = fill_standard_fds(&e);
	if (r == 0)
		r = run(&inv, argv + (argc > 0), &e);
	if (r < 0) {
		hints_complete(&e);
		log_error(&e);
		inv.status = failure_status(&inv, &e);
	}
	arena_done(&arena);
	return inv.status;
}
