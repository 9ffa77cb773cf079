/* coracle spec. */
#include "cli/command.h"

#include <errno.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "base/sys.h"
#include "oci/template.h"

struct spec_options {
	const char *bundle, *config;
	bool rootless;
};

static const struct option options[] = {
	{.name = "bundle",
	 .letter = 'b',
	 .type = OPTION_STRING,
	 .offset = offsetof(struct spec_options, bundle),
	 .argument = "DIR",
	 .fallback = ".",
	 .help = "directory to write to"},
	{.name = "config",
	 .letter = 'f',
	 .type = OPTION_STRING,
	 .offset = offsetof(struct spec_options, config),
	 .argument = "FILE",
	 .fallback = "config.json",
	 .help = "name of the file"},
	{.name = "file", /* crun's name for it */
	 .hidden = true,
	 .type = OPTION_STRING,
	 .offset = offsetof(struct spec_options, config),
	 .argument = "FILE",
	 .fallback = "config.json",
	 .help = "the same as --config"},
	{.name = "rootless",
	 .type = OPTION_FLAG,
	 .offset = offsetof(struct spec_options, rootless),
	 .argument = "",
	 .help = "for a user without privileges"},
};

static int write_new_file(int dirfd, const char *name, const char *text, size_t len, struct err *e)
{
	_cleanup_close_ int fd =
		sys_openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666);
	int r;

	if (fd == -EEXIST) {
		(void)err_set(e, ERR_IO, fd, "%s exists", name);
		return err_hint(e, "remove it first, or choose another name with --config");
	}
	if (fd < 0)
		return err_sys(e, ERR_IO, fd, "create %s", name);
	r = io_write_all(fd, text, len);
	if (r < 0) {
		(void)sys_unlinkat(dirfd, name, 0);
		return err_sys(e, ERR_IO, r, "write %s", name);
	}
	return 0;
}

static int run(struct invocation *inv, struct err *e)
{
	const struct spec_options *o = inv->options;
	struct template_options t = {
		.rootless = o->rootless,
		.uid = sys_geteuid(),
		.gid = sys_getegid(),
	};
	_cleanup_close_ int dir =
		sys_openat(AT_FDCWD, o->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	struct json_writer w;
	const char *text;
	size_t len;

	if (dir < 0)
		return err_sys(e, ERR_BUNDLE, dir, "open directory %s", o->bundle);
	json_writer_init(&w, inv->rt.arena, true);
	template_write(&t, &w);
	if (json_writer_finish(&w, &text, &len) < 0)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "compose the configuration");
	return write_new_file(dir, o->config, text, len, e);
}

const struct command command_spec = {
	.name = "spec",
	.summary = "write a config.json to start from",
	.options = OPTION_TABLE(options, struct spec_options),
	.run = run,
};
