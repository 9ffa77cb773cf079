/* What the programs beside the runtime share that have commands of their own: finding the command,
 * messages, help. Each has its own `struct cli`, which begins with a struct tool. Only what they
 * print is printed here; standard error is the only log. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/json.h"

struct cli; /* the program's */

struct tool_command {
	const char *name;
	const char *arguments; /* as the help shows them; "" for none */
	const char *summary;
	const char *help; /* the options, a line each */
	int (*run)(struct cli *c, int argc, char **argv);
};

struct tool {
	const char *program;                 /* as people call it: "coracle image" */
	const char *file;                    /* its own name: "coracle-image" */
	const char *about;                   /* what the help says first */
	const char *help;                    /* the options that all commands take */
	const struct tool_command *commands; /* a row without a name ends them */
	const struct tool_command *inner;    /* those that the runtime calls; NULL for none */
	int failed;                          /* the exit status of what could not be done */
	const struct tool_command *command;  /* the one that runs; NULL before it is known */
	bool log_json;                       /* messages as JSON */
};

/* Run the command that @argv names, or print the help or the version. @c is what commands are
 * given; its struct tool is @t. Returns the exit status. */
int tool_run(struct tool *t, struct cli *c, int argc, char **argv);

/* Take the value of --log-format. Returns whether it is one. */
bool tool_take_log_format(struct tool *t, const char *word);

/* The help of t->command. */
void tool_print_help(const struct tool *t);

/* Print the failure; the hint for JSON and terminals alone. Returns t->failed. */
int tool_fail(const struct tool *t, const struct err *e);

/* Print that the command line is wrong: @what comes behind the command's name. Returns t->failed.
 */
int tool_usage(const struct tool *t, const char *what);

/* Print a warning, on one line. */
void tool_warn(const struct tool *t, const char *text);

/* A message as JSON; what is NULL or 0 is left out. */
struct tool_message {
	const char *level; /* "error", "warning", "info" */
	const char *code;  /* err_name() */
	const char *text, *hint;
	const char *file; /* what it is about, with line and column */
	unsigned line, column;
};

/* Print @m as JSON, one object on a line. */
void tool_print_message(const struct tool_message *m);

/* End the document and write it to standard output. Returns 0, or t->failed after printing the
 * failure. */
int tool_print_json(const struct tool *t, struct json_writer *w);
