/* coracle image gc. */
#include <stdio.h>

#include "image/command.h"
#include "image/repo.h"

static const struct option long_options[] = {
	CLI_STORE_OPTION,
	{"dry-run", no_argument, NULL, 'n'},
	CLI_LONG_OPTIONS,
};

static int print_result(struct cli *c, const struct repo_swept *s, bool dry)
{
	struct json_writer w;
	struct arena a;
	int status;

	if (!c->json) {
		printf("%s %llu images, %llu blobs, %llu objects, %llu containers' files, "
		       "%llu temporary files: %llu bytes\n",
		       dry ? "would remove" : "removed", (unsigned long long)s->images,
		       (unsigned long long)s->blobs, (unsigned long long)s->objects,
		       (unsigned long long)s->containers, (unsigned long long)s->temporary,
		       (unsigned long long)s->bytes);
		return 0;
	}
	arena_init(&a, NULL, 0);
	json_writer_init(&w, &a, false);
	json_object_begin(&w);
	json_kv_bool(&w, "dryRun", dry);
	json_kv_u64(&w, "images", s->images);
	json_kv_u64(&w, "blobs", s->blobs);
	json_kv_u64(&w, "objects", s->objects);
	json_kv_u64(&w, "containers", s->containers);
	json_kv_u64(&w, "temporary", s->temporary);
	json_kv_u64(&w, "bytes", s->bytes);
	json_object_end(&w);
	status = cli_print_json(c, &w);
	arena_done(&a);
	return status;
}

int command_gc(struct cli *c, int argc, char **argv)
{
	struct repo_swept swept;
	struct err e = {0};
	bool dry = false;
	struct repo r;
	int opt, code;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "nqh", long_options, NULL)) != -1) {
		if (opt == 'n')
			dry = true;
		else if (!cli_option(c, opt))
			return cli_usage(c, "bad option: '%s'", argv[optind - 1]);
	}
	if (argc != optind)
		return cli_usage(c, "expected no argument");
	progress_init(&c->progress, !c->quiet);
	code = repo_open(c->store, false, 0, VERITY_TRY, REPO_EXCLUSIVE, &r, &e);
	if (code < 0)
		return cli_fail(c, &e);
	code = repo_gc(&r, dry, &c->progress, &swept, &e);
	progress_end(&c->progress);
	repo_close(&r);
	return code < 0 ? cli_fail(c, &e) : print_result(c, &swept, dry);
}
