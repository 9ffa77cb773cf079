/* linux.intelRdt: in which group of resctrl the container's processes are, and what the group may
 * use. The host half makes and enters it (host/resctrl.c); init has no part in it. */
#include <errno.h>

#include "base/str.h"
#include "plan/build.h"

/* One more line for the file "schemata"; NULL when memory ran out, before or now. */
static const char *add_line(struct arena *a, const char *text, const char *line)
{
	return text && line[0] != '\0' ? arena_format(a, "%s%s\n", text, line) : text;
}

int plan_resctrl_group(struct arena *a, const struct spec_intel_rdt *rdt, const char *id,
		       struct plan_resctrl *ret)
{
	/* The specification's order (config-linux.md, "IntelRdt"). */
	const char *lines = add_line(a, add_line(a, "", rdt->l3_cache_schema), rdt->mem_bw_schema);
	bool own = rdt->clos_id[0] == '\0';

	for (size_t n = 0; n < rdt->schemata.n; n++)
		lines = add_line(a, lines, rdt->schemata.items[n]);
	if (!lines)
		return -ENOMEM;
	*ret = (struct plan_resctrl){
		.wanted = true,
		.own = own,
		.may_make = own || lines[0] != '\0',
		.group = own                         ? id
			 : str_eq(rdt->clos_id, "/") ? ""
						     : rdt->clos_id,
		.schemata = lines,
		/* The first two, of versions before 1.3, are what the third one is now. */
		.monitoring = rdt->enable_cmt || rdt->enable_mbm || rdt->enable_monitoring,
	};
	return 0;
}

void plan_resctrl(struct builder *b)
{
	if (b->spec->linux_.has_intel_rdt &&
	    plan_resctrl_group(b->arena, &b->spec->linux_.intel_rdt, b->options->id,
			       &b->plan->resctrl) < 0)
		b->block.failed = true;
}
