/* Id-mapped mounts: which mapping, from where. The mapping of a mount is that of a user namespace:
 * ids inside are the file system's, ids outside are what the host sees. */
#include <errno.h>

#include "base/str.h"
#include "base/sys.h"
#include "oci/check.h"
#include "plan/build.h"

#define RANGES_MAX 340 /* lines of a map, user_namespaces(7) */

/* What is being read: "uids=0-1000-1#1-100000-65535;gids=@0-0-1". */
struct reader {
	struct builder *b;
	const char *at, *origin;
};

static int bad(struct reader *r, const char *what)
{
	(void)err_set(r->b->e, ERR_CONFIG_INVALID, -EINVAL, "%s at \"%s\"", what, r->at);
	(void)err_hint(r->b->e, "the form is idmap=uids=FROM-TO-COUNT#…;gids=FROM-TO-COUNT#…, "
				"with @ before FROM where TO is an id in the container");
	return err_where(r->b->e, "%s.options", r->origin);
}

/* A decimal number that ends at @end, "-" or a separator. */
static int read_number(struct reader *r, uint32_t *ret)
{
	uint64_t value = 0;
	const char *p = r->at;

	for (; *p >= '0' && *p <= '9'; p++) {
		value = value * 10 + (uint64_t)(*p - '0');
		if (value > UINT32_MAX)
			return bad(r, "a number that is no id");
	}
	if (p == r->at)
		return bad(r, "expected a number");
	r->at = p;
	*ret = (uint32_t)value;
	return 0;
}

/* The mappings of the container's user namespace; empty where there is none or it is unknown. */
static const struct spec_id_mappings *container_mappings(const struct builder *b, bool is_gid)
{
	if (b->new_user_ns)
		return is_gid ? &b->plan->idmap.gid : &b->plan->idmap.uid;
	return is_gid ? &b->spec->linux_.gid_mappings : &b->spec->linux_.uid_mappings;
}

static int push(struct reader *r, struct spec_id_mappings *m, struct spec_id_mapping range)
{
	if (m->n == RANGES_MAX)
		return bad(r, "too many ranges");
	m->items[m->n++] = range;
	return 0;
}

/* Its host ids are ids of the container: what they are on the host may be several ranges. */
static int push_relative(struct reader *r, struct spec_id_mappings *m, struct spec_id_mapping range,
			 bool is_gid)
{
	const struct spec_id_mappings *c = container_mappings(r->b, is_gid);

	while (range.size > 0) {
		struct spec_id_mapping part = {0};
		int error;

		for (size_t n = 0; n < c->n && part.size == 0; n++) {
			uint32_t into = range.host_id - c->items[n].container_id;

			if (range.host_id < c->items[n].container_id || into >= c->items[n].size)
				continue;
			part.container_id = range.container_id;
			part.host_id = c->items[n].host_id + into;
			part.size = MIN(range.size, c->items[n].size - into);
		}
		if (part.size == 0)
			return bad(r, "an id that the container's user namespace does not map");
		error = push(r, m, part);
		if (error < 0)
			return error;
		range.container_id += part.size;
		range.host_id += part.size;
		range.size -= part.size;
	}
	return 0;
}

static int read_range(struct reader *r, struct spec_id_mappings *m, bool is_gid)
{
	struct spec_id_mapping range = {0};
	uint32_t *const numbers[] = {&range.container_id, &range.host_id, &range.size};
	bool relative = *r->at == '@';

	r->at += relative;
	for (size_t n = 0; n < ARRAY_SIZE(numbers); n++) {
		int error;

		if (n > 0 && *r->at++ != '-') {
			r->at--;
			return bad(r, "expected \"-\"");
		}
		error = read_number(r, numbers[n]);
		if (error < 0)
			return error;
	}
	if (range.size == 0 || (uint64_t)range.container_id + range.size > UINT32_MAX ||
	    (uint64_t)range.host_id + range.size > UINT32_MAX)
		return bad(r, "an empty range, or one beyond the last id,");
	return relative ? push_relative(r, m, range, is_gid) : push(r, m, range);
}

