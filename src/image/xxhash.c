/* XXH32, written from its specification: four accumulators over stripes of 16 bytes, then words,
 * then bytes, then the avalanche. Pure. */
#include "image/xxhash.h"

#include <string.h>

#define PRIME1 0x9E3779B1U
#define PRIME2 0x85EBCA77U
#define PRIME3 0xC2B2AE3DU
#define PRIME4 0x27D4EB2FU
#define PRIME5 0x165667B1U

static uint32_t rotate(uint32_t v, unsigned n)
{
	return v << n | v >> (32 - n);
}

static uint32_t load32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t stripe_round(uint32_t acc, uint32_t lane)
{
	return rotate(acc + lane * PRIME2, 13) * PRIME1;
}

uint32_t xxhash32(const void *data, size_t len, uint32_t seed)
{
	static const uint8_t nothing;
	const uint8_t *p = len > 0 ? data : &nothing, *end = p + len;
	uint32_t h = seed + PRIME5;

	if (len >= 16) {
		uint32_t v[4] = {seed + PRIME1 + PRIME2, seed + PRIME2, seed, seed - PRIME1};

		for (; end - p >= 16; p += 16)
			for (unsigned i = 0; i < 4; i++)
				v[i] = stripe_round(v[i], load32(p + 4 * (size_t)i));
		h = rotate(v[0], 1) + rotate(v[1], 7) + rotate(v[2], 12) + rotate(v[3], 18);
	}
	h += (uint32_t)len;
	for (; end - p >= 4; p += 4)
		h = rotate(h + load32(p) * PRIME3, 17) * PRIME4;
	for (; p < end; p++)
		h = rotate(h + *p * PRIME5, 11) * PRIME1;
	h = (h ^ h >> 15) * PRIME2;
	h = (h ^ h >> 13) * PRIME3;
	return h ^ h >> 16;
}
