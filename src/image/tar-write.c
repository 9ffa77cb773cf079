/* Tar archives (POSIX.1 pax). Records come before the header that they are about, and count before
 * it; the header has what fits. Pure but for the output. */
#include "image/tar-write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"

#define BLOCK     512
#define NAME_SIZE 100
#define OCTAL_MAX 07777777ULL     /* seven digits */
#define SIZE_MAX_ 077777777777ULL /* eleven digits */

/* A header, by the offsets of ustar. */
struct header {
	char bytes[BLOCK];
};

/* Records of one entry. */
struct records {
	char *text;
	size_t len, cap;
	bool failed;
};

/* --- headers --------------------------------------------------------------------------------- */

/* @value in octal digits and a NUL, @size bytes; 0 if it does not fit (a record has it, then). */
static void put_octal(struct header *h, size_t at, size_t size, uint64_t value)
{
	if (value >> 3 * (size - 1))
		value = 0;
	for (size_t i = size - 1; i-- > 0; value >>= 3)
		h->bytes[at + i] = (char)('0' + (value & 7));
}

/* As much of @text as fits. */
static void put_text(struct header *h, size_t at, size_t size, const char *text)
{
	memcpy(h->bytes + at, text, MIN(strlen(text), size));
}

static void write_header(struct output *out, struct header *h)
{
	unsigned sum = 0;

	put_text(h, 257, 8, "ustar");
	memcpy(h->bytes + 263, "00", 2);
	memset(h->bytes + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)h->bytes[i];
	put_octal(h, 148, 7, sum);
	h->bytes[154] = '\0';
	output_write(out, h->bytes, BLOCK);
}

void tar_write_padding(struct output *out, uint64_t size)
{
	output_fill(out, 0, (size_t)((BLOCK - size % BLOCK) % BLOCK));
}

void tar_write_end(struct output *out)
{
	output_fill(out, 0, (size_t)2 * BLOCK);
}

void tar_write_file(struct output *out, const char *name, uint64_t size)
{
	struct header h = {{0}};

	put_text(&h, 0, NAME_SIZE, name);
	put_octal(&h, 100, 8, 0644);
	put_octal(&h, 108, 8, 0);
	put_octal(&h, 116, 8, 0);
	put_octal(&h, 124, 12, size);
	put_octal(&h, 136, 12, 0);
	h.bytes[156] = '0';
	write_header(out, &h);
}

/* --- records --------------------------------------------------------------------------------- */

static void append(struct records *r, const void *data, size_t len)
{
	if (r->failed)
		return;
	if (r->len + len > r->cap) {
		size_t cap = 2 * (r->len + len) + 256;
		char *grown = realloc(r->text, cap);

		if (!grown) {
			r->failed = true;
			return;
		}
		r->text = grown;
		r->cap = cap;
	}
	memcpy(r->text + r->len, data, len);
	r->len += len;
}

/* "LENGTH KEY=VALUE\n", where the length counts itself. */
static void add_record(struct records *r, const char *prefix, const char *key, const void *value,
		       size_t value_len)
{
	size_t rest = strlen(prefix) + strlen(key) + value_len + 3, len = rest + 1;
	char digits[24];

	while (str_format(digits, sizeof(digits), "%zu", len) + rest != len)
		len = str_format(digits, sizeof(digits), "%zu", len) + rest;
	append(r, digits, strlen(digits));
	append(r, " ", 1);
	append(r, prefix, strlen(prefix));
	append(r, key, strlen(key));
	append(r, "=", 1);
	append(r, value, value_len);
	append(r, "\n", 1);
}

static void add_number(struct records *r, const char *key, uint64_t value)
{
	char text[24];

	add_record(r, "", key, text,
		   str_format(text, sizeof(text), "%llu", (unsigned long long)value));
}

