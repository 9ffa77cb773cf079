/* One header of a tar archive. Numbers, names and types are checked here, so that an entry is sound
 * as it is handed out. */
#include "image/tar-header.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "image/tree.h"

/* --- the block ------------------------------------------------------------------------------- */

static int bad(struct err *e, const char *what)
{
	return err_set(e, ERR_IMAGE, -EINVAL, "%s", what);
}

bool tar_is_zero(const uint8_t *block)
{
	return block[0] == 0 && memcmp(block, block + 1, TAR_BLOCK_SIZE - 1) == 0;
}

bool tar_is_extension(char flag)
{
	return flag == 'L' || flag == 'K' || flag == 'x' || flag == 'g';
}

/* Octal digits, with blanks before and a blank or NUL behind. */
static int parse_octal(const uint8_t *field, size_t len, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i = 0;

	while (i < len && field[i] == ' ')
		i++;
	for (; i < len && field[i] >= '0' && field[i] <= '7'; i++) {
		if (v >> 61)
			return -ERANGE;
		v = v << 3 | (uint64_t)(field[i] - '0');
	}
	for (; i < len; i++)
		if (field[i] != ' ' && field[i] != 0)
			return -EINVAL;
	*ret = v;
	return 0;
}

/* GNU's binary numbers: a first byte of 0x80, or 0xff for negative ones, and big-endian bytes. */
static int parse_binary(const uint8_t *field, size_t len, int64_t *ret)
{
	bool negative = field[0] == 0xff;
	uint64_t v = negative ? UINT64_MAX : 0;

	for (size_t i = 1; i < len; i++) {
		if (v >> 56 != (negative ? 0xff : 0))
			return -ERANGE;
		v = v << 8 | field[i];
	}
	if ((v >> 63 != 0) != negative)
		return -ERANGE;
	*ret = (int64_t)v;
	return 0;
}

static int parse_signed(const uint8_t *field, size_t len, int64_t *ret)
{
	uint64_t v = 0;
	int r;

	if (field[0] == 0x80 || field[0] == 0xff)
		return parse_binary(field, len, ret);
	r = parse_octal(field, len, &v);
	*ret = (int64_t)v;
	return r;
}

static int parse_number(const uint8_t *field, size_t len, uint64_t *ret)
{
	int64_t v = 0;
	int r = parse_signed(field, len, &v);

	if (r == 0 && v < 0)
		return -ERANGE;
	*ret = (uint64_t)v;
	return r;
}

/* The sum of all bytes, those of the sum itself taken as blanks; by old programs, of signed ones.
 */
static bool has_right_sum(const uint8_t *block)
{
	int64_t plain = 0, with_sign = 0;
	uint64_t want = 0;

	for (size_t i = 0; i < TAR_BLOCK_SIZE; i++) {
		uint8_t byte = i >= 148 && i < 156 ? ' ' : block[i];

		plain += byte;
		with_sign += (int8_t)byte;
	}
	return parse_octal(block + 148, 8, &want) == 0 &&
	       ((int64_t)want == plain || (int64_t)want == with_sign);
}

static struct tar_text text_field(const uint8_t *field, size_t len)
{
	return (struct tar_text){(const char *)field, strnlen((const char *)field, len)};
}

int tar_parse_header(const uint8_t *block, struct tar_header *ret, struct err *e)
{
	struct tar_header h = {
		.path = text_field(block, 100),
		.target = text_field(block + 157, 100),
		.flag = block[156] ? (char)block[156] : '0',
	};

	if (!has_right_sum(block))
		return bad(e, "not a header of an archive: its sum is wrong");
	if (parse_number(block + 100, 8, &h.mode) < 0 || parse_number(block + 108, 8, &h.uid) < 0 ||
	    parse_number(block + 116, 8, &h.gid) < 0 ||
	    parse_number(block + 124, 12, &h.size) < 0 ||
	    parse_signed(block + 136, 12, &h.mtime) < 0)
		return bad(e, "a malformed number");
	/* POSIX; GNU's "ustar  " has other things where the prefix is. */
	if (memcmp(block + 257, "ustar", 6) == 0)
		h.prefix = text_field(block + 345, 155);
	if (memcmp(block + 257, "ustar", 5) == 0 && (h.flag == '3' || h.flag == '4') &&
	    (parse_number(block + 329, 8, &h.major) < 0 ||
	     parse_number(block + 337, 8, &h.minor) < 0))
		return bad(e, "a malformed number");
	*ret = h;
	return 0;
}

