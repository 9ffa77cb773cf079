/* coracle image run: the image's config and the command line become a configuration, and we become
 * `coracle run`. The mount is made on its way, by way of an annotation (container/image.h). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/command.h"
#include "image/container.h"
#include "image/repo.h"
#include "image/userns.h"

enum {
	OPT_NAME = CLI_OWN,
	OPT_ENTRYPOINT,
	OPT_READ_ONLY,
	OPT_UPPER,
	OPT_VERITY,
	OPT_DIGEST,
	OPT_POLICY,
	OPT_NETWORK,
	OPT_ROOT,
	OPT_PRINT_CONFIG,
};

static const struct option long_options[] = {
	CLI_STORE_OPTION,
	{"name", required_argument, NULL, OPT_NAME},
	{"env", required_argument, NULL, 'e'},
	{"user", required_argument, NULL, 'u'},
	{"cwd", required_argument, NULL, 'w'},
	{"entrypoint", required_argument, NULL, OPT_ENTRYPOINT},
	{"tty", no_argument, NULL, 't'},
	{"detach", no_argument, NULL, 'd'},
	{"read-only", no_argument, NULL, OPT_READ_ONLY},
	{"upper", required_argument, NULL, OPT_UPPER},
	{"verity", required_argument, NULL, OPT_VERITY},
	{"digest", required_argument, NULL, OPT_DIGEST},
	{"policy", required_argument, NULL, OPT_POLICY},
	{"network", required_argument, NULL, OPT_NETWORK},
	{"root", required_argument, NULL, OPT_ROOT},
	{"print-config", no_argument, NULL, OPT_PRINT_CONFIG},
	CLI_LONG_OPTIONS,
};

struct run {
	struct cli *cli;
	struct container_options o;
	const char *root; /* of the runtime's state; NULL: its default */
	char id[128];
	bool detach, print;
};

/* --- the command line ------------------------------------------------------------------------ */

static bool add_env(struct run *m)
{
	if (m->o.n_env == CONTAINER_ENV_MAX || !strchr(optarg, '='))
		return false;
	m->o.env[m->o.n_env++] = optarg;
	return true;
}

static bool parse_verity(struct run *m)
{
	enum verity_want ignored;

	m->o.verity = optarg;
	return cli_parse_verity(optarg, &ignored);
}

static bool parse_digest(struct run *m)
{
	uint8_t digest[IMAGE_DIGEST_MAX];
	enum image_hash hash;

	m->o.digest = optarg;
	return cli_parse_digest(optarg, &hash, digest);
}

static bool parse_option(struct run *m, int opt)
{
	switch (opt) {
	case OPT_NAME:
		return str_copy(m->id, sizeof(m->id), optarg) < sizeof(m->id);
	case 'e':
		return add_env(m);
	case 'u':
		m->o.user = optarg;
		return true;
	case 'w':
		m->o.cwd = optarg;
		return optarg[0] == '/';
	case OPT_ENTRYPOINT:
		m->o.entrypoint = optarg;
		return true;
	case 't':
		m->o.terminal = true;
		return true;
	case 'd':
		m->detach = true;
		return true;
	case OPT_READ_ONLY:
		m->o.read_only = true;
		return true;
	case OPT_UPPER:
		m->o.upper = optarg;
		return true;
	case OPT_VERITY:
		return parse_verity(m);
	case OPT_DIGEST:
		return parse_digest(m);
	case OPT_POLICY:
		m->o.policy = optarg;
		return optarg[0] == '/';
	case OPT_NETWORK:
		m->o.host_network = str_eq(optarg, "host");
		return m->o.host_network || str_eq(optarg, "none");
	case OPT_ROOT:
		m->root = optarg;
		return true;
	case OPT_PRINT_CONFIG:
		m->print = true;
		return true;
	default:
		return cli_option(m->cli, opt);
	}
}

/* The last word of the image's name, and some digits. */
static int choose_id(struct run *m)
{
	const char *slash = strrchr(m->o.image, '/'), *word = slash ? slash + 1 : m->o.image;
	char hex[9];
	uint32_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -errno;
	image_hex(&number, sizeof(number), hex);
	(void)str_format(m->id, sizeof(m->id), "%.*s-%s", (int)MIN(strcspn(word, ":@"), 60), word,
			 hex);
	return 0;
}

/* --- the configuration ----------------------------------------------------------------------- */

