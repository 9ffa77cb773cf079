/* The commands: what each takes, and the function that does it. The tables below are the whole
 * command line: help, completion and the tests' comparison with the manual read them. Each
 * command-*.c turns arguments into a call of container/ and prints the answer; nothing else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"
#include "cli/args.h"
#include "container/container.h"

/* A positional argument. The name tells what completes it: ID, SIGNAL, COMMAND, … */
struct positional {
	const char *name;
	const char *help;
	const char *choices; /* the words there are, "a|b|c"; NULL if it is not that simple */
	bool optional;
	bool repeated;
	bool is_new; /* an id that nothing has yet: not completed */
};

#define POSITIONAL_MAX 3

struct command;

/* One invocation of a command. */
struct invocation {
	struct runtime rt;
	const struct command *command;
	void *options;                /* the command's structure, filled in */
	struct str_list args;         /* positional arguments, as many as the command allows */
	const char *version, *commit; /* commit: "" if unknown */
	int status;                   /* our exit status if the command succeeds */
};

struct command {
	const char *name;
	const char *summary; /* a phrase in lower case, without a full stop */
	struct positional positionals[POSITIONAL_MAX]; /* ends with a NULL name, or full */
	struct option_table options;
	bool hidden;             /* works, but is not shown */
	bool companion;          /* done by libexec/coracle/coracle-NAME, which knows the options */
	bool stop_at_positional; /* words behind the first positional argument are not options */
	int failure_status;      /* our exit status when run() fails, but for usage; 0 is 1 */
	/* Returns 0, or -errno with *@e filled in. */
	int (*run)(struct invocation *inv, struct err *e);
};

/* In the order of help; ends with NULL. */
extern const struct command *const commands[];

/* The command called @name, or NULL. */
const struct command *command_find(const char *name);

/* "Unknown command", with what @word may have meant as the hint. Returns -EINVAL. */
int command_unknown(const char *word, struct err *e);

/* Fails if positional arguments are missing or too many. */
int command_check_args(const struct command *c, const struct str_list *args, struct err *e)
	_must_check_;

extern const struct command command_checkpoint, command_completion, command_create, command_delete,
	command_doctor, command_events, command_exec, command_features, command_help, command_image,
	command_internal_args, command_kill, command_list, command_mounts, command_notify,
	command_pause, command_plan, command_ps, command_restore, command_resume, command_run,
	command_seccomp, command_spec, command_start, command_state, command_update,
	command_version, command_wait;

/* What several commands share. */

/* Become the companion @program, "coracle-NAME", for the command's own arguments:
 * PROGRAM VERB [--log-format=json] ARGUMENT… Returns only if that fails. */
int command_become(struct invocation *inv, const char *program, struct err *e) _must_check_;

/* A container's id as the only argument. */
#define POSITIONAL_ID                                                                              \
	{                                                                                          \
		.name = "ID", .help = "the container's id"                                         \
	}
/* The same, of a container that does not exist yet. */
#define POSITIONAL_NEW_ID                                                                          \
	{                                                                                          \
		.name = "ID", .help = "the id for the new container", .is_new = true               \
	}

/* The rows that create, run, exec and others share; @structure is that of the command. */
#define OPTION_BUNDLE(structure)                                                                   \
	{                                                                                          \
		.name = "bundle", .letter = 'b', .type = OPTION_STRING,                            \
		.offset = offsetof(structure, bundle), .argument = "DIR",                          \
		.help = "bundle directory (default: the current directory)"                        \
	}
#define OPTION_CONFIG(structure)                                                                   \
	{                                                                                          \
		.name = "config", .letter = 'f', .type = OPTION_STRING,                            \
		.offset = offsetof(structure, config), .argument = "FILE",                         \
		.help = "configuration file (default: config.json in the bundle)"                  \
	}
#define OPTION_PID_FILE(structure)                                                                 \
	{                                                                                          \
		.name = "pid-file", .type = OPTION_STRING,                                         \
		.offset = offsetof(structure, pid_file), .argument = "FILE",                       \
		.help = "write the process id to FILE"                                             \
	}
#define OPTION_CONSOLE_SOCKET(structure)                                                           \
	{                                                                                          \
		.name = "console-socket", .type = OPTION_STRING,                                   \
		.offset = offsetof(structure, console_socket), .argument = "SOCKET",               \
		.help = "send the terminal to this unix socket"                                    \
	}
#define OPTION_PIDFD_SOCKET(structure)                                                             \
	{                                                                                          \
		.name = "pidfd-socket", .type = OPTION_STRING,                                     \
		.offset = offsetof(structure, pidfd_socket), .argument = "SOCKET",                 \
		.help = "send a pidfd of the process to this unix socket"                          \
	}
#define OPTION_PRESERVE_FDS(structure)                                                             \
	{                                                                                          \
		.name = "preserve-fds", .type = OPTION_U32,                                        \
		.offset = offsetof(structure, preserve_fds), .argument = "N",                      \
		.help = "pass N more file descriptors, from 3 on"                                  \
	}
#define OPTION_NO_PIVOT(structure)                                                                 \
	{                                                                                          \
		.name = "no-pivot", .type = OPTION_FLAG, .offset = offsetof(structure, no_pivot),  \
		.argument = "", .help = "enter the root by MS_MOVE and chroot (for a ramdisk)"     \
	}
#define OPTION_NO_NEW_KEYRING(structure)                                                           \
	{                                                                                          \
		.name = "no-new-keyring", .type = OPTION_FLAG,                                     \
		.offset = offsetof(structure, no_new_keyring), .argument = "",                     \
		.help = "keep the caller's session keyring"                                        \
	}
#define OPTION_DETACH(structure)                                                                   \
	{                                                                                          \
		.name = "detach", .letter = 'd', .type = OPTION_FLAG,                              \
		.offset = offsetof(structure, detach), .argument = "",                             \
		.help = "return as soon as the process runs"                                       \
	}
/* runc's, which containerd gives with one dash; there is nothing here that it would switch off. */
#define OPTION_NO_SUBREAPER                                                                        \
	{                                                                                          \
		.name = "no-subreaper", .hidden = true, .type = OPTION_NOTHING, .argument = "",    \
		.help = "accepted for compatibility"                                               \
	}

#define OPTION_REGEX(structure)                                                                    \
	{                                                                                          \
		.name = "regex", .letter = 'r', .type = OPTION_FLAG,                               \
		.offset = offsetof(structure, regex), .argument = "",                              \
		.help = "ID is a regular expression: all containers that match"                    \
	}

/* Call @act with each id that the regular expression @pattern matches, even if it failed for
 * another. Returns 0, or the first failure. */
int command_for_each(struct invocation *inv, const char *pattern,
		     int (*act)(struct invocation *inv, const char *id, struct err *e),
		     struct err *e) _must_check_;

/* Write all of @text to standard output. Returns 0 or -errno. */
int command_print(const char *text, size_t len, struct err *e) _must_check_;

/* End @w and write it to standard output. */
int command_print_json(struct json_writer *w, struct err *e) _must_check_;

/* The name of user @uid in /etc/passwd, or "#UID". Owned by the arena, never NULL. */
const char *command_user_name(struct arena *a, uint32_t uid);

/* The members of a container's description that `state` and `list` share. */
void command_write_info(struct json_writer *w, struct arena *a, const struct container_info *info);
