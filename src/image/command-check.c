/* coracle image check. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/command.h"
#include "image/load.h"
#include "image/mount.h"
#include "image/prove.h"

enum {
	OPT_DIGEST = CLI_OWN,
	OPT_VERITY,
	OPT_READ,
};

static const struct option long_options[] = {
	{"objects", required_argument, NULL, 'o'},
	{"digest", required_argument, NULL, OPT_DIGEST},
	{"verity", required_argument, NULL, OPT_VERITY},
	{"read", no_argument, NULL, OPT_READ},
	{"mounted", required_argument, NULL, 'm'},
	CLI_LONG_OPTIONS,
};

struct check {
	struct cli *cli;
	const char *objects, *mounted;
	bool read; /* sealed objects, too */
	enum verity_want verity;
	enum image_hash hash;
	bool has_digest;
	uint8_t digest[IMAGE_DIGEST_MAX];
	struct json_writer *w; /* NULL: words */
	uint64_t bad;
};

static void report_wrong(void *ctx, const char *path, const char *what)
{
	struct check *k = ctx;

	k->bad++;
	progress_end(&k->cli->progress);
	if (k->w) {
		json_object_begin(k->w);
		json_kv_string(k->w, "path", path);
		json_kv_string(k->w, "what", what);
		json_object_end(k->w);
	} else {
		printf("%s: %s\n", path, what);
	}
}

/* The digest first: nothing in the image is looked at before. */
static int check_digest(struct check *k, struct image_file *f, bool *ret_measured, struct err *e)
{
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	uint8_t digest[IMAGE_DIGEST_MAX];
	size_t len = verity_digest_size(k->hash);
	int r = image_file_digest(f, k->hash, digest, ret_measured, e);

	if (r < 0)
		return r;
	image_hex(digest, len, hex);
	if (k->has_digest && memcmp(digest, k->digest, len) != 0)
		return err_set(e, ERR_DIGEST, -EBADMSG,
			       "the image's digest is %s, not what it must be", hex);
	if (k->verity == VERITY_REQUIRE && !*ret_measured)
		return err_set(e, ERR_DIGEST, -ENODATA, "the image has no fs-verity");
	if (k->w) {
		json_kv_string(k->w, "hash", verity_hash_name(k->hash));
		json_kv_string(k->w, "digest", hex);
		json_kv_bool(k->w, "sealed", *ret_measured);
	} else {
		printf("digest %s (%s)\n", hex,
		       *ret_measured ? "measured by the kernel"
				     : "computed: the file is not sealed");
	}
	return 0;
}

