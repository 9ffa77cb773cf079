/* mkcomposefs: the arguments, outputs and exit codes of composefs 1.0's tool, for scripts. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "image/command.h"
#include "image/dump.h"
#include "image/make.h"

enum {
	OPT_DIGEST_STORE = CLI_OWN,
	OPT_USE_EPOCH,
	OPT_SKIP_DEVICES,
	OPT_SKIP_XATTRS,
	OPT_USER_XATTRS,
	OPT_PRINT_DIGEST,
	OPT_PRINT_DIGEST_ONLY,
	OPT_FROM_FILE,
	OPT_MIN_VERSION,
	OPT_MAX_VERSION,
	OPT_THREADS,
};

static const struct option long_options[] = {
	{"digest-store", required_argument, NULL, OPT_DIGEST_STORE},
	{"use-epoch", no_argument, NULL, OPT_USE_EPOCH},
	{"skip-devices", no_argument, NULL, OPT_SKIP_DEVICES},
	{"skip-xattrs", no_argument, NULL, OPT_SKIP_XATTRS},
	{"user-xattrs", no_argument, NULL, OPT_USER_XATTRS},
	{"print-digest", no_argument, NULL, OPT_PRINT_DIGEST},
	{"print-digest-only", no_argument, NULL, OPT_PRINT_DIGEST_ONLY},
	{"from-file", no_argument, NULL, OPT_FROM_FILE},
	{"min-version", required_argument, NULL, OPT_MIN_VERSION},
	{"max-version", required_argument, NULL, OPT_MAX_VERSION},
	{"threads", required_argument, NULL, OPT_THREADS},
	{NULL, 0, NULL, 0},
};

static void print_usage(FILE *to)
{
	fputs("Usage: mkcomposefs [OPTIONS] SOURCE IMAGE\n"
	      "Options:\n"
	      "  --digest-store=PATH   copy files into this object store\n"
	      "  --use-epoch           all modification times are 0\n"
	      "  --skip-devices        leave out devices\n"
	      "  --skip-xattrs         leave out extended attributes\n"
	      "  --user-xattrs         only user.* attributes\n"
	      "  --print-digest        print the image's digest\n"
	      "  --print-digest-only   print the digest and write no image\n"
	      "  --from-file           SOURCE is a dump, - for standard input\n"
	      "  --min-version=N       the oldest format to use (0)\n"
	      "  --max-version=N       the latest format to use (1)\n"
	      "  --threads=N           read files with N threads\n",
	      to);
}

struct compat {
	struct make_options make;
	const char *objects;
	struct store store; /* of objects */
	bool print, only, bounded;
	bool skip_xattrs, user_xattrs;
};

static bool parse_version(struct compat *m, unsigned *ret)
{
	uint32_t n;

	if (str_to_u32(optarg, 1000, &n) < 0)
		return false;
	/* Giving one of them makes the other 0. */
	if (!m->bounded)
		m->make.min_version = m->make.max_version = 0;
	m->bounded = true;
	*ret = n;
	return true;
}

static bool parse_option(struct compat *m, int opt)
{
	struct scan_options *scan = &m->make.scan;

	switch (opt) {
	case OPT_DIGEST_STORE:
		m->objects = optarg;
		return true;
	case OPT_USE_EPOCH:
		scan->epoch = true;
		return true;
	case OPT_SKIP_DEVICES:
		scan->skip_devices = true;
		return true;
	case OPT_SKIP_XATTRS:
		m->skip_xattrs = true;
		return true;
	case OPT_USER_XATTRS:
		m->user_xattrs = true;
		return true;
	case OPT_PRINT_DIGEST_ONLY:
		m->only = true;
		return true;
	case OPT_PRINT_DIGEST:
		m->print = true;
		return true;
	case OPT_FROM_FILE:
		m->make.from = MAKE_FROM_DUMP;
		return true;
	case OPT_MIN_VERSION:
		return parse_version(m, &m->make.min_version);
	case OPT_MAX_VERSION:
		return parse_version(m, &m->make.max_version);
	case OPT_THREADS:
		return str_to_u32(optarg, 1024, &scan->threads) == 0 && scan->threads > 0;
	default:
		return false;
	}
}

static int complain(const char *text)
{
	fprintf(stderr, "%s\n", text);
	print_usage(stderr);
	return 1;
}

static int run(struct cli *c, struct compat *m)
{
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	struct make_result result;
	struct err e = {0};
	int r = 0;

	progress_init(&c->progress, false);
	m->make.scan.progress = &c->progress;
	if (m->objects) {
		r = store_open(m->objects, true, IMAGE_SHA256, VERITY_TRY, &m->store, &e);
		m->make.scan.store = &m->store;
	}
	if (r == 0)
		r = make_image(&m->make, &result, &e);
	if (m->objects)
		store_close(&m->store);
	if (r < 0)
		return cli_fail(c, &e);
	if (result.has_digest) {
		image_hex(result.digest, 32, hex);
		puts(hex);
	}
	return 0;
}

int compat_mkcomposefs(int argc, char **argv)
{
	struct compat m = {
		.make = {.max_version = 1, .scan = {.hash = IMAGE_SHA256}},
		.store = {.fd = -EBADF},
	};
	struct cli c = {.tool = {.program = "mkcomposefs", .failed = 1}};
	int opt, n;

	while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (opt == '?') {
			print_usage(stderr);
			return 1;
		}
		if (!parse_option(&m, opt))
			return complain("Invalid value of an option");
	}
	n = argc - optind;
	if (n < 1)
		return complain("No source path specified");
	if (n < 2 && !m.only)
		return complain("No destination path specified");
	if (n > 1 && m.only)
		return complain("Cannot specify destination path with --print-digest-only");
	if (m.skip_xattrs && m.user_xattrs)
		return complain("Only one of --skip-xattrs and --user-xattrs can be specified");
	m.make.scan.xattrs = m.skip_xattrs   ? SCAN_XATTRS_NONE
			     : m.user_xattrs ? SCAN_XATTRS_USER
					     : SCAN_XATTRS_ALL;
	m.make.source = argv[optind];
	m.make.image = m.only ? NULL : argv[optind + 1];
	m.make.want_digest = m.print || m.only;
	if (m.make.max_version < m.make.min_version)
		m.make.max_version = m.make.min_version;
	if (m.make.max_version > 1) {
		fprintf(stderr, "mkcomposefs: cannot write file: Invalid argument\n");
		return 1;
	}
	if (getenv("CFS_PARSE_STRICT"))
		m.make.dump_flags |= DUMP_STRICT;
	return run(&c, &m);
}
