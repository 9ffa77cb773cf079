/* Decompression by zlib and libzstd. Called by one thread for each file. */
#include "image/unpack.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>
#include <zstd.h>

#define INPUT_SIZE ((size_t)128 * 1024)

enum format {
	UNKNOWN,
	PLAIN,
	GZIP,
	ZSTD,
};

struct unpack {
	tar_read_fn read;
	void *ctx;
	enum format format;
	uint8_t *input;
	size_t at, len; /* of the input that is not used yet */
	bool at_end;    /* of the file */
	bool inside;    /* of a member or frame */
	bool pending;   /* the decompressor may give more without any input */
	z_stream z;
	ZSTD_DCtx *zstd;
};

int unpack_new(tar_read_fn read, void *ctx, struct unpack **ret)
{
	struct unpack *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->read = read;
	u->ctx = ctx;
	u->input = malloc(INPUT_SIZE);
	if (!u->input) {
		free(u);
		return -ENOMEM;
	}
	*ret = u;
	return 0;
}

void unpack_free(struct unpack *u)
{
	if (!u)
		return;
	if (u->format == GZIP)
		(void)inflateEnd(&u->z);
	(void)ZSTD_freeDCtx(u->zstd);
	free(u->input);
	free(u);
}

/* Have at least @want bytes of input, unless the file has no more. */
static int fill(struct unpack *u, size_t want, struct err *e)
{
	if (u->len >= want || u->at_end)
		return 0;
	memmove(u->input, u->input + u->at, u->len);
	u->at = 0;
	while (u->len < want && !u->at_end) {
		ssize_t n = u->read(u->ctx, u->input + u->len, INPUT_SIZE - u->len, e);

		if (n < 0)
			return (int)n;
		u->at_end = n == 0;
		u->len += (size_t)n;
	}
	return 0;
}

static bool is_gzip(const uint8_t *p)
{
	return p[0] == 0x1f && p[1] == 0x8b;
}

/* A frame, or one to be skipped (RFC 8878, 3.1). */
static bool is_zstd(const uint8_t *p)
{
	return (p[0] == 0x28 && p[1] == 0xb5 && p[2] == 0x2f && p[3] == 0xfd) ||
	       ((p[0] & 0xf0) == 0x50 && p[1] == 0x2a && p[2] == 0x4d && p[3] == 0x18);
}

static int begin(struct unpack *u, struct err *e)
{
	const uint8_t *p = u->input;
	int r = fill(u, 4, e);

	if (r < 0)
		return r;
	if (u->len >= 2 && is_gzip(p)) {
		if (inflateInit2(&u->z, 15 + 16) != Z_OK)
			return err_sys(e, ERR_IMAGE, -ENOMEM, "read the archive");
		u->format = GZIP;
	} else if (u->len >= 4 && is_zstd(p)) {
		u->zstd = ZSTD_createDCtx();
		if (!u->zstd)
			return err_sys(e, ERR_IMAGE, -ENOMEM, "read the archive");
		u->format = ZSTD;
	} else {
		u->format = PLAIN;
	}
	return 0;
}

/* Between two members: 1 if there is another one, 0 at the end. */
static int next_member(struct unpack *u, struct err *e)
{
	int r = fill(u, 4, e);
	const uint8_t *p = u->input + u->at;

	if (r < 0)
		return r;
	if (u->format == GZIP ? u->len >= 2 && is_gzip(p) : u->len >= 4 && is_zstd(p)) {
		if (u->format == GZIP)
			(void)inflateReset(&u->z);
		u->inside = true;
		return 1;
	}
	for (; u->len; u->at += u->len, u->len = 0) {
		for (size_t i = 0; i < u->len; i++)
			if (u->input[u->at + i])
				return err_set(e, ERR_IMAGE, -EINVAL,
					       "something else behind the compressed data");
		r = fill(u, 1, e);
	}
	return r;
}

static int damaged(struct err *e)
{
	return err_set(e, ERR_IMAGE, -EINVAL, "the compressed data is damaged");
}

/* Some bytes into @buf: how many. */
static ssize_t inflate_some(struct unpack *u, void *buf, size_t len, struct err *e)
{
	int r;

	u->z.next_in = u->input + u->at;
	u->z.avail_in = (unsigned)u->len;
	u->z.next_out = buf;
	u->z.avail_out = (unsigned)len;
	r = inflate(&u->z, Z_NO_FLUSH);
	u->at += u->len - u->z.avail_in;
	u->len = u->z.avail_in;
	if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
		return damaged(e);
	u->inside = r != Z_STREAM_END;
	u->pending = u->inside && u->z.avail_out == 0;
	return (ssize_t)(len - u->z.avail_out);
}

static ssize_t zstd_some(struct unpack *u, void *buf, size_t len, struct err *e)
{
	ZSTD_inBuffer in = {u->input + u->at, u->len, 0};
	ZSTD_outBuffer out = {buf, len, 0};
	size_t r = ZSTD_decompressStream(u->zstd, &out, &in);

	if (ZSTD_isError(r))
		return damaged(e);
	u->at += in.pos;
	u->len -= in.pos;
	u->inside = r != 0;
	u->pending = u->inside && out.pos == out.size;
	return (ssize_t)out.pos;
}

static ssize_t plain_some(struct unpack *u, void *buf, size_t len)
{
	size_t n = u->len < len ? u->len : len;

	memcpy(buf, u->input + u->at, n);
	u->at += n;
	u->len -= n;
	return (ssize_t)n;
}

ssize_t unpack_read(void *ctx, void *buf, size_t len, struct err *e)
{
	struct unpack *u = ctx;
	ssize_t n = 0;
	int r = u->format == UNKNOWN ? begin(u, e) : 0;

	len = len < INPUT_SIZE ? len : INPUT_SIZE;
	while (r == 0 && n == 0) {
		if (u->format != PLAIN && !u->inside) {
			r = next_member(u, e);
			if (r <= 0)
				return r;
		}
		r = u->pending ? 0 : fill(u, 1, e);
		if (r < 0)
			return r;
		if (u->len == 0 && !u->pending)
			return u->format == PLAIN ? 0
						  : err_set(e, ERR_IMAGE, -EINVAL,
							    "the compressed data is cut short");
		n = u->format == GZIP   ? inflate_some(u, buf, len, e)
		    : u->format == ZSTD ? zstd_some(u, buf, len, e)
					: plain_some(u, buf, len);
	}
	return r < 0 ? r : n;
}