/* --- PAX records ----------------------------------------------------------------------------- */

static int parse_decimal(const char *at, size_t len, uint64_t *ret)
{
	uint64_t v = 0;

	if (len == 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		if (at[i] < '0' || at[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(at[i] - '0'), &v))
			return -EINVAL;
	*ret = v;
	return 0;
}

/* "-12.5" is 13 whole seconds before, and half a one after that. */
static int parse_time(const char *at, size_t len, struct tar_extended *x)
{
	bool negative = len > 0 && at[0] == '-';
	const char *point = len ? memchr(at, '.', len) : NULL;
	size_t whole = point ? (size_t)(point - at) : len;
	uint64_t seconds;
	uint32_t nsec = 0, unit = 100000000;

	if (parse_decimal(at + negative, whole - negative, &seconds) < 0 || seconds > INT64_MAX - 1)
		return -EINVAL;
	for (size_t i = whole + 1; i < len; i++, unit /= 10) {
		if (at[i] < '0' || at[i] > '9')
			return -EINVAL;
		nsec += (uint32_t)(at[i] - '0') * unit; /* beyond nanoseconds the unit is 0 */
	}
	x->mtime = negative ? -(int64_t)seconds : (int64_t)seconds;
	if (negative && nsec) {
		x->mtime--;
		nsec = 1000000000 - nsec;
	}
	x->mtime_nsec = nsec;
	x->has_mtime = true;
	return 0;
}

static int add_xattr(struct arena *a, struct tar_text name, struct tar_text value,
		     struct tar_extended *x, struct err *e)
{
	struct tar_xattr *item;

	if (name.len == 0 || name.len > IMAGE_XATTR_NAME_MAX)
		return bad(e, "an extended attribute whose name has not 1 to 255 bytes");
	if (value.len > IMAGE_XATTR_VALUE_MAX)
		return bad(e, "an extended attribute of more than 65535 bytes");
	for (item = x->xattrs; item; item = item->next)
		if (item->name_len == name.len && memcmp(item->name, name.at, name.len) == 0)
			break;
	if (!item) {
		if (++x->n_xattrs > TAR_XATTRS_MAX)
			return bad(e, "too many extended attributes");
		item = arena_new(a, struct tar_xattr);
		if (!item)
			return err_sys(e, ERR_IMAGE, -ENOMEM, "read the archive");
		item->next = x->xattrs;
		x->xattrs = item;
	}
	item->name = name.at;
	item->name_len = name.len;
	item->value = value.at;
	item->value_len = value.len;
	return 0;
}

static bool is_key(struct tar_text key, const char *word)
{
	return key.len == strlen(word) && memcmp(key.at, word, key.len) == 0;
}

static bool key_starts(struct tar_text *key, const char *word)
{
	size_t len = strlen(word);

	if (key->len < len || memcmp(key->at, word, len) != 0)
		return false;
	key->at += len;
	key->len -= len;
	return true;
}

/* One record. An empty value takes back what a record before it said. */
static int add_record(struct arena *a, struct tar_text key, struct tar_text value,
		      struct tar_extended *x, struct err *e)
{
	int r = 0;

	if (is_key(key, "path"))
		x->path = value.len ? value : (struct tar_text){0};
	else if (is_key(key, "linkpath"))
		x->target = value.len ? value : (struct tar_text){0};
	else if (is_key(key, "size") && (x->has_size = value.len))
		r = parse_decimal(value.at, value.len, &x->size);
	else if (is_key(key, "uid") && (x->has_uid = value.len))
		r = parse_decimal(value.at, value.len, &x->uid);
	else if (is_key(key, "gid") && (x->has_gid = value.len))
		r = parse_decimal(value.at, value.len, &x->gid);
	else if (is_key(key, "mtime") && (x->has_mtime = value.len))
		r = parse_time(value.at, value.len, x);
	else if (key_starts(&key, "SCHILY.xattr."))
		return add_xattr(a, key, value, x, e);
	else if (key_starts(&key, "GNU.sparse."))
		return bad(e, "a sparse file, which layers must not have");
	return r < 0 ? bad(e, "a PAX record with a malformed number") : 0;
}

int tar_parse_pax(struct arena *a, const char *text, size_t len, struct tar_extended *x,
		  struct err *e)
{
	const char *at = text, *end = text + len;

	while (at < end) {
		const char *blank = memchr(at, ' ', (size_t)(end - at)), *equals;
		uint64_t size = 0;
		int r;

		if (!blank || parse_decimal(at, (size_t)(blank - at), &size) < 0 ||
		    size > (size_t)(end - at) || size < (size_t)(blank - at) + 2 ||
		    at[size - 1] != '\n')
			return bad(e, "a malformed PAX record");
		equals = memchr(blank, '=', size - (size_t)(blank - at));
		if (!equals || equals == blank + 1 || memchr(blank, 0, (size_t)(equals - blank)))
			return bad(e, "a malformed PAX record");
		r = add_record(a, (struct tar_text){blank + 1, (size_t)(equals - blank) - 1},
			       (struct tar_text){equals + 1, size - (size_t)(equals + 1 - at) - 1},
			       x, e);
		if (r < 0)
			return r;
		at += size;
	}
	return 0;
}

/* --- names ----------------------------------------------------------------------------------- */

/* @in as a path from the root: no slashes at the ends, nothing empty and no "." between them. */
static int clean_path(struct arena *a, struct tar_text in, struct tar_text *ret, struct err *e)
{
	char *out = arena_alloc(a, in.len + 1);
	const char *at = in.at, *end = in.at + in.len;
	unsigned depth = 0;
	size_t len = 0;

	if (!out)
		return err_sys(e, ERR_IMAGE, -ENOMEM, "read the archive");
	if (in.len && memchr(in.at, 0, in.len))
		return bad(e, "a NUL byte in a name");
	while (at < end) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		size_t n = (size_t)((slash ? slash : end) - at);

		if (n == 2 && memcmp(at, "..", 2) == 0)
			return bad(e, "a name with '..'");
		if (n > IMAGE_NAME_MAX)
			return bad(e, "a name of more than 255 bytes");
		if (n && !(n == 1 && *at == '.')) {
			if (++depth > IMAGE_DEPTH_MAX)
				return bad(e, "deeper than 2048 directories");
			if (len)
				out[len++] = '/';
			memcpy(out + len, at, n);
			len += n;
		}
		at += n + 1;
	}
	*ret = (struct tar_text){out, len};
	return 0;
}

