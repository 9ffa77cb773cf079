/* coracle exec. */
#include "cli/command.h"

#include <errno.h>

#include "base/str.h"
#include "cli/value.h"

/* runc's: tells a failure of ours from most exit codes of the program. */
#define EXEC_FAILURE 255

/* What the command line says; what container/ takes follows from it. */
struct exec_words {
	struct exec_options o;
	bool has_user; /* "" must not mean "not given" (CVE-2026-30892) */
	const char *user;
	struct str_list gids, capabilities;
};

#define AT(member)   offsetof(struct exec_words, member)
#define AT_O(member) offsetof(struct exec_words, o.member)

static const struct option options[] = {
	{.name = "process",
	 .letter = 'p',
	 .type = OPTION_STRING,
	 .offset = AT_O(process_file),
	 .argument = "FILE",
	 .help = "take the process from this JSON file"},
	{.name = "env",
	 .letter = 'e',
	 .type = OPTION_LIST,
	 .offset = AT_O(env),
	 .argument = "NAME=VALUE",
	 .help = "add to the environment; may be repeated"},
	{.name = "tty",
	 .letter = 't',
	 .type = OPTION_FLAG,
	 .offset = AT_O(tty),
	 .has_given = true,
	 .given = AT_O(has_tty),
	 .argument = "",
	 .help = "allocate a terminal"},
	{.name = "user",
	 .letter = 'u',
	 .type = OPTION_STRING,
	 .offset = AT(user),
	 .has_given = true,
	 .given = AT(has_user),
	 .argument = "UID[:GID]",
	 .help = "run as these numeric ids"},
	{.name = "additional-gids",
	 .letter = 'g',
	 .type = OPTION_LIST,
	 .offset = AT(gids),
	 .argument = "GID",
	 .help = "add a supplementary group; may be repeated"},
	{.name = "cap",
	 .letter = 'c',
	 .type = OPTION_LIST,
	 .offset = AT(capabilities),
	 .argument = "CAP",
	 .help = "add a capability; may be repeated"},
	{.name = "cwd",
	 .type = OPTION_STRING,
	 .offset = AT_O(cwd),
	 .argument = "DIR",
	 .help = "working directory in the container"},
	{.name = "no-new-privs",
	 .type = OPTION_FLAG,
	 .offset = AT_O(no_new_privs),
	 .has_given = true,
	 .given = AT_O(has_no_new_privs),
	 .argument = "",
	 .help = "let the process gain no privileges"},
	{.name = "apparmor",
	 .type = OPTION_STRING,
	 .offset = AT_O(apparmor),
	 .argument = "PROFILE",
	 .help = "AppArmor profile of the process"},
	{.name = "process-label",
	 .type = OPTION_STRING,
	 .offset = AT_O(process_label),
	 .argument = "LABEL",
	 .help = "SELinux label of the process"},
	{.name = "cgroup",
	 .type = OPTION_LIST,
	 .offset = AT_O(cgroups),
	 .argument = "[CONTROLLER:]PATH",
	 .help = "run in this cgroup below the container's; may be repeated"},
	{.name = "ignore-paused",
	 .type = OPTION_FLAG,
	 .offset = AT_O(ignore_paused),
	 .argument = "",
	 .help = "allow a paused container; the process waits"},
	OPTION_DETACH(struct exec_options),
	OPTION_PID_FILE(struct exec_options),
	OPTION_CONSOLE_SOCKET(struct exec_options),
	OPTION_PIDFD_SOCKET(struct exec_options),
	OPTION_PRESERVE_FDS(struct exec_options),
	OPTION_NO_SUBREAPER,
};

/* The shared rows above give offsets in struct exec_options. */
_Static_assert(offsetof(struct exec_words, o) == 0, "exec_options must come first");

