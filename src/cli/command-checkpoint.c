/* coracle checkpoint and coracle restore, with the options of runc and crun. */
#include "cli/command.h"

#define ROW_FLAG(structure, option_name, field, option_help)                                       \
	{                                                                                          \
		.name = option_name, .type = OPTION_FLAG, .offset = offsetof(structure, field),    \
		.argument = "", .help = option_help                                                \
	}
#define ROW_STRING(structure, option_name, field, option_argument, option_help)                    \
	{                                                                                          \
		.name = option_name, .type = OPTION_STRING, .offset = offsetof(structure, field),  \
		.argument = option_argument, .help = option_help                                   \
	}
#define ROW_CHOICE(structure, option_name, field, words, option_help)                              \
	{                                                                                          \
		.name = option_name, .type = OPTION_CHOICE, .offset = offsetof(structure, field),  \
		.argument = words, .help = option_help                                             \
	}

/* The rows of struct criu_options, which both structures have. */
#define CRIU_ROWS(s)                                                                               \
	ROW_STRING(s, "image-path", criu.image_path, "DIR",                                        \
		   "directory of the checkpoint (default: checkpoint)"),                           \
		ROW_STRING(s, "work-path", criu.work_path, "DIR",                                  \
			   "directory for CRIU's logs (default: that of the checkpoint)"),         \
		ROW_FLAG(s, "tcp-established", criu.tcp_established,                               \
			 "keep TCP connections that are open"),                                    \
		ROW_FLAG(s, "tcp-close", criu.tcp_close, "close TCP connections that were open"),  \
		ROW_FLAG(s, "ext-unix-sk", criu.ext_unix_sk,                                       \
			 "allow unix sockets that lead out of the container"),                     \
		ROW_FLAG(s, "shell-job", criu.shell_job,                                           \
			 "allow a terminal that belongs to the caller"),                           \
		ROW_FLAG(s, "file-locks", criu.file_locks, "keep file locks"),                     \
		ROW_FLAG(s, "auto-dedup", criu.auto_dedup,                                         \
			 "drop memory of the parent that is in this one too"),                     \
		ROW_CHOICE(s, "manage-cgroups-mode", criu.manage_cgroups,                          \
			   "soft|ignore|full|strict|props|none",                                   \
			   "what CRIU does about cgroups (default: soft, or ignore)"),             \
		ROW_CHOICE(s, "network-lock", criu.network_lock, "iptables|nftables|skip",         \
			   "how the network is held still (default: CRIU's)"),                     \
		{                                                                                  \
			.name = "empty-ns",                                                        \
			.type = OPTION_LIST,                                                       \
			.offset = offsetof(s, criu.empty_ns),                                      \
			.argument = "TYPE",                                                        \
			.help = "leave the content of this namespace alone: network",              \
		},                                                                                 \
	{                                                                                          \
		.name = "lazy-pages", .hidden = true, .type = OPTION_FLAG,                         \
		.offset = offsetof(s, criu.lazy_pages), .argument = "", .help = "not implemented"  \
	}

static const struct option checkpoint_rows[] = {
	CRIU_ROWS(struct checkpoint_options),
	ROW_FLAG(struct checkpoint_options, "leave-running", leave_running,
		 "let the container run on"),
	ROW_FLAG(struct checkpoint_options, "pre-dump", pre_dump,
		 "dump memory only, for a later checkpoint to build on"),
	ROW_STRING(struct checkpoint_options, "parent-path", parent_path, "DIR",
		   "an earlier pre-dump, relative to the directory of this one"),
	ROW_FLAG(struct checkpoint_options, "tcp-skip-in-flight", tcp_skip_in_flight,
		 "leave out TCP connections that are being made"),
	ROW_FLAG(struct checkpoint_options, "link-remap", link_remap,
		 "give names to open files that have none any more"),
	ROW_STRING(struct checkpoint_options, "page-server", page_server, "ADDRESS:PORT",
		   "send memory to the page server of CRIU there"),
	{.name = "status-fd",
	 .hidden = true,
	 .type = OPTION_STRING,
	 .offset = offsetof(struct checkpoint_options, status_fd),
	 .argument = "N",
	 .help = "not implemented"},
};

/* Their structure comes first in that of restore. */
_Static_assert(offsetof(struct restore_options, create) == 0, "rows of create");

static const struct option restore_rows[] = {
	OPTION_BUNDLE(struct create_options),
	OPTION_CONFIG(struct create_options),
	OPTION_DETACH(struct create_options),
	OPTION_PID_FILE(struct create_options),
	OPTION_CONSOLE_SOCKET(struct create_options),
	OPTION_PIDFD_SOCKET(struct create_options),
	CRIU_ROWS(struct restore_options),
	ROW_STRING(struct restore_options, "lsm-profile", lsm_profile, "TYPE:NAME",
		   "give the processes this label: selinux:LABEL, apparmor:PROFILE"),
	ROW_STRING(struct restore_options, "lsm-mount-context", lsm_mount_context, "CONTEXT",
		   "mount with this SELinux context"),
	/* Descriptors come from the checkpoint; conmon says it all the same. */
	{.name = "preserve-fds",
	 .hidden = true,
	 .type = OPTION_U32,
	 .offset = offsetof(struct create_options, preserve_fds),
	 .argument = "N",
	 .help = "accepted for compatibility"},
	{.name = "no-pivot",
	 .hidden = true,
	 .type = OPTION_NOTHING,
	 .argument = "",
	 .help = "accepted for compatibility"},
	OPTION_NO_SUBREAPER,
};

static int run_checkpoint(struct invocation *inv, struct err *e)
{
	return container_checkpoint(&inv->rt, inv->args.items[0], inv->options, e);
}

static int run_restore(struct invocation *inv, struct err *e)
{
	return container_restore(&inv->rt, inv->args.items[0], inv->options, &inv->status, e);
}

const struct command command_checkpoint = {
	.name = "checkpoint",
	.summary = "write a running container into files",
	.positionals = {POSITIONAL_ID},
	.options = OPTION_TABLE(checkpoint_rows, struct checkpoint_options),
	.run = run_checkpoint,
};

const struct command command_restore = {
	.name = "restore",
	.summary = "create a container from a checkpoint",
	.positionals = {POSITIONAL_NEW_ID},
	.options = OPTION_TABLE(restore_rows, struct restore_options),
	.run = run_restore,
};
