/* coracle seccomp disasm: the program behind a filter, a profile or a policy. */
#include "seccomp/tools/command.h"

#include <errno.h>

#include "base/str.h"
#include "seccomp/tools/disasm.h"
#include "seccomp/tools/input.h"

static const struct option long_options[] = {CLI_POLICY_OPTIONS, CLI_LONG_OPTIONS};

static int print_json(struct cli *c, const struct input *in)
{
	struct json_writer w;

	json_writer_init(&w, c->arena, true);
	json_array_begin(&w);
	for (size_t i = 0; i < in->program.n; i++) {
		const struct sock_filter *f = &in->program.insns[i];

		json_object_begin(&w);
		json_kv_u64(&w, "code", f->code);
		json_kv_u64(&w, "jt", f->jt);
		json_kv_u64(&w, "jf", f->jf);
		json_kv_u64(&w, "k", f->k);
		json_object_end(&w);
	}
	json_array_end(&w);
	return cli_print_json(c, &w);
}

int command_disasm(struct cli *c, int argc, char **argv)
{
	struct input in;
	const char *text;
	int opt, status;

	while ((opt = getopt_long(argc, argv, CLI_SHORT, long_options, NULL)) != -1)
		if (!cli_option(c, opt))
			return cli_usage(c, "bad option: '%s'", argv[optind - 1]);
	if (argc - optind > 1)
		return cli_usage(c, "expected one FILE");
	status = input_read(c, argc > optind ? argv[optind] : "-", &in);
	if (status || c->json)
		return status ? status : print_json(c, &in);
	text = disasm_text(c->arena, in.program.insns, in.program.n);
	if (!text) {
		struct err e = {0};

		(void)err_sys(&e, ERR_INTERNAL, -ENOMEM, "disassemble");
		return cli_fail(c, &e);
	}
	return cli_write(c, NULL, text, strlen(text), true);
}
