/* coracle-seccomp: policies, and questions about filters. Runs on the host's side, never near a
 * container's processes. One program: `coracle seccomp COMMAND`. */
#include <stdlib.h>
#include <sys/utsname.h>

#include "seccomp/tools/command.h"

static const struct tool_command commands[] = {
	{"compile", "[FILE]", "make a filter of a policy or a profile",
	 "  -f, --format FORMAT   raw (default), annotation, base64, c, oci, or agent\n"
	 "  -o, --output FILE     write to FILE (default: standard output)\n" CLI_POLICY_HELP,
	 command_compile},
	{"check", "[FILE]", "find what is wrong, or dangerous, in a policy or a profile",
	 CLI_POLICY_HELP, command_check},
	{"explain", "FILE CALL [ARG]...", "tell what happens to a call, and which rule says so",
	 CLI_POLICY_HELP, command_explain},
	{"disasm", "[FILE]", "show the program behind a filter, a policy or a profile",
	 CLI_POLICY_HELP, command_disasm},
	{"diff", "A B", "compare two of them by what they mean",
	 "      --all             show every difference, also where B is stricter\n" CLI_POLICY_HELP,
	 command_diff},
	{"convert", "[FILE]", "make a policy of a profile, or a profile of a policy",
	 "  -o, --output FILE     write to FILE (default: standard output)\n" CLI_POLICY_HELP,
	 command_convert},
	{"trace", "[--] PROGRAM [ARGUMENT]...", "make a policy of what a program does",
	 "  -o, --output FILE     write to FILE (default: standard error)\n"
	 "      --arguments       tell sockets, ioctls and the like by what they are for\n"
	 "      --deny ACTION     for everything else (default: ERRNO(EPERM))\n",
	 command_trace},
	{"dump", "PID", "show the filters that a process is under",
	 "  -f, --format FORMAT   text (default), or raw with --index\n"
	 "      --index N         only this one; 0 was loaded last\n"
	 "  -o, --output FILE     write to FILE (default: standard output)\n",
	 command_dump},
	{NULL, NULL, NULL, NULL, NULL},
};

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
	struct cli c = {
		.tool = {.program = "coracle seccomp",
			 .file = "coracle-seccomp",
			 .about = "Seccomp for people: a language for filters, and answers to "
				  "questions about them.",
			 .help = "      --json            print the result as JSON\n",
			 .commands = commands,
			 .failed = EXIT_FAILED},
		.arena = &arena,
	};
	int status;

	arena_init(&arena, NULL, 0);
	find_defaults(&c.options);
	status = tool_run(&c.tool, &c, argc, argv);
	arena_done(&arena);
	return status;
}
