/* Reading dumps: fields (dump-fields.c) into nodes, links resolved at the end. Pure but for
 * dump_read_fd(). Strict about everything that could mean two things; see docs/image-format.md for
 * what is refused. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "base/sys.h"
#include "image/dump-fields.h"
#include "image/dump.h"

#define READ_SIZE  ((size_t)256 * 1024)
#define XATTRS_MAX 65535 /* bytes of one line's attributes, as text */

/* A line of a hard link, until its target is known. */
struct link {
	struct image_node *node;
	const char *target;
	size_t len;
	uint64_t line;
	struct link *next;
};

struct dump_reader {
	struct image_tree tree;
	unsigned flags;
	uint64_t line;
	bool failed;
	char *buf; /* the line at hand, as far as it has come */
	size_t len, cap;
	struct link *links;
	/* The directory of the entry before, and its path in dir_path. */
	struct image_node *dir;
	char *dir_path;
	size_t dir_len, dir_cap;
};

int dump_reader_new(unsigned flags, struct dump_reader **ret)
{
	struct dump_reader *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->flags = flags;
	r = image_tree_init(&d->tree, true);
	if (r < 0) {
		free(d);
		return r;
	}
	*ret = d;
	return 0;
}

void dump_reader_free(struct dump_reader *d)
{
	if (!d)
		return;
	image_tree_done(&d->tree);
	free(d->buf);
	free(d->dir_path);
	free(d);
}

/* --- words ----------------------------------------------------------------------------------- */

static int no_memory(struct err *e)
{
	return err_sys(e, ERR_IMAGE, -ENOMEM, "read the dump");
}

/* A field that may be unset, unescaped and copied. */
static int field_bytes(struct dump_reader *d, struct dump_text *fields, enum dump_field f,
		       const char **ret, size_t *ret_len, struct err *e)
{
	struct dump_text *t = &fields[f];

	*ret = NULL;
	*ret_len = 0;
	if (dump_is_unset(t))
		return 0;
	if (t->len == 0)
		return dump_bad_field(e, f, t, "empty; '-' is what stands for none");
	if (dump_unescape(t) < 0)
		return dump_bad_field(e, f, t, "bad escape sequence");
	*ret = image_tree_copy(&d->tree, t->at, t->len);
	if (!*ret)
		return no_memory(e);
	*ret_len = t->len;
	return 0;
}

/* --- attributes ------------------------------------------------------------------------------ */

static int add_xattr(struct dump_reader *d, struct image_node *n, struct dump_text item,
		     struct err *e)
{
	char *equals = item.len ? memchr(item.at, '=', item.len) : NULL;
	char excerpt[IMAGE_EXCERPT_MAX];
	const struct image_key *key;
	struct dump_text name, value;
	const char *why = NULL;
	void *copy;

	if (!equals)
		why = "expected NAME=VALUE";
	else {
		name = (struct dump_text){item.at, (size_t)(equals - item.at)};
		value = (struct dump_text){equals + 1, item.len - name.len - 1};
		if (dump_unescape(&name) < 0 || dump_unescape(&value) < 0)
			why = "bad escape sequence";
		else if (name.len == 0 || name.len > IMAGE_XATTR_NAME_MAX || dump_has_nul(&name))
			why = "the name must have 1 to 255 bytes and no NUL";
		else if (value.len > IMAGE_XATTR_VALUE_MAX)
			why = "the value is too long";
	}
	if (why)
		return err_set(e, ERR_IMAGE, -EINVAL, "extended attribute '%s': %s",
			       image_excerpt(item.at, item.len, excerpt), why);
	key = image_tree_key(&d->tree, name.at, name.len);
	copy = image_tree_copy(&d->tree, value.at, value.len);
	if (!key || !copy || image_node_set_xattr(&d->tree, n, key, copy, value.len) < 0)
		return no_memory(e);
	return 0;
}

