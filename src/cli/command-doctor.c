/* coracle doctor: done by a program of its own, which the runtime never needs. */
#include "cli/command.h"

#include <errno.h>
#include <linux/limits.h>

#include "base/str.h"
#include "base/sys.h"
#include "host/companion.h"

struct doctor_options {
	const char *purpose, *scan;
	bool json, verbose, record;
};

static const struct option rows[] = {
	{.name = "for",
	 .type = OPTION_CHOICE,
	 .offset = offsetof(struct doctor_options, purpose),
	 .argument = "rootless|root|seccomp|checkpoint|images",
	 .help = "what to look at (default: containers of the caller's)"},
	{.name = "json",
	 .type = OPTION_FLAG,
	 .offset = offsetof(struct doctor_options, json),
	 .argument = "",
	 .help = "print one JSON object"},
	{.name = "verbose",
	 .type = OPTION_FLAG,
	 .offset = offsetof(struct doctor_options, verbose),
	 .argument = "",
	 .help = "say of every check what was tried, and why it matters"},
	{.name = "scan",
	 .type = OPTION_STRING,
	 .offset = offsetof(struct doctor_options, scan),
	 .argument = "DIR",
	 .help = "look below DIR for set-id files of subordinate ids"},
	{.name = "record",
	 .type = OPTION_FLAG,
	 .offset = offsetof(struct doctor_options, record),
	 .argument = "",
	 .help = "add today's subordinate ids to the ledger, and look at nothing"},
};

#define ARGUMENTS_MAX 12

static int run(struct invocation *inv, struct err *e)
{
	const struct doctor_options *o = inv->options;
	const char *argv[ARGUMENTS_MAX] = {"coracle-doctor"};
	char own[PATH_MAX];
	ssize_t len = sys_readlinkat(AT_FDCWD, "/proc/self/exe", own, sizeof(own) - 1);
	size_t n = 1;

	if (len > 0) {
		own[len] = '\0';
		argv[n++] = "--runtime";
		argv[n++] = own;
	}
	if (inv->rt.root[0] != '\0') {
		argv[n++] = "--root";
		argv[n++] = inv->rt.root;
	}
	if (o->purpose[0] != '\0') {
		argv[n++] = "--for";
		argv[n++] = o->purpose;
	}
	if (o->scan[0] != '\0') {
		argv[n++] = "--scan";
		argv[n++] = o->scan;
	}
	if (o->json)
		argv[n++] = "--json";
	if (o->verbose)
		argv[n++] = "--verbose";
	if (o->record)
		argv[n++] = "--record";
	argv[n] = NULL;
	/* execve() takes what it does not change as if it might. */
	return companion_exec("doctor", (char *const *)(const void *)argv, e);
}

const struct command command_doctor = {
	.name = "doctor",
	.summary = "try what containers need of this machine, and tell the cure for what fails",
	.options = OPTION_TABLE(rows, struct doctor_options),
	.run = run,
};