/* The name of an entry: that of an extended header, or prefix and name of the header. */
static int entry_path(struct arena *a, const struct tar_header *h, const struct tar_extended *x,
		      struct tar_text *ret, struct err *e)
{
	char *joined;

	if (x->path.at || h->prefix.len == 0) {
		*ret = x->path.at ? x->path : h->path;
	} else {
		joined = arena_format(a, "%.*s/%.*s", (int)h->prefix.len, h->prefix.at,
				      (int)h->path.len, h->path.at);
		if (!joined)
			return err_sys(e, ERR_IMAGE, -ENOMEM, "read the archive");
		*ret = (struct tar_text){joined, strlen(joined)};
	}
	return ret->len ? 0 : bad(e, "an entry without a name");
}

/* --- entries --------------------------------------------------------------------------------- */

static int entry_type(char flag, enum tar_type *ret, struct err *e)
{
	switch (flag) {
	case '0':
	case '7': /* contiguous, once */
		*ret = TAR_FILE;
		return 0;
	case '1':
		*ret = TAR_LINK;
		return 0;
	case '2':
		*ret = TAR_SYMLINK;
		return 0;
	case '3':
		*ret = TAR_CHARACTER;
		return 0;
	case '4':
		*ret = TAR_BLOCK;
		return 0;
	case '5':
		*ret = TAR_DIRECTORY;
		return 0;
	case '6':
		*ret = TAR_FIFO;
		return 0;
	case 'S':
		return bad(e, "a sparse file, which layers must not have");
	default:
		return err_set(e, ERR_IMAGE, -EINVAL, "an entry of unknown type 0x%02x",
			       (unsigned)(unsigned char)flag);
	}
}