/* What follows the fields; a blank at the end of the line is no attribute. */
static int add_xattrs(struct dump_reader *d, struct image_node *n, char *at, char *end,
		      struct err *e)
{
	if (end - at > XATTRS_MAX)
		return err_set(e, ERR_IMAGE, -EINVAL,
			       "extended attributes: more than %d bytes of text", XATTRS_MAX);
	while (at < end) {
		char *blank = memchr(at, ' ', (size_t)(end - at));
		char *stop = blank ? blank : end;
		int r = add_xattr(d, n, (struct dump_text){at, (size_t)(stop - at)}, e);

		if (r < 0)
			return r;
		at = stop + 1;
	}
	if (image_node_xattr_space(n) > IMAGE_XATTR_SPACE_MAX)
		return err_set(e, ERR_IMAGE, -EINVAL,
			       "extended attributes: more than %d bytes in one inode",
			       IMAGE_XATTR_SPACE_MAX);
	return 0;
}

/* --- paths ----------------------------------------------------------------------------------- */

/* Look @path[@len] ("", "/a", "/a/b") up from the root. NULL if it is not there. */
static struct image_node *find_path(const struct dump_reader *d, const char *path, size_t len)
{
	struct image_node *n = d->tree.root;
	const char *end = path + len;

	while (n && path < end) {
		const char *name = path + 1, *slash;

		if (*path != '/')
			return NULL;
		slash = memchr(name, '/', (size_t)(end - name));
		path = slash ? slash : end;
		n = image_tree_find(&d->tree, n, name, (size_t)(path - name));
	}
	return n;
}

/* The directory at @path[@len]. Entries of one directory follow each other, so the last one is
 * kept.
 */
static int find_dir(struct dump_reader *d, const char *path, size_t len, struct image_node **ret,
		    struct err *e)
{
	struct image_node *dir = d->dir;

	if (!dir || d->dir_len != len || (len && memcmp(d->dir_path, path, len) != 0))
		dir = find_path(d, path, len);
	if (!dir)
		return err_set(e, ERR_IMAGE, -EINVAL, "no entry before this one for its directory");
	if (!S_ISDIR(dir->mode))
		return err_set(e, ERR_IMAGE, -EINVAL, "what would be its directory is none");
	if (dir->depth >= IMAGE_DEPTH_MAX)
		return err_set(e, ERR_IMAGE, -EINVAL, "deeper than %d directories",
			       IMAGE_DEPTH_MAX);
	if (dir != d->dir) {
		if (len > d->dir_cap) {
			char *grown = realloc(d->dir_path, 2 * len);

			if (!grown)
				return no_memory(e);
			d->dir_path = grown;
			d->dir_cap = 2 * len;
		}
		if (len)
			memcpy(d->dir_path, path, len);
		d->dir_len = len;
		d->dir = dir;
	}
	*ret = dir;
	return 0;
}

/* Make the node for a path. */
static int add_path(struct dump_reader *d, struct dump_text *t, struct image_node **ret,
		    struct err *e)
{
	struct image_node *dir = NULL, *n;
	const char *slash, *name;
	size_t len;
	int r;

	if (dump_unescape(t) < 0)
		return dump_bad_field(e, DUMP_PATH, t, "bad escape sequence");
	if (t->len == 0 || t->at[0] != '/')
		return dump_bad_field(e, DUMP_PATH, t, "expected a path that begins with '/'");
	if (dump_has_nul(t))
		return dump_bad_field(e, DUMP_PATH, t, "a NUL byte");
	if (t->len == 1) {
		if (d->tree.root)
			return dump_bad_field(e, DUMP_PATH, t, "there is an entry for it");
		*ret = image_tree_add(&d->tree, NULL, "", 0);
		return *ret ? 0 : no_memory(e);
	}
	if (!d->tree.root)
		return dump_bad_field(e, DUMP_PATH, t, "the first entry must be '/'");
	slash = memrchr(t->at, '/', t->len);
	name = slash + 1;
	len = t->len - (size_t)(name - t->at);
	if (len == 0 || (len == 1 && name[0] == '.') || (len == 2 && memcmp(name, "..", 2) == 0))
		return dump_bad_field(e, DUMP_PATH, t, "no entry can have this name");
	if (len > IMAGE_NAME_MAX)
		return dump_bad_field(e, DUMP_PATH, t, "the name has more than 255 bytes");
	r = find_dir(d, t->at, (size_t)(slash - t->at), &dir, e);
	if (r < 0)
		return err_wrap(e, "path");
	if (image_tree_find(&d->tree, dir, name, len))
		return dump_bad_field(e, DUMP_PATH, t, "there is an entry for it");
	name = image_tree_copy(&d->tree, name, len);
	n = name ? image_tree_add(&d->tree, dir, name, len) : NULL;
	if (!n)
		return no_memory(e);
	*ret = n;
	return 0;
}

