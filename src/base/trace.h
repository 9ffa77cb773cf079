/* The way of a command, for `--trace-steps`: what was done, by whom, and when. Host half; init
 * leaves its times in the step page (plan/plan.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A plan with hundreds of masked paths has that many steps; more are not shown. */
#define TRACE_MAX 640

struct trace_mark {
	const char *what;   /* what begins here */
	const char *detail; /* of which part of the configuration; "" for none */
	uint64_t ns;        /* of the monotonic clock */
	bool inside;        /* by init */
};

struct trace {
	struct trace_mark marks[TRACE_MAX];
	size_t n, lost;
	uint64_t inside_end; /* when init's last step ended; 0 if it did not */
};

/* From now on @what is done, until the next mark of the host half. @t may be NULL: nobody wants to
 * know. @what must outlive @t. */
void trace_mark(struct trace *t, const char *what);

/* Init's last step has ended, which is when the program runs. */
void trace_end_inside(struct trace *t);

/* At @ns init began with step @what of @detail; both must outlive @t. */
void trace_mark_inside(struct trace *t, const char *what, const char *detail, uint64_t ns);
