/* coracle image info and dump. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "image/command.h"
#include "image/dump.h"
#include "image/erofs-internal.h"
#include "image/listing.h"
#include "image/load.h"

enum {
	OPT_LIST_OBJECTS = CLI_OWN,
	OPT_MISSING,
	OPT_HASH,
	OPT_FILTER,
};

static const struct option info_options[] = {
	{"list", no_argument, NULL, 'l'},
	{"list-objects", no_argument, NULL, OPT_LIST_OBJECTS},
	{"missing", no_argument, NULL, OPT_MISSING},
	{"objects", required_argument, NULL, 'o'},
	{"hash", required_argument, NULL, OPT_HASH},
	CLI_LONG_OPTIONS,
};

struct info {
	struct cli *cli;
	bool list, list_objects, missing;
	const char *objects;
	enum image_hash hash;
};

/* What a tree adds up to. */
struct totals {
	uint64_t directories, files, links, symlinks, devices, others;
	uint64_t bytes, inline_bytes, objects, objects_missing;
};

static void count_nodes(const struct image_tree *t, struct totals *ret)
{
	for (const struct image_node *n = t->root; n; n = image_tree_next(n)) {
		if (n->target)
			ret->links++;
		else if (S_ISDIR(n->mode))
			ret->directories++;
		else if (S_ISLNK(n->mode))
			ret->symlinks++;
		else if (S_ISCHR(n->mode) || S_ISBLK(n->mode))
			ret->devices++;
		else if (!S_ISREG(n->mode))
			ret->others++;
		else
			ret->files++;
		if (!n->target && S_ISREG(n->mode)) {
			ret->bytes += n->size;
			ret->inline_bytes += n->data ? n->size : 0;
		}
	}
}

static bool is_missing(const struct image_node *n, int store)
{
	char path[LISTING_PATH_MAX];
	struct stat st;

	return !listing_object_path(n, path) || fstatat(store, path, &st, 0) < 0 ||
	       !S_ISREG(st.st_mode) || (uint64_t)st.st_size != n->size;
}

/* Objects as lines or JSON strings; those that are missing only, if @missing. */
static int list_objects(struct info *o, const struct image_tree *t, bool missing,
			struct json_writer *w, struct totals *totals, struct err *e)
{
	struct listing_objects l;
	int store = -EBADF, r = listing_collect_objects(t, &l);

