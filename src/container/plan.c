/* plan: what create or exec would do, shown. No side effects, no privileges. */
#include <errno.h>

#include "base/str.h"
#include "container/filter.h"
#include "container/load.h"
#include "container/mounts.h"
#include "container/process.h"
#include "plan/print.h"

static int plan_exec(struct runtime *rt, const struct plan_options *o, struct loaded *l,
		     struct plan *ret, struct err *e)
{
	struct exec_options options = {
		.process_file = o->process_file,
		.cwd = "",
		.apparmor = "",
		.process_label = "",
	};
	struct plan_parameters parameters = {
		.purpose = PURPOSE_EXEC,
		.id = o->id,
		.bundle = l->bundle,
		.rootfs = l->rootfs,
		.preserve_fds = o->preserve_fds,
		.target_namespaces = l->plan.namespaces,
	};
	struct spec_process *process = arena_new(rt->arena, struct spec_process);
	int r;

	if (!process)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	r = process_build(rt, &l->spec, &options, process, e);
	return r < 0 ? r
		     : plan_build_exec(rt->arena, &l->spec, process, &l->facts, &parameters, ret,
				       e);
}

static int plan_change(struct runtime *rt, const struct plan_options *o, struct loaded *l,
		       struct plan *ret, struct err *e)
{
	const struct plan_parameters parameters = {
		.purpose = PURPOSE_MOUNTS,
		.id = o->id,
		.bundle = l->bundle,
		.rootfs = l->rootfs,
		.target_namespaces = l->plan.namespaces,
	};
	bool remove = o->unmounts_file[0] != '\0';
	struct spec asked;
	int r = mounts_read(rt->arena, remove ? o->unmounts_file : o->mounts_file, &asked, e);

	if (r < 0)
		return r;
	l->spec.mounts = asked.mounts;
	l->spec.n_mounts = asked.n_mounts;
	return plan_build_mounts(rt->arena, &l->spec, &l->facts, &parameters, remove, ret, e);
}

int container_plan(struct runtime *rt, const struct plan_options *o, bool as_json,
		   const char **ret_text, struct err *e)
{
	struct load_options options = {
		.id = o->id,
		.bundle = o->bundle,
		.config_file = o->config,
		.facts_file = o->facts_file,
		.purpose = o->run ? PURPOSE_RUN : PURPOSE_CREATE,
		.no_pivot = o->no_pivot,
		.no_new_keyring = o->no_new_keyring,
		.preserve_fds = o->preserve_fds,
		.seccomp_store = filter_store(false),
		.compile_policy = filter_compile_policy,
	};
	struct json_writer w;
	struct loaded l;
	struct plan plan;
	size_t len;
	int r = load(rt, &options, &l, e);

	if (r < 0)
		return r;
	plan = l.plan;
	if (o->process_file[0] != '\0')
		r = plan_exec(rt, o, &l, &plan, e);
	else if (o->mounts_file[0] != '\0' || o->unmounts_file[0] != '\0')
		r = plan_change(rt, o, &l, &plan, e);
	if (r < 0)
		return r;
	if (as_json) {
		json_writer_init(&w, rt->arena, true);
		plan_print_json(&w, &plan);
		r = json_writer_finish(&w, ret_text, &len);
	} else {
		r = plan_print_text(rt->arena, &plan, ret_text);
	}
	return r < 0 ? err_set(e, ERR_INTERNAL, r, "out of memory") : 0;
}