/* --- entries --------------------------------------------------------------------------------- */

/* Of a link, only the path and the payload count. */
static int add_link(struct dump_reader *d, struct dump_text *fields, struct image_node *n,
		    struct err *e)
{
	struct link *l = arena_new(&d->tree.arena, struct link);
	int r;

	if (!l)
		return no_memory(e);
	if (n == d->tree.root)
		return err_set(e, ERR_IMAGE, -EINVAL, "the root must be a directory");
	r = field_bytes(d, fields, DUMP_PAYLOAD, &l->target, &l->len, e);
	if (r < 0)
		return r;
	if (!l->target)
		return dump_bad_field(e, DUMP_PAYLOAD, &fields[DUMP_PAYLOAD],
				      "a hard link needs a target");
	l->node = n;
	l->line = d->line;
	l->next = d->links;
	d->links = l;
	return 0;
}

static int check_symlink(const struct dump_reader *d, const struct image_node *n, uint64_t size,
			 bool content, struct err *e)
{
	if (!n->data)
		return err_set(e, ERR_IMAGE, -EINVAL, "a symbolic link needs a target (payload)");
	if (memchr(n->data, 0, n->data_len))
		return err_set(e, ERR_IMAGE, -EINVAL, "a NUL byte in a symbolic link's target");
	if (d->flags & DUMP_STRICT && (content || size != n->data_len))
		return err_set(e, ERR_IMAGE, -EINVAL,
			       "a symbolic link must have no content, and its length as size");
	return 0;
}

/* The content of a regular file: in line, elsewhere, or none. */
static int set_content(struct image_node *n, uint64_t size, const char *content, size_t len,
		       struct err *e)
{
	n->size = size;
	if (content && len != size)
		return err_set(e, ERR_IMAGE, -EINVAL, "the content has %zu bytes, not %llu", len,
			       (unsigned long long)size);
	if (len > IMAGE_CONTENT_MAX)
		return err_set(e, ERR_IMAGE, -EINVAL, "more than %d bytes of content in line",
			       IMAGE_CONTENT_MAX);
	if (size > IMAGE_FILE_SIZE_MAX)
		return err_set(e, ERR_IMAGE, -EINVAL, "a file of more than 2^53 bytes");
	n->data = content;
	n->data_len = (uint16_t)len;
	return 0;
}

static int set_digest(struct dump_reader *d, struct dump_text *t, struct image_node *n,
		      struct err *e)
{
	uint8_t *digest;

	if (dump_is_unset(t))
		return 0;
	if (t->len != 64 && t->len != 128)
		return dump_bad_field(e, DUMP_DIGEST, t, "expected 64 or 128 hexadecimal digits");
	digest = arena_alloc(&d->tree.arena, t->len / 2);
	if (!digest)
		return no_memory(e);
	if (image_unhex(t->at, t->len / 2, digest) < 0)
		return dump_bad_field(e, DUMP_DIGEST, t, "expected 64 or 128 hexadecimal digits");
	n->digest = digest;
	n->digest_len = (uint8_t)(t->len / 2);
	return 0;
}

/* What the payload means depends on the type. */
static int set_data(struct dump_reader *d, struct dump_text *fields, struct image_node *n,
		    uint64_t size, struct err *e)
{
	const char *payload, *content;
	size_t payload_len, content_len;
	int r = field_bytes(d, fields, DUMP_PAYLOAD, &payload, &payload_len, e);

	if (r == 0)
		r = field_bytes(d, fields, DUMP_CONTENT, &content, &content_len, e);
	if (r < 0)
		return r;
	if (payload_len > IMAGE_SYMLINK_MAX)
		return err_set(e, ERR_IMAGE, -EINVAL, "a payload of more than %d bytes",
			       IMAGE_SYMLINK_MAX);
	if (S_ISLNK(n->mode)) {
		n->data = payload;
		n->data_len = (uint16_t)payload_len;
		return check_symlink(d, n, size, content, e);
	}
	if (!S_ISREG(n->mode))
		return 0;
	if (payload && memchr(payload, 0, payload_len))
		return err_set(e, ERR_IMAGE, -EINVAL, "a NUL byte in the payload");
	n->payload = payload;
	n->payload_len = (uint16_t)payload_len;
	r = set_content(n, size, content, content_len, e);
	return r < 0 ? r : set_digest(d, &fields[DUMP_DIGEST], n, e);
}

