/* What came of the checks, for people and for programs. */
#pragma once

#include "doctor/doctor.h"

struct result {
	const struct check *check;
	struct finding finding;
};

/* Print the @n @results. With @json as one object, else as text: a line for what is in order, with
 * @verbose a second one that says what was tried; a paragraph with the cure for what is not.
 * Returns 0, or -errno if standard output does not take it. */
int report_print(const struct doctor *d, const struct result *results, size_t n, bool json,
		 bool verbose, unsigned took_ms);
