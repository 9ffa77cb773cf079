/* Lists of files and objects. Pure. */
#include "image/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "image/dump.h"
#include "image/erofs-internal.h"

static int compare_payloads(const void *a, const void *b)
{
	const struct image_node *const *x = a, *const *y = b;

	return image_bytes_compare((*x)->payload, (*x)->payload_len, (*y)->payload,
				   (*y)->payload_len);
}

int listing_collect_objects(const struct image_tree *t, struct listing_objects *ret)
{
	const struct image_node **nodes = calloc((size_t)t->n_nodes + 1, sizeof(*nodes));
	size_t n = 0, kept = 0;

	if (!nodes)
		return -ENOMEM;
	for (const struct image_node *i = t->root; i; i = image_tree_next(i))
		if (image_node_is_external(i) && i->payload)
			nodes[n++] = i;
	qsort(nodes, n, sizeof(struct image_node *), compare_payloads);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || compare_payloads(&nodes[kept - 1], &nodes[i]) != 0)
			nodes[kept++] = nodes[i];
	*ret = (struct listing_objects){.nodes = nodes, .n = kept};
	return 0;
}

void listing_objects_done(struct listing_objects *l)
{
	free(l->nodes);
	*l = (struct listing_objects){0};
}

const char *listing_object_path(const struct image_node *n, char buf[static LISTING_PATH_MAX])
{
	const char *p = n->payload;
	size_t len = n->payload_len;

	while (len && *p == '/') {
		p++;
		len--;
	}
	if (len == 0 || len >= LISTING_PATH_MAX || memchr(p, 0, len))
		return NULL;
	memcpy(buf, p, len);
	buf[len] = '\0';
	return buf;
}

/* A path for people, on one line: blanks stay. */
static void write_path(struct output *out, const char *text, size_t len)
{
	size_t from = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && text[i] != ' ')
			continue;
		dump_write_escaped(out, text + from, i - from, false);
		if (i < len)
			output_write(out, " ", 1);
		from = i + 1;
	}
}

int listing_write_node(const struct image_node *n, struct image_path *path, struct output *out)
{
	int r = image_node_path(n, path);

	if (r < 0)
		return r;
	write_path(out, path->text, path->len);
	if (n->target) {
		output_write(out, "\n", 1);
		return 0;
	}
	if (S_ISDIR(n->mode)) {
		output_write(out, "/\t", 2);
	} else if (S_ISLNK(n->mode)) {
		output_write(out, "\t-> ", 4);
		dump_write_escaped(out, n->data, n->data_len, false);
	} else if (image_node_is_external(n) && n->payload) {
		output_write(out, "\t@ ", 3);
		dump_write_escaped(out, n->payload, n->payload_len, false);
	}
	output_write(out, "\n", 1);
	return 0;
}

bool listing_is_selected(const struct image_node *n, char *const *names, unsigned n_names)
{
	if (n_names == 0 || n->depth == 0)
		return true;
	while (n->depth > 1)
		n = n->parent;
	for (unsigned i = 0; i < n_names; i++)
		if (image_bytes_compare(n->name, n->name_len, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}