/* What a link leads to, kept beyond the block. */
static int entry_target(struct arena *a, const struct tar_header *h, const struct tar_extended *x,
			struct tar_entry *n, struct err *e)
{
	struct tar_text target = x->target.at ? x->target : h->target;
	int r;

	if (n->type == TAR_LINK) {
		r = clean_path(a, target, &target, e);
		if (r < 0)
			return r;
	} else if (target.len) {
		target.at = arena_strndup(a, target.at, target.len);
		if (!target.at)
			return err_sys(e, ERR_IMAGE, -ENOMEM, "read the archive");
	}
	if (target.len == 0 || target.len > IMAGE_SYMLINK_MAX || memchr(target.at, 0, target.len))
		return bad(e, "a link whose target has not 1 to 4095 bytes other than NUL");
	n->target = target.at;
	n->target_len = target.len;
	return 0;
}

/* Owner, permissions, time, device. */
static int entry_metadata(const struct tar_header *h, const struct tar_extended *x,
			  struct tar_entry *n, struct err *e)
{
	uint64_t uid = x->has_uid ? x->uid : h->uid, gid = x->has_gid ? x->gid : h->gid;

	if (uid > UINT32_MAX || gid > UINT32_MAX)
		return bad(e, "an owner whose number is too large");
	/* Some programs keep the type in the mode. */
	if (h->mode > 0177777)
		return bad(e, "a mode that is none");
	if (h->major > 0xfff || h->minor > 0xfffff)
		return bad(e, "a device whose number is too large");
	n->uid = (uint32_t)uid;
	n->gid = (uint32_t)gid;
	n->mode = h->mode & 07777;
	n->rdev = (uint32_t)((h->minor & 0xff) | h->major << 8 | (h->minor & ~0xffULL) << 12);
	n->mtime = x->has_mtime ? x->mtime : h->mtime;
	n->mtime_nsec = x->has_mtime ? x->mtime_nsec : 0;
	n->xattrs = x->xattrs;
	return 0;
}

int tar_make_entry(struct arena *a, const struct tar_header *h, const struct tar_extended *x,
		   struct tar_entry *ret, struct err *e)
{
	uint64_t size = x->has_size ? x->size : h->size;
	struct tar_entry n = {0};
	struct tar_text path;
	int r = entry_type(h->flag, &n.type, e);

	if (r == 0)
		r = entry_path(a, h, x, &path, e);
	if (r < 0)
		return r;
	/* Before there was a type for directories. */
	if (n.type == TAR_FILE && path.at[path.len - 1] == '/') {
		if (size)
			return bad(e, "a file with the name of a directory");
		n.type = TAR_DIRECTORY;
	}
	r = clean_path(a, path, &path, e);
	if (r == 0 && path.len == 0 && n.type != TAR_DIRECTORY)
		r = bad(e, "the root must be a directory");
	if (r == 0)
		r = entry_metadata(h, x, &n, e);
	if (r == 0 && (n.type == TAR_LINK || n.type == TAR_SYMLINK))
		r = entry_target(a, h, x, &n, e);
	if (r == 0 && n.type == TAR_FILE && size > IMAGE_FILE_SIZE_MAX)
		r = bad(e, "a file of more than 2^53 bytes");
	if (r < 0)
		return r;
	n.path = path.at;
	n.path_len = path.len;
	n.size = n.type == TAR_FILE ? size : 0; /* others have no content, whatever they say */
	*ret = n;
	return 0;
}
