/* System calls of this machine by number: who answers them. Pure. */
#pragma once

#include <stdint.h>

#include "notify/settings.h"

#define CALLS_MAX 1024 /* above all numbers of the native architecture */

enum {
	CALL_NOBODY = HANDLERS, /* behind the handlers */
	CALL_AUDIT,
	CALL_PLUGIN,
};

struct calls {
	uint8_t who[CALLS_MAX]; /* enum handler, or one of the above */
	uint32_t arch;          /* AUDIT_ARCH_* that the numbers are for */
};

/* Who answers what in containers of @p. Returns 0, or -EOPNOTSUPP on an architecture that we have
 * no numbers for. */
int calls_init(struct calls *c, const struct profile *p) _must_check_;

/* Who answers call @nr of architecture @arch: calls of others than our own are nobody's. */
unsigned calls_who(const struct calls *c, uint32_t arch, int nr);

/* The name of the call, "?" if there is none. */
const char *calls_name(const struct calls *c, uint32_t arch, int nr);

/* "mknod", "audit", "plugin", "none" */
const char *calls_who_name(unsigned who);

/* Call @fn with each word of @words, which blanks separate. */
void calls_each(const char *words, void (*fn)(void *ctx, const char *word), void *ctx);
