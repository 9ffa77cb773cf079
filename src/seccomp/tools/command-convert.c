/* coracle seccomp convert: profiles to policies and back. What comes out is read again, and proven
 * to say the same, before anybody gets it. */
#include "seccomp/tools/command.h"

#include <errno.h>

#include "base/str.h"
#include "seccomp/compile/emit.h"
#include "seccomp/policy/differ.h"
#include "seccomp/policy/from-oci.h"
#include "seccomp/policy/to-oci.h"
#include "seccomp/tools/input.h"

static const struct option long_options[] = {
	{"output", required_argument, NULL, 'o'}, CLI_POLICY_OPTIONS, CLI_LONG_OPTIONS};

static void count(void *context, const struct policy_difference *d)
{
	size_t *n = context;

	(void)d;
	++*n;
}

/* Does the policy @text say what the profile does? */
static int prove(struct cli *c, const struct input *in, const char *text, struct err *e)
{
	struct policy_log log = {.arena = c->arena};
	struct seccomp_program program = {0};
	struct seccomp_policy policy;
	struct policy_rules rules;
	struct policy_map map;
	size_t differences = 0;
	bool complete = true;
	int r = policy_parse(c->arena, "the converted policy", text, strlen(text), &c->options,
			     &rules, &log);

	if (r == 0)
		r = policy_map_rules(c->arena, &rules, &c->options, &map, &log);
	if (r == 0)
		r = policy_to_seccomp(c->arena, &map, &policy);
	if (r < 0) {
		cli_say(c, &log);
		return err_set(e, ERR_INTERNAL, r, "the converted policy is none");
	}
	r = seccomp_emit(c->arena, &policy, &program, e);
	if (r == 0)
		r = policy_differ(c->arena, &in->program, &program, count, &differences, &complete,
				  e);
	if (r == 0 && (differences || !complete))
		r = err_set(e, ERR_INTERNAL, -EINVAL,
			    "the converted policy cannot be proven to say the same");
	return r;
}

static int convert_profile(struct cli *c, const struct input *in, const char *output)
{
	struct err e = {0};
	const char *text;
	int r = policy_from_oci(c->arena, &in->seccomp, &in->policy, &text);

	if (r < 0)
		(void)err_sys(&e, ERR_INTERNAL, r, "convert the profile");
	else
		r = prove(c, in, text, &e);
	return r < 0 ? cli_fail(c, &e) : cli_write(c, output, text, strlen(text), true);
}

static int convert_policy(struct cli *c, struct input *in, const char *output)
{
	struct policy_log log = {.arena = c->arena};
	struct err e = {0};
	const char *text;
	size_t len;
	int r = policy_to_oci(c->arena, &in->map, &text, &len, &log);

	cli_say(c, &log);
	if (r == 0)
		return cli_write(c, output, text, len, true);
	if (r != -ENOMEM)
		return EXIT_FAILED;
	(void)err_sys(&e, ERR_INTERNAL, r, "convert the policy");
	return cli_fail(c, &e);
}

int command_convert(struct cli *c, int argc, char **argv)
{
	const char *output = NULL;
	struct input in;
	int opt, status;

	while ((opt = getopt_long(argc, argv, CLI_SHORT "o:", long_options, NULL)) != -1) {
		if (opt == 'o')
			output = optarg;
		else if (!cli_option(c, opt))
			return cli_usage(c, "bad option: '%s'", argv[optind - 1]);
	}
	if (argc - optind > 1)
		return cli_usage(c, "expected one FILE");
	status = input_read(c, argc > optind ? argv[optind] : "-", &in);
	if (status)
		return status;
	if (in.kind == INPUT_PROFILE)
		return convert_profile(c, &in, output);
	if (in.kind == INPUT_POLICY)
		return convert_policy(c, &in, output);
	return cli_usage(c, "%s is a program: what it was made of is not in it", in.name);
}