static int make_config(struct run *m, struct arena *a, const char **ret, size_t *ret_len,
		       char store[static PATH_MAX], struct err *e)
{
	struct repo r;
	int code = repo_open(m->cli->store, false, 0, VERITY_TRY, REPO_SHARED, &r, e);

	if (code < 0)
		return code;
	if (!realpath(r.path, store))
		code = err_sys(e, ERR_IO, -errno, "find %s", r.path);
	m->o.store = store;
	if (code == 0)
		code = container_config(&r, &m->o, a, ret, ret_len, e);
	repo_close(&r);
	return code;
}

/* The configuration as a file that the runtime can open. */
static int config_file(const char *text, size_t len, struct err *e)
{
	int fd = sys_memfd_create("config.json", 0), r = fd;

	if (fd >= 0)
		r = io_write_all(fd, text, len);
	if (r < 0) {
		(void)fd_close(fd);
		return err_sys(e, ERR_IO, r, "write the configuration");
	}
	return fd;
}

/* --- becoming the runtime -------------------------------------------------------------------- */

/* Beside us, in a build; where it belongs, in an installation; else anywhere. */
static int become_coracle(char *const argv[], struct err *e)
{
	static const char *const places[] = {"/coracle", "/../../bin/coracle"};
	char own[PATH_MAX], path[PATH_MAX];
	ssize_t len = sys_readlinkat(AT_FDCWD, "/proc/self/exe", own, sizeof(own) - 1);

	while (len > 0 && own[len - 1] != '/')
		len--;
	own[len > 0 ? len - 1 : 0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (str_format(path, sizeof(path), "%s%s", own, places[i]) < sizeof(path))
			(void)execv(path, argv);
	}
	(void)execvp("coracle", argv);
	return err_sys(e, ERR_COMPANION, -errno, "execute coracle");
}

static int become_run(struct run *m, int config, struct err *e)
{
	char path[40];
	const char *argv[16] = {"coracle", "--log-level", "warning"};
	size_t n = 3;

	(void)str_format(path, sizeof(path), "/proc/self/fd/%d", config);
	if (m->cli->tool.log_json)
		argv[n++] = "--log-format=json";
	if (m->root) {
		argv[n++] = "--root";
		argv[n++] = m->root;
	}
	argv[n++] = "run";
	if (m->detach)
		argv[n++] = "--detach";
	argv[n++] = "--bundle";
	argv[n++] = m->o.store;
	argv[n++] = "--config";
	argv[n++] = path;
	argv[n++] = m->id;
	/* execv() takes what it does not change as if it might. */
	return become_coracle((char *const *)(const void *)argv, e);
}

static int run(struct run *m)
{
	char store[PATH_MAX], real[PATH_MAX];
	const char *text;
	struct err e = {0};
	struct arena a;
	size_t len;
	int code = 0;

	arena_init(&a, NULL, 0);
	/* The default is the user's, not that of the root that we become. */
	if (!m->cli->store) {
		code = repo_default_path(store, &e);
		m->cli->store = store;
	}
	if (code == 0 && sys_geteuid() != 0 && !m->print)
		code = userns_enter(&e);
	m->o.nested = userns_ids() != UINT32_MAX;
	m->o.single_id = userns_ids() == 1;
	if (code == 0 && !m->id[0]) {
		code = choose_id(m);
		if (code < 0)
			(void)err_sys(&e, ERR_INTERNAL, code, "name the container");
	}
	m->o.id = m->id;
	if (code == 0)
		code = make_config(m, &a, &text, &len, real, &e);
	if (code == 0 && m->print) {
		code = io_write_all(STDOUT_FILENO, text, len);
		if (code < 0)
			(void)err_sys(&e, ERR_IO, code, "write the configuration");
	} else if (code == 0) {
		code = config_file(text, len, &e);
		if (code >= 0)
			code = become_run(m, code, &e);
	}
	arena_done(&a);
	return code < 0 ? cli_fail(m->cli, &e) : 0;
}

int command_run(struct cli *c, int argc, char **argv)
{
	struct run m = {.cli = c, .o = {.verity = "try"}};
	int opt;

	opterr = 0;
	/* What is behind the name is the program's. */
	while ((opt = getopt_long(argc, argv, "+e:u:w:tdqh", long_options, NULL)) != -1)
		if (!parse_option(&m, opt))
			return cli_usage(c, "bad option or value: '%s'", argv[optind - 1]);
	if (argc - optind < 1)
		return cli_usage(c, "expected a NAME");
	if (m.detach && m.o.terminal)
		return cli_usage(c, "--detach and --tty exclude each other");
	if (m.o.upper && m.o.upper[0] != '/')
		return cli_usage(c, "--upper: expected an absolute path");
	m.o.image = argv[optind];
	m.o.args = (const char *const *)argv + optind + 1;
	return run(&m);
}
