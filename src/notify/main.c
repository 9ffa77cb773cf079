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
#include "base/json.h"
#include "base/path.h"
#include "base/socket.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/time.h"
#include "notify/calls.h"
#include "notify/server.h"

#include "config.h"

#define CONNECT_SECONDS 10

struct cli {
	struct server_options options;
	struct arena arena;
	bool log_json, wait_killable;
	int argc;
	char **argv;
};

struct verb {
	const char *name, *arguments, *summary;
	const char *letters; /* of the options that it takes */
	int (*run)(struct cli *c, struct err *e);
};

static int run_serve(struct cli *c, struct err *e);
static int run_check(struct cli *c, struct err *e);
static int run_filter(struct cli *c, struct err *e);
static int run_status(struct cli *c, struct err *e);

static const struct verb verbs[] = {
	{"serve", "", "help containers until a signal ends it", "csl", run_serve},
	{"check", "", "read the configuration and say what it means", "c", run_check},
	{"filter", "[PROFILE]", "print the linux.seccomp of containers that are helped", "csk",
	 run_filter},
	{"status", "", "print what a running agent has counted", "cs", run_status},
};

/* The options, by letter; which verb takes which is in the table above. */
static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'}, {"socket", required_argument, NULL, 's'},
	{"log", required_argument, NULL, 'l'},    {"log-format", required_argument, NULL, 'F'},
	{"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
};

static const struct {
	char letter;
	const char *help;
} option_help[] = {
	{'c', "  -c, --config FILE     the configuration\n"},
	{'s', "  -s, --socket PATH     where the agent listens\n"},
	{'l', "  -l, --log FILE        where the log goes; default: standard error\n"},
	{'k',
	 "  -k, --wait-killable   no signal but a deadly one ends a call that is being answered\n"},
};

/* --- messages -------------------------------------------------------------------------------- */

static void print_failure(const struct cli *c, const struct err *e)
{
	char text[600], when[TIME_UTC_SIZE];
	struct timespec ts = {0};
	struct json_writer w;
	const char *line;
	struct arena a;
	size_t len;

	err_message(e, text, sizeof(text));
	if (!c->log_json) {
		fprintf(stderr, "coracle notify: %s\n", text);
		if (e->hint[0] && isatty(STDERR_FILENO))
			fprintf(stderr, "  hint: %s\n", e->hint);
		return;
	}
	(void)sys_clock_gettime(CLOCK_REALTIME, &ts);
	arena_init(&a, NULL, 0);
	json_writer_init(&w, &a, false);
	json_object_begin(&w);
	json_kv_string(&w, "level", "error");
	json_kv_string(&w, "msg", text);
	json_kv_string(&w, "time", time_format_utc(&ts, when));
	json_kv_string(&w, "code", err_name(e->id));
	if (e->hint[0])
		json_kv_string(&w, "hint", e->hint);
	json_object_end(&w);
	if (json_writer_finish(&w, &line, &len) == 0)
		(void)fwrite(line, 1, len, stderr);
	arena_done(&a);
}

static int print_document(struct json_writer *w, struct err *e)
{
	const char *text;
	size_t len;
	int r = json_writer_finish(w, &text, &len);

	if (r == 0)
		r = io_write_all(STDOUT_FILENO, text, len);
	return r < 0 ? err_sys(e, ERR_IO, r, "write the result") : 0;
}

/* --- serve and status ------------------------------------------------------------------------ */

static int run_serve(struct cli *c, struct err *e)
{
	return server_run(&c->options, e);
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

static int run_status(struct cli *c, struct err *e)
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

static int run_check(struct cli *c, struct err *e)
{
	struct json_writer w;
	struct config config;
	int r = config_load(&c->arena, c->options.config_path, &config, e);

	if (r < 0)
		return r;
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
	return print_document(&w, e);
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

static int run_filter(struct cli *c, struct err *e)
{
	const char *name = c->argc > 0 ? c->argv[0] : "default";
	const struct profile *p;
	struct json_writer w;
	struct config config;
	char path[PATH_SIZE];
	int r = config_load(&c->arena, c->options.config_path, &config, e);

	if (r == 0)
		r = find_socket(c, &config, path, sizeof(path), e);
	if (r < 0)
		return r;
	p = config_profile(&config, name);
	if (!p)
		return err_set(e, ERR_CONFIG_INVALID, -ENOENT, "there is no profile \"%.60s\"",
			       name);
	json_writer_init(&w, &c->arena, true);
	write_filter(&w, p, path, c->wait_killable);
	return print_document(&w, e);
}

/* --- help and dispatch ----------------------------------------------------------------------- */

static void print_verb_help(const struct verb *v)
{
	printf("Usage: coracle notify %s [OPTION]...%s%s\n\n%c%s.\n\nOptions:\n", v->name,
	       v->arguments[0] ? " " : "", v->arguments, v->summary[0] - 'a' + 'A', v->summary + 1);
	for (size_t i = 0; i < ARRAY_SIZE(option_help); i++)
		if (strchr(v->letters, option_help[i].letter))
			printf("%s", option_help[i].help);
	printf("      --log-format F    messages as text (default) or json\n"
	       "  -h, --help            show this help\n");
}

static void print_help(void)
{
	printf("Usage: coracle notify COMMAND [OPTION]... [ARGUMENT]...\n\n"
	       "The seccomp agent: answers system calls that a filter passes on to it.\n\n"
	       "Commands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		printf("  %-8s %s\n", verbs[i].name, verbs[i].summary);
	printf("\n'coracle notify COMMAND --help' shows the options of a command.\n");
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (str_eq(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

static int fail_usage(const struct verb *v, const char *what, const char *word, struct err *e)
{
	(void)err_set(e, ERR_USAGE, -EINVAL, "%s%s'%.60s'", what, what[0] ? " " : "", word);
	return v ? err_hint(e, "try 'coracle notify %s --help'", v->name)
		 : err_hint(e, "try 'coracle notify --help'");
}

/* The options of @v; 1 if there is nothing more to do, since help was asked for. */
static int read_options(struct cli *c, const struct verb *v, int argc, char **argv, struct err *e)
{
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "c:s:l:kh", long_options, NULL)) != -1) {
		if (opt == 'h') {
			print_verb_help(v);
			return 1;
		}
		if (opt == 'F')
			c->log_json = str_eq(optarg, "json");
		else if (opt == '?' || !strchr(v->letters, opt))
			return fail_usage(v, "bad option:", argv[optind - 1], e);
		else if (opt == 'c')
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
	if (c->argc > (v->arguments[0] != '\0'))
		return fail_usage(v, "unexpected argument:", argv[argc - 1], e);
	return 0;
}

int main(int argc, char **argv)
{
	const struct verb *v = argc > 1 ? find_verb(argv[1]) : NULL;
	struct cli c = {0};
	struct err e = {0};
	int r;

	if (argc < 2 || str_eq(argv[1], "--help") || str_eq(argv[1], "-h") ||
	    str_eq(argv[1], "help")) {
		v = argc > 2 ? find_verb(argv[2]) : NULL;
		if (v)
			print_verb_help(v);
		else
			print_help();
		return argc < 2;
	}
	if (str_eq(argv[1], "--version")) {
		printf("coracle-notify %s\n", CORACLE_VERSION);
		return 0;
	}
	arena_init(&c.arena, NULL, 0);
	r = v ? read_options(&c, v, argc - 1, argv + 1, &e)
	      : fail_usage(NULL, "unknown command", argv[1], &e);
	if (r == 0)
		r = v->run(&c, &e);
	if (r < 0)
		print_failure(&c, &e);
	arena_done(&c.arena);
	return r < 0;
}
