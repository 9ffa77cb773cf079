/* coracle plan. */
#include "cli/command.h"

#include "base/str.h"

struct plan_words {
	struct plan_options o;
	const char *format;
};

#define AT_O(member) offsetof(struct plan_words, o.member)

static const struct option options[] = {
	OPTION_BUNDLE(struct plan_options),
	OPTION_CONFIG(struct plan_options),
	{.name = "facts",
	 .type = OPTION_STRING,
	 .offset = AT_O(facts_file),
	 .argument = "FILE",
	 .help = "plan for the host that FILE describes (default: this one)"},
	{.name = "process",
	 .letter = 'p',
	 .type = OPTION_STRING,
	 .offset = AT_O(process_file),
	 .argument = "FILE",
	 .help = "plan an exec of the process in this JSON file"},
	{.name = "add-mounts",
	 .type = OPTION_STRING,
	 .offset = AT_O(mounts_file),
	 .argument = "FILE",
	 .help = "plan `mounts add` of the mounts in this JSON file"},
	{.name = "remove-mounts",
	 .type = OPTION_STRING,
	 .offset = AT_O(unmounts_file),
	 .argument = "FILE",
	 .help = "plan `mounts remove` of the mounts in this JSON file"},
	{.name = "run",
	 .type = OPTION_FLAG,
	 .offset = AT_O(run),
	 .argument = "",
	 .help = "plan what run would do, not create"},
	{.name = "format",
	 .type = OPTION_CHOICE,
	 .offset = offsetof(struct plan_words, format),
	 .argument = "text|json",
	 .fallback = "text",
	 .help = "what to print"},
	OPTION_NO_PIVOT(struct plan_options),
	OPTION_NO_NEW_KEYRING(struct plan_options),
	OPTION_PRESERVE_FDS(struct plan_options),
};

/* The shared rows above give offsets in struct plan_options. */
_Static_assert(offsetof(struct plan_words, o) == 0, "plan_options must come first");

static int run(struct invocation *inv, struct err *e)
{
	struct plan_words *words = inv->options;
	const char *text;
	int r;

	words->o.id = inv->args.n > 0 ? inv->args.items[0] : "container";
	r = container_plan(&inv->rt, &words->o, str_eq(words->format, "json"), &text, e);
	if (r < 0)
		return r;
	return command_print(text, strlen(text), e);
}

const struct command command_plan = {
	.name = "plan",
	.summary = "print what create would do for a bundle, without doing it",
	.positionals = {{.name = "ID",
			 .help = "the id to plan with (default: container)",
			 .optional = true,
			 .is_new = true}},
	.options = OPTION_TABLE(options, struct plan_words),
	.run = run,
};
