/* Digests in an open table. They are spread evenly by nature, unless somebody made them up: those
 * of a store are computed from what is there. Pure. */
#include "image/digest-set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROWS 1024

int digest_set_init(struct digest_set *s, size_t len)
{
	*s = (struct digest_set){.len = len, .mask = FIRST_ROWS - 1};
	s->table = calloc(FIRST_ROWS, len);
	return s->table ? 0 : -ENOMEM;
}

void digest_set_done(struct digest_set *s)
{
	free(s->table);
	s->table = NULL;
}

static bool is_zero(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

/* The row with @digest, or the free one where it belongs. */
static uint8_t *find_row(const struct digest_set *s, const uint8_t *digest)
{
	uint64_t hash;
	size_t i;

	memcpy(&hash, digest, sizeof(hash));
	for (i = hash & s->mask;; i = (i + 1) & s->mask) {
		uint8_t *row = s->table + i * s->len;

		if (memcmp(row, digest, s->len) == 0 || is_zero(row, s->len))
			return row;
	}
}

static int grow(struct digest_set *s)
{
	struct digest_set wide = {.len = s->len, .mask = 2 * s->mask + 1};

	wide.table = calloc(wide.mask + 1, s->len);
	if (!wide.table)
		return -ENOMEM;
	for (size_t i = 0; i <= s->mask; i++) {
		const uint8_t *row = s->table + i * s->len;

		if (!is_zero(row, s->len))
			memcpy(find_row(&wide, row), row, s->len);
	}
	free(s->table);
	s->table = wide.table;
	s->mask = wide.mask;
	return 0;
}

int digest_set_add(struct digest_set *s, const uint8_t *digest)
{
	uint8_t *row;
	int r;

	if (is_zero(digest, s->len)) {
		r = !s->has_zero;
		s->has_zero = true;
		return r;
	}
	if (2 * s->n > s->mask) {
		r = grow(s);
		if (r < 0)
			return r;
	}
	row = find_row(s, digest);
	if (!is_zero(row, s->len))
		return 0;
	memcpy(row, digest, s->len);
	s->n++;
	return 1;
}

bool digest_set_has(const struct digest_set *s, const uint8_t *digest)
{
	if (is_zero(digest, s->len))
		return s->has_zero;
	return !is_zero(find_row(s, digest), s->len);
}
