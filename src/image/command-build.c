/* coracle image build. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "image/command.h"
#include "image/layout.h"
#include "image/make.h"

enum {
	OPT_FORMAT = CLI_OWN,
	OPT_LAYER,
	OPT_OCI,
	OPT_HASH,
	OPT_EPOCH,
	OPT_XATTRS,
	OPT_NO_DEVICES,
	OPT_HARDLINKS,
	OPT_VERITY,
	OPT_SEAL,
	OPT_PRINT_DIGEST,
};

static const struct option long_options[] = {
	{"dump", no_argument, NULL, 'd'},
	{"tar", no_argument, NULL, 't'},
	{"layer", required_argument, NULL, OPT_LAYER},
	{"oci", no_argument, NULL, OPT_OCI},
	{"objects", required_argument, NULL, 'o'},
	{"threads", required_argument, NULL, 'j'},
	{"format", required_argument, NULL, OPT_FORMAT},
	{"hash", required_argument, NULL, OPT_HASH},
	{"epoch", no_argument, NULL, OPT_EPOCH},
	{"xattrs", required_argument, NULL, OPT_XATTRS},
	{"no-devices", no_argument, NULL, OPT_NO_DEVICES},
	{"hardlinks", no_argument, NULL, OPT_HARDLINKS},
	{"verity", required_argument, NULL, OPT_VERITY},
	{"seal", no_argument, NULL, OPT_SEAL},
	{"print-digest", no_argument, NULL, OPT_PRINT_DIGEST},
	CLI_LONG_OPTIONS,
};

/* More than any engine makes. */
#define LAYERS_MAX 512

struct build {
	struct cli *cli;
	struct make_options make;
	const char *objects;
	struct store store; /* of objects */
	const char *layers[LAYERS_MAX];
	enum verity_want verity;
	bool print_digest;
	bool has_xattrs; /* they were chosen */
};

/* False if it was said before to be something else. */
static bool set_from(struct build *b, enum make_from from)
{
	if (b->make.from != MAKE_FROM_DIRECTORY && b->make.from != from)
		return false;
	b->make.from = from;
	return true;
}

static bool parse_option(struct build *b, int opt)
{
	struct scan_options *scan = &b->make.scan;
	uint32_t n = 0;

	switch (opt) {
	case 'd':
		return set_from(b, MAKE_FROM_DUMP);
	case 't':
		return set_from(b, MAKE_FROM_TAR);
	case OPT_OCI:
		return set_from(b, MAKE_FROM_IMAGE);
	case OPT_LAYER:
		if (b->make.n_layers == LAYERS_MAX)
			return false;
		b->layers[b->make.n_layers++] = optarg;
		return true;
	case 'o':
		b->objects = optarg;
		return true;
	case 'j':
		return str_to_u32(optarg, 1024, &scan->threads) == 0 && scan->threads > 0;
	case OPT_FORMAT:
		if (str_to_u32(optarg, EROFS_VERSION_MAX, &n) < 0)
			return false;
		b->make.min_version = b->make.max_version = n;
		return true;
	case OPT_HASH:
		return verity_hash_parse(optarg, &scan->hash) == 0;
	case OPT_EPOCH:
		scan->epoch = true;
		return true;
	case OPT_XATTRS:
		b->has_xattrs = true;
		return cli_parse_xattrs(optarg, &scan->xattrs);
	case OPT_NO_DEVICES:
		scan->skip_devices = true;
		return true;
	case OPT_HARDLINKS:
		scan->hardlinks = true;
		return true;
	case OPT_VERITY:
		return cli_parse_verity(optarg, &b->verity);
	case OPT_SEAL:
		b->make.seal = true;
		return true;
	case OPT_PRINT_DIGEST:
		b->print_digest = true;
		return true;
	default:
		return cli_option(b->cli, opt);
	}
}

static int print_result(struct cli *c, const struct build *b, const struct make_result *m)
{
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	struct json_writer w;
	struct arena a;
	int status;

	image_hex(m->digest, verity_digest_size(b->make.scan.hash), hex);
	if (!c->json) {
		if (b->print_digest)
			puts(hex);
		return 0;
	}
	arena_init(&a, NULL, 0);
	json_writer_init(&w, &a, false);
	json_object_begin(&w);
	if (b->make.image)
		json_kv_string(&w, "image", b->make.image);
	json_kv_string(&w, "hash", verity_hash_name(b->make.scan.hash));
	json_kv_string(&w, "digest", hex);
	json_kv_u64(&w, "format", m->info.version);
	json_kv_u64(&w, "size", m->info.size);
	json_kv_u64(&w, "inodes", m->info.inodes);
	json_kv_bool(&w, "sealed", b->make.seal);
	json_object_end(&w);
	status = cli_print_json(c, &w);
	arena_done(&a);
	return status;
}

static int run_build(struct cli *c, struct build *b)
{
	struct make_result result;
	struct err e = {0};
	int r = 0;

	progress_init(&c->progress, !c->quiet);
	b->make.scan.progress = &c->progress;
	if (b->objects) {
		r = store_open(b->objects, true, b->make.scan.hash, b->verity, &b->store, &e);
		b->make.scan.store = &b->store;
	}
	if (r == 0)
		r = make_image(&b->make, &result, &e);
	progress_end(&c->progress);
	if (b->objects)
		store_close(&b->store);
	return r < 0 ? cli_fail(c, &e) : print_result(c, b, &result);
}

int command_build(struct cli *c, int argc, char **argv)
{
	struct build b = {
		.cli = c,
		.store = {.fd = -EBADF},
		.make = {.min_version = 1, .max_version = 1, .scan = {.hash = IMAGE_SHA256}},
		.verity = VERITY_TRY,
	};
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "dto:j:qh", long_options, NULL)) != -1)
		if (!parse_option(&b, opt))
			return cli_usage(c, "bad option or value: '%s'", argv[optind - 1]);
	if (argc - optind < 1 || argc - optind > 2)
		return cli_usage(c, "expected SOURCE and at most one IMAGE");
	b.make.source = argv[optind];
	b.make.layers = b.layers;
	if (b.make.n_layers && b.make.from != MAKE_FROM_TAR)
		return cli_usage(c, "--layer is for what goes on top of --tar");
	if (b.make.from == MAKE_FROM_IMAGE) {
		char *path;

		layout_split_reference(argv[optind], &path, &b.make.reference);
		b.make.source = path;
		if (!b.has_xattrs)
			b.make.scan.xattrs = SCAN_XATTRS_OCI;
	}
	b.make.image = argc - optind == 2 ? argv[optind + 1] : NULL;
	/* Without an image, the digest is all there is to say. */
	if (!b.make.image)
		b.print_digest = true;
	b.make.want_digest = b.print_digest || c->json;
	if (b.make.from == MAKE_FROM_DUMP && b.objects)
		return cli_usage(c, "a dump has no files to copy to --objects");
	if (b.make.seal && (!b.make.image || str_eq(b.make.image, "-")))
		return cli_usage(c, "--seal needs an IMAGE that is a file");
	if (c->json && b.make.image && str_eq(b.make.image, "-"))
		return cli_usage(c, "--json and the image cannot both go to the output");
	return run_build(c, &b);
}
