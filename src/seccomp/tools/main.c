/* coracle-seccomp: policies, and questions about filters. Runs on the host's side, never near a
 * container's processes. One program: `coracle seccomp COMMAND`. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "base/str.h"
#include "seccomp/tools/command.h"

#include "config.h"

static const struct tool_command commands[] = {
	{"compile", "[FILE]", "make a filter of a policy or a profile",
	 "  -f, --format FORMAT   raw (default), annotation, base64, c, or oci\n"
	 "  -o, --output FILE     write to FILE (default: standard output)\n",
	 true, command_compile},
	{"check", "[FILE]", "find what is wrong, or dangerous, in a policy or a profile", "", true,
	 command_check},
	{"explain", "FILE CALL [ARG]...", "tell what happens to a call, and which rule says so", "",
	 true, command_explain},
	{"disasm", "[FILE]", "show the program behind a filter, a policy or a profile", "", true,
	 command_disasm},
	{"diff", "A B", "compare two of them by what they mean",
	 "      --all             show every difference, also where B is stricter\n", true,
	 command_diff},
	{"convert", "[FILE]", "make a policy of a profile, or a profile of a policy",
	 "  -o, --output FILE     write to FILE (default: standard output)\n", true,
	 command_convert},
	{"trace", "[--] PROGRAM [ARGUMENT]...", "make a policy of what a program does",
	 "  -o, --output FILE     write to FILE (default: standard error)\n"
	 "      --arguments       tell sockets, ioctls and the like by what they are for\n"
	 "      --deny ACTION     for everything else (default: ERRNO(EPERM))\n",
	 false, command_trace},
	{"dump", "PID", "show the filters that a process is under",
	 "  -f, --format FORMAT   text (default), or raw with --index\n"
	 "      --index N         only this one; 0 was loaded last\n"
	 "  -o, --output FILE     write to FILE (default: standard output)\n",
	 false, command_dump},
	{NULL, NULL, NULL, NULL, false, NULL},
};

static const struct tool_command *find_command(const char *name)
{
	for (const struct tool_command *k = commands; k->name; k++)
		if (str_eq(k->name, name))
			return k;
	return NULL;
}

static void print_help(void)
{
	printf("Usage: coracle seccomp COMMAND [OPTION]... ARGUMENT...\n\n"
	       "Seccomp for people: a language for filters, and answers to questions about them.\n\n"
	       "Commands:\n");
	for (const struct tool_command *k = commands; k->name; k++)
		printf("  %-8s %s\n", k->name, k->summary);
	printf("\n'coracle seccomp COMMAND --help' shows the options of a command.\n");
}

/* What policies depend on, as this machine has it. */
static void find_defaults(struct policy_options *options)
{
	int native = seccomp_native_arch();
	struct utsname name;
	char *end;

	options->native = native < 0 ? SECCOMP_ARCH_X86_64 : (enum seccomp_arch)native;
	options->kernel = UINT16_MAX;
	if (uname(&name) == 0) {
		unsigned long major = strtoul(name.release, &end, 10);
		unsigned long minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;

		if (major > 0 && major < 256 && minor < 256)
			options->kernel = (uint16_t)(major << 8 | minor);
	}
}

int main(int argc, char **argv)
{
	struct arena arena;
	struct cli c = {.arena = &arena};
	int status;

	if (argc < 2 || str_eq(argv[1], "--help") || str_eq(argv[1], "-h") ||
	    str_eq(argv[1], "help")) {
		c.command = argc > 2 ? find_command(argv[2]) : NULL;
		if (c.command)
			cli_print_help(&c);
		else
			print_help();
		return argc < 2 ? EXIT_FAILED : 0;
	}
	if (str_eq(argv[1], "--version")) {
		printf("coracle-seccomp %s\n", CORACLE_VERSION);
		return 0;
	}
	c.command = find_command(argv[1]);
	if (!c.command) {
		struct err e = {0};

		(void)err_set(&e, ERR_USAGE, -EINVAL, "unknown command '%s'", argv[1]);
		(void)err_hint(&e, "try 'coracle seccomp --help'");
		return cli_fail(&c, &e);
	}
	arena_init(&arena, NULL, 0);
	find_defaults(&c.options);
	opterr = 0;
	status = c.command->run(&c, argc - 1, argv + 1);
	arena_done(&arena);
	return status;
}
