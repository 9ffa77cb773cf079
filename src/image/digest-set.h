/* Sets of digests. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct digest_set {
	uint8_t *table; /* rows of len bytes; a row of zeros is free */
	size_t len;     /* of a digest */
	size_t n, mask;
	bool has_zero; /* the digest that is all zeros */
};

/* An empty set of digests of @len bytes, at least 8. -ENOMEM or 0. */
int digest_set_init(struct digest_set *s, size_t len) _must_check_;
void digest_set_done(struct digest_set *s);

/* Add a digest: 1 if it is new, 0 if it was there, -ENOMEM. */
int digest_set_add(struct digest_set *s, const uint8_t *digest) _must_check_;
bool digest_set_has(const struct digest_set *s, const uint8_t *digest);