/* Seconds before the epoch and parts of them: as one decimal number. */
static void add_time(struct records *r, int64_t sec, uint32_t nsec)
{
	bool negative = sec < 0;
	/* -1.75 is two seconds before, and a quarter after that. */
	uint64_t whole = negative ? (uint64_t) - (sec + (nsec > 0)) : (uint64_t)sec;
	uint32_t part = negative && nsec ? 1000000000 - nsec : nsec;
	char text[40];
	size_t n = str_format(text, sizeof(text), "%s%llu", negative ? "-" : "",
			      (unsigned long long)whole);

	if (part) {
		n += str_format(text + n, sizeof(text) - n, ".%09u", part);
		while (text[n - 1] == '0')
			n--;
	}
	add_record(r, "", "mtime", text, n);
}

static void write_records(struct output *out, const struct records *r)
{
	struct header h = {{0}};

	if (r->len == 0)
		return;
	put_text(&h, 0, NAME_SIZE, "././@PaxHeader");
	put_octal(&h, 100, 8, 0644);
	put_octal(&h, 108, 8, 0);
	put_octal(&h, 116, 8, 0);
	put_octal(&h, 124, 12, r->len);
	put_octal(&h, 136, 12, 0);
	h.bytes[156] = 'x';
	write_header(out, &h);
	output_write(out, r->text, r->len);
	tar_write_padding(out, r->len);
}

/* --- entries --------------------------------------------------------------------------------- */

static char type_of(const struct image_node *n)
{
	switch (n->mode & S_IFMT) {
	case S_IFLNK:
		return '2';
	case S_IFCHR:
		return '3';
	case S_IFBLK:
		return '4';
	case S_IFDIR:
		return '5';
	case S_IFIFO:
		return '6';
	default:
		return '0';
	}
}

/* What the header cannot say of @n. */
static void collect_records(struct records *r, const struct image_node *n, const char *path,
			    const char *target, size_t target_len, uint64_t size)
{
	if (strlen(path) > NAME_SIZE)
		add_record(r, "", "path", path, strlen(path));
	if (target_len > NAME_SIZE)
		add_record(r, "", "linkpath", target, target_len);
	if (n->uid > OCTAL_MAX)
		add_number(r, "uid", n->uid);
	if (n->gid > OCTAL_MAX)
		add_number(r, "gid", n->gid);
	if (size > SIZE_MAX_)
		add_number(r, "size", size);
	if (n->mtime < 0 || n->mtime_nsec || (uint64_t)n->mtime > SIZE_MAX_)
		add_time(r, n->mtime, n->mtime_nsec);
	for (unsigned i = 0; i < n->n_xattrs; i++)
		add_record(r, "SCHILY.xattr.", n->xattrs[i].key->name, n->xattrs[i].value,
			   n->xattrs[i].value_len);
}

int tar_write_node(struct output *out, const struct image_node *n, const char *path,
		   const char *target)
{
	const struct image_node *real = n->target ? n->target : n;
	const char *link = n->target ? target : S_ISLNK(n->mode) ? n->data : "";
	size_t link_len = n->target ? strlen(target) : S_ISLNK(n->mode) ? n->data_len : 0;
	uint64_t size = !n->target && S_ISREG(n->mode) ? n->size : 0;
	struct records r = {0};
	struct header h = {{0}};

	/* A link has nothing of its own. */
	collect_records(&r, real, path[0] ? path : "./", link, link_len, size);
	write_records(out, &r);
	free(r.text);
	put_text(&h, 0, NAME_SIZE, path[0] ? path : "./");
	put_octal(&h, 100, 8, real->mode & 07777);
	put_octal(&h, 108, 8, real->uid);
	put_octal(&h, 116, 8, real->gid);
	put_octal(&h, 124, 12, size);
	put_octal(&h, 136, 12, real->mtime < 0 ? 0 : (uint64_t)real->mtime);
	h.bytes[156] = n->target ? '1' : type_of(n);
	memcpy(h.bytes + 157, link, MIN(link_len, (size_t)NAME_SIZE));
	if (S_ISCHR(n->mode) || S_ISBLK(n->mode)) {
		put_octal(&h, 329, 8, (n->rdev >> 8) & 0xfff);
		put_octal(&h, 337, 8, (n->rdev & 0xff) | ((n->rdev >> 12) & 0xfff00));
	}
	write_header(out, &h);
	return r.failed ? -ENOMEM : 0;
}
