/* What to do about a failure when whoever found it had nothing better to say. */
#pragma once

#include "base/err.h"

/* Give @e the hint for its kind of failure, unless it has one, or there is none for its kind. */
void hints_complete(struct err *e);