static int set_rdev(const struct dump_reader *d, const struct dump_text *fields,
		    struct image_node *n, struct err *e)
{
	int r = dump_field_u32(fields, DUMP_RDEV, &n->rdev, e);

	if (r < 0 || S_ISCHR(n->mode) || S_ISBLK(n->mode))
		return r;
	if (d->flags & DUMP_STRICT && n->rdev != 0)
		return dump_bad_field(e, DUMP_RDEV, &fields[DUMP_RDEV], "this is no device");
	n->rdev = 0;
	return 0;
}

/* Bits above the type are ignored, as composefs does: one of its test vectors has some. */
static int set_mode(const struct dump_reader *d, const struct dump_text *fields,
		    struct image_node *n, struct err *e)
{
	const struct dump_text *t = &fields[DUMP_MODE];
	uint64_t mode;

	if (dump_parse_number(t, 8, d->flags & DUMP_STRICT ? 0177777 : UINT32_MAX, &mode) < 0)
		return dump_bad_field(e, DUMP_MODE, t, "expected an octal number with a file type");
	mode &= 0177777;
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	default:
		return dump_bad_field(e, DUMP_MODE, t, "no file type");
	}
	n->mode = (uint32_t)mode;
	if (n->parent == n && !S_ISDIR(mode))
		return dump_bad_field(e, DUMP_MODE, t, "the root must be a directory");
	return 0;
}

static int set_metadata(struct dump_reader *d, struct dump_text *fields, struct image_node *n,
			struct err *e)
{
	uint64_t size = 0;
	int r = dump_field_number(fields, DUMP_SIZE, UINT64_MAX, &size, e);

	if (r == 0)
		r = set_mode(d, fields, n, e);
	if (r == 0)
		r = dump_field_u32(fields, DUMP_NLINK, &n->nlink, e);
	if (r == 0)
		r = dump_field_u32(fields, DUMP_UID, &n->uid, e);
	if (r == 0)
		r = dump_field_u32(fields, DUMP_GID, &n->gid, e);
	if (r == 0)
		r = set_rdev(d, fields, n, e);
	if (r == 0)
		r = dump_field_mtime(fields, n, e);
	if (r == 0)
		r = set_data(d, fields, n, size, e);
	return r;
}

static int read_line(struct dump_reader *d, char *line, size_t len, struct err *e)
{
	struct dump_text fields[DUMP_FIELDS];
	struct image_node *n = NULL;
	char *rest = NULL;
	int r;

	d->line++;
	if (memchr(line, 0, len))
		r = err_set(e, ERR_IMAGE, -EINVAL, "a NUL byte");
	else
		r = dump_split(d->flags & DUMP_STRICT, line, len, fields, &rest, e);
	if (r == 0)
		r = add_path(d, &fields[DUMP_PATH], &n, e);
	if (r == 0 && fields[DUMP_MODE].len && fields[DUMP_MODE].at[0] == '@')
		r = add_link(d, fields, n, e);
	else if (r == 0) {
		r = set_metadata(d, fields, n, e);
		if (r == 0)
			r = add_xattrs(d, n, rest, line + len, e);
	}
	if (r < 0) {
		d->failed = true;
		return err_wrap(e, "line %llu", (unsigned long long)d->line);
	}
	return 0;
}

/* --- lines ----------------------------------------------------------------------------------- */

/* Keep the beginning of a line until the rest comes. */
static int keep(struct dump_reader *d, const char *data, size_t len, struct err *e)
{
	if (d->len + len > DUMP_LINE_MAX)
		return err_set(e, ERR_IMAGE, -EINVAL, "line %llu: longer than %zu bytes",
			       (unsigned long long)d->line + 1, DUMP_LINE_MAX);
	if (d->len + len > d->cap || !d->buf) {
		size_t cap = MAX(2 * (d->len + len), (size_t)4096);
		char *grown = realloc(d->buf, cap);

		if (!grown)
			return no_memory(e);
		d->buf = grown;
		d->cap = cap;
	}
	if (len)
		memcpy(d->buf + d->len, data, len);
	d->len += len;
	return 0;
}

