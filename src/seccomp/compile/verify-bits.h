/* Is there a number that agrees with the outcomes of tests of its bits? Pure, host side. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* "(x & mask) == value", or that it is not. */
struct bits_fact {
	uint32_t mask, value;
	bool equal;
};

/* Whether some x within [@first, @last] agrees with all of the @n @facts. The answer is exact but
 * where finding it would take more than some thousands of steps: then it is true. Nothing is
 * allocated. */
bool bits_exist(const struct bits_fact *facts, uint32_t n, uint32_t first, uint32_t last);
