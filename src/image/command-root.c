/* coracle image root and release: not for people. The runtime calls them for containers whose root
 * filesystem is an image in a store (container/image.h). */
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/socket.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/command.h"
#include "image/rootfs.h"
#include "image/userns.h"

enum {
	OPT_VERITY = CLI_OWN,
	OPT_DIGEST,
	OPT_POLICY,
	OPT_UPPER,
};

static const struct option long_options[] = {
	CLI_STORE_OPTION,
	{"verity", required_argument, NULL, OPT_VERITY},
	{"digest", required_argument, NULL, OPT_DIGEST},
	{"policy", required_argument, NULL, OPT_POLICY},
	{"upper", required_argument, NULL, OPT_UPPER},
	CLI_LONG_OPTIONS,
};

static bool parse_option(struct cli *c, struct rootfs_options *o, int opt)
{
	switch (opt) {
	case OPT_VERITY:
		return cli_parse_verity(optarg, &o->verity);
	case OPT_DIGEST:
		o->has_digest = cli_parse_digest(optarg, &o->hash, o->digest);
		return o->has_digest;
	case OPT_POLICY:
		o->policy = optarg;
		return true;
	case OPT_UPPER:
		o->upper = optarg;
		return str_eq(optarg, "discard") || str_eq(optarg, "none") || optarg[0] == '/';
	default:
		return cli_option(c, opt);
	}
}

/* Both are called with the same words: [OPTION]... -- ID STATE-DIR IMAGE. 0, or 1 after printing.
 */
static int parse(struct cli *c, int argc, char **argv, struct rootfs_options *o)
{
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "qh", long_options, NULL)) != -1)
		if (!parse_option(c, o, opt))
			return cli_usage(c, "bad option or value: '%s'", argv[optind - 1]);
	if (argc - optind != 3)
		return cli_usage(c, "expected ID, STATE-DIR and IMAGE");
	o->id = argv[optind];
	o->state_dir = argv[optind + 1];
	o->image = argv[optind + 2];
	return 0;
}

/* Read the words and open the store. 0, or 1 after printing. */
static int begin(struct cli *c, int argc, char **argv, struct rootfs_options *o, struct repo *ret)
{
	struct err e = {0};

	if (parse(c, argc, argv, o))
		return 1;
	return repo_open(c->store, false, 0, VERITY_TRY, REPO_SHARED, ret, &e) < 0 ? cli_fail(c, &e)
										   : 0;
}

int command_root(struct cli *c, int argc, char **argv)
{
	struct rootfs_options o = {.verity = VERITY_TRY, .upper = "discard"};
	_cleanup_close_ int mnt = -EBADF;
	struct rootfs_report report;
	struct err e = {0};
	struct repo r;
	int code;

	if (begin(c, argc, argv, &o, &r))
		return 1;
	mnt = rootfs_open(&r, &o, &report, &e);
	repo_close(&r);
	if (mnt < 0)
		return cli_fail(c, &e);
	code = (int)socket_send(STDOUT_FILENO, "", 1, &mnt, 1);
	if (code < 0) {
		(void)err_sys(&e, ERR_IO, code, "send the mount");
		return cli_fail(c, &e);
	}
	if (o.verity == VERITY_TRY && !report.enforced)
		fprintf(stderr,
			"image %s: verified, but the kernel does not enforce digests here\n",
			o.image);
	return 0;
}

int command_release(struct cli *c, int argc, char **argv)
{
	struct rootfs_options o = {.upper = "discard"};
	char store[PATH_MAX];
	struct err e = {0};
	struct repo r;
	int code = 0;

	/* From a user namespace like the container's: not all that is left of the upper layer could
	 * be removed without. The default is the user's, not that of the root that we become. */
	if (sys_geteuid() != 0) {
		if (!c->store) {
			code = repo_default_path(store, &e);
			c->store = store;
		}
		if (code == 0)
			code = userns_enter(&e);
		if (code < 0)
			return cli_fail(c, &e);
	}
	if (begin(c, argc, argv, &o, &r))
		return 1;
	code = rootfs_release(&r, o.state_dir, &e);
	repo_close(&r);
	return code < 0 ? cli_fail(c, &e) : 0;
}
