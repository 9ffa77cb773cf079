/* Writing dumps. */
#include <string.h>
#include <sys/stat.h>

#include "image/dump.h"

void dump_write_escaped(struct output *out, const void *bytes, size_t len, bool escape_equals)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = bytes;
	size_t plain = 0;

	for (size_t i = 0; i < len; i++) {
		char escape[4] = {'\\', 'x', digits[p[i] >> 4], digits[p[i] & 15]};
		size_t n = 2;

		if (p[i] > 0x20 && p[i] < 0x7f && p[i] != '\\' && !(p[i] == '=' && escape_equals))
			continue;
		if (i > plain)
			output_write(out, p + plain, i - plain);
		plain = i + 1;
		if (p[i] == '\\')
			escape[1] = '\\';
		else if (p[i] == '\n')
			escape[1] = 'n';
		else if (p[i] == '\r')
			escape[1] = 'r';
		else if (p[i] == '\t')
			escape[1] = 't';
		else
			n = 4;
		output_write(out, escape, n);
	}
	if (len > plain)
		output_write(out, p + plain, len - plain);
}

/* A field: "-" for none, and never for a text that is a single dash. */
static void write_field(struct output *out, const void *bytes, size_t len)
{
	if (!bytes || len == 0)
		output_write(out, "-", 1);
	else if (len == 1 && *(const char *)bytes == '-')
		output_write(out, "\\x2d", 4);
	else
		dump_write_escaped(out, bytes, len, false);
}

static void write_xattrs(struct output *out, const struct image_node *n)
{
	for (unsigned i = 0; i < n->n_xattrs; i++) {
		const struct image_xattr *x = &n->xattrs[i];

		output_write(out, " ", 1);
		dump_write_escaped(out, x->key->name, x->key->len, true);
		output_write(out, "=", 1);
		dump_write_escaped(out, x->value, x->value_len, true);
	}
}

static uint64_t shown_size(const struct image_node *n, unsigned flags)
{
	if (S_ISDIR(n->mode) && !(flags & DUMP_DIRECTORY_SIZES))
		return 0;
	return S_ISLNK(n->mode) ? n->data_len : n->size;
}

static void write_metadata(struct output *out, const struct image_node *n, unsigned flags,
			   const char *link)
{
	output_format(out, " %llu %s%o %u %u %u %u %lld.%u ",
		      (unsigned long long)shown_size(n, flags), link, n->mode, n->nlink, n->uid,
		      n->gid, n->rdev, (long long)n->mtime, n->mtime_nsec);
}

static int write_link(const struct image_node *n, unsigned flags, struct image_path *path,
		      struct output *out)
{
	const struct image_node *real = n->target;
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	int r = image_node_path(real, path);

	if (r < 0)
		return r;
	if (!(flags & DUMP_REPEAT_LINKS)) {
		output_format(out, " 0 @%o 0 0 0 0 0.0 ", real->mode);
		write_field(out, path->text, path->len);
		output_write(out, " - -\n", 5);
		return 0;
	}
	write_metadata(out, real, flags, "@");
	write_field(out, path->text, path->len);
	output_write(out, " ", 1);
	write_field(out, S_ISREG(real->mode) ? real->data : NULL, real->data_len);
	image_hex(real->digest, real->digest_len, hex);
	output_write(out, " ", 1);
	write_field(out, hex, strlen(hex));
	write_xattrs(out, real);
	output_write(out, "\n", 1);
	return 0;
}

int dump_write_node(const struct image_node *n, unsigned flags, struct image_path *path,
		    struct output *out)
{
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	int r = image_node_path(n, path);

	if (r < 0)
		return r;
	dump_write_escaped(out, path->text, path->len, false);
	if (n->target)
		return write_link(n, flags, path, out);
	write_metadata(out, n, flags, "");
	if (S_ISLNK(n->mode))
		write_field(out, n->data, n->data_len);
	else
		write_field(out, n->payload, n->payload_len);
	output_write(out, " ", 1);
	write_field(out, S_ISREG(n->mode) ? n->data : NULL, n->data_len);
	image_hex(n->digest, n->digest_len, hex);
	output_write(out, " ", 1);
	write_field(out, hex, strlen(hex));
	write_xattrs(out, n);
	output_write(out, "\n", 1);
	return 0;
}

int dump_write(const struct image_tree *t, unsigned flags, struct output *out)
{
	struct image_path path = {0};
	int r = 0;

	for (const struct image_node *n = t->root; n && r == 0; n = image_tree_next(n))
		r = dump_write_node(n, flags, &path, out);
	image_path_done(&path);
	return r;
}
