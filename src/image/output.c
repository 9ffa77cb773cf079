/* Buffered output of images and dumps. */
#include "image/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/io.h"
#include "base/str.h"

#define BUFFER_SIZE ((size_t)256 * 1024)

int output_init(struct output *o, int fd)
{
	*o = (struct output){.fd = fd};
	o->buf = malloc(BUFFER_SIZE);
	return o->buf ? 0 : -ENOMEM;
}

void output_done(struct output *o)
{
	free(o->buf);
	*o = (struct output){.fd = -EBADF};
}

/* The bytes stand at @at. */
static void compare(struct output *o, const uint8_t *data, size_t len, uint64_t at)
{
	size_t left = at < o->compare_len ? o->compare_len - (size_t)at : 0;
	size_t n = MIN(len, left), i = 0;

	if (o->differs || (n == len && memcmp(o->compare + at, data, n) == 0))
		return;
	while (i < n && o->compare[at + i] == data[i])
		i++;
	o->differs = true;
	o->differs_at = at + i;
}

static void flush(struct output *o)
{
	if (o->used == 0)
		return;
	if (o->verity)
		verity_update(o->verity, o->buf, o->used);
	if (o->compare)
		compare(o, o->buf, o->used, o->offset - o->used);
	if (o->fd >= 0 && o->error == 0)
		o->error = io_write_all(o->fd, o->buf, o->used);
	o->used = 0;
}

void output_write(struct output *o, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len > 0) {
		size_t n = MIN(len, BUFFER_SIZE - o->used);

		memcpy(o->buf + o->used, p, n);
		o->used += n;
		o->offset += n;
		p += n;
		len -= n;
		if (o->used == BUFFER_SIZE)
			flush(o);
	}
}

void output_fill(struct output *o, uint8_t value, size_t len)
{
	while (len > 0) {
		size_t n = MIN(len, BUFFER_SIZE - o->used);

		memset(o->buf + o->used, value, n);
		o->used += n;
		o->offset += n;
		len -= n;
		if (o->used == BUFFER_SIZE)
			flush(o);
	}
}

void output_format(struct output *o, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = str_vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	output_write(o, text, MIN(n, sizeof(text) - 1));
}

int output_finish(struct output *o)
{
	flush(o);
	if (o->compare && !o->differs && o->offset < o->compare_len) {
		o->differs = true;
		o->differs_at = o->offset;
	}
	return o->error;
}