static int read_ranges(struct reader *r, struct spec_id_mappings *m, bool is_gid)
{
	int error;

	if (m->n > 0)
		return bad(r, "the same kind of ids twice");
	m->items = arena_newn(r->b->arena, struct spec_id_mapping, RANGES_MAX);
	if (!m->items)
		return err_set(r->b->e, ERR_INTERNAL, -ENOMEM, "out of memory");
	do
		error = read_range(r, m, is_gid);
	while (error == 0 && *r->at == '#' && r->at++);
	if (error == 0 && *r->at != '\0' && *r->at != ';')
		return bad(r, "expected \"#\" or \";\"");
	return error;
}

static int read_mappings(struct reader *r, struct plan_idmap *map)
{
	int error = 0;

	while (error == 0 && *r->at != '\0') {
		bool is_gid = str_starts(r->at, "gids=");

		if (!is_gid && !str_starts(r->at, "uids="))
			return bad(r, "expected \"uids=\" or \"gids=\"");
		r->at += 5;
		error = read_ranges(r, is_gid ? &map->gid : &map->uid, is_gid);
		if (error == 0 && *r->at == ';')
			r->at++;
	}
	/* The kernel wants both; what is not said is as in the container. */
	if (map->uid.n == 0)
		map->uid = *container_mappings(r->b, false);
	if (map->gid.n == 0)
		map->gid = *container_mappings(r->b, true);
	if (error == 0 && (map->uid.n == 0 || map->gid.n == 0))
		return bad(r,
			   "needs both uids and gids without a user namespace to take them from");
	return error;
}

static bool same_mappings(const struct spec_id_mappings *a, const struct spec_id_mappings *b)
{
	return a->n == b->n &&
	       (a->n == 0 || memcmp(a->items, b->items, a->n * sizeof(*a->items)) == 0);
}

/* The entry for @wanted: one for all mounts with the same mapping. */
static const struct plan_mount_userns *intern(struct builder *b,
					      const struct plan_mount_userns *wanted)
{
	struct plan_mount_userns *u;

	for (u = b->plan->mount_userns; u; u = u->next)
		if (str_eq(u->path, wanted->path) && same_mappings(&u->map.uid, &wanted->map.uid) &&
		    same_mappings(&u->map.gid, &wanted->map.gid))
			return u;
	u = arena_new(b->arena, struct plan_mount_userns);
	if (!u) {
		b->block.failed = true;
		return NULL;
	}
	*u = *wanted;
	u->index = b->plan->n_mount_userns++;
	u->next = b->plan->mount_userns;
	b->plan->mount_userns = u;
	return u;
}

static int check_mappings(struct builder *b, const struct plan_idmap *map, const char *origin)
{
	int r = check_id_mappings(&map->uid, plan_origin(b, "%s.uidMappings", origin), b->e);

	return r < 0 ? r
		     : check_id_mappings(&map->gid, plan_origin(b, "%s.gidMappings", origin), b->e);
}

int plan_mount_idmap(struct builder *b, const struct spec_mount *m, const char *text,
		     const char *origin, const struct plan_mount_userns **ret)
{
	const struct spec_namespace *user = spec_namespace_find(b->spec, NS_USER);
	struct plan_mount_userns u = {.path = "", .origin = origin};
	struct reader r = {.b = b, .at = text ? text : "", .origin = origin};
	int error = 0;

	u.map.wanted = true;
	u.map.by_helper = !b->facts->may_map_ids;
	if (text && m->uid_mappings.n > 0)
		return bad(&r,
			   "the mount has uidMappings already, but its option has mappings too");
	if (m->uid_mappings.n > 0) {
		u.map.uid = m->uid_mappings;
		u.map.gid = m->gid_mappings;
	} else if (text) {
		error = read_mappings(&r, &u.map);
	} else if (b->new_user_ns) {
		u.map.uid = b->plan->idmap.uid;
		u.map.gid = b->plan->idmap.gid;
	} else if (user) {
		u.path = user->path;
	} else {
		(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL,
			      "an id-mapped mount needs uidMappings and gidMappings, or a user "
			      "namespace to take them from");
		return err_where(b->e, "%s.options", origin);
	}
	if (error == 0)
		error = check_mappings(b, &u.map, origin);
	if (error < 0)
		return error;
	if (!b->facts->admin) {
		(void)err_set(b->e, ERR_PERMISSION, -EPERM,
			      "an id-mapped mount needs CAP_SYS_ADMIN over the file system");
		return err_where(b->e, "%s", origin);
	}
	*ret = intern(b, &u);
	return 0;
}
