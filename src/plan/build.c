/* The order of a start, in one place. The files build-*.c decide the parts. */
#include "plan/build.h"

#include <errno.h>
#include <stdarg.h>

#include "base/str.h"
#include "base/sys.h"

const char *plan_origin(struct builder *b, const char *fmt, ...)
{
	char text[120];
	va_list ap;
	char *copy;

	va_start(ap, fmt);
	(void)str_vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	copy = arena_strdup(b->arena, text);
	return copy ? copy : "";
}

plan_slot plan_add_slot(struct builder *b, struct plan_slot_source source)
{
	struct plan *p = b->plan;

	if (p->n_slots == p->cap_slots) {
		size_t cap = MAX(p->cap_slots * 2, (size_t)8);
		struct plan_slot_source *slots = arena_newn(b->arena, struct plan_slot_source, cap);

		if (!slots) {
			b->block.failed = true;
			return PLAN_NO_SLOT;
		}
		if (p->n_slots > 0)
			memcpy(slots, p->slots, p->n_slots * sizeof(*slots));
		p->slots = slots;
		p->cap_slots = cap;
	}
	p->slots[p->n_slots] = source;
	return (plan_slot)p->n_slots++;
}

int plan_unsupported(struct builder *b, const char *where)
{
	(void)err_set(b->e, ERR_UNSUPPORTED, -EOPNOTSUPP, "not implemented yet");
	return err_where(b->e, "%s", where);
}

void plan_warn(struct builder *b, const char *where, const char *fmt, ...)
{
	struct plan *p = b->plan;
	struct err *list = p->warnings;
	char text[sizeof(list->text)];
	va_list ap;

	if (p->n_warnings == p->cap_warnings) {
		p->cap_warnings = MAX(p->cap_warnings * 2, (size_t)4);
		list = arena_newn(b->arena, struct err, p->cap_warnings);
		if (!list) {
			b->block.failed = true;
			return;
		}
		if (p->n_warnings > 0)
			memcpy(list, p->warnings, p->n_warnings * sizeof(*list));
		p->warnings = list;
	}
	va_start(ap, fmt);
	(void)str_vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)err_set(&list[p->n_warnings], ERR_CONFIG_INVALID, -EINVAL, "%s", text);
	(void)err_where(&list[p->n_warnings], "%s", where);
	p->n_warnings++;
}

/* What the specification has and we do not do yet must be refused, never skipped: a container
 * without a filter or a hook that was asked for is worse than none. */
static int refuse_platform(struct builder *b)
{
	const struct spec *s = b->spec;
	const char *other = s->has_solaris   ? "solaris"
			    : s->has_windows ? "windows"
			    : s->has_zos     ? "zos"
			    : s->has_freebsd ? "freebsd"
					     : NULL;

	if (s->has_vm)
		(void)err_set(b->e, ERR_UNSUPPORTED, -EOPNOTSUPP,
			      "containers here are processes, not virtual machines");
	else if (other)
		(void)err_set(b->e, ERR_UNSUPPORTED, -EOPNOTSUPP, "this is for another platform");
	else
		return 0;
	return err_where(b->e, "%s", s->has_vm ? "vm" : other);
}

static int refuse(struct builder *b)
{
	int r = b->options->purpose == PURPOSE_EXEC ? 0 : refuse_platform(b);

	if (b->process->command_line[0] != '\0')
		plan_warn(b, "process.commandLine", "this is for Windows, and not used here");
	if (b->process->user.username[0] != '\0')
		plan_warn(b, "process.user.username", "this is for Windows, and not used here");
	return r == 0 ? plan_annotations(b) : r;
}

static void builder_init(struct builder *b, struct arena *a, const struct spec *spec,
			 const struct spec_process *process, const struct facts *facts,
			 const struct plan_parameters *o, struct plan *plan, struct err *e)
{
	*plan = (struct plan){
		.purpose = o->purpose,
		.id = o->id,
		.rootfs = o->rootfs,
		.filter = {.receiver = "", .metadata = ""},
		.resctrl = {.group = "", .schemata = ""},
	};
	*b = (struct builder){
		.arena = a,
		.spec = spec,
		.process = process,
		.facts = facts,
		.options = o,
		.plan = plan,
		.hook_output = PLAN_NO_SLOT,
		.hook_errors = PLAN_NO_SLOT,
		.e = e,
	};
	block_init(&b->block, a);
}

static int finish(struct builder *b, struct plan_array argv, struct plan_array envp)
{
	if (b->plan->n_slots > PLAN_SLOTS_MAX)
		return err_set(
			b->e, ERR_CONFIG_INVALID, -E2BIG,
			"%zu mounts, devices and namespaces have to be opened outside, and %u "
			"are the most",
			b->plan->n_slots, PLAN_SLOTS_MAX);
	if (b->options->purpose != PURPOSE_MOUNTS) {
		b->plan->terminal = b->process->terminal;
		b->plan->has_oom_score_adj = b->process->has_oom_score_adj;
		b->plan->oom_score_adj = b->process->oom_score_adj;
	}
	b->plan->hooks = plan_creates(b->options->purpose) ? &b->spec->hooks : NULL;
	b->plan->child_ignored = b->facts->ignored_signals & (1ULL << (SIGCHLD - 1));
	return block_finish(&b->block, argv, envp, (uint32_t)b->plan->n_slots, &b->plan->block,
			    b->e);
}

