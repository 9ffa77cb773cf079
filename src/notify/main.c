/* coracle-notify: the seccomp agent. Runs on the host's side, as root or as the user whose
 * containers it helps; a program of its own, and dynamic, because crun's plugins are shared
 * objects.
 *
 *     coracle-notify serve|check|filter|status [OPTION]... */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/path.h"
#include "base/socket.h"
#include "base/str.h"
#include "base/sys.h"
#include "companion/tool.h"
#include "notify/calls.h"
#include "notify/server.h"

#define CONNECT_SECONDS 10

struct cli {
	struct tool tool;
	struct server_options options;
	struct arena arena;
	bool wait_killable;
	int argc; /* what follows the options */
	char **argv;
};

/* --- options --------------------------------------------------------------------------------- */

#define HELP_CONFIG "  -c, --config FILE     the configuration\n"
#define HELP_SOCKET "  -s, --socket PATH     where the agent listens\n"
#define HELP_LOG    "  -l, --log FILE        where the log goes; default: standard error\n"
#define HELP_KILL                                                                                  \
	"  -k, --wait-killable   no signal but a deadly one ends a call that is being answered\n"

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"socket", required_argument, NULL, 's'},
	{"log", required_argument, NULL, 'l'},
	{"wait-killable", no_argument, NULL, 'k'},
	{"log-format", required_argument, NULL, 'F'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static int usage(const struct cli *c, const char *what, const char *word)
{
	char text[200];

	(void)str_format(text, sizeof(text), "%s: '%.60s'", what, word);
	return tool_usage(&c->tool, text);
}

/* Read the options of the command, which are @letters, and at most @max arguments. Returns 0, or
 * the exit status after printing what is wrong. */
static int read_options(struct cli *c, const char *letters, int max, int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "c:s:l:kh", long_options, NULL)) != -1) {
		if (opt == 'h') {
			tool_print_help(&c->tool);
			exit(0);
		}
		if (opt == 'F' && tool_take_log_format(&c->tool, optarg))
			continue;
		if (opt == '?' || !strchr(letters, opt))
			return usage(c, "bad option", argv[optind - 1]);
		if (opt == 'c')
			c->options.config_path = optarg;
		else if (opt == 'k')
			c->wait_killable = true;
		else if (opt == 's')
			c->options.socket = optarg;
		else
			c->options.log = optarg;
	}
	c->argc = argc - optind;
	c->argv = argv + optind;
	return c->argc > max ? usage(c, "unexpected argument", argv[argc - 1]) : 0;
}

/* The exit status of what ended with @r. */
static int end(const struct cli *c, int r, const struct err *e)
{
	return r < 0 ? tool_fail(&c->tool, e) : 0;
}

/* --- serve and status ------------------------------------------------------------------------ */

static int command_serve(struct cli *c, int argc, char **argv)
{
	struct err e = {0};
	int status = read_options(c, "csl", 0, argc, argv);

	return status ? status : end(c, server_run(&c->options, &e), &e);
}

/* The socket that the agent would listen on. */
static int find_socket(struct cli *c, const struct config *config, char *buf, size_t size,
		       struct err *e)
{
	const char *path = c->options.socket ? c->options.socket : config->socket;

	if (!path)
		return server_default_socket(buf, size, e);
	if (str_copy(buf, size, path) >= size)
		return err_set(e, ERR_USAGE, -ENAMETOOLONG, "the socket's path is too long");
	return 0;
}

static int ask_status(struct cli *c, struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	struct config config;
	char path[PATH_SIZE], buf[4096];
	ssize_t n;
	int r = config_load(&c->arena, c->options.config_path, &config, e);

	if (r == 0)
		r = find_socket(c, &config, path, sizeof(path), e);
	if (r < 0)
		return r;
	fd = socket_connect(path, CONNECT_SECONDS);
	n = fd < 0 ? fd : socket_send(fd, SERVER_STATUS, strlen(SERVER_STATUS), NULL, 0);
	while (n > 0) {
		n = sys_read(fd, buf, sizeof(buf));
		if (n > 0) {
			r = io_write_all(STDOUT_FILENO, buf, (size_t)n);
			n = r < 0 ? r : n;
		}
	}
	return n < 0 ? err_sys(e, ERR_IO, (int)n, "ask the agent on %s", path) : 0;
}

static int command_status(struct cli *c, int argc, char **argv)
{
	struct err e = {0};
	int status = read_options(c, "cs", 0, argc, argv);

	return status ? status : end(c, ask_status(c, &e), &e);
}

/* --- check and filter ------------------------------------------------------------------------ */

static void write_strings(struct json_writer *w, const char *key, const struct strings *s)
{
	json_key(w, key);
	json_array_begin(w);
	for (size_t i = 0; i < s->n; i++)
		json_string(w, s->items[i]);
	json_array_end(w);
}

