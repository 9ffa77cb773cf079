/* coracle checkpoint and coracle restore: not implemented. They are here, hidden, because Podman
 * probes them (`checkpoint --help`, `restore --lsm-mount-context`) and because an engine that tries
 * is owed a plain answer, not "unknown option". */
#include "cli/command.h"

#include <errno.h>

/* One structure for both: nothing reads the values yet. */
struct checkpoint_options {
	const char *string;
	bool flag;
};

#define ROW_FLAG(option_name)                                                                      \
	{                                                                                          \
		.name = option_name, .type = OPTION_FLAG,                                          \
		.offset = offsetof(struct checkpoint_options, flag), .argument = "",               \
		.help = "not implemented"                                                          \
	}
#define ROW_STRING(option_name, option_argument)                                                   \
	{                                                                                          \
		.name = option_name, .type = OPTION_STRING,                                        \
		.offset = offsetof(struct checkpoint_options, string),                             \
		.argument = option_argument, .help = "not implemented"                             \
	}

#define SHARED_ROWS                                                                                \
	ROW_STRING("image-path", "DIR"), ROW_STRING("work-path", "DIR"),                           \
		ROW_FLAG("tcp-established"), ROW_FLAG("ext-unix-sk"), ROW_FLAG("shell-job"),       \
		ROW_FLAG("file-locks"), ROW_FLAG("tcp-close"), ROW_FLAG("lazy-pages"),             \
		ROW_FLAG("auto-dedup"), ROW_STRING("manage-cgroups-mode", "MODE"),                 \
		ROW_STRING("network-lock", "METHOD"), ROW_STRING("empty-ns", "TYPE")

static const struct option checkpoint_rows[] = {
	SHARED_ROWS,
	ROW_FLAG("leave-running"),
	ROW_FLAG("pre-dump"),
	ROW_FLAG("tcp-skip-in-flight"),
	ROW_FLAG("link-remap"),
	ROW_STRING("parent-path", "DIR"),
	ROW_STRING("status-fd", "N"),
	ROW_STRING("page-server", "ADDRESS:PORT"),
};

static const struct option restore_rows[] = {
	SHARED_ROWS,
	{.name = "bundle",
	 .letter = 'b',
	 .type = OPTION_STRING,
	 .offset = offsetof(struct checkpoint_options, string),
	 .argument = "DIR",
	 .help = "not implemented"},
	{.name = "detach",
	 .letter = 'd',
	 .type = OPTION_FLAG,
	 .offset = offsetof(struct checkpoint_options, flag),
	 .argument = "",
	 .help = "not implemented"},
	ROW_STRING("pid-file", "FILE"),
	ROW_STRING("console-socket", "SOCKET"),
	ROW_STRING("preserve-fds", "N"),
	ROW_STRING("lsm-profile", "TYPE:NAME"),
	ROW_STRING("lsm-mount-context", "CONTEXT"),
	ROW_FLAG("no-pivot"),
	OPTION_NO_SUBREAPER,
};

static int run(struct invocation *inv, struct err *e)
{
	return err_set(e, ERR_UNSUPPORTED, -EOPNOTSUPP, "%s is not implemented",
		       inv->command->name);
}

const struct command command_checkpoint = {
	.name = "checkpoint",
	.summary = "not implemented",
	.positionals = {POSITIONAL_ID},
	.options = OPTION_TABLE(checkpoint_rows, struct checkpoint_options),
	.hidden = true,
	.run = run,
};

const struct command command_restore = {
	.name = "restore",
	.summary = "not implemented",
	.positionals = {POSITIONAL_NEW_ID},
	.options = OPTION_TABLE(restore_rows, struct checkpoint_options),
	.hidden = true,
	.run = run,
};
