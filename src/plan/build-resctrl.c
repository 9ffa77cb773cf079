/* linux.intelRdt: in which group of resctrl the container's processes are, and what the group may
 * use. The host half makes and enters it (host/resctrl.c); init has no part in it. */
#include <errno.h>

#include "base/str.h"
#include "plan/build.h"

/* One more line for the file "schemata". */
static const char *add_line(struct builder *b, const char *text, const char *line)
{
	const char *more =
		line[0] != '\0' ? arena_format(b->arena, "%s%s\n", text ? text : "", line) : text;

	if (!more)
		b->block.failed = true;
	return more ? more : "";
}

void plan_resctrl(struct builder *b)
{
	const struct spec_intel_rdt *rdt = &b->spec->linux_.intel_rdt;
	struct plan_resctrl *p = &b->plan->resctrl;
	/* The specification's order (config-linux.md, "IntelRdt"). */
	const char *lines = add_line(b, "", rdt->l3_cache_schema);

	if (!b->spec->linux_.has_intel_rdt)
		return;
	lines = add_line(b, lines, rdt->mem_bw_schema);
	for (size_t n = 0; n < rdt->schemata.n; n++)
		lines = add_line(b, lines, rdt->schemata.items[n]);
	p->wanted = true;
	p->own = rdt->clos_id[0] == '\0';
	p->may_make = p->own || lines[0] != '\0';
	p->group = p->own ? b->options->id : str_eq(rdt->clos_id, "/") ? "" : rdt->clos_id;
	p->schemata = lines;
	/* The first two, of versions before 1.3, are what the third one is now. */
	p->monitoring = rdt->enable_cmt || rdt->enable_mbm || rdt->enable_monitoring;
}