int plan_build(struct arena *a, const struct spec *spec, const struct facts *facts,
	       const struct plan_parameters *o, struct plan *ret, struct err *e)
{
	struct plan_array argv = {0}, envp = {0};
	struct builder b;
	int r;

	builder_init(&b, a, spec, &spec->process, facts, o, ret, e);
	if (!spec->process.present) {
		(void)err_set(e, ERR_CONFIG_INVALID, -EINVAL, "required to create a container");
		return err_where(e, "process");
	}
	plan_resctrl(&b);
	r = refuse(&b);
	if (r == 0)
		r = plan_schedule(&b);
	if (r == 0)
		r = plan_cgroup_build(a, spec, facts, o->manager, o->id, &ret->cgroup, e);
	if (r == 0)
		r = plan_namespaces(&b);
	if (r == 0)
		r = plan_rootfs(&b);
	if (r == 0)
		r = plan_mounts(&b);
	if (r == 0)
		r = plan_devices(&b);
	if (r < 0)
		return r;
	/* The terminal needs devpts; the masks need /dev/null and every mount below them. */
	if (spec->process.terminal)
		plan_console(&b, true);
	plan_notify_mount(&b);
	r = plan_net_devices(&b);
	if (r == 0)
		r = plan_create_hooks(&b);
	if (r == 0)
		r = plan_namespace_values(&b);
	if (r == 0)
		r = plan_masks(&b);
	if (r == 0)
		r = plan_seccomp(&b);
	if (r == 0)
		r = plan_process(&b, &argv, &envp);
	if (r == 0)
		r = plan_process_end(&b);
	return r < 0 ? r : finish(&b, argv, envp);
}

int plan_build_exec(struct arena *a, const struct spec *spec, const struct spec_process *process,
		    const struct facts *facts, const struct plan_parameters *o, struct plan *ret,
		    struct err *e)
{
	struct plan_array argv = {0}, envp = {0};
	struct builder b;
	int r;

	builder_init(&b, a, spec, process, facts, o, ret, e);
	plan_resctrl(&b);
	r = refuse(&b);
	if (r == 0)
		r = plan_schedule(&b);
	if (r == 0)
		r = plan_exec_join(&b);
	if (r < 0)
		return r;
	if (process->terminal)
		plan_console(&b, false);
	r = plan_seccomp(&b);
	if (r == 0)
		r = plan_process(&b, &argv, &envp);
	if (r < 0)
		return r;
	/* Only now into the pid namespace: whoever watches its /proc, root with CAP_SYS_PTRACE too,
	 * sees a process that already has no more than it will have. */
	if (o->target_namespaces & CLONE_NEWPID)
		plan_add_CLONE(&b.block, "", (struct plan_flags){0});
	r = plan_process_end(&b);
	return r < 0 ? r : finish(&b, argv, envp);
}

/* The namespaces that matter for what is mounted: in the others nobody needs to be. */
static uint64_t namespaces_for(const struct spec *spec, bool remove)
{
	static const struct {
		const char *type;
		uint64_t flag;
	} needed[] = {{"sysfs", CLONE_NEWNET}, {"mqueue", CLONE_NEWIPC}};
	uint64_t flags = CLONE_NEWUSER | CLONE_NEWNS;

	for (size_t n = 0; n < spec->n_mounts && !remove; n++)
		for (size_t k = 0; k < ARRAY_SIZE(needed); k++)
			if (str_eq(spec->mounts[n].type, needed[k].type))
				flags |= needed[k].flag;
	return flags;
}

/* Not through links, and last one first: later mounts may lie on earlier ones. */
static int plan_unmounts(struct builder *b)
{
	for (size_t n = b->spec->n_mounts; n-- > 0;) {
		const char *path = b->spec->mounts[n].destination, *name = strrchr(path, '/') + 1;
		char *directory = arena_strndup(b->arena, path, (size_t)(name - path));

		if (!directory)
			return err_set(b->e, ERR_INTERNAL, -ENOMEM, "out of memory");
		plan_add_UNMOUNT(
			&b->block, plan_origin(b, "mounts[%u]", (unsigned)n),
			(struct plan_unmount){.directory = block_string(&b->block, directory),
					      .name = block_string(&b->block, name)});
	}
	return 0;
}

int plan_build_mounts(struct arena *a, const struct spec *spec, const struct facts *facts,
		      const struct plan_parameters *o, bool remove, struct plan *ret, struct err *e)
{
	uint64_t join = o->target_namespaces & namespaces_for(spec, remove);
	struct builder b;
	int r;

	builder_init(&b, a, spec, &spec->process, facts, o, ret, e);
	b.live = b.block.no_names = true;
	r = plan_live_join(&b, join, !remove);
	if (r == 0)
		r = remove ? plan_unmounts(&b) : plan_mounts(&b);
	if (r < 0)
		return r;
	plan_add_LEAVE(&b.block, "", (struct plan_none){0});
	return finish(&b, (struct plan_array){0}, (struct plan_array){0});
}