int dump_reader_add(struct dump_reader *d, const char *data, size_t len, struct err *e)
{
	if (d->failed)
		return err_set(e, ERR_INTERNAL, -EINVAL, "a dump goes on after a failure");
	while (len > 0) {
		const char *newline = memchr(data, '\n', len);
		size_t n = newline ? (size_t)(newline - data) : len;
		int r = keep(d, data, n, e);

		if (r == 0 && newline) {
			r = read_line(d, d->buf, d->len, e);
			d->len = 0;
			n++;
		}
		if (r < 0)
			return r;
		data += n;
		len -= n;
	}
	return 0;
}

/* Follow a link, and links that it leads to, to a file. */
static int resolve_link(const struct dump_reader *d, struct link *l, struct err *e)
{
	struct image_node *n = find_path(d, l->target, l->len);

	if (!n)
		return err_set(e, ERR_IMAGE, -EINVAL, "no entry for the target of this hard link");
	if (S_ISDIR(n->mode))
		return err_set(e, ERR_IMAGE, -EINVAL, "a hard link to a directory");
	l->node->target = n;
	return 0;
}

/* After all targets are found: shorten chains, refuse circles. A walk of a chain marks it with
 * itself, so all of them together take linear time. */
static int shorten_link(struct image_node *n)
{
	struct image_node *real = n, *next = NULL;
	uint32_t steps = 0, limit = 0;

	for (real = n; real->target; real = real->target) {
		/* Brent: the circle, if there is one, is passed within twice its length. */
		if (steps++ == limit) {
			limit = limit ? limit * 2 : 1;
			steps = 0;
			next = real;
		} else if (real == next) {
			return -ELOOP;
		}
	}
	for (; n->target; n = next) {
		next = n->target;
		n->target = real;
		if (next == real)
			break;
	}
	return 0;
}

static int resolve_links(struct dump_reader *d, struct err *e)
{
	for (struct link *l = d->links; l; l = l->next) {
		int r = resolve_link(d, l, e);

		if (r < 0)
			return err_wrap(e, "line %llu", (unsigned long long)l->line);
	}
	for (struct link *l = d->links; l; l = l->next)
		if (shorten_link(l->node) < 0)
			return err_set(e, ERR_IMAGE, -EINVAL,
				       "line %llu: hard links that lead to each other",
				       (unsigned long long)l->line);
	return 0;
}

int dump_reader_finish(struct dump_reader *d, struct image_tree *ret, struct err *e)
{
	int r;

	if (d->len > 0) {
		if (d->flags & DUMP_STRICT)
			return err_set(e, ERR_IMAGE, -EINVAL, "the last line has no end");
		r = read_line(d, d->buf, d->len, e);
		d->len = 0;
		if (r < 0)
			return r;
	}
	if (!d->tree.root)
		return err_set(e, ERR_IMAGE, -EINVAL, "the dump is empty: not even '/'");
	r = resolve_links(d, e);
	if (r < 0)
		return r;
	image_tree_sort(&d->tree);
	*ret = d->tree;
	d->tree = (struct image_tree){0};
	return 0;
}

int dump_read_fd(int fd, unsigned flags, struct image_tree *ret, struct err *e)
{
	struct dump_reader *d = NULL;
	char *buf = malloc(READ_SIZE);
	ssize_t n = 0;
	int r = buf ? dump_reader_new(flags, &d) : -ENOMEM;

	if (r < 0) {
		free(buf);
		return no_memory(e);
	}
	do {
		n = sys_read(fd, buf, READ_SIZE);
		if (n > 0)
			r = dump_reader_add(d, buf, (size_t)n, e);
	} while (r == 0 && (n > 0 || n == -EINTR));
	if (r == 0)
		r = n < 0 ? err_sys(e, ERR_IO, (int)n, "read the dump")
			  : dump_reader_finish(d, ret, e);
	dump_reader_free(d);
	free(buf);
	return r;
}
