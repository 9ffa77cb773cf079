/* What long work tells a person meanwhile: one line on a terminal, rewritten at most five times a
 * second. Nothing at all where standard error is no terminal. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool on;
	bool shown;
	const char *what; /* "layer 2 of 5": said in place of a phase; NULL: nothing */
	uint64_t last_ms;
};

/* @wanted false keeps quiet in any case. */
void progress_init(struct progress *p, bool wanted);

/* The phase @what stands at @done of @total units (0: unknown). Call as often as is convenient. */
void progress_show(struct progress *p, const char *what, uint64_t done, uint64_t total,
		   const char *unit);

/* Wipe the line. */
void progress_end(struct progress *p);
