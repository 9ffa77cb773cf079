/* coracle image diff: what differs between two trees, whatever they are stored as. Exit status 0:
 * nothing, 1: something, 2: it could not be told. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "image/command.h"
#include "image/dump.h"
#include "image/load.h"

enum {
	OPT_NO_MTIME = CLI_OWN,
};

static const struct option long_options[] = {
	{"no-mtime", no_argument, NULL, OPT_NO_MTIME},
	CLI_LONG_OPTIONS,
};

struct diff {
	struct cli *cli;
	bool no_mtime;
	uint64_t count;
	struct image_path path;
	struct output out;     /* lines */
	struct json_writer *w; /* or JSON */
	char changes[256];     /* "mode, owner" */
};

/* --- one entry ------------------------------------------------------------------------------- */

static void note(struct diff *d, bool differs, const char *what)
{
	size_t at = strlen(d->changes);

	if (differs)
		(void)str_format(d->changes + at, sizeof(d->changes) - at, "%s%s", at ? ", " : "",
				 what);
}

static bool same_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
	return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

static bool same_xattrs(const struct image_node *a, const struct image_node *b)
{
	if (a->n_xattrs != b->n_xattrs)
		return false;
	for (unsigned i = 0; i < a->n_xattrs; i++) {
		const struct image_xattr *x = &a->xattrs[i];
		const struct image_xattr *y = image_node_xattr(b, x->key->name);

		if (!y || !same_bytes(x->value, x->value_len, y->value, y->value_len))
			return false;
	}
	return true;
}

/* The contents are the same if they are in line, or if the digests say so. */
static bool same_content(const struct image_node *a, const struct image_node *b)
{
	if (a->size != b->size)
		return false;
	if (a->data || b->data)
		return a->data && b->data && same_bytes(a->data, a->data_len, b->data, b->data_len);
	if (a->digest_len || b->digest_len)
		return same_bytes(a->digest, a->digest_len, b->digest, b->digest_len);
	return same_bytes(a->payload, a->payload_len, b->payload, b->payload_len);
}

static void compare(struct diff *d, struct image_node *x, struct image_node *y)
{
	const struct image_node *a = image_node_real(x), *b = image_node_real(y);
	uint32_t type = a->mode & S_IFMT;

	d->changes[0] = '\0';
	note(d, type != (b->mode & S_IFMT), "type");
	note(d, (a->mode ^ b->mode) & 07777, "mode");
	note(d, a->uid != b->uid || a->gid != b->gid, "owner");
	note(d, !d->no_mtime && (a->mtime != b->mtime || a->mtime_nsec != b->mtime_nsec), "mtime");
	note(d, !same_xattrs(a, b), "xattrs");
	if (type != (b->mode & S_IFMT))
		return;
	note(d, S_ISREG(type) && !same_content(a, b), "content");
	note(d, S_ISLNK(type) && !same_bytes(a->data, a->data_len, b->data, b->data_len), "target");
	note(d, a->rdev != b->rdev, "device");
	note(d, !S_ISDIR(type) && a->nlink != b->nlink, "links");
}

static int report(struct diff *d, char sign, const struct image_node *n)
{
	char text[PATH_MAX];
	int r = image_node_path(n, &d->path);

	if (r < 0)
		return r;
	d->count++;
	if (!d->w) {
		output_format(&d->out, "%c ", sign);
		dump_write_escaped(&d->out, d->path.text, d->path.len, false);
		if (sign == 'M')
			output_format(&d->out, ": %s", d->changes);
		output_write(&d->out, "\n", 1);
		return 0;
	}
	(void)str_format(text, sizeof(text), "%.*s", (int)d->path.len, d->path.text);
	json_object_begin(d->w);
	json_kv_string(d->w, "change",
		       sign == '+'   ? "added"
		       : sign == '-' ? "removed"
				     : "modified");
	json_kv_string(d->w, "path", text);
	if (sign == 'M')
		json_kv_string(d->w, "what", d->changes);
	json_object_end(d->w);
	return 0;
}

/* --- two trees ------------------------------------------------------------------------------- */

