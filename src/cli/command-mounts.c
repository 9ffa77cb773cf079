/* coracle mounts add|remove|list: crun's form for the first two. */
#include "cli/command.h"

#include <errno.h>

#include "base/str.h"

static int list(struct invocation *inv, const char *id, struct err *e)
{
	struct spec_mount *mounts;
	struct json_writer w;
	size_t n;
	int r = container_mounts(&inv->rt, id, &mounts, &n, e);

	if (r < 0)
		return r;
	json_writer_init(&w, inv->rt.arena, true);
	spec_mounts_write(&w, mounts, n);
	return command_print_json(&w, e);
}

static int run(struct invocation *inv, struct err *e)
{
	const char *verb = inv->args.items[0], *id = inv->args.items[1];
	const char *file = inv->args.n > 2 ? inv->args.items[2] : NULL;
	bool add = str_eq(verb, "add");

	if (!add && !str_eq(verb, "remove") && !str_eq(verb, "list")) {
		(void)err_set(e, ERR_USAGE, -EINVAL,
			      "mounts: expected add, remove or list, got \"%s\"", verb);
		return err_hint(e, "`coracle mounts --help` shows what it takes");
	}
	if (str_eq(verb, "list"))
		return file ? err_set(e, ERR_USAGE, -EINVAL, "mounts: too many arguments: \"%s\"",
				      file)
			    : list(inv, id, e);
	if (!file) {
		(void)err_set(e, ERR_USAGE, -EINVAL, "mounts: missing argument FILE");
		return err_hint(e,
				"an array as \"mounts\" of config.json is one; \"-\" is standard "
				"input");
	}
	return add ? container_mounts_add(&inv->rt, id, file, e)
		   : container_mounts_remove(&inv->rt, id, file, e);
}

const struct command command_mounts = {
	.name = "mounts",
	.summary = "add mounts to a running container, remove and list them",
	.positionals = {{.name = "VERB", .help = "what to do", .choices = "add|remove|list"},
			POSITIONAL_ID,
			{.name = "FILE",
			 .help = "JSON: \"mounts\" as in config.json; \"-\" is standard input",
			 .optional = true}},
	.run = run,
};
