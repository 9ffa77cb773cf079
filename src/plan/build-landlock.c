/* Landlock, by an annotation: what the container's processes may do with files, ports and others,
 * for good. Rights are the kernel's numbers, handed on as they are, so that those of a kernel that
 * is newer than we are can be used; one that the kernel does not know is an error, never left out.
 */
#include <errno.h>

#include "base/str.h"
#include "plan/build.h"

#define ANNOTATION "run.oci.coracle.landlock"
#define ORIGIN     "annotations[\"" ANNOTATION "\"]"

static int wrong(struct builder *b, const char *what)
{
	(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL, "%s", what);
	return err_where(b->e, ORIGIN);
}

static int check(struct builder *b, const struct spec_landlock *l)
{
	if (!b->process->no_new_privileges)
		return wrong(b, "Landlock needs process.noNewPrivileges");
	if (l->handled_fs == 0 && l->handled_net == 0 && l->scoped == 0)
		return wrong(b,
			     "nothing is restricted: handledAccessFS, handledAccessNet and scoped "
			     "are 0");
	for (size_t n = 0; n < l->n_rules; n++) {
		const struct spec_landlock_rule *r = &l->rules[n];

		if (r->access == 0 || r->paths.n + r->n_ports == 0)
			return wrong(b, "a rule needs access, and paths or ports");
		if ((r->paths.n > 0 && r->access & ~l->handled_fs) ||
		    (r->n_ports > 0 && r->access & ~l->handled_net))
			return wrong(b, "a rule allows what is not restricted");
		for (size_t k = 0; k < r->paths.n; k++)
			if (r->paths.items[k][0] != '/')
				return wrong(b, "paths must be absolute");
	}
	return 0;
}

static void add_step(struct builder *b, const struct spec_landlock *l)
{
	struct plan_landlock_rule *rules;
	size_t n_rules = 0, at = 0;

	for (size_t n = 0; n < l->n_rules; n++)
		n_rules += l->rules[n].paths.n + l->rules[n].n_ports;
	rules = arena_newn(b->arena, struct plan_landlock_rule, n_rules + 1);
	if (!rules) {
		b->block.failed = true;
		return;
	}
	for (size_t n = 0; n < l->n_rules; n++) {
		const struct spec_landlock_rule *r = &l->rules[n];

		for (size_t k = 0; k < r->paths.n; k++)
			rules[at++] = (struct plan_landlock_rule){
				.access = r->access,
				.path = block_string(&b->block, r->paths.items[k]),
			};
		for (size_t k = 0; k < r->n_ports; k++)
			rules[at++] = (struct plan_landlock_rule){.access = r->access,
								  .port = r->ports[k]};
	}
	plan_add_LANDLOCK(&b->block, ORIGIN,
			  (struct plan_landlock){
				  .fs = l->handled_fs,
				  .net = l->handled_net,
				  .scoped = l->scoped,
				  .rules = block_array(&b->block, rules, n_rules, sizeof(*rules)),
			  });
}

int plan_landlock(struct builder *b)
{
	const char *value = spec_annotation(b->spec, ANNOTATION);
	struct spec_landlock l;
	char *text;
	int r;

	if (!value)
		return 0;
	text = arena_strdup(b->arena, value);
	if (!text)
		return err_set(b->e, ERR_INTERNAL, -ENOMEM, "out of memory");
	r = spec_landlock_parse(b->arena, text, strlen(text), &l, b->e);
	if (r < 0) {
		if (b->e->where[0] != '\0')
			(void)err_wrap(b->e, "%s", b->e->where);
		b->e->where[0] = '\0';
		return err_where(b->e, ORIGIN);
	}
	r = check(b, &l);
	if (r == 0)
		add_step(b, &l);
	return r;
}
