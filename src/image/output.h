/* Where a writer's bytes go, any of: a file, a digest, a comparison with what is there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "image/verity.h"

struct output {
	int fd;                 /* written to in large portions; -EBADF: nowhere */
	struct verity *verity;  /* fed with everything; NULL: nothing */
	const uint8_t *compare; /* what the bytes should be; NULL: nothing */
	size_t compare_len;
	uint64_t offset;     /* bytes so far, those in the buffer included */
	bool differs;        /* from compare: */
	uint64_t differs_at; /* the first byte that does */
	/* inside */
	uint8_t *buf;
	size_t used;
	int error;
};

/* Start with @fd, borrowed (-EBADF for none). -ENOMEM or 0; set verity and compare afterwards. */
int output_init(struct output *o, int fd) _must_check_;
void output_done(struct output *o);

/* Add bytes, or that many zeros (or bytes of value @value). Failures are kept for output_finish().
 */
void output_write(struct output *o, const void *data, size_t len);
void output_fill(struct output *o, uint8_t value, size_t len);

/* Add a formatted text of at most 255 bytes. */
void output_format(struct output *o, const char *fmt, ...) _printf_(2, 3);

/* Pass on what is left in the buffer. 0 or the first -errno. */
int output_finish(struct output *o) _must_check_;
