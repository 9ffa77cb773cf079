/* What the tables say, for people (--help) and for tests (internal-args). */
#pragma once

#include "base/err.h"
#include "cli/command.h"

/* Print the help of the program, or of @c if it is not NULL, to standard output. Returns 0 or
 * -errno. */
int help_print(struct arena *a, const struct command *c, struct err *e) _must_check_;

/* Print all tables as one JSON object, hidden rows too. Returns 0 or -errno. */
int help_print_tables(struct arena *a, struct err *e) _must_check_;

/* The words of @c's positional arguments, "ID [SIGNAL]", appended to @t. */
struct text;
void help_add_positionals(struct text *t, const struct command *c);
