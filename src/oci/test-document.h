/* What the tests of oci/ share: documents written with ' for ". */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oci/spec.h"

/* A document in memory of exactly its size, so that sanitizers see a read beyond the end. */
struct document {
	struct arena arena;
	char *text;
	size_t len;
	struct err err;
};

static inline void document_init(struct document *d, const char *text)
{
	*d = (struct document){.len = strlen(text)};
	d->text = malloc(d->len + !d->len);
	assert_non_null(d->text);
	for (size_t i = 0; i < d->len; i++)
		d->text[i] = text[i] == '\'' ? '"' : text[i];
	arena_init(&d->arena, NULL, 0);
}

static inline void document_done(struct document *d)
{
	arena_done(&d->arena);
	free(d->text);
}

/* document_init() and spec_parse(). */
static inline int document_parse(struct document *d, const char *text, struct spec *spec)
{
	document_init(d, text);
	return spec_parse(&d->arena, d->text, d->len, spec, &d->err);
}
