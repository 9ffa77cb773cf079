/* Loading: files in, plan out. Host half, no side effects. */
#include "container/load.h"

#include <errno.h>

#include "base/io.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroup/probe.h"
#include "host/facts.h"

#define CONFIG_MAX (64 << 20)
#define FACTS_MAX  (1 << 20)

/* @path, absolute: relative ones start at @base ("" is the working directory). */
static const char *absolute(struct arena *a, const char *base, const char *path)
{
	char cwd[PATH_SIZE];

	if (path[0] == '/')
		return path;
	if (base[0] == '\0') {
		int n = sys_getcwd(cwd, sizeof(cwd));

		if (n < 0 || cwd[0] != '/')
			return NULL;
		base = cwd;
	}
	while (str_starts(path, "./"))
		path += 2;
	if (path[0] == '\0' || str_eq(path, "."))
		return arena_strdup(a, base);
	return arena_format(a, "%s/%s", str_eq(base, "/") ? "" : base, path);
}

static const char *config_name(const struct load_options *o)
{
	return o->config_file[0] != '\0' ? o->config_file : "config.json";
}

static int read_config(struct runtime *rt, const struct load_options *o, struct loaded *l,
		       struct err *e)
{
	const char *name = config_name(o), *path;
	char *text;
	int r;

	l->bundle = absolute(rt->arena, "", o->bundle);
	path = l->bundle ? absolute(rt->arena, l->bundle, name) : NULL;
	if (!path)
		return err_set(e, ERR_BUNDLE, -ENOENT, "the working directory is gone");
	r = io_read_file_at(rt->arena, AT_FDCWD, path, CONFIG_MAX, &text, &l->config_len);
	if (r < 0) {
		(void)err_sys(e, ERR_BUNDLE, r, "open \"%s\"", path);
		return r == -ENOENT ? err_hint(e, "a bundle is a directory with a config.json; "
						  "`coracle spec` makes one")
				    : r;
	}
	l->config = text;
	return 0;
}

int load_spec(struct runtime *rt, const char *text, size_t len, struct spec *ret, struct err *e)
{
	/* Parsing writes into the text, and the original is saved for exec. */
	char *copy = arena_strndup(rt->arena, text, len);
	int r;

	if (!copy)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	r = spec_parse(rt->arena, copy, len, ret, e);
	return r < 0 ? r : spec_check(ret, e);
}

/* Where the nodes lie in a new file system, init finds out whether it may make them by trying; what
 * lies in the root filesystem may be left from an earlier start. */
static bool makes_nodes_in_rootfs(const struct spec *spec)
{
	for (size_t n = 0; n < spec->n_mounts; n++)
		if (str_eq(spec->mounts[n].destination, "/dev"))
			return spec->linux_.n_devices > 0;
	return true;
}

int load_facts(struct runtime *rt, const struct spec *spec, const char *facts_file,
	       enum cgroup_manager manager, struct facts *ret, struct err *e)
{
	struct facts_needs needs = {
		.cgroup = true,
		.cgroup_v1 = plan_cgroup_needs_v1(spec),
		.devices = spec->linux_.resources.n_devices > 0,
		.nested = makes_nodes_in_rootfs(spec),
		.tree_namespaces =
			spec_namespace_find(spec, NS_MOUNT) && !spec_namespace_find(spec, NS_USER),
		.manager = manager == CGROUP_MANAGER_SYSTEMD,
		.sub_ids = spec_namespace_find(spec, NS_USER) && spec->linux_.uid_mappings.n == 0,
		.limits = spec->process.n_rlimits > 0 && spec_namespace_find(spec, NS_USER),
	};
	size_t len;
	char *text;
	int r;

	if (facts_file && facts_file[0] != '\0') {
		r = io_read_file_at(rt->arena, AT_FDCWD, facts_file, FACTS_MAX, &text, &len);
		if (r < 0)
			return err_sys(e, ERR_IO, r, "open \"%s\"", facts_file);
		r = facts_parse(rt->arena, text, len, ret, e);
		return r < 0 ? err_wrap(e, "%s", facts_file) : 0;
	}
	r = facts_probe(rt->arena, needs, ret, e);
	if (r == 0 && plan_cgroup_needs_self(spec, ret, manager))
		r = cgroup_probe(rt->arena, true, true, &ret->cgroup, e);
	return r;
}

int load_exec_facts(struct runtime *rt, const struct spec *spec, struct facts *ret, struct err *e)
{
	struct facts_needs needs = {.limits = spec_namespace_find(spec, NS_USER) != NULL};

	return facts_probe(rt->arena, needs, ret, e);
}

void load_warn(struct runtime *rt, const struct plan *plan)
{
	for (size_t n = 0; n < plan->n_warnings && rt->warn; n++)
		rt->warn(&plan->warnings[n]);
}

int load(struct runtime *rt, const struct load_options *o, struct loaded *ret, struct err *e)
{
	struct plan_parameters options = {
		.purpose = o->purpose,
		.id = o->id,
		.manager = rt->manager,
		.no_pivot = o->no_pivot,
		.no_new_keyring = o->no_new_keyring,
		.preserve_fds = o->preserve_fds,
		.listen_fds = o->listen_fds,
		.listen_names = o->listen_names,
		.notify_folder = o->notify_folder,
		.seccomp_receiver = o->seccomp_receiver,
		.seccomp_store = o->seccomp_store,
		.compile_policy = o->compile_policy,
	};
	int r;

	trace_mark(rt->trace, "read the configuration");
	r = read_config(rt, o, ret, e);
	if (r == 0) {
		r = load_spec(rt, ret->config, ret->config_len, &ret->spec, e);
		/* A place in the document names itself; without one the file is the place. */
		if (r < 0 && e->where[0] == '\0')
			return err_wrap(e, "%s", config_name(o));
	}
	if (r == 0)
		trace_mark(rt->trace, "ask the host for facts");
	if (r == 0 && o->network && plan_makes_network(&ret->spec))
		netns_begin(o->network);
	if (r == 0)
		r = load_facts(rt, &ret->spec, o->facts_file, rt->manager, &ret->facts, e);
	if (r < 0)
		return r;
	ret->rootfs = absolute(rt->arena, ret->bundle, ret->spec.root_path);
	if (!ret->rootfs)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	options.bundle = ret->bundle;
	options.rootfs = ret->rootfs;
	ret->has_notify = o->notify_folder != NULL;
	trace_mark(rt->trace, "plan");
	r = plan_build(rt->arena, &ret->spec, &ret->facts, &options, &ret->plan, e);
	if (r == 0)
		load_warn(rt, &ret->plan);
	return r;
}
