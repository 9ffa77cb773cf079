/* What the fuzz targets of the seccomp compiler share. */
#pragma once

#include <stdlib.h>

#include "base/err.h"

/* A failure must say what is wrong, and must not be ours. */
static inline void proven(int r, const struct err *e)
{
	if (r < 0 && (e->code != r || e->id == ERR_NONE || e->id == ERR_INTERNAL || !e->text[0]))
		abort();
}