	if (r < 0)
		return err_sys(e, ERR_IMAGE, r, "list the objects");
	if (o->objects) {
		store = open(o->objects, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (store < 0)
			r = err_sys(e, ERR_IO, -errno, "open the object store %s", o->objects);
	}
	totals->objects = l.n;
	for (size_t i = 0; i < l.n && r == 0; i++) {
		char text[LISTING_PATH_MAX] = "";
		bool gone = o->objects && is_missing(l.nodes[i], store);

		totals->objects_missing += gone;
		if (missing && !gone)
			continue;
		(void)str_format(text, sizeof(text), "%.*s", (int)l.nodes[i]->payload_len,
				 l.nodes[i]->payload);
		if (w)
			json_string(w, text);
		else if (o->list_objects || o->missing)
			puts(text);
	}
	if (store >= 0)
		(void)close(store);
	listing_objects_done(&l);
	return r;
}

static void print_totals(const char *path, const struct erofs_info *info, const struct totals *t,
			 const char *digest, bool measured, bool with_store)
{
	printf("%s: format %u, %llu bytes, %s\n", path, info->version,
	       (unsigned long long)info->size,
	       measured ? "sealed (measured by the kernel)" : "not sealed");
	printf("  digest       %s\n", digest);
	printf("  inodes       %llu: %llu directories, %llu files, %llu symbolic links, "
	       "%llu devices, %llu others; %llu more names\n",
	       (unsigned long long)info->inodes, (unsigned long long)t->directories,
	       (unsigned long long)t->files, (unsigned long long)t->symlinks,
	       (unsigned long long)t->devices, (unsigned long long)t->others,
	       (unsigned long long)t->links);
	printf("  content      %llu bytes, %llu of them in the image\n",
	       (unsigned long long)t->bytes, (unsigned long long)t->inline_bytes);
	printf("  objects      %llu", (unsigned long long)t->objects);
	if (with_store)
		printf(", %llu missing", (unsigned long long)t->objects_missing);
	printf("\n");
}

static void json_totals(struct json_writer *w, const struct erofs_info *info,
			const struct totals *t, bool with_store)
{
	json_kv_u64(w, "format", info->version);
	json_kv_u64(w, "size", info->size);
	json_kv_u64(w, "inodes", info->inodes);
	json_kv_bool(w, "acl", info->has_acl);
	json_kv_i64(w, "oldest", info->build_time);
	json_kv_u64(w, "directories", t->directories);
	json_kv_u64(w, "files", t->files);
	json_kv_u64(w, "symlinks", t->symlinks);
	json_kv_u64(w, "devices", t->devices);
	json_kv_u64(w, "others", t->others);
	json_kv_u64(w, "links", t->links);
	json_kv_u64(w, "content_bytes", t->bytes);
	json_kv_u64(w, "inline_bytes", t->inline_bytes);
	json_kv_u64(w, "objects", t->objects);
	if (with_store)
		json_kv_u64(w, "objects_missing", t->objects_missing);
}

static int list_files(const struct image_tree *t, struct err *e)
{
	struct image_path path = {0};
	struct output out;
	int r = output_init(&out, STDOUT_FILENO);

	for (const struct image_node *n = image_tree_next(t->root); n && r == 0;
	     n = image_tree_next(n))
		r = listing_write_node(n, &path, &out);
	if (r == 0)
		r = output_finish(&out);
	output_done(&out);
	image_path_done(&path);
	return r < 0 ? err_sys(e, ERR_IO, r, "list the files") : 0;
}

static void json_digest(struct json_writer *w, const struct info *o, const char *hex, bool measured)
{
	json_kv_string(w, "hash", verity_hash_name(o->hash));
	json_kv_string(w, "digest", hex);
	json_kv_bool(w, "sealed", measured);
}

static int show_image(struct info *o, const char *path, struct json_writer *w, struct err *e)
{
	uint8_t digest[IMAGE_DIGEST_MAX];
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	struct totals totals = {0};
	struct image_tree tree = {0};
	struct erofs_info info;
	struct image_file f;
	bool measured = false;
	int r = image_file_open(path, &f, e);

	if (r < 0)
		return r;
	r = erofs_read(f.data, f.len, 0, &tree, &info, e);
	if (r == 0 && o->list)
		r = list_files(&tree, e);
	if (w) {
		json_object_begin(w);
		json_kv_string(w, "image", path);
		json_key(w, o->missing ? "missing" : "object_paths");
		json_array_begin(w);
	}
	if (r == 0)
		r = list_objects(o, &tree, o->missing, w, &totals, e);
	if (w)
		json_array_end(w);
	if (r == 0)
		r = image_file_digest(&f, o->hash, digest, &measured, e);
	if (r == 0) {
		count_nodes(&tree, &totals);
		image_hex(digest, verity_digest_size(o->hash), hex);
		if (w) {
			json_totals(w, &info, &totals, o->objects);
			json_digest(w, o, hex, measured);
		} else if (!o->list && !o->list_objects && !o->missing) {
			print_totals(path, &info, &totals, hex, measured, o->objects);
		}
	}
	if (w)
		json_object_end(w);
	image_tree_done(&tree);
	image_file_done(&f);
	return r < 0 ? err_wrap(e, "%s", path) : 0;
}

static bool parse_info_option(struct info *o, int opt)
{
	switch (opt) {
	case 'l':
		o->list = true;
		return true;
	case OPT_LIST_OBJECTS:
		o->list_objects = true;
		return true;
	case OPT_MISSING:
		o->missing = true;
		return true;
	case 'o':
		o->objects = optarg;
		return true;
	case OPT_HASH:
		return verity_hash_parse(optarg, &o->hash) == 0;
	default:
		return cli_option(o->cli, opt);
	}
}

int command_info(struct cli *c, int argc, char **argv)
{
	struct info o = {.cli = c, .hash = IMAGE_SHA256};
	struct json_writer w;
	struct err e = {0};
	struct arena a;
	int opt, status = 0, r = 0;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "lo:qh", info_options, NULL)) != -1)
		if (!parse_info_option(&o, opt))
			return cli_usage(c, "bad option or value: '%s'", argv[optind - 1]);
	if (optind == argc)
		return cli_usage(c, "expected an IMAGE");
	if (o.missing && !o.objects)
		return cli_usage(c, "--missing needs --objects");
	if (c->json && o.list)
		return cli_usage(c, "--list has no JSON; `coracle image dump` lists it all");
	arena_init(&a, NULL, 0);
	json_writer_init(&w, &a, false);
	json_array_begin(&w);
	for (int i = optind; i < argc && r == 0; i++)
		r = show_image(&o, argv[i], c->json ? &w : NULL, &e);
	json_array_end(&w);
	(void)fflush(stdout);
	if (r < 0)
		status = cli_fail(c, &e);
	else if (c->json)
		status = cli_print_json(c, &w);
	arena_done(&a);
	return status;
}

/* --- dump ------------------------------------------------------------------------------------ */

static const struct option dump_options[] = {
	{"filter", required_argument, NULL, OPT_FILTER},
	CLI_LONG_OPTIONS,
};

static int dump_tree(const struct image_tree *t, char *const *names, unsigned n_names,
		     struct err *e)
{
	struct image_path path = {0};
	struct output out;
	int r = output_init(&out, STDOUT_FILENO);

	for (const struct image_node *n = t->root; n && r == 0; n = image_tree_next(n))
		if (listing_is_selected(n, names, n_names))
			r = dump_write_node(n, 0, &path, &out);
	if (r == 0)
		r = output_finish(&out);
	output_done(&out);
	image_path_done(&path);
	return r < 0 ? err_sys(e, ERR_IO, r, "write the dump") : 0;
}

int command_dump(struct cli *c, int argc, char **argv)
{
	struct scan_options scan = {.hash = IMAGE_SHA256, .progress = &c->progress};
	char **names = calloc((size_t)argc + 1, sizeof(*names));
	struct image_file f = {.fd = -EBADF};
	struct image_tree tree = {0};
	unsigned n_names = 0, version;
	struct err e = {0};
	int opt, r;

	if (!names)
		return 1;
	opterr = 0;
	while ((opt = getopt_long(argc, argv, "qh", dump_options, NULL)) != -1) {
		if (opt == OPT_FILTER) {
			names[n_names++] = optarg;
		} else if (!cli_option(c, opt)) {
			free(names);
			return cli_usage(c, "bad option or value: '%s'", argv[optind - 1]);
		}
	}
	if (argc - optind != 1 || c->json) {
		free(names);
		return cli_usage(c, c->json ? "a dump has a format of its own"
					    : "expected one SOURCE");
	}
	progress_init(&c->progress, !c->quiet);
	r = image_load_any(argv[optind], &scan, &tree, &f, &version, &e);
	progress_end(&c->progress);
	if (r == 0)
		r = dump_tree(&tree, names, n_names, &e);
	image_tree_done(&tree);
	image_file_done(&f);
	free(names);
	return r < 0 ? cli_fail(c, &e) : 0;
}