/* The node after all that is below @n, or NULL. */
static struct image_node *skip(const struct image_node *n)
{
	while (n->parent != n) {
		if (n->index + 1 < n->parent->n_children)
			return n->parent->children[n->index + 1];
		n = n->parent;
	}
	return NULL;
}

/* Report @n and all that is below it. */
static int report_all(struct diff *d, char sign, const struct image_node *n)
{
	const struct image_node *end = skip(n);
	int r = 0;

	for (; n && n != end && r == 0; n = image_tree_next(n))
		r = report(d, sign, n);
	return r;
}

/* Which of the two comes first? Both are in the same order, and stand in directories of the same
 * path or in ones that enclose it: the deeper one is still inside. */
static int order(const struct image_node *a, const struct image_node *b)
{
	if (!a || !b)
		return a ? -1 : 1;
	if (a->depth != b->depth)
		return a->depth > b->depth ? -1 : 1;
	return image_bytes_compare(a->name, a->name_len, b->name, b->name_len);
}

static int diff_trees(struct diff *d, const struct image_tree *x, const struct image_tree *y)
{
	struct image_node *a = x->root, *b = y->root;
	int r = 0;

	while ((a || b) && r == 0) {
		int which = order(a, b);
		bool both_dirs;

		if (which < 0) {
			r = report_all(d, '-', a);
			a = skip(a);
			continue;
		}
		if (which > 0) {
			r = report_all(d, '+', b);
			b = skip(b);
			continue;
		}
		compare(d, a, b);
		if (d->changes[0])
			r = report(d, 'M', a);
		both_dirs = S_ISDIR(a->mode) && S_ISDIR(b->mode);
		/* Where a directory became something else, what was in it went with it. */
		for (uint32_t i = 0; !both_dirs && i < a->n_children && r == 0; i++)
			r = report_all(d, '-', a->children[i]);
		for (uint32_t i = 0; !both_dirs && i < b->n_children && r == 0; i++)
			r = report_all(d, '+', b->children[i]);
		a = both_dirs ? image_tree_next(a) : skip(a);
		b = both_dirs ? image_tree_next(b) : skip(b);
	}
	return r;
}

static int run(struct diff *d, const char *a, const char *b, struct err *e)
{
	struct scan_options scan = {.hash = IMAGE_SHA256, .progress = &d->cli->progress};
	struct image_file f = {.fd = -EBADF}, g = {.fd = -EBADF};
	struct image_tree x = {0}, y = {0};
	unsigned version;
	int r = image_load_any(a, &scan, &x, &f, &version, e);

	if (r == 0)
		r = image_load_any(b, &scan, &y, &g, &version, e);
	progress_end(&d->cli->progress);
	if (r == 0) {
		r = diff_trees(d, &x, &y);
		if (r == 0 && !d->w)
			r = output_finish(&d->out);
		if (r < 0)
			r = err_sys(e, ERR_IO, r, "compare");
	}
	image_tree_done(&x);
	image_tree_done(&y);
	image_file_done(&f);
	image_file_done(&g);
	return r;
}

int command_diff(struct cli *c, int argc, char **argv)
{
	struct diff d = {.cli = c};
	struct json_writer w;
	struct err e = {0};
	struct arena a;
	int opt, r;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "qh", long_options, NULL)) != -1) {
		if (opt == OPT_NO_MTIME)
			d.no_mtime = true;
		else if (!cli_option(c, opt))
			return 1 + cli_usage(c, "bad option or value: '%s'", argv[optind - 1]);
	}
	if (argc - optind != 2)
		return 1 + cli_usage(c, "expected two images, dumps or directories");
	progress_init(&c->progress, !c->quiet);
	arena_init(&a, NULL, 0);
	json_writer_init(&w, &a, false);
	json_array_begin(&w);
	d.w = c->json ? &w : NULL;
	r = output_init(&d.out, STDOUT_FILENO);
	if (r == 0)
		r = run(&d, argv[optind], argv[optind + 1], &e);
	json_array_end(&w);
	if (r < 0)
		r = 1 + cli_fail(c, &e);
	else
		r = (c->json && cli_print_json(c, &w)) ? 2 : d.count > 0;
	arena_done(&a);
	output_done(&d.out);
	image_path_done(&d.path);
	return r;
}
