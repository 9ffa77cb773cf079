/* Global options. Runs in the command-line half only. */
#include "cli/global.h"

#include <errno.h>
#include <limits.h>

#include "base/str.h"
#include "base/sys.h"
#include "cli/log.h"
#include "cli/trace.h"

#define AT(member) offsetof(struct global_options, member)

static const struct option rows[] = {
	{.name = "root",
	 .type = OPTION_STRING,
	 .offset = AT(root),
	 .argument = "DIR",
	 .help = "state directory (default: /run/coracle, or below XDG_RUNTIME_DIR)"},
	{.name = "log",
	 .type = OPTION_STRING,
	 .offset = AT(log),
	 .argument = "FILE",
	 .help = "report errors to FILE, journald:[NAME] or syslog:[NAME] too"},
	{.name = "log-format",
	 .type = OPTION_CHOICE,
	 .offset = AT(log_format),
	 .argument = "text|json",
	 .fallback = "text",
	 .help = "format of the log"},
	{.name = "log-level",
	 .type = OPTION_CHOICE,
	 .offset = AT(log_level),
	 .argument = "error|warning|debug",
	 .fallback = "error",
	 .help = "least severe messages to print"},
	{.name = "debug",
	 .type = OPTION_FLAG,
	 .offset = AT(debug),
	 .argument = "",
	 .help = "the same as --log-level debug"},
	{.name = "systemd-cgroup",
	 .type = OPTION_FLAG,
	 .offset = AT(systemd_cgroup),
	 .argument = "",
	 .help = "the same as --cgroup-manager systemd"},
	{.name = "cgroup-manager",
	 .type = OPTION_CHOICE,
	 .offset = AT(cgroup_manager),
	 .argument = "cgroupfs|systemd|disabled",
	 .help = "who makes cgroups (default: cgroupfs)"},
	{.name = "rootless",
	 .type = OPTION_CHOICE,
	 .offset = AT(rootless),
	 .argument = "auto|true|false",
	 .fallback = "auto",
	 .help = "accepted for compatibility; always detected"},
	{.name = "init",
	 .type = OPTION_CHOICE,
	 .offset = AT(init),
	 .argument = "auto|memfd|file",
	 .fallback = "auto",
	 .help = "where the program that enters containers is run from"},
	{.name = "trace-steps",
	 .type = OPTION_FLAG,
	 .offset = AT(trace_steps),
	 .argument = "",
	 .help = "say what the command did, and how long each part took"},
	{.name = "trace-picture",
	 .type = OPTION_STRING,
	 .offset = AT(trace_picture),
	 .argument = "FILE",
	 .help = "draw the same as a picture (SVG)"},
	{.name = "criu",
	 .hidden = true,
	 .type = OPTION_STRING,
	 .offset = AT(criu),
	 .argument = "FILE",
	 .help = "accepted for compatibility"},
	{.name = "version",
	 .letter = 'v',
	 .type = OPTION_FLAG,
	 .offset = AT(version),
	 .argument = "",
	 .help = "show the version and exit"},
	{.name = "", /* crun's spelling */
	 .letter = 'V',
	 .hidden = true,
	 .type = OPTION_FLAG,
	 .offset = AT(version),
	 .argument = "",
	 .help = "the same as --version"},
};

const struct option_table global_option_table = OPTION_TABLE(rows, struct global_options);

int global_open_log(const struct global_options *g, struct err *e)
{
	enum log_level level = LOG_ERROR;

	if (g->debug || str_eq(g->log_level, "debug"))
		level = LOG_DEBUG;
	else if (str_eq(g->log_level, "warning"))
		level = LOG_WARNING;
	return log_open(g->log, str_eq(g->log_format, "json"), level, e);
}

/* Make --root absolute: the paths that are saved below it must not depend on where we stand. */
static int resolve_root(struct arena *a, const char *root, const char **ret, struct err *e)
{
	char cwd[PATH_MAX];
	int r;

	if (root[0] == '\0' || root[0] == '/') {
		/* Everything below it is ours to remove. */
		if (root[0] == '/' && root[strspn(root, "/")] == '\0')
			return err_set(e, ERR_USAGE, -EINVAL, "option --root: / cannot be used");
		*ret = root;
		return 0;
	}
	r = sys_getcwd(cwd, sizeof(cwd));
	if (r >= 0 && cwd[0] != '/')
		r = -ENOENT;
	if (r < 0)
		return err_sys(e, ERR_STATE_DIR, r, "find the current directory for --root %s",
			       root);
	*ret = arena_format(a, "%s/%s", cwd, root);
	if (!*ret)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "resolve --root %s", root);
	return 0;
}

int global_resolve(const struct global_options *g, struct runtime *rt, struct err *e)
{
	if (g->trace_steps || g->trace_picture[0] != '\0') {
		rt->trace = arena_new(rt->arena, struct trace);
		if (!rt->trace)
			return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
		*rt->trace = (struct trace){0};
		trace_mark(rt->trace, "read the command line");
	}
	rt->init_mode = g->init;
	rt->warn = log_warning;
	rt->manager = CGROUP_MANAGER_CGROUPFS;
	rt->manager_given = g->systemd_cgroup || g->cgroup_manager[0] != '\0';
	/* An engine may give one and a user the other: the one that can say "disabled" decides. */
	if (str_eq(g->cgroup_manager, "disabled"))
		rt->manager = CGROUP_MANAGER_DISABLED;
	else if (str_eq(g->cgroup_manager, "systemd") ||
		 (g->systemd_cgroup && g->cgroup_manager[0] == '\0'))
		rt->manager = CGROUP_MANAGER_SYSTEMD;
	return resolve_root(rt->arena, g->root, &rt->root, e);
}

int global_show_trace(const struct global_options *g, struct runtime *rt, struct err *e)
{
	int r = 0;

	if (!rt->trace)
		return 0;
	if (g->trace_steps)
		r = trace_print(rt->arena, rt->trace, e);
	if (r == 0 && g->trace_picture[0] != '\0')
		r = trace_draw(rt->arena, rt->trace, g->trace_picture, e);
	return r;
}
