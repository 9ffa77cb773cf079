/* What the commands of coracle-seccomp share. Only they, and this, print. */
#pragma once

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/json.h"
#include "companion/tool.h"
#include "seccomp/policy/language.h"

struct cli {
	struct tool tool;
	struct arena *arena; /* of the whole command */
	bool json;           /* results as JSON */
	bool log_lines;      /* messages without the lines that they are about */
	struct policy_options options;
};

/* Exit statuses beside 0. */
enum {
	EXIT_FOUND = 1,  /* a difference, a finding */
	EXIT_FAILED = 2, /* it could not be done */
};

/* Print the failure. Returns EXIT_FAILED. */
int cli_fail(struct cli *c, const struct err *e);

/* Describe what is wrong with the command line. Returns EXIT_FAILED after printing it. */
int cli_usage(struct cli *c, const char *fmt, ...) _printf_(2, 3);

/* Print the messages, with their lines. */
void cli_say(struct cli *c, const struct policy_log *log);

/* A warning, on one line; not a failure. */
void cli_warn(struct cli *c, const char *fmt, ...) _printf_(2, 3);

/* The options that all commands take, and those of commands that read policies, with their help. */
#define CLI_LONG_OPTIONS                                                                           \
	{"json", no_argument, NULL, CLI_JSON},                                                     \
		{"log-format", required_argument, NULL, CLI_LOG_FORMAT},                           \
		{"help", no_argument, NULL, 'h'},                                                  \
	{                                                                                          \
		NULL, 0, NULL, 0                                                                   \
	}
#define CLI_POLICY_OPTIONS                                                                         \
	{"define", required_argument, NULL, 'd'}, {"cap", required_argument, NULL, CLI_CAP},       \
		{"kernel", required_argument, NULL, CLI_KERNEL},                                   \
	{                                                                                          \
		"arch", required_argument, NULL, CLI_ARCH                                          \
	}
#define CLI_SHORT "hd:"
#define CLI_POLICY_HELP                                                                            \
	"  -d, --define NAME     define a symbol for #ifdef; may be repeated\n"                    \
	"      --cap LIST        capabilities, for cap() and #ifdef CAP_…; \"all\"\n"            \
	"      --kernel VERSION  the kernel, for `kernel >= …` (default: this one)\n"            \
	"      --arch NAME       the machine's architecture (default: this one's)\n"
enum cli_option {
	CLI_JSON = 1000,
	CLI_LOG_FORMAT,
	CLI_CAP,
	CLI_KERNEL,
	CLI_ARCH,
	CLI_OWN, /* commands count from here */
};

/* Call with what getopt_long() returned. 1: it was one of ours, go on; 0: it was not, or its value
 * is wrong. */
int cli_option(struct cli *c, int opt);

/* Write to @path, or to standard output if it is NULL or "-". What is no text is not written to a
 * terminal. Returns 0, or EXIT_FAILED after printing the failure. */
int cli_write(struct cli *c, const char *path, const void *data, size_t len, bool is_text);

/* Write the document to standard output. */
int cli_print_json(struct cli *c, struct json_writer *w);
