/* coracle image fsck. */
#include <stdio.h>

#include "image/command.h"
#include "image/repo.h"

enum {
	OPT_READ = CLI_OWN,
	OPT_REPAIR,
};

static const struct option long_options[] = {
	CLI_STORE_OPTION,
	{"read", no_argument, NULL, OPT_READ},
	{"repair", no_argument, NULL, OPT_REPAIR},
	CLI_LONG_OPTIONS,
};

struct fsck_output {
	struct cli *cli;
	struct json_writer w;
};

static void print_wrong(void *ctx, const char *what, const char *how)
{
	struct fsck_output *out = ctx;

	if (!out->cli->json) {
		printf("%s: %s\n", what, how);
		return;
	}
	json_object_begin(&out->w);
	json_kv_string(&out->w, "what", what);
	json_kv_string(&out->w, "how", how);
	json_object_end(&out->w);
}

static int print_result(struct fsck_output *out, const struct repo_fsck *f)
{
	struct json_writer *w = &out->w;

	if (!out->cli->json) {
		printf("%llu names, %llu images, %llu blobs, %llu objects (%llu sealed): ",
		       (unsigned long long)f->names, (unsigned long long)f->images,
		       (unsigned long long)f->blobs, (unsigned long long)f->objects,
		       (unsigned long long)f->sealed);
		if (f->bad)
			printf("%llu wrong, %llu removed\n", (unsigned long long)f->bad,
			       (unsigned long long)f->removed);
		else
			puts("all is well");
		return f->bad > 0;
	}
	json_array_end(w);
	json_kv_u64(w, "names", f->names);
	json_kv_u64(w, "images", f->images);
	json_kv_u64(w, "blobs", f->blobs);
	json_kv_u64(w, "objects", f->objects);
	json_kv_u64(w, "sealed", f->sealed);
	json_kv_u64(w, "bytesRead", f->bytes);
	json_kv_u64(w, "bad", f->bad);
	json_kv_u64(w, "removed", f->removed);
	json_object_end(w);
	return cli_print_json(out->cli, w) || f->bad > 0;
}

static int run_fsck(struct cli *c, struct repo_fsck *f)
{
	struct fsck_output out = {.cli = c};
	struct err e = {0};
	struct arena a;
	struct repo r;
	int code, status;

	progress_init(&c->progress, !c->quiet);
	code = repo_open(c->store, false, 0, VERITY_TRY, f->repair ? REPO_EXCLUSIVE : REPO_SHARED,
			 &r, &e);
	if (code < 0)
		return cli_fail(c, &e);
	arena_init(&a, NULL, 0);
	json_writer_init(&out.w, &a, false);
	json_object_begin(&out.w);
	json_key(&out.w, "wrong");
	json_array_begin(&out.w);
	f->wrong = print_wrong;
	f->ctx = &out;
	f->progress = &c->progress;
	code = repo_fsck(&r, f, &e);
	progress_end(&c->progress);
	status = code < 0 ? cli_fail(c, &e) : print_result(&out, f);
	arena_done(&a);
	repo_close(&r);
	return status;
}

int command_fsck(struct cli *c, int argc, char **argv)
{
	struct repo_fsck f = {0};
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "qh", long_options, NULL)) != -1) {
		if (opt == OPT_READ)
			f.read_sealed = true;
		else if (opt == OPT_REPAIR)
			f.repair = true;
		else if (!cli_option(c, opt))
			return cli_usage(c, "bad option: '%s'", argv[optind - 1]);
	}
	if (argc != optind)
		return cli_usage(c, "expected no argument");
	return run_fsck(c, &f);
}
