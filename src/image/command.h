/* The commands of coracle-image, and what they share. Each returns an exit status; only this part
 * of the folder prints. */
#pragma once

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/json.h"
#include "image/progress.h"
#include "image/scan.h"

struct cli {
	const char *program; /* for messages: "coracle image", "mkcomposefs" */
	bool json;           /* results as JSON */
	bool log_json;       /* messages as JSON */
	bool quiet;          /* no progress */
	struct progress progress;
};

struct image_command {
	const char *name;
	const char *arguments;
	const char *summary;
	const char *help; /* the options, a line each */
	int (*run)(struct cli *c, int argc, char **argv);
};

extern const struct image_command image_commands[]; /* ends with a NULL name */

int command_build(struct cli *c, int argc, char **argv);
int command_info(struct cli *c, int argc, char **argv);
int command_dump(struct cli *c, int argc, char **argv);
int command_diff(struct cli *c, int argc, char **argv);
int command_check(struct cli *c, int argc, char **argv);
int command_mount(struct cli *c, int argc, char **argv);
int command_umount(struct cli *c, int argc, char **argv);

/* Other programs' names for us, with their arguments and outputs. */
int compat_mkcomposefs(int argc, char **argv);
int compat_composefs_info(int argc, char **argv);
int compat_mount_composefs(int argc, char **argv);

/* Print the failure and return the exit status for it: 1. */
int cli_fail(struct cli *c, const struct err *e);

/* A warning, on one line; not a failure. */
void cli_warn(struct cli *c, const char *fmt, ...) _printf_(2, 3);

/* Describe a wrong command line and return 1 after printing it. */
int cli_usage(struct cli *c, const char *command, const char *fmt, ...) _printf_(3, 4);

/* The options that all commands take: call with what getopt_long() returned. 1: it was one, go on;
 * 0: not ours. */
#define CLI_LONG_OPTIONS                                                                           \
	{"json", no_argument, NULL, CLI_JSON}, {"quiet", no_argument, NULL, 'q'},                  \
		{"log-format", required_argument, NULL, CLI_LOG_FORMAT},                           \
		{"help", no_argument, NULL, 'h'},                                                  \
	{                                                                                          \
		NULL, 0, NULL, 0                                                                   \
	}
enum cli_option {
	CLI_JSON = 1000,
	CLI_LOG_FORMAT,
	CLI_OWN, /* commands count from here */
};
int cli_option(struct cli *c, const char *command, int opt);

/* Write the document to standard output. 0, or 1 after printing the failure. */
int cli_print_json(struct cli *c, struct json_writer *w);

/* "on"/"require", "try", "off" and "sha256", "sha512" and so on; false for other words. */
bool cli_parse_verity(const char *word, enum verity_want *ret);
bool cli_parse_xattrs(const char *word, enum scan_xattrs *ret);

/* A digest in hexadecimal, with "sha256:" or "sha512:" before it or not. */
bool cli_parse_digest(const char *text, enum image_hash *ret_hash, uint8_t *ret_digest);
