/* coracle seccomp check: what compiles, and is probably not what was meant. */
#include "seccomp/tools/command.h"

#include <errno.h>
#include <stdio.h>

#include "base/str.h"
#include "seccomp/policy/check.h"
#include "seccomp/tools/input.h"

static const struct option long_options[] = {CLI_POLICY_OPTIONS, CLI_LONG_OPTIONS};

static const char *level_name(enum policy_level level)
{
	return level == POLICY_WARNING ? "warning" : "note";
}

static void print(struct cli *c, const struct input *in, const struct policy_finding *k)
{
	struct policy_message m = {.level = k->level, .text = k->text, .hint = k->hint};
	const char *text;

	if (k->place) {
		m.place = *k->place;
		text = policy_message_text(c->arena, &m);
		fputs(text ? text : k->text, stdout);
		return;
	}
	printf("%s: %s: %s%s%s\n", in->name, level_name(k->level), k->where,
	       k->where[0] ? ": " : "", k->text);
	if (k->hint[0])
		printf("  hint: %s\n", k->hint);
}

static int print_json(struct cli *c, const struct policy_findings *f)
{
	struct json_writer w;

	json_writer_init(&w, c->arena, true);
	json_array_begin(&w);
	for (const struct policy_finding *k = f->first; k; k = k->next) {
		json_object_begin(&w);
		json_kv_string(&w, "level", level_name(k->level));
		json_kv_string(&w, "text", k->text);
		if (k->place) {
			json_kv_string(&w, "file", k->place->file->name);
			json_kv_u64(&w, "line", k->place->line);
			json_kv_u64(&w, "column", k->place->column);
		}
		if (k->where[0])
			json_kv_string(&w, "where", k->where);
		if (k->hint[0])
			json_kv_string(&w, "hint", k->hint);
		json_object_end(&w);
	}
	json_array_end(&w);
	return cli_print_json(c, &w);
}

int command_check(struct cli *c, int argc, char **argv)
{
	struct policy_findings f = {.arena = c->arena};
	struct input in;
	int opt, status;

	while ((opt = getopt_long(argc, argv, CLI_SHORT, long_options, NULL)) != -1)
		if (!cli_option(c, opt))
			return cli_usage(c, "bad option: '%s'", argv[optind - 1]);
	if (argc - optind > 1)
		return cli_usage(c, "expected one FILE");
	status = input_read(c, argc > optind ? argv[optind] : "-", &in);
	if (status)
		return status;
	if (in.kind == INPUT_PROGRAM)
		return cli_usage(c, "%s is a program: its rules are not in it", in.name);
	if (in.kind == INPUT_POLICY)
		policy_check_rules(&in.map, &f);
	else
		policy_check_profile(&in.seccomp, &f);
	policy_check_verdicts(&in.policy, &f);
	if (f.failed) {
		struct err e = {0};

		(void)err_sys(&e, ERR_INTERNAL, -ENOMEM, "check %s", in.name);
		return cli_fail(c, &e);
	}
	if (c->json)
		status = print_json(c, &f);
	else
		for (const struct policy_finding *k = f.first; k; k = k->next)
			print(c, &in, k);
	return status ? status : f.n_warnings ? EXIT_FOUND : 0;
}
