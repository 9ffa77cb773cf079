/* coracle image import. */
#include <errno.h>
#include <stdio.h>

#include "base/str.h"
#include "image/command.h"
#include "image/repo.h"

enum {
	OPT_HASH = CLI_OWN,
	OPT_TRANSFORM,
	OPT_KEEP_LAYERS,
	OPT_VERITY,
};

static const struct option long_options[] = {
	CLI_STORE_OPTION,
	{"hash", required_argument, NULL, OPT_HASH},
	{"transform", required_argument, NULL, OPT_TRANSFORM},
	{"keep-layers", no_argument, NULL, OPT_KEEP_LAYERS},
	{"verity", required_argument, NULL, OPT_VERITY},
	CLI_LONG_OPTIONS,
};

struct import {
	struct cli *cli;
	struct repo_import o;
	enum image_hash hash; /* 0: the store's */
	enum verity_want verity;
};

static bool parse_option(struct import *m, int opt)
{
	switch (opt) {
	case OPT_HASH:
		return verity_hash_parse(optarg, &m->hash) == 0;
	case OPT_TRANSFORM:
		return repo_transform_parse(optarg, &m->o.transform);
	case OPT_KEEP_LAYERS:
		m->o.keep_layers = true;
		return true;
	case OPT_VERITY:
		return cli_parse_verity(optarg, &m->verity);
	default:
		return cli_option(m->cli, opt);
	}
}

static int print_result(struct cli *c, const struct repo *r, const struct repo_imported *done)
{
	const struct repo_record *rec = &done->record;
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	struct json_writer w;
	struct arena a;
	int status;

	if (!c->json) {
		puts(rec->manifest.digest);
		return 0;
	}
	image_hex(rec->image, verity_digest_size(r->objects.hash), hex);
	arena_init(&a, NULL, 0);
	json_writer_init(&w, &a, false);
	json_object_begin(&w);
	json_kv_string(&w, "name", done->name);
	json_kv_string(&w, "manifest", rec->manifest.digest);
	json_kv_string(&w, "hash", verity_hash_name(r->objects.hash));
	json_kv_string(&w, "image", hex);
	json_kv_string(&w, "transform", repo_transform_name(rec->transform));
	json_kv_u64(&w, "size", rec->size);
	json_kv_bool(&w, "wasThere", done->was_there);
	json_object_end(&w);
	status = cli_print_json(c, &w);
	arena_done(&a);
	return status;
}

static int run_import(struct import *m)
{
	struct repo_imported done;
	struct err e = {0};
	struct repo r;
	int status, code;

	progress_init(&m->cli->progress, !m->cli->quiet);
	m->o.progress = &m->cli->progress;
	code = repo_open(m->cli->store, true, m->hash, m->verity, REPO_SHARED, &r, &e);
	if (code < 0)
		return cli_fail(m->cli, &e);
	code = repo_import(&r, &m->o, &done, &e);
	progress_end(&m->cli->progress);
	status = code < 0 ? cli_fail(m->cli, &e) : print_result(m->cli, &r, &done);
	repo_close(&r);
	return status;
}

int command_import(struct cli *c, int argc, char **argv)
{
	struct import m = {
		.cli = c,
		.o = {.transform = REPO_TRANSFORM_OCI_1},
		.verity = VERITY_TRY,
	};
	char *path;
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "qh", long_options, NULL)) != -1)
		if (!parse_option(&m, opt))
			return cli_usage(c, "bad option or value: '%s'", argv[optind - 1]);
	if (argc - optind < 1 || argc - optind > 2)
		return cli_usage(c, "expected a SOURCE and at most one NAME");
	layout_split_reference(argv[optind], &path, &m.o.reference);
	m.o.source = path;
	m.o.name = argv[optind + 1];
	return run_import(&m);
}
