/* What must be equal fixes bits; an interval is at most 62 ranges that begin with the same bits;
 * and what must differ does so in one bit or the next. Facts with the fewest bits left are tried
 * first.
 */
#include "seccomp/compile/verify-bits.h"

#include <stddef.h>

#define STEPS_MAX 4096

/* Of a number, the bits in @mask are those of @value. */
struct bits {
	uint32_t mask, value;
};

struct search {
	const struct bits_fact *facts;
	uint32_t n, steps_left;
};

/* Fix more bits. Returns false if they are fixed otherwise. */
static bool fix(struct bits *b, uint32_t mask, uint32_t value)
{
	if ((b->value ^ value) & b->mask & mask)
		return false;
	b->mask |= mask;
	b->value |= value & mask;
	return true;
}

/* The fact of inequality that is open and has the fewest bits left; NULL if there is none. A fact
 * with no bit left that still does not hold is returned too. */
static const struct bits_fact *next_open(const struct search *s, const struct bits *b)
{
	const struct bits_fact *found = NULL;
	int fewest = 33;

	for (uint32_t i = 0; i < s->n; i++) {
		const struct bits_fact *f = &s->facts[i];
		int left = __builtin_popcount(f->mask & ~b->mask);

		if (f->equal || f->value & ~f->mask || (b->value ^ f->value) & f->mask & b->mask)
			continue;
		if (left < fewest) {
			found = f;
			fewest = left;
		}
	}
	return found;
}

/* Whether the bits that are not in @b can be chosen so that all facts of inequality hold. */
static bool search(struct search *s, struct bits b)
{
	const struct bits_fact *f = next_open(s, &b);

	if (!f || s->steps_left == 0)
		return true;
	s->steps_left--;
	for (uint32_t left = f->mask & ~b.mask; left; left &= left - 1) {
		uint32_t bit = left & -left;
		struct bits differs = b;

		if (fix(&differs, bit, ~f->value) && search(s, differs))
			return true;
		(void)fix(&b, bit, f->value);
	}
	return false;
}

bool bits_exist(const struct bits_fact *facts, uint32_t n, uint32_t first, uint32_t last)
{
	struct search s = {facts, n, STEPS_MAX};
	struct bits equal = {0};
	uint64_t at = first;

	for (uint32_t i = 0; i < n; i++)
		if (facts[i].equal && (facts[i].value & ~facts[i].mask ||
				       !fix(&equal, facts[i].mask, facts[i].value)))
			return false;
	while (at <= last) {
		/* The longest range from here with the same first bits. */
		uint64_t size = at ? at & -at : 1ULL << 32;
		struct bits b = equal;

		while (at + size - 1 > last)
			size /= 2;
		if (fix(&b, ~(uint32_t)(size - 1), (uint32_t)at) && search(&s, b))
			return true;
		at += size;
	}
	return false;
}
