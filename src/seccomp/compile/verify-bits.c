/* A search from the highest bit down. What is decided of a number are its bits above the one at
 * hand: an interval of which all facts are left behind that the rest cannot touch. */
#include "seccomp/compile/verify-bits.h"

#define STEPS_MAX 4096

struct search {
	const struct bits_fact *facts;
	uint32_t n, first, last;
	uint32_t steps_left;
};

enum agreement {
	BROKEN,
	OPEN,
	KEPT
};

/* Of a number whose bits in @decided are those of @x. */
static enum agreement agrees(const struct bits_fact *f, uint32_t x, uint32_t decided)
{
	bool differs = ((x ^ f->value) & f->mask & decided) != 0;

	if (f->value & ~f->mask)
		differs = true;
	if (differs)
		return f->equal ? BROKEN : KEPT;
	if (f->mask & ~decided)
		return OPEN;
	return f->equal ? KEPT : BROKEN;
}

/* Whether the @n_free low bits of @x, which are 0, can be chosen so. A bit that nothing asks for is
 * chosen only where the interval cuts through what is left. */
static bool search(struct search *s, uint32_t x, unsigned n_free)
{
	uint32_t rest = n_free == 32 ? UINT32_MAX : (1U << n_free) - 1, asked = 0, bit;
	bool cut = x < s->first || (x | rest) > s->last;

	if (x > s->last || (x | rest) < s->first)
		return false;
	for (uint32_t i = 0; i < s->n; i++) {
		enum agreement a = agrees(&s->facts[i], x, ~rest);

		if (a == BROKEN)
			return false;
		if (a == OPEN)
			asked |= s->facts[i].mask;
	}
	if (!(asked & rest) || s->steps_left == 0)
		return true;
	s->steps_left--;
	bit = 1U << --n_free;
	return search(s, x, n_free) || ((cut || asked & bit) && search(s, x | bit, n_free));
}

bool bits_exist(const struct bits_fact *facts, uint32_t n, uint32_t first, uint32_t last)
{
	struct search s = {facts, n, first, last, STEPS_MAX};

	return first <= last && search(&s, 0, 32);
}
