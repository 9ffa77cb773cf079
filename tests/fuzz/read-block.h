/* Init's reader of the plan, without the steps: each operand is read as its description says. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "plan/plan.h"

/* Walk @block of @size bytes as init does. Returns whether init would have taken all of it; false
 * means that it ends itself, which is what it does with an offset outside. */
bool read_block(const struct plan_block *block, size_t size);
