/* The seccomp filter: compiled here, loaded by init with its last step before the exec, so that
 * nothing of ours runs under it but the exec itself. */
#include <errno.h>

#include "base/str.h"
#include "base/sys.h"
#include "oci/names.h"
#include "plan/build.h"
#include "seccomp/compile/compile.h"
#include "seccomp/compile/saved.h"

#define CAP_SYS_ADMIN         21 /* linux/capability.h */
#define SCHED_DEADLINE_POLICY 6  /* linux/sched.h */

static int read_annotation(struct builder *b, const char *text)
{
	uint32_t flags = 0;
	int r = seccomp_parse_flags(&b->spec->linux_.seccomp.flags, &flags, b->e);

	if (r == 0)
		r = seccomp_raw_from_base64(b->arena, text, flags, &b->plan->filter.program, b->e);
	return r < 0 ? err_where(b->e, "annotations[\"" SECCOMP_ANNOTATION_BPF "\"]") : 0;
}

#define WHERE_POLICY "annotations[\"" SECCOMP_ANNOTATION_POLICY "\"]"

/* What conditions of policies may ask for. */
static uint64_t bounding_set(const struct builder *b)
{
	const struct str_list *names = &b->process->capabilities.bounding;
	uint64_t set = 0;

	for (size_t i = 0; i < names->n; i++) {
		int capability = capability_from_name(names->items[i]);

		if (capability >= 0)
			set |= 1ULL << capability;
	}
	return set;
}

/* A program of its own compiles it, which is believed no more than an annotation's program is. */
static int read_policy(struct builder *b, const char *path)
{
	struct seccomp_program *p = &b->plan->filter.program;
	struct seccomp_saved saved;
	uint32_t flags = 0;
	char *bytes;
	size_t len;
	int r;

	if (spec_annotation(b->spec, SECCOMP_ANNOTATION_BPF)) {
		(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL,
			      "there is a program for the filter as well");
		return err_where(b->e, WHERE_POLICY);
	}
	if (path[0] != '/') {
		(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL,
			      "expected an absolute path, got \"%s\"", path);
		return err_where(b->e, WHERE_POLICY);
	}
	if (!b->options->compile_policy || b->facts->architecture < 0) {
		(void)err_set(b->e, ERR_UNSUPPORTED, -EOPNOTSUPP, "nothing compiles policies here");
		return err_where(b->e, WHERE_POLICY);
	}
	r = seccomp_parse_flags(&b->spec->linux_.seccomp.flags, &flags, b->e);
	if (r == 0)
		r = b->options->compile_policy(b->arena, path, bounding_set(b),
					       (enum seccomp_arch)b->facts->architecture, &bytes,
					       &len, b->e);
	if (r == 0)
		r = seccomp_saved_parse(b->arena, bytes, len, &saved, b->e);
	if (r < 0)
		return err_where(b->e, WHERE_POLICY);
	*p = saved.program;
	p->flags = seccomp_final_flags(p->flags | flags, p->notify);
	return 0;
}

static void warn(struct builder *b)
{
	if (b->plan->filter.program.complaint)
		plan_warn(b, "annotations[\"" SECCOMP_ANNOTATION_STORE "\"]", "%s",
			  b->plan->filter.program.complaint);
	for (const struct seccomp_warning *w = b->plan->filter.program.warnings; w; w = w->next)
		plan_warn(b,
			  plan_origin(b, "linux.seccomp.syscalls[%zu].names[%zu]", w->syscall,
				      w->name),
			  "%s", w->text);
}

/* The folder of compiled filters, if the configuration names one. */
static int find_store(struct builder *b, struct seccomp_store *store,
		      const struct seccomp_store **ret)
{
	const char *folder = spec_annotation(b->spec, SECCOMP_ANNOTATION_STORE);

	*ret = NULL;
	if (!folder)
		return 0;
	if (folder[0] != '/') {
		(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL,
			      "expected an absolute path, got \"%s\"", folder);
		return err_where(b->e, "annotations[\"" SECCOMP_ANNOTATION_STORE "\"]");
	}
	if (b->options->seccomp_store) {
		*store = *b->options->seccomp_store;
		store->folder = folder;
		*ret = store;
	}
	return 0;
}

