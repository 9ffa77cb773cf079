/* A time namespace with offsets. They may be written only while nobody is in it, and then init
 * enters it, instead of being born there. */
#include "base/str.h"
#include "plan/build.h"

void plan_time_offsets(struct builder *b)
{
	const struct spec_linux *l = &b->spec->linux_;
	char *text = arena_strdup(b->arena, "");

	for (size_t n = 0; n < l->n_time_offsets && text; n++) {
		const struct spec_time_offset *t = &l->time_offsets[n];

		text = arena_format(b->arena, "%s%s%s %lld %u", text, n > 0 ? "\n" : "", t->clock,
				    (long long)t->secs, t->nanosecs);
	}
	if (!text)
		b->block.failed = true;
	b->plan->time_offsets = text;
	plan_add_TIME_OFFSETS(
		&b->block, "linux.timeOffsets",
		(struct plan_time_offsets){
			.path = block_string(&b->block, "/proc/self/ns/time_for_children"),
			.dumpable = (b->new_user_ns || b->joined_user_ns) && b->facts->euid != 0,
		});
}
