/* coracle image mount and umount. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/command.h"
#include "image/load.h"
#include "image/rootless.h"
#include "image/trust.h"

enum {
	OPT_DIGEST = CLI_OWN,
	OPT_VERITY,
	OPT_UPPER,
	OPT_WORK,
	OPT_IDMAP,
	OPT_READ_WRITE,
	OPT_ROOTLESS,
	OPT_NO_CHECK,
	OPT_EXPLAIN,
};

static const struct option mount_options[] = {
	{"objects", required_argument, NULL, 'o'},
	{"digest", required_argument, NULL, OPT_DIGEST},
	{"verity", required_argument, NULL, OPT_VERITY},
	{"upper", required_argument, NULL, OPT_UPPER},
	{"work", required_argument, NULL, OPT_WORK},
	{"idmap", required_argument, NULL, OPT_IDMAP},
	{"read-write", no_argument, NULL, OPT_READ_WRITE},
	{"rootless", required_argument, NULL, OPT_ROOTLESS},
	{"no-check", no_argument, NULL, OPT_NO_CHECK},
	{"explain", no_argument, NULL, OPT_EXPLAIN},
	CLI_LONG_OPTIONS,
};

struct mount_command {
	struct cli *cli;
	struct mount_options o;
	struct trust_options trust;
	const char *image, *target, *idmap, *rootless;
	bool explain;
};

static bool parse_option(struct mount_command *m, int opt)
{
	switch (opt) {
	case 'o':
		if (m->o.n_objects == MOUNT_OBJECTS_MAX)
			return false;
		m->o.objects[m->o.n_objects++] = optarg;
		return true;
	case OPT_DIGEST:
		m->trust.has_digest = cli_parse_digest(optarg, &m->trust.hash, m->trust.digest);
		return m->trust.has_digest;
	case OPT_VERITY:
		return cli_parse_verity(optarg, &m->o.verity);
	case OPT_UPPER:
		m->o.upper = optarg;
		return true;
	case OPT_WORK:
		m->o.work = optarg;
		return true;
	case OPT_IDMAP:
		m->idmap = optarg;
		return true;
	case OPT_READ_WRITE:
		m->o.read_write = true;
		return true;
	case OPT_ROOTLESS:
		m->rootless = optarg;
		return true;
	case OPT_NO_CHECK:
		m->trust.skip_canonical = true;
		return true;
	case OPT_EXPLAIN:
		m->explain = true;
		return true;
	default:
		return cli_option(m->cli, opt);
	}
}

static int print_report(const struct mount_command *m, const struct mount_report *report,
			const struct trust_result *trust)
{
	char words[160], hex[2 * IMAGE_DIGEST_MAX + 1];
	struct json_writer w;
	struct arena a;
	int status = 0;

	mount_explain(report, words, sizeof(words));
	if (m->cli->json) {
		arena_init(&a, NULL, 0);
		json_writer_init(&w, &a, false);
		json_object_begin(&w);
		json_kv_string(&w, "mount", m->target);
		json_kv_bool(&w, "sealed", trust->sealed);
		json_kv_bool(&w, "enforced", report->enforced);
		if (trust->has_digest) {
			image_hex(trust->digest, verity_digest_size(m->trust.hash), hex);
			json_kv_string(&w, "digest", hex);
		}
		json_kv_string(&w, "how", words);
		json_object_end(&w);
		status = cli_print_json(m->cli, &w);
		arena_done(&a);
	} else if (m->explain) {
		printf("%s%s\n", words, trust->sealed ? ", image sealed" : "");
	}
	return status;
}

static int run_mount(struct mount_command *m)
{
	_cleanup_close_ int idmap = -EBADF;
	struct mount_report report = {0};
	struct trust_result trust;
	struct image_file f;
	struct err e = {0};
	int r;

	if (m->idmap) {
		idmap = sys_openat(AT_FDCWD, m->idmap, O_RDONLY | O_CLOEXEC, 0);
		if (idmap < 0) {
			(void)err_sys(&e, ERR_IDMAP, idmap, "open %s", m->idmap);
			return cli_fail(m->cli, &e);
		}
	}
	m->o.idmap_fd = idmap;
	r = image_file_open_unread(m->image, &f, &e);
	if (r < 0)
		return cli_fail(m->cli, &e);
	m->trust.verity = m->o.verity;
	m->trust.objects = m->o.objects;
	m->trust.n_objects = m->o.n_objects;
	r = trust_image(&f, &m->trust, &trust, &e);
	if (r == 0) {
		if (m->o.verity == VERITY_TRY && !trust.objects_sealed)
			m->o.verity = VERITY_OFF;
		m->o.image_fd = f.fd;
		m->o.has_acl = trust.has_acl;
		r = m->rootless ? rootless_mount(&f, &m->o, m->rootless, m->target, &report, &e)
				: mount_image(&m->o, m->target, &report, &e);
	}
	image_file_done(&f);
	if (r < 0)
		return cli_fail(m->cli, &e);
	if (m->trust.has_digest && !trust.sealed)
		cli_warn(m->cli,
			 "the digest was computed, not measured: later changes go unnoticed");
	return print_report(m, &report, &trust);
}

int command_mount(struct cli *c, int argc, char **argv)
{
	struct mount_command m = {
		.cli = c,
		.o = {.verity = VERITY_TRY, .image_fd = -EBADF},
		.trust = {.hash = IMAGE_SHA256},
	};
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "o:qh", mount_options, NULL)) != -1)
		if (!parse_option(&m, opt))
			return cli_usage(c, "bad option or value: '%s'", argv[optind - 1]);
	if (argc - optind != 2)
		return cli_usage(c, "expected an IMAGE and a DIR");
	m.image = argv[optind];
	m.target = argv[optind + 1];
	if (m.o.n_objects == 0)
		return cli_usage(c, "--objects is missing");
	if (!m.o.upper != !m.o.work)
		return cli_usage(c, "--upper and --work need each other");
	if (m.rootless && m.idmap)
		return cli_usage(c, "--rootless and --idmap exclude each other");
	return run_mount(&m);
}

/* --- umount ---------------------------------------------------------------------------------- */

static const struct option umount_options[] = {
	{"lazy", no_argument, NULL, 'l'},
	CLI_LONG_OPTIONS,
};

int command_umount(struct cli *c, int argc, char **argv)
{
	int opt, r, flags = UMOUNT_NOFOLLOW;
	struct err e = {0};

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "lqh", umount_options, NULL)) != -1) {
		if (opt == 'l')
			flags |= MNT_DETACH;
		else if (!cli_option(c, opt))
			return cli_usage(c, "bad option: '%s'", argv[optind - 1]);
	}
	if (argc - optind != 1)
		return cli_usage(c, "expected one DIR");
	r = sys_umount2(argv[optind], flags);
	if (r < 0) {
		(void)err_sys(&e, ERR_MOUNT, r, "unmount %s", argv[optind]);
		if (r == -EBUSY)
			(void)err_hint(&e, "something uses it; --lazy detaches it all the same");
		return cli_fail(c, &e);
	}
	return 0;
}
