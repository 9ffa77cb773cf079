/* The seccomp filter: compiled here, loaded by init with its last step before the exec, so that
 * nothing of ours runs under it but the exec itself. */
#include <errno.h>

#include "base/str.h"
#include "base/sys.h"
#include "oci/names.h"
#include "plan/build.h"
#include "seccomp/compile/compile.h"

#define CAP_SYS_ADMIN 21 /* linux/capability.h */

static int read_annotation(struct builder *b, const char *text)
{
	uint32_t flags = 0;
	int r = seccomp_parse_flags(&b->spec->linux_.seccomp.flags, &flags, b->e);

	if (r == 0)
		r = seccomp_raw_from_base64(b->arena, text, flags, &b->filter, b->e);
	return r < 0 ? err_where(b->e, "annotations[\"" SECCOMP_ANNOTATION_BPF "\"]") : 0;
}

static void warn_names(struct builder *b)
{
	for (const struct seccomp_warning *w = b->filter.warnings; w; w = w->next)
		plan_warn(b,
			  plan_origin(b, "linux.seccomp.syscalls[%zu].names[%zu]", w->syscall,
				      w->name),
			  "%s", w->text);
}

static int compile(struct builder *b)
{
	struct seccomp_options options = {.native = (enum seccomp_arch)b->facts->architecture};
	int r;

	if (b->facts->architecture < 0) {
		(void)err_set(b->e, ERR_UNSUPPORTED, -EOPNOTSUPP,
			      "the numbers of this machine's system calls are not known");
		return err_where(b->e, "linux.seccomp");
	}
	r = plan_read_flag(b, SECCOMP_ANNOTATION_FAIL_UNKNOWN, &options.fail_unknown);

	if (r == 0)
		r = seccomp_compile(b->arena, &b->spec->linux_.seccomp, &options, &b->filter, b->e);
	if (r == 0)
		warn_names(b);
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

int plan_seccomp(struct builder *b)
{
	const char *bpf = spec_annotation(b->spec, SECCOMP_ANNOTATION_BPF);
	int r;

	if (!bpf && !b->spec->linux_.has_seccomp)
		return 0;
	r = bpf ? read_annotation(b, bpf) : compile(b);
	if (r == 0)
		r = check_privilege(b);
	if (r == 0 && b->filter.notify)
		return plan_unsupported(b, "linux.seccomp.listenerPath");
	return r;
}

uint64_t plan_seccomp_capability(const struct builder *b)
{
	return b->filter.n > 0 && !b->process->no_new_privileges ? 1ULL << CAP_SYS_ADMIN : 0;
}

void plan_seccomp_load(struct builder *b)
{
	const struct seccomp_program *p = &b->filter;

	if (p->n == 0)
		return;
	plan_add_SECCOMP(
		&b->block,
		spec_annotation(b->spec, SECCOMP_ANNOTATION_BPF)
			? "annotations[\"" SECCOMP_ANNOTATION_BPF "\"]"
			: "linux.seccomp",
		(struct plan_seccomp){
			.program = block_array(&b->block, p->insns, p->n, sizeof(*p->insns)),
			.flags = p->flags,
		});
}
