/* NOTIFY(handler): the filter tells the agent only that a call was made, so that who is to answer
 * is the agent's configuration, which is made of the same rules. Pure. */
#include "seccomp/tools/agent.h"

#include <linux/seccomp.h>

#include "base/str.h"

#define AUDIT "audit"

static bool has_helper(const struct policy_map *map, const struct policy_statement *s)
{
	return (s->action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF && s->helper &&
	       map->used[s->number];
}

/* Whether a rule before @s has named the same. */
static bool is_repeated(const struct policy_map *map, const struct policy_statement *s)
{
	for (const struct policy_statement *k = map->rules->first; k != s; k = k->next)
		if (has_helper(map, k) && str_eq(k->helper, s->helper))
			return true;
	return false;
}

static bool is_audited(const struct policy_statement *s)
{
	return s->helper && str_eq(s->helper, AUDIT);
}

/* Whether some rule that says "audit" decides about @call on some architecture. */
static bool call_is_audited(const struct policy_map *map, unsigned call)
{
	for (size_t i = 0; i < map->n_archs; i++) {
		const struct policy_range *range;
		uint32_t nr;

		if (syscall_number(call, map->archs[i].arch, &nr) < 0)
			continue;
		range = policy_find_range(map, map->archs[i].arch, nr);
		if (range && is_audited(range->otherwise))
			return true;
		for (const struct policy_case *k = range ? range->cases : NULL; k; k = k->next)
			if (is_audited(k->statement))
				return true;
	}
	return false;
}

bool agent_write_profile(const struct policy_map *map, struct json_writer *w)
{
	bool any = false;

	json_object_begin(w);
	json_key(w, "profiles");
	json_object_begin(w);
	json_key(w, "default");
	json_object_begin(w);
	json_key(w, "handlers");
	json_array_begin(w);
	for (const struct policy_statement *s = map->rules->first; s; s = s->next) {
		if (!has_helper(map, s))
			continue;
		any = true;
		if (!is_audited(s) && !is_repeated(map, s))
			json_string(w, s->helper);
	}
	json_array_end(w);
	json_key(w, AUDIT);
	json_array_begin(w);
	for (unsigned i = 0; i < SYSCALL_COUNT; i++)
		if (call_is_audited(map, i))
			json_string(w, syscall_name(i));
	json_array_end(w);
	json_object_end(w);
	json_object_end(w);
	json_object_end(w);
	return any;
}
