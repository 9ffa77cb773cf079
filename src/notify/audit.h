/* The log: one JSON object a line for every request that was answered, and for what happens to
 * containers. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "notify/board.h"
#include "notify/state.h"

#define AUDIT_LINES_A_SECOND 1000 /* of one container; what is more is counted, not written */

struct audit {
	int fd; /* the caller's; opened with O_APPEND, so that whole lines are written */
	const char *container, *profile;
	uint64_t second;  /* of the monotonic clock, in which @lines were written */
	uint32_t lines;   /* in this second */
	uint64_t dropped; /* since the last line */
};

/* A request has been answered: @outcome is "crashed", "late" or "gone", or NULL where @s says it.
 */
void audit_request(struct audit *a, const struct slot *s, const char *call, const char *handler,
		   const char *outcome, uint64_t now_ns);

/* Something else has happened: "attached", "detached", "failed". @e is why, or NULL; @b are the
 * counters, or NULL. */
void audit_event(struct audit *a, const char *event, const struct err *e, const struct board *b);

/* The counters of @b as members of the object that is being written. */
struct json_writer;
void audit_counters(struct json_writer *w, const struct board *b);
