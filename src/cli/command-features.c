/* coracle features. */
#include "cli/command.h"

#include "host/companion.h"
#include "oci/features.h"
#include "plan/mount-options.h"
#include "seccomp/compile/features.h"

static int run(struct invocation *inv, struct err *e)
{
	struct features_context context = {
		.version = inv->version,
		.commit = inv->commit,
		.mount_options = plan_mount_option_names,
		.seccomp = &seccomp_features,
		.checkpoint = companion_is_installed("criu"),
	};
	struct json_writer w;

	json_writer_init(&w, inv->rt.arena, true);
	features_write(&context, &w);
	return command_print_json(&w, e);
}

const struct command command_features = {
	.name = "features",
	.summary = "print what this runtime supports as JSON",
	.run = run,
};