static int check_objects(struct check *k, const struct image_tree *t, struct err *e)
{
	_cleanup_close_ int fd =
		sys_openat(AT_FDCWD, k->objects, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	struct prove p = {
		.wrong = report_wrong,
		.ctx = k,
		.progress = &k->cli->progress,
		.require_verity = k->verity == VERITY_REQUIRE,
		.read_sealed = k->read,
	};
	int r;

	if (fd < 0)
		return err_sys(e, ERR_IO, fd, "open the object store %s", k->objects);
	if (k->w) {
		json_key(k->w, "wrong_objects");
		json_array_begin(k->w);
	}
	r = prove_objects(t, fd, &p, e);
	if (k->w) {
		json_array_end(k->w);
		json_kv_u64(k->w, "objects", p.checked);
		json_kv_u64(k->w, "objects_sealed", p.sealed);
		json_kv_u64(k->w, "objects_wrong", p.bad);
	} else if (r == 0) {
		progress_end(&k->cli->progress);
		printf("objects %llu: %llu wrong, %llu measured by the kernel, %llu bytes read\n",
		       (unsigned long long)p.checked, (unsigned long long)p.bad,
		       (unsigned long long)p.sealed, (unsigned long long)p.bytes);
	}
	return r;
}

static int check_mounted(struct check *k, const struct image_tree *t, struct err *e)
{
	_cleanup_close_ int fd =
		sys_openat(AT_FDCWD, k->mounted, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	struct prove p = {.wrong = report_wrong, .ctx = k, .progress = &k->cli->progress};
	bool enforced = false;
	int r;

	if (fd < 0)
		return err_sys(e, ERR_IO, fd, "open %s", k->mounted);
	r = mount_is_enforced(fd, &enforced, e);
	if (r < 0)
		return r;
	if (k->verity == VERITY_REQUIRE && !enforced)
		return err_set(e, ERR_DIGEST, -EPERM,
			       "%s is not an overlay mounted with verity=require", k->mounted);
	if (k->w) {
		json_kv_bool(k->w, "enforced", enforced);
		json_key(k->w, "wrong_entries");
		json_array_begin(k->w);
	}
	r = prove_mount(t, fd, &p, e);
	if (k->w) {
		json_array_end(k->w);
		json_kv_u64(k->w, "entries", p.checked);
		json_kv_u64(k->w, "entries_wrong", p.bad);
		json_kv_u64(k->w, "bytes_read", p.bytes);
	} else if (r == 0) {
		progress_end(&k->cli->progress);
		printf("mount %llu entries: %llu wrong, %llu bytes read; %s\n",
		       (unsigned long long)p.checked, (unsigned long long)p.bad,
		       (unsigned long long)p.bytes,
		       enforced ? "the kernel enforces digests"
				: "the kernel does not enforce digests");
	}
	return r;
}

/* Writing consumes a tree, so the image is read twice. */
static int check_canonical(struct check *k, const struct image_file *f, struct err *e)
{
	struct image_tree tree = {0};
	struct erofs_info info;
	int r = erofs_read(f->data, f->len, 0, &tree, &info, e);

	if (r == 0)
		r = image_file_check_canonical(f, &tree, info.version, e);
	image_tree_done(&tree);
	if (r < 0)
		return r;
	if (k->w) {
		json_kv_u64(k->w, "format", info.version);
		json_kv_u64(k->w, "inodes", info.inodes);
		json_kv_bool(k->w, "canonical", true);
	} else {
		printf("format %u, %llu inodes, canonical\n", info.version,
		       (unsigned long long)info.inodes);
	}
	return 0;
}

static int run(struct check *k, const char *path, struct err *e)
{
	struct image_tree tree = {0};
	struct erofs_info info;
	struct image_file f;
	bool measured = false;
	int r = image_file_open(path, &f, e);

	if (r < 0)
		return r;
	r = check_digest(k, &f, &measured, e);
	if (r == 0)
		r = check_canonical(k, &f, e);
	if (r == 0 && (k->objects || k->mounted))
		r = erofs_read(f.data, f.len, 0, &tree, &info, e);
	if (r == 0 && k->objects)
		r = check_objects(k, &tree, e);
	if (r == 0 && k->mounted)
		r = check_mounted(k, &tree, e);
	image_tree_done(&tree);
	image_file_done(&f);
	return r < 0 ? err_wrap(e, "%s", path) : 0;
}

static bool parse_option(struct check *k, int opt)
{
	switch (opt) {
	case 'o':
		k->objects = optarg;
		return true;
	case 'm':
		k->mounted = optarg;
		return true;
	case OPT_DIGEST:
		k->has_digest = cli_parse_digest(optarg, &k->hash, k->digest);
		return k->has_digest;
	case OPT_READ:
		k->read = true;
		return true;
	case OPT_VERITY:
		return cli_parse_verity(optarg, &k->verity);
	default:
		return cli_option(k->cli, opt);
	}
}

int command_check(struct cli *c, int argc, char **argv)
{
	struct check k = {.cli = c, .verity = VERITY_TRY, .hash = IMAGE_SHA256};
	struct json_writer w;
	struct err e = {0};
	struct arena a;
	int opt, r, status;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "o:m:qh", long_options, NULL)) != -1)
		if (!parse_option(&k, opt))
			return cli_usage(c, "bad option or value: '%s'", argv[optind - 1]);
	if (argc - optind != 1)
		return cli_usage(c, "expected one IMAGE");
	progress_init(&c->progress, !c->quiet);
	arena_init(&a, NULL, 0);
	json_writer_init(&w, &a, false);
	k.w = c->json ? &w : NULL;
	json_object_begin(&w);
	json_kv_string(&w, "image", argv[optind]);
	r = run(&k, argv[optind], &e);
	json_kv_bool(&w, "ok", r == 0 && k.bad == 0);
	json_object_end(&w);
	progress_end(&c->progress);
	(void)fflush(stdout);
	status = k.bad > 0;
	if (r < 0)
		status = cli_fail(c, &e);
	else if (c->json)
		status |= cli_print_json(c, &w);
	arena_done(&a);
	return status;
}
