/* coracle image tag and rm: names alone; what they stood for is gc's. */
#include <errno.h>

#include "base/str.h"
#include "image/command.h"
#include "image/repo.h"

static const struct option long_options[] = {
	CLI_STORE_OPTION,
	CLI_LONG_OPTIONS,
};

/* Read the options and open the store: 0, or 1 after printing the failure. */
static int begin(struct cli *c, int argc, char **argv, struct repo *ret)
{
	struct err e = {0};
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "qh", long_options, NULL)) != -1)
		if (!cli_option(c, opt))
			return cli_usage(c, "bad option: '%s'", argv[optind - 1]);
	if (argc - optind < 1)
		return cli_usage(c, "expected a NAME");
	return repo_open(c->store, false, 0, VERITY_TRY, REPO_SHARED, ret, &e) < 0 ? cli_fail(c, &e)
										   : 0;
}

int command_tag(struct cli *c, int argc, char **argv)
{
	char digest[DIGEST_TEXT_MAX];
	struct err e = {0};
	struct repo r;
	int code;

	if (begin(c, argc, argv, &r))
		return 1;
	code = argc - optind < 2
		       ? err_set(&e, ERR_USAGE, -EINVAL, "tag: expected a NAME and new names")
		       : repo_resolve(&r, argv[optind], digest, &e);
	for (int i = optind + 1; i < argc && code == 0; i++)
		code = repo_put_name(&r, argv[i], digest, &e);
	repo_close(&r);
	return code < 0 ? cli_fail(c, &e) : 0;
}

/* All names of the image with this digest. */
static int remove_names_of(struct repo *r, const char *digest, struct err *e)
{
	struct repo_name *names;
	struct arena a;
	size_t n;
	int code;

	arena_init(&a, NULL, 0);
	code = repo_names(r, &a, &names, &n, NULL, e);
	for (size_t i = 0; code == 0 && i < n; i++)
		if (str_eq(names[i].digest, digest))
			code = repo_remove_name(r, names[i].name, e);
	arena_done(&a);
	return code;
}

/* A name goes by that very name; a digest stands for all names of it. */
static int remove_word(struct repo *r, const char *word, struct err *e)
{
	char digest[DIGEST_TEXT_MAX];
	struct err first = {0};
	int code = repo_is_name(word) ? repo_remove_name(r, word, e) : -ENOENT;

	if (code != -ENOENT)
		return code;
	first = *e;
	code = repo_resolve(r, word, digest, e);
	/* "x" for "x:latest" is good for looking, not for removing. */
	if (code == 0 && !str_starts(digest, word) && !str_starts(digest + 7, word)) {
		*e = first;
		return -ENOENT;
	}
	return code < 0 ? code : remove_names_of(r, digest, e);
}

int command_rm(struct cli *c, int argc, char **argv)
{
	struct err e = {0};
	struct repo r;
	int status = 0;

	if (begin(c, argc, argv, &r))
		return 1;
	for (int i = optind; i < argc; i++)
		if (remove_word(&r, argv[i], &e) < 0)
			status = cli_fail(c, &e);
	repo_close(&r);
	return status;
}
