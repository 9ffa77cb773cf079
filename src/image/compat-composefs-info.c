/* composefs-info: the arguments, outputs and exit codes of composefs 1.0's tool, for scripts. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "base/sys.h"
#include "image/command.h"
#include "image/dump.h"
#include "image/listing.h"
#include "image/load.h"

#define PROGRAM "composefs-info"

enum {
	OPT_BASEDIR = CLI_OWN,
	OPT_FILTER,
};

static const struct option long_options[] = {
	{"basedir", required_argument, NULL, OPT_BASEDIR},
	{"filter", required_argument, NULL, OPT_FILTER},
	{NULL, 0, NULL, 0},
};

struct context {
	const char *basedir;
	int basedir_fd;
	char **filters;
	unsigned n_filters;
};

static int usage(const char *why)
{
	fprintf(stderr,
		"%s\nusage: " PROGRAM " [--basedir=path] "
		"[ls|objects|dump|missing-objects|measure-file] IMAGES...\n",
		why);
	return 1;
}

static int write_lines(const struct context *x, const struct image_tree *t, bool dump)
{
	struct image_path path = {0};
	struct output out;
	int r = output_init(&out, STDOUT_FILENO);

	for (const struct image_node *n = t->root; n && r == 0; n = image_tree_next(n)) {
		if (!listing_is_selected(n, x->filters, x->n_filters))
			continue;
		if (dump)
			r = dump_write_node(n, DUMP_REPEAT_LINKS | DUMP_DIRECTORY_SIZES, &path,
					    &out);
		else if (n->depth > 0)
			r = listing_write_node(n, &path, &out);
	}
	if (r == 0)
		r = output_finish(&out);
	output_done(&out);
	image_path_done(&path);
	return r;
}

static int write_objects(const struct context *x, const struct image_tree *t, bool missing)
{
	char path[LISTING_PATH_MAX];
	struct listing_objects l;
	struct stat st;
	int r = listing_collect_objects(t, &l);

	for (size_t i = 0; r == 0 && i < l.n; i++) {
		const struct image_node *n = l.nodes[i];

		if (missing && listing_object_path(n, path) &&
		    fstatat(x->basedir_fd, path, &st, 0) == 0)
			continue;
		printf("%.*s\n", (int)n->payload_len, n->payload);
	}
	if (r == 0)
		listing_objects_done(&l);
	return fflush(stdout) == 0 ? r : -errno;
}

static int run_on_image(const struct context *x, const char *command, const char *path)
{
	struct image_tree tree = {0};
	struct erofs_info info;
	struct err e = {0};
	struct image_file f;
	int r = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);

	if (r < 0) {
		fprintf(stderr, PROGRAM ": Failed to open '%s': %s\n", path, strerror(-r));
		return 1;
	}
	r = image_file_take_fd(r, path, &f, &e);
	if (r == 0) {
		r = erofs_read(f.data, f.len, EROFS_KEEP_OPAQUE, &tree, &info, &e);
		if (r < 0)
			image_file_done(&f);
	}
	/* The first name is the real one, whatever the image says. */
	if (r == 0)
		r = image_tree_canonical_links(&tree);
	if (r < 0) {
		fprintf(stderr, PROGRAM ": Failed to load '%s': %s\n", path, strerror(-r));
		image_tree_done(&tree);
		return 1;
	}
	if (str_eq(command, "ls") || str_eq(command, "dump"))
		r = write_lines(x, &tree, str_eq(command, "dump"));
	else
		r = write_objects(x, &tree, str_eq(command, "missing-objects"));
	image_tree_done(&tree);
	image_file_done(&f);
	if (r < 0)
		fprintf(stderr, PROGRAM ": %s\n", strerror(-r));
	return r < 0;
}

static int measure(const char *path)
{
	uint8_t digest[IMAGE_DIGEST_MAX];
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	enum image_hash hash = IMAGE_SHA256;
	struct verity *v = NULL;
	int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0), r;

	if (fd < 0) {
		fprintf(stderr, PROGRAM ": Failed to open '%s': %s\n", path, strerror(-fd));
		return 1;
	}
	r = verity_measure_fd(fd, &hash, digest);
	if (verity_is_absent(r)) {
		r = verity_new(IMAGE_SHA256, &v);
		if (r == 0)
			r = verity_compute_fd(v, fd, digest, NULL);
		verity_free(v);
	}
	(void)close(fd);
	if (r < 0) {
		fprintf(stderr, PROGRAM ": Failed to measure '%s': %s\n", path, strerror(-r));
		return 1;
	}
	image_hex(digest, verity_digest_size(hash), hex);
	puts(hex);
	return 0;
}

static int run(struct context *x, int argc, char **argv)
{
	const char *command = argv[0];
	int status = 0;

	if (!str_eq(command, "ls") && !str_eq(command, "dump") && !str_eq(command, "objects") &&
	    !str_eq(command, "missing-objects") && !str_eq(command, "measure-file")) {
		fprintf(stderr, PROGRAM ": Unknown command '%s'\n\n", command);
		return 1;
	}
	if (argc < 2)
		return usage("No image path specified");
	if (str_eq(command, "missing-objects")) {
		if (!x->basedir)
			return usage("missing-objects needs --basedir");
		x->basedir_fd = open(x->basedir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (x->basedir_fd < 0) {
			fprintf(stderr, PROGRAM ": Failed to open '%s': %s\n", x->basedir,
				strerror(errno));
			return 1;
		}
	}
	for (int i = 1; i < argc && status == 0; i++)
		status = str_eq(command, "measure-file") ? measure(argv[i])
							 : run_on_image(x, command, argv[i]);
	if (x->basedir_fd >= 0)
		(void)close(x->basedir_fd);
	return status;
}

int compat_composefs_info(int argc, char **argv)
{
	struct context x = {.basedir_fd = -EBADF};
	int opt, status;

	x.filters = calloc((size_t)argc + 1, sizeof(*x.filters));
	if (!x.filters)
		return 1;
	status = 0;
	while (status == 0 && (opt = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (opt == OPT_BASEDIR)
			x.basedir = optarg;
		else if (opt == OPT_FILTER)
			x.filters[x.n_filters++] = optarg;
		else
			status = usage("Invalid option");
	}
	if (status == 0)
		status = optind < argc ? run(&x, argc - optind, argv + optind)
				       : usage("No command specified");
	free(x.filters);
	return status;
}