/* The comma-separated parts of all items of @list: runc's users write both forms. */
static int split(struct arena *a, const struct str_list *list, struct str_list *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		n++;
		for (const char *p = list->items[i]; *p; p++)
			n += *p == ',';
	}
	ret->n = 0;
	ret->items = n ? arena_newn(a, const char *, n) : NULL;
	if (n && !ret->items)
		return -ENOMEM;
	for (size_t i = 0; i < list->n; i++) {
		const char *p = list->items[i];

		for (;;) {
			size_t len = strcspn(p, ",");

			ret->items[ret->n] = arena_strndup(a, p, len);
			if (!ret->items[ret->n++])
				return -ENOMEM;
			if (p[len] == '\0')
				break;
			p += len + 1;
		}
	}
	return 0;
}

static int read_gids(struct arena *a, struct exec_words *words, struct err *e)
{
	struct str_list gids;

	if (words->gids.n == 0)
		return 0;
	if (split(a, &words->gids, &gids) < 0)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "read --additional-gids");
	words->o.additional_gids = arena_newn(a, uint32_t, gids.n);
	if (!words->o.additional_gids)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "read --additional-gids");
	for (size_t i = 0; i < gids.n; i++)
		if (str_to_u32(gids.items[i], UINT32_MAX - 1, &words->o.additional_gids[i]) < 0)
			return err_set(
				e, ERR_USAGE, -EINVAL,
				"exec: option --additional-gids: expected a number, got \"%s\"",
				gids.items[i]);
	words->o.n_additional_gids = gids.n;
	return 0;
}

static int read_user(struct exec_words *words, struct err *e)
{
	struct value_user user;

	if (value_to_user(words->user, &user) < 0) {
		(void)err_set(e, ERR_USAGE, -EINVAL,
			      "exec: option --user: expected UID or UID:GID, got \"%s\"",
			      words->user);
		return err_hint(e, "names are for the engine to resolve: the ids must be numbers");
	}
	words->o.has_user = true;
	words->o.uid = user.uid;
	words->o.has_gid = user.has_gid;
	words->o.gid = user.has_gid ? user.gid : 0;
	return 0;
}

/* The program and its arguments: what follows the id. */
static int read_command(const struct invocation *inv, struct exec_words *words, struct err *e)
{
	/* crun's users may write `exec ID -- PROGRAM`. */
	size_t first = inv->args.n > 1 && str_eq(inv->args.items[1], "--") ? 2 : 1;
	bool has_command = inv->args.n > first;

	if (words->o.process_file[0] != '\0' && has_command)
		return err_set(e, ERR_USAGE, -EINVAL,
			       "exec: option --process and a command exclude each other");
	if (words->o.process_file[0] == '\0' && !has_command)
		return err_set(e, ERR_USAGE, -EINVAL, "exec: missing argument COMMAND");
	words->o.args.items = inv->args.items + first;
	words->o.args.n = inv->args.n - first;
	return 0;
}

static int read_words(struct invocation *inv, struct exec_words *words, struct err *e)
{
	struct arena *a = inv->rt.arena;
	int r = read_command(inv, words, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < words->o.env.n; i++)
		if (!strchr(words->o.env.items[i], '=') || words->o.env.items[i][0] == '=')
			return err_set(e, ERR_USAGE, -EINVAL,
				       "exec: option --env: expected NAME=VALUE, got \"%s\"",
				       words->o.env.items[i]);
	if (split(a, &words->capabilities, &words->o.capabilities) < 0)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "read --cap");
	r = read_gids(a, words, e);
	if (r == 0 && words->has_user)
		r = read_user(words, e);
	return r;
}

static int run(struct invocation *inv, struct err *e)
{
	struct exec_words *words = inv->options;
	int r = read_words(inv, words, e);

	if (r < 0)
		return r;
	return container_exec(&inv->rt, inv->args.items[0], &words->o, &inv->status, e);
}

const struct command command_exec = {
	.name = "exec",
	.summary = "run another process in a running container",
	.positionals = {POSITIONAL_ID,
			{.name = "COMMAND",
			 .help = "the program and its arguments",
			 .optional = true,
			 .repeated = true}},
	.options = OPTION_TABLE(options, struct exec_words),
	.stop_at_positional = true,
	.failure_status = EXEC_FAILURE,
	.run = run,
};
