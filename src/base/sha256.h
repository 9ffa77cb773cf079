/* SHA-256 (FIPS 180-4): names for what is kept by content. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE     32
#define SHA256_TEXT_MAX (2 * SHA256_SIZE + 1)

struct sha256 {
	uint32_t state[8];
	uint64_t len; /* bytes taken so far */
	uint8_t block[64];
};

/* Begin; take @len bytes, as often as there are any; end. The last gives the digest in hexadecimal,
 * and @h must begin anew. */
void sha256_init(struct sha256 *h);
void sha256_update(struct sha256 *h, const void *data, size_t len);
void sha256_finish(struct sha256 *h, char ret[static SHA256_TEXT_MAX]);
