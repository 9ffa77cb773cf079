/* Becoming a user that the container does not have: the program believes it did. It has what rights
 * it had, which is why nobody should ask for this where it is not needed: docs/notify.md. */
#include <linux/capability.h>

#include "base/str.h"
#include "base/sys.h"
#include "notify/ask.h"

#define GROUPS_MAX 65536

/* Is one of the first @n arguments an id that the map does not have? */
static bool wants_unknown(const struct ask *q, const struct id_map *map, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!id_map_has(map, ask_u32(q, i)))
			return true;
	return false;
}

/* Which ids the call is about: how many arguments, of users or of groups. */
static unsigned count_ids(const char *call, bool *ret_groups)
{
	*ret_groups =
		str_eq(call, "setgid") || str_eq(call, "setregid") || str_eq(call, "setresgid");
	if (str_starts(call, "setres"))
		return 3;
	return str_starts(call, "setre") ? 2 : 1;
}

/* A list with a group that there is not, or where none may be set. */
static bool wants_unknown_groups(struct ask *q)
{
	uint32_t n = ask_u32(q, 0), id;

	if (n > GROUPS_MAX)
		return false;
	if (q->target.setgroups_denied)
		return true;
	for (uint32_t i = 0; i < n; i++) {
		if (target_read(&q->target, ask_u64(q, 1) + (uint64_t)i * sizeof(id), &id,
				sizeof(id)) < 0)
			return false;
		if (id == UINT32_MAX || !id_map_has(&q->target.gids, id))
			return true;
	}
	return false;
}

void handle_setid(struct ask *q)
{
	bool groups, is_list = str_eq(q->call, "setgroups"), unknown;
	unsigned n = count_ids(q->call, &groups);

	if (is_list)
		unknown = wants_unknown_groups(q);
	else
		unknown = wants_unknown(q, groups ? &q->target.gids : &q->target.uids, n);
	if (!unknown)
		answer_continue(q, "the container has these ids");
	else if (!target_can(&q->target, is_list || groups ? CAP_SETGID : CAP_SETUID))
		answer_error(q, -EPERM, "it may not change ids");
	else
		answer_value(q, 0, "the ids stay");
}