static int compile(struct builder *b)
{
	struct seccomp_options options = {.native = (enum seccomp_arch)b->facts->architecture};
	struct seccomp_store store;
	int r;

	if (b->facts->architecture < 0) {
		(void)err_set(b->e, ERR_UNSUPPORTED, -EOPNOTSUPP,
			      "the numbers of this machine's system calls are not known");
		return err_where(b->e, "linux.seccomp");
	}
	r = plan_read_flag(b, SECCOMP_ANNOTATION_FAIL_UNKNOWN, &options.fail_unknown);
	if (r == 0)
		r = find_store(b, &store, &options.store);
	if (r == 0)
		r = seccomp_compile(b->arena, &b->spec->linux_.seccomp, &options,
				    &b->plan->filter.program, b->e);
	if (r == 0)
		warn(b);
	return r;
}

/* The kernel takes a filter from those that cannot gain privileges by exec any more, and from those
 * that have CAP_SYS_ADMIN over their user namespace. Of a new one init has all; into one that it
 * joins it comes with all. */
static int check_privilege(struct builder *b)
{
	if (b->process->no_new_privileges || b->new_user_ns || b->joined_user_ns ||
	    b->facts->capabilities & 1ULL << CAP_SYS_ADMIN)
		return 0;
	(void)err_set(b->e, ERR_PERMISSION, -EPERM,
		      "without process.noNewPrivileges a filter needs CAP_SYS_ADMIN");
	(void)err_hint(b->e, "set process.noNewPrivileges, or use a user namespace");
	return err_where(b->e, "linux.seccomp");
}

/* Who answers: the configuration, crun's annotation, crun's variable. */
static int plan_receiver(struct builder *b)
{
	const struct spec_seccomp *s = &b->spec->linux_.seccomp;
	const char *where = "linux.seccomp.listenerPath", *path = s->listener_path;

	if (path[0] == '\0') {
		path = spec_annotation(b->spec, SECCOMP_ANNOTATION_RECEIVER);
		if (path)
			where = "annotations[\"" SECCOMP_ANNOTATION_RECEIVER "\"]";
		else
			path = b->options->seccomp_receiver;
	}
	if (!path || path[0] == '\0') {
		(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL,
			      "required where an action is SCMP_ACT_NOTIFY");
		return err_where(b->e, "%s", where);
	}
	if (path[0] != '/') {
		(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL,
			      "expected an absolute path, got \"%s\"", path);
		return err_where(b->e, "%s", where);
	}
	if (b->plan->schedule.late && b->plan->schedule.has_scheduler &&
	    b->plan->schedule.policy == SCHED_DEADLINE_POLICY &&
	    !(b->plan->schedule.flags & SCHED_FLAG_RESET_ON_FORK)) {
		(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL,
			      "SCHED_DEADLINE with SCMP_ACT_NOTIFY needs SCHED_FLAG_RESET_ON_FORK");
		return err_where(b->e, "process.scheduler");
	}
	b->plan->filter.receiver = path;
	b->plan->filter.metadata = s->listener_metadata;
	return 0;
}

bool plan_has_filter(const struct spec *spec)
{
	return spec->linux_.has_seccomp || spec_annotation(spec, SECCOMP_ANNOTATION_BPF) ||
	       spec_annotation(spec, SECCOMP_ANNOTATION_POLICY);
}

int plan_seccomp(struct builder *b)
{
	const char *bpf = spec_annotation(b->spec, SECCOMP_ANNOTATION_BPF);
	const char *policy = spec_annotation(b->spec, SECCOMP_ANNOTATION_POLICY);
	int r;

	if (!plan_has_filter(b->spec))
		return 0;
	if (b->options->filter) {
		b->plan->filter = *b->options->filter;
		return check_privilege(b);
	}
	r = policy ? read_policy(b, policy) : bpf ? read_annotation(b, bpf) : compile(b);
	if (r == 0)
		r = check_privilege(b);
	return r == 0 && b->plan->filter.program.notify ? plan_receiver(b) : r;
}

uint64_t plan_seccomp_capability(const struct builder *b)
{
	return b->plan->filter.program.n > 0 && !b->process->no_new_privileges
		       ? 1ULL << CAP_SYS_ADMIN
		       : 0;
}

void plan_seccomp_load(struct builder *b)
{
	const struct seccomp_program *p = &b->plan->filter.program;

	if (p->n == 0)
		return;
	plan_add_SECCOMP(
		&b->block,
		spec_annotation(b->spec, SECCOMP_ANNOTATION_POLICY) ? WHERE_POLICY
		: spec_annotation(b->spec, SECCOMP_ANNOTATION_BPF)
			? "annotations[\"" SECCOMP_ANNOTATION_BPF "\"]"
			: "linux.seccomp",
		(struct plan_seccomp){
			.program = block_array(&b->block, p->insns, p->n, sizeof(*p->insns)),
			.flags = p->flags,
			.notify = p->notify,
		});
}
