/* coracle image export. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "image/command.h"
#include "image/repo.h"
#include "image/target.h"

enum {
	OPT_FLATTEN = CLI_OWN,
};

static const struct option long_options[] = {
	CLI_STORE_OPTION,
	{"flatten", no_argument, NULL, OPT_FLATTEN},
	CLI_LONG_OPTIONS,
};

/* Is the target an archive, rather than a directory? */
static bool is_archive(const char *path)
{
	size_t len = strlen(path);

	return str_eq(path, "-") || (len > 4 && str_eq(path + len - 4, ".tar"));
}

static int export_it(struct repo *r, struct repo_export *o, const char *path, struct descriptor *d,
		     struct err *e)
{
	struct target t = {.fd = -EBADF};
	int code;

	o->directory = path;
	if (!is_archive(path))
		return repo_export(r, o, d, e);
	code = target_open(path, &t, e);
	if (code < 0)
		return code;
	o->fd = t.fd;
	code = repo_export(r, o, d, e);
	if (code == 0)
		code = target_commit(&t, false, r->objects.hash, e);
	target_done(&t);
	return code;
}

static int run_export(struct cli *c, const char *name, const char *path, bool flatten)
{
	char digest[DIGEST_TEXT_MAX];
	struct repo_record rec;
	struct descriptor d;
	struct repo_export o = {
		.record = &rec,
		.name = repo_is_name(name) ? name : NULL,
		.fd = -EBADF,
		.flatten = flatten,
		.progress = &c->progress,
	};
	struct err e = {0};
	struct repo r;
	int code;

	progress_init(&c->progress, !c->quiet);
	code = repo_open(c->store, false, 0, VERITY_TRY, REPO_SHARED, &r, &e);
	if (code < 0)
		return cli_fail(c, &e);
	code = repo_resolve(&r, name, digest, &e);
	if (code == 0)
		code = repo_get_record(&r, digest, &rec, &e);
	if (code == 0)
		code = export_it(&r, &o, path, &d, &e);
	progress_end(&c->progress);
	repo_close(&r);
	if (code < 0)
		return cli_fail(c, &e);
	if (!str_eq(path, "-"))
		puts(d.digest);
	return 0;
}

int command_export(struct cli *c, int argc, char **argv)
{
	bool flatten = false;
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "qh", long_options, NULL)) != -1) {
		if (opt == OPT_FLATTEN)
			flatten = true;
		else if (!cli_option(c, opt))
			return cli_usage(c, "bad option: '%s'", argv[optind - 1]);
	}
	if (argc - optind != 2)
		return cli_usage(c, "expected a NAME and a TARGET");
	return run_export(c, argv[optind], argv[optind + 1], flatten);
}
