/* Reading tar archives: blocks, extended headers, and what they say together. The format: POSIX.1
 * pax, and GNU tar's manual ("Basic Tar Format"). Pure but for the source. */
#include "image/tar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "image/tar-header.h"

#define BUFFER_SIZE ((size_t)64 * 1024)

struct tar {
	tar_read_fn read;
	void *ctx;
	uint64_t block;         /* number of the block at hand, for messages */
	uint64_t left, padding; /* of the entry's content */
	struct arena arena;     /* what belongs to the entry */
	uint8_t *buf;
};

int tar_new(tar_read_fn read, void *ctx, struct tar **ret)
{
	struct tar *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->read = read;
	t->ctx = ctx;
	t->buf = malloc(BUFFER_SIZE);
	arena_init(&t->arena, NULL, 0);
	if (!t->buf) {
		free(t);
		return -ENOMEM;
	}
	*ret = t;
	return 0;
}

void tar_free(struct tar *t)
{
	if (!t)
		return;
	arena_done(&t->arena);
	free(t->buf);
	free(t);
}

/* --- bytes ----------------------------------------------------------------------------------- */

/* All of @len bytes, unless the archive ends before the first and that is allowed: 1; 0 then. */
static int read_all(struct tar *t, void *buf, size_t len, bool may_end, struct err *e)
{
	size_t at = 0;

	while (at < len) {
		ssize_t n = t->read(t->ctx, (uint8_t *)buf + at, len - at, e);

		if (n < 0)
			return (int)n;
		if (n == 0 && at == 0 && may_end)
			return 0;
		if (n == 0)
			return err_set(e, ERR_IMAGE, -EINVAL, "the archive is cut short");
		at += (size_t)n;
	}
	return 1;
}

static int skip(struct tar *t, uint64_t len, struct err *e)
{
	while (len > 0) {
		size_t n = len < BUFFER_SIZE ? (size_t)len : BUFFER_SIZE;
		int r = read_all(t, t->buf, n, false, e);

		if (r < 0)
			return r;
		len -= n;
	}
	return 0;
}

int tar_content(struct tar *t, const void **ret, size_t *ret_len, struct err *e)
{
	size_t n = t->left < BUFFER_SIZE ? (size_t)t->left : BUFFER_SIZE;
	int r;

	if (n == 0) {
		r = skip(t, t->padding, e);
		t->padding = 0;
		return r;
	}
	r = read_all(t, t->buf, n, false, e);
	if (r < 0)
		return r;
	t->left -= n;
	*ret = t->buf;
	*ret_len = n;
	return 1;
}

/* --- extended headers ------------------------------------------------------------------------ */

/* The content of an extended header of @size bytes, with a NUL behind it, in the entry's arena. */
static int read_extension(struct tar *t, uint64_t size, char **ret, struct err *e)
{
	char *text;
	int r;

	if (size > TAR_EXTENSION_MAX)
		return err_set(e, ERR_IMAGE, -EINVAL, "an extended header of %llu bytes",
			       (unsigned long long)size);
	text = arena_alloc(&t->arena, (size_t)size + 1);
	if (!text)
		return err_sys(e, ERR_IMAGE, -ENOMEM, "read the archive");
	r = read_all(t, text, (size_t)size, false, e);
	if (r >= 0)
		r = skip(t, tar_padding(size), e);
	*ret = text;
	return r;
}

/* The header @h is about the one that follows: into @x. */
static int add_extension(struct tar *t, const struct tar_header *h, struct tar_extended *x,
			 struct err *e)
{
	char *text = NULL;
	int r = read_extension(t, h->size, &text, e);

	if (r < 0)
		return r;
	switch (h->flag) {
	case 'L':
		x->path = (struct tar_text){text, strlen(text)};
		return 0;
	case 'K':
		x->target = (struct tar_text){text, strlen(text)};
		return 0;
	case 'x':
		return tar_parse_pax(&t->arena, text, (size_t)h->size, x, e);
	default: /* 'g', for all that follow: engines ignore it, and so do the tools that make
		    layers */
		return 0;
	}
}

/* --- entries --------------------------------------------------------------------------------- */

/* Two blocks of zeros, or nothing more at all; whatever is behind them belongs to nobody. */
static int read_end(struct tar *t, bool zeros, struct err *e)
{
	uint8_t block[TAR_BLOCK_SIZE];
	ssize_t n;
	int r;

	if (zeros) {
		r = read_all(t, block, sizeof(block), true, e);
		if (r < 0)
			return r;
		if (r > 0 && !tar_is_zero(block))
			return err_set(e, ERR_IMAGE, -EINVAL, "an entry behind the end");
	}
	while ((n = t->read(t->ctx, t->buf, BUFFER_SIZE, e)) > 0)
		;
	return (int)n;
}

static int read_entry(struct tar *t, struct tar_entry *ret, struct err *e)
{
	struct tar_extended x = {0};
	uint8_t block[TAR_BLOCK_SIZE];
	struct tar_header h;
	int r;

	for (bool extended = false;; extended = true) {
		r = read_all(t, block, sizeof(block), !extended, e);
		if (r < 0)
			return r;
		t->block++;
		if (r == 0 || tar_is_zero(block)) {
			if (extended)
				return err_set(e, ERR_IMAGE, -EINVAL,
					       "an extended header for no entry");
			return read_end(t, r > 0, e);
		}
		r = tar_parse_header(block, &h, e);
		if (r < 0)
			return r;
		if (!tar_is_extension(h.flag))
			break;
		r = add_extension(t, &h, &x, e);
		if (r < 0)
			return r;
	}
	r = tar_make_entry(&t->arena, &h, &x, ret, e);
	if (r < 0)
		return r;
	t->left = ret->size;
	t->padding = tar_padding(ret->size);
	return 1;
}

int tar_next(struct tar *t, struct tar_entry *ret, struct err *e)
{
	int r = skip(t, t->left + t->padding, e);

	t->left = t->padding = 0;
	arena_done(&t->arena);
	if (r == 0)
		r = read_entry(t, ret, e);
	return r < 0 ? err_wrap(e, "header %llu", (unsigned long long)t->block) : r;
}
