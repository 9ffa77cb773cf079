/* What the commands of coracle-image share. Only they, and this, print. */
#pragma once

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/json.h"
#include "companion/tool.h"
#include "image/progress.h"
#include "image/scan.h"

struct cli {
	struct tool tool;
	bool json;         /* results as JSON */
	bool quiet;        /* no progress */
	const char *store; /* the image store; NULL: the default one */
	struct progress progress;
};

/* Print the failure and return the exit status for it: 1. */
int cli_fail(struct cli *c, const struct err *e);

/* A warning, on one line; not a failure. */
void cli_warn(struct cli *c, const char *fmt, ...) _printf_(2, 3);

/* Describe what is wrong with the command line of the command, and return 1 after printing it. */
int cli_usage(struct cli *c, const char *fmt, ...) _printf_(2, 3);

/* The options that all commands take, and the one of those that have to do with an image store:
 * call with what getopt_long() returned. 1: it was one, go on; 0: not ours. */
#define CLI_LONG_OPTIONS                                                                           \
	{"json", no_argument, NULL, CLI_JSON}, {"quiet", no_argument, NULL, 'q'},                  \
		{"log-format", required_argument, NULL, CLI_LOG_FORMAT},                           \
		{"help", no_argument, NULL, 'h'},                                                  \
	{                                                                                          \
		NULL, 0, NULL, 0                                                                   \
	}
#define CLI_STORE_OPTION                                                                           \
	{                                                                                          \
		"store", required_argument, NULL, CLI_STORE                                        \
	}
enum cli_option {
	CLI_JSON = 1000,
	CLI_LOG_FORMAT,
	CLI_STORE,
	CLI_OWN, /* commands count from here */
};
int cli_option(struct cli *c, int opt);

/* Write the document to standard output. 0, or 1 after printing the failure. */
int cli_print_json(struct cli *c, struct json_writer *w);

/* "on"/"require", "try", "off" and "sha256", "sha512" and so on; false for other words. */
bool cli_parse_verity(const char *word, enum verity_want *ret);
bool cli_parse_xattrs(const char *word, enum scan_xattrs *ret);

/* A digest in hexadecimal, with "sha256:" or "sha512:" before it or not. */
bool cli_parse_digest(const char *text, enum image_hash *ret_hash, uint8_t *ret_digest);