static void write_profile(struct json_writer *w, const struct profile *p)
{
	json_key(w, p->name);
	json_object_begin(w);
	json_key(w, "handlers");
	json_array_begin(w);
	for (size_t i = 0; i < HANDLERS; i++)
		if (p->handlers[i])
			json_string(w, handler_name((enum handler)i));
	json_array_end(w);
	write_strings(w, "devices", &p->devices);
	write_strings(w, "filesystems", &p->filesystems);
	write_strings(w, "audit", &p->audit);
	write_strings(w, "plugins", &p->plugins);
	json_kv_string(w, "unhandled", config_refusal_name(p->unhandled));
	json_kv_u64(w, "deadlineMs", p->deadline_ms);
	json_kv_u64(w, "rate", p->rate);
	json_kv_bool(w, "record", p->record);
	json_object_end(w);
}

static int command_check(struct cli *c, int argc, char **argv)
{
	int status = read_options(c, "c", 0, argc, argv), r;
	struct json_writer w;
	struct config config;
	struct err e = {0};

	if (status)
		return status;
	r = config_load(&c->arena, c->options.config_path, &config, &e);
	if (r < 0)
		return end(c, r, &e);
	json_writer_init(&w, &c->arena, true);
	json_object_begin(&w);
	if (config.socket)
		json_kv_string(&w, "socket", config.socket);
	if (config.log)
		json_kv_string(&w, "log", config.log);
	json_key(&w, "profiles");
	json_object_begin(&w);
	for (size_t i = 0; i < config.n_profiles; i++)
		write_profile(&w, &config.profiles[i]);
	json_object_end(&w);
	json_object_end(&w);
	return tool_print_json(&c->tool, &w);
}

static void write_word(void *ctx, const char *word)
{
	json_string(ctx, word);
}

static void write_filter(struct json_writer *w, const struct profile *p, const char *socket,
			 bool wait_killable)
{
	json_object_begin(w);
	json_kv_string(w, "defaultAction", "SCMP_ACT_ALLOW");
	json_kv_string(w, "listenerPath", socket);
	json_kv_string(w, "listenerMetadata", p->name);
	if (wait_killable) {
		json_key(w, "flags");
		json_array_begin(w);
		json_string(w, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV");
		json_array_end(w);
	}
	json_key(w, "syscalls");
	json_array_begin(w);
	json_object_begin(w);
	json_key(w, "names");
	json_array_begin(w);
	for (size_t i = 0; i < HANDLERS; i++)
		if (p->handlers[i])
			calls_each(handler_calls((enum handler)i), write_word, w);
	for (size_t i = 0; i < p->audit.n; i++)
		json_string(w, p->audit.items[i]);
	json_array_end(w);
	json_kv_string(w, "action", "SCMP_ACT_NOTIFY");
	json_object_end(w);
	json_array_end(w);
	json_object_end(w);
}

/* The profile that the command line names, and the socket, from the configuration. */
static int find_profile(struct cli *c, struct config *config, const struct profile **ret,
			char *path, size_t size, struct err *e)
{
	const char *name = c->argc > 0 ? c->argv[0] : "default";
	int r = config_load(&c->arena, c->options.config_path, config, e);

	if (r == 0)
		r = find_socket(c, config, path, size, e);
	if (r < 0)
		return r;
	*ret = config_profile(config, name);
	return *ret ? 0
		    : err_set(e, ERR_CONFIG_INVALID, -ENOENT, "there is no profile \"%.60s\"",
			      name);
}

static int command_filter(struct cli *c, int argc, char **argv)
{
	int status = read_options(c, "csk", 1, argc, argv), r;
	const struct profile *profile;
	struct json_writer w;
	struct config config;
	char path[PATH_SIZE];
	struct err e = {0};

	if (status)
		return status;
	r = find_profile(c, &config, &profile, path, sizeof(path), &e);
	if (r < 0)
		return end(c, r, &e);
	json_writer_init(&w, &c->arena, true);
	write_filter(&w, profile, path, c->wait_killable);
	return tool_print_json(&c->tool, &w);
}

/* --- the commands ---------------------------------------------------------------------------- */

static const struct tool_command commands[] = {
	{"serve", "", "help containers until a signal ends it", HELP_CONFIG HELP_SOCKET HELP_LOG,
	 command_serve},
	{"check", "", "read the configuration and say what it means", HELP_CONFIG, command_check},
	{"filter", "[PROFILE]", "print the linux.seccomp of containers that are helped",
	 HELP_CONFIG HELP_SOCKET HELP_KILL, command_filter},
	{"status", "", "print what a running agent has counted", HELP_CONFIG HELP_SOCKET,
	 command_status},
	{NULL, NULL, NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
	struct cli c = {
		.tool = {.program = "coracle notify",
			 .file = "coracle-notify",
			 .about = "The seccomp agent: answers system calls that a filter passes on "
				  "to it.",
			 .help = "",
			 .commands = commands,
			 .failed = 1},
	};
	int status;

	arena_init(&c.arena, NULL, 0);
	status = tool_run(&c.tool, &c, argc, argv);
	arena_done(&c.arena);
	return status;
}
