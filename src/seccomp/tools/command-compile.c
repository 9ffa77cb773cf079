/* coracle seccomp compile: a policy or a profile to what runtimes and programs take. */
#include "seccomp/tools/command.h"

#include <errno.h>

#include "base/str.h"
#include "seccomp/compile/compile.h"
#include "seccomp/compile/saved.h"
#include "seccomp/policy/check.h"
#include "seccomp/policy/to-oci.h"
#include "seccomp/tools/agent.h"
#include "seccomp/tools/input.h"

static const struct option long_options[] = {{"format", required_argument, NULL, 'f'},
					     {"output", required_argument, NULL, 'o'},
					     CLI_POLICY_OPTIONS,
					     CLI_LONG_OPTIONS};

static int no_memory(struct cli *c)
{
	struct err e = {0};

	(void)err_sys(&e, ERR_INTERNAL, -ENOMEM, "write the program");
	return cli_fail(c, &e);
}

/* RFC 4648, padded. NULL when memory is exhausted. */
static char *base64(struct arena *a, const void *data, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *bytes = data;
	char *text = arena_alloc(a, (len + 2) / 3 * 4 + 1);
	size_t n = 0;

	for (size_t i = 0; i < len && text; i += 3) {
		uint32_t group = (uint32_t)bytes[i] << 16;

		if (i + 1 < len)
			group |= (uint32_t)bytes[i + 1] << 8;
		if (i + 2 < len)
			group |= bytes[i + 2];
		text[n++] = digits[group >> 18];
		text[n++] = digits[group >> 12 & 63];
		text[n++] = i + 1 < len ? digits[group >> 6 & 63] : '=';
		text[n++] = i + 2 < len ? digits[group & 63] : '=';
	}
	return text;
}

static int write_annotation(struct cli *c, const char *path, const struct input *in, bool named)
{
	char *text =
		base64(c->arena, in->program.insns, in->program.n * sizeof(*in->program.insns));

	if (text)
		text = arena_format(c->arena, "%s%s\n", named ? SECCOMP_ANNOTATION_BPF "=" : "",
				    text);
	return text ? cli_write(c, path, text, strlen(text), true) : no_memory(c);
}

static int write_c(struct cli *c, const char *path, const struct input *in)
{
	size_t n = in->program.n, size = n * 40 + 200, len;
	char *text = arena_alloc(c->arena, size);

	if (!text)
		return no_memory(c);
	len = str_format(text, size,
			 "/* Made by coracle seccomp compile. */\n"
			 "static const struct sock_filter filter[%zu] = {\n",
			 n);
	for (size_t i = 0; i < n; i++) {
		const struct sock_filter *f = &in->program.insns[i];

		len += str_format(text + len, size - len, "\t{0x%02x, %u, %u, 0x%08x},\n", f->code,
				  f->jt, f->jf, f->k);
	}
	len += str_format(text + len, size - len, "};\n");
	return cli_write(c, path, text, len, true);
}

/* For the runtime: instructions and flags. */
static int write_saved(struct cli *c, const char *path, const struct input *in)
{
	const struct seccomp_saved saved = {.program = in->program, .receiver = "", .metadata = ""};
	char *bytes;
	size_t len;

	if (seccomp_saved_format(c->arena, &saved, &bytes, &len) < 0)
		return no_memory(c);
	return cli_write(c, path, bytes, len, false);
}

static int write_oci(struct cli *c, const char *path, struct input *in)
{
	struct policy_log log = {.arena = c->arena};
	const char *text;
	size_t len;
	int r;

	if (in->kind != INPUT_POLICY)
		return cli_usage(c, "%s is no policy", in->name);
	r = policy_to_oci(c->arena, &in->map, &text, &len, &log);
	cli_say(c, &log);
	if (r == -ENOMEM)
		return no_memory(c);
	return r < 0 ? EXIT_FAILED : cli_write(c, path, text, len, true);
}

/* For those who answer what the filter passes on. */
static int write_agent(struct cli *c, const char *path, const struct input *in)
{
	struct json_writer w;
	const char *text;
	size_t len;

	json_writer_init(&w, c->arena, true);
	if (in->kind != INPUT_POLICY || !agent_write_profile(&in->map, &w))
		return cli_usage(c, "no rule of %s names a handler: NOTIFY(chown)", in->name);
	if (json_writer_finish(&w, &text, &len) < 0)
		return no_memory(c);
	return cli_write(c, path, text, len, true);
}

/* What a rule that never decides was meant for is worth a word. */
static void warn_unused(struct cli *c, struct input *in)
{
	struct policy_findings f = {.arena = c->arena};

	if (in->kind != INPUT_POLICY)
		return;
	policy_check_unused(&in->map, &f);
	for (const struct policy_finding *k = f.first; k; k = k->next)
		(void)policy_say(&in->log, k->level, k->place, k->hint, "%s", k->text);
	cli_say(c, &in->log);
}

int command_compile(struct cli *c, int argc, char **argv)
{
	const char *format = "raw", *output = NULL;
	struct input in;
	int opt, status;

	while ((opt = getopt_long(argc, argv, CLI_SHORT "f:o:", long_options, NULL)) != -1) {
		if (opt == 'f')
			format = optarg;
		else if (opt == 'o')
			output = optarg;
		else if (!cli_option(c, opt))
			return cli_usage(c, "bad option: '%s'", argv[optind - 1]);
	}
	if (argc - optind > 1)
		return cli_usage(c, "expected one FILE");
	if (!str_eq(format, "raw") && !str_eq(format, "annotation") && !str_eq(format, "base64") &&
	    !str_eq(format, "c") && !str_eq(format, "oci") && !str_eq(format, "agent") &&
	    !str_eq(format, "saved"))
		return cli_usage(
			c, "no format is called '%s': raw, annotation, base64, c, oci or agent",
			format);
	status = input_read(c, argc > optind ? argv[optind] : "-", &in);
	if (status)
		return status;
	warn_unused(c, &in);
	if (str_eq(format, "oci"))
		return write_oci(c, output, &in);
	if (str_eq(format, "agent"))
		return write_agent(c, output, &in);
	if (str_eq(format, "c"))
		return write_c(c, output, &in);
	if (str_eq(format, "saved"))
		return write_saved(c, output, &in);
	if (str_eq(format, "raw"))
		return cli_write(c, output, in.program.insns,
				 in.program.n * sizeof(*in.program.insns), false);
	return write_annotation(c, output, &in, str_eq(format, "annotation"));
}
