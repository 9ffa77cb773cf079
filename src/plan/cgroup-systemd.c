/* The scope that systemd is asked for: its name, its place, and what the configuration says of it.
 * Pure. */
#include <errno.h>

#include "base/str.h"
#include "plan/cgroup-internal.h"

#define NAME_MAX_UNIT 255

#define ANNOTATION_PREFIX "org.systemd.property."

static int no_memory(struct err *e)
{
	return err_sys(e, ERR_INTERNAL, -ENOMEM, "plan the cgroup");
}

static int path_invalid(struct err *e, const char *text)
{
	err_set(e, ERR_CONFIG_INVALID, -EINVAL, "%s", text);
	err_hint(e, "for example \"machine.slice:coracle:web\"; both of the first may be empty");
	return err_where(e, "linux.cgroupsPath");
}

/* --- properties ------------------------------------------------------------------------------- */

static int add_limits(struct scope *s)
{
	/* Its default would be a limit that nobody asked for. */
	int r = scope_add_u64(s, "u64", "TasksMax", UINT64_MAX);

	/* Nor does it end the container because the kernel killed one of its processes. */
	if (r == 0)
		r = scope_add(s, "-string", "OOMPolicy", "continue");
	return r < 0 ? r : scope_add_limits(s, false);
}

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* A number as GVariant's text format has it: without a type it has 32 bits, and a sign. */
static int add_number(struct scope *s, const char *name, const char *text)
{
	static const struct {
		const char *prefix, *type;
		uint64_t max;
		bool has_sign;
	} types[] = {
		{"uint64 ", "u64", UINT64_MAX, false}, {"uint32 ", "u32", UINT32_MAX, false},
		{"int64 ", "i64", INT64_MAX, true},    {"int32 ", "i32", INT32_MAX, true},
		{"", "i32", INT32_MAX, true},
	};
	size_t i = 0;
	uint64_t number;

	while (!str_starts(text, types[i].prefix))
		i++;
	text += strlen(types[i].prefix);
	if (str_to_u64(text + (types[i].has_sign && text[0] == '-'), &number) < 0 ||
	    number > types[i].max)
		return -EINVAL;
	return scope_add(s, types[i].type, name, text);
}

/* An annotation's value as busctl(1) writes it. */
static int add_annotation(struct scope *s, const struct str_pair *pair)
{
	const char *name = pair->key + strlen(ANNOTATION_PREFIX), *v = pair->value;
	size_t len = strlen(v);
	char *inner = NULL;
	bool sound =
		name[0] != '\0' && name[strspn(name, NAME_CHARACTERS)] == '\0' && !strchr(v, '\n');
	int r = -EINVAL;

	if (len >= 2 && (v[0] == '\'' || v[0] == '"') && v[len - 1] == v[0])
		inner = arena_strndup(s->arena, v + 1, len - 2);
	else if (len >= 4 && v[0] == '[' && v[len - 1] == ']')
		inner = arena_strndup(s->arena, v + 2, len - 4);
	if (inner && strpbrk(inner, "'\""))
		sound = false;
	if (sound && (str_eq(v, "true") || str_eq(v, "false")))
		r = scope_add(s, "bool", name, v);
	else if (sound && inner)
		r = scope_add(s, v[0] == '[' ? "strings" : "string", name, inner);
	else if (sound)
		r = add_number(s, name, v);
	if (r == 0 || s->e->id != ERR_NONE)
		return r;
	err_set(s->e, ERR_CONFIG_INVALID, r, "this is no value of a systemd property");
	err_hint(s->e, "true, 'text', ['text'], 5 or uint64 5");
	return err_where(s->e, "annotations[\"%s\"]", pair->key);
}

/* --- names ------------------------------------------------------------------------------------ */

static bool name_valid(const char *s)
{
	for (const char *p = s; *p; p++) {
		bool letter = (*p | 0x20) >= 'a' && (*p | 0x20) <= 'z';

		if (!letter && !(*p >= '0' && *p <= '9') && !strchr(":-_.\\@", *p))
			return false;
	}
	return *s && strlen(s) <= NAME_MAX_UNIT;
}

/* "a-b.slice" is in "a.slice": the path below the manager's root. */
static const char *slice_path(struct arena *a, const char *slice)
{
	size_t len = strlen(slice) - strlen(".slice");
	const char *path = "";

	if (str_eq(slice, "-.slice"))
		return "";
	for (size_t i = 1; path && i <= len; i++) {
		if (slice[i] == '-' || i == len)
			path = arena_format(a, "%s/%.*s.slice", path, (int)i, slice);
	}
	return path;
}

static bool slice_valid(const char *s)
{
	size_t len = strlen(s), tail = strlen(".slice");

	if (str_eq(s, "-.slice"))
		return true;
	return name_valid(s) && len > tail && str_eq(s + len - tail, ".slice") && s[0] != '-' &&
	       s[len - tail - 1] != '-' && !strstr(s, "--");
}

/* slice:prefix:name. */
static int name_scope(struct scope *s, const char *cgroups_path, const char *id, bool user)
{
	const char *first = strchr(cgroups_path, ':'), *second;
	const char *slice = user ? "user.slice" : "system.slice", *prefix = "coracle", *name = id;

	if (cgroups_path[0] != '\0') {
		second = first ? strchr(first + 1, ':') : NULL;
		if (!second || strchr(cgroups_path, '/'))
			return path_invalid(s->e, "with systemd this is \"slice:prefix:name\"");
		if (first > cgroups_path)
			slice = arena_strndup(s->arena, cgroups_path,
					      (size_t)(first - cgroups_path));
		prefix = arena_strndup(s->arena, first + 1, (size_t)(second - first - 1));
		name = second + 1;
	}
	if (!slice || !prefix)
		return no_memory(s->e);
	s->plan->unit = arena_format(s->arena, "%s%s%s.scope", prefix, prefix[0] ? "-" : "", name);
	if (!s->plan->unit)
		return no_memory(s->e);
	if (name[0] == '\0' || !name_valid(s->plan->unit))
		return path_invalid(s->e, "this makes no name of a systemd scope");
	if (!slice_valid(slice))
		return path_invalid(s->e, "its first part is not the name of a systemd slice");
	s->plan->path = arena_format(s->arena, "%s/%s", slice_path(s->arena, slice), s->plan->unit);
	return s->plan->path ? scope_add(s, "string", "Slice", slice) : no_memory(s->e);
}

int plan_cgroup_scope(struct arena *a, const struct spec *spec, const struct facts *facts,
		      const char *id, struct plan_cgroup *plan, struct err *e)
{
	struct scope s = {a, plan, e};
	int r;

	if (facts->cgroup.arrangement == CGROUP_V1 || facts->cgroup.arrangement == CGROUP_NONE) {
		err_set(e, ERR_CGROUP, -EOPNOTSUPP,
			"the systemd cgroup manager needs a host with cgroup v2");
		return err_hint(e, "--cgroup-manager=cgroupfs works here");
	}
	*e = (struct err){0};
	plan->unified = true;
	/* Where the scope has no cgroup of systemd's in one of them it gets one of ours. */
	if (facts->cgroup.arrangement == CGROUP_HYBRID) {
		r = plan_cgroup_use_v1(a, facts, plan, e);
		if (r < 0)
			return r;
	}
	plan->user_manager = facts->user_manager;
	r = name_scope(&s, spec->linux_.cgroups_path, id, plan->user_manager);
	if (r == 0)
		r = scope_add(&s, "string", "Description",
			      arena_format(a, "container %s", id) ?: "container");
	/* It is the runtime's to arrange, what fails does not linger, and it stops with the rest.
	 */
	if (r == 0)
		r = scope_add(&s, "bool", "Delegate", "true");
	if (r == 0)
		r = scope_add(&s, "bool", "DefaultDependencies", "false");
	if (r == 0)
		r = scope_add(&s, "string", "CollectMode", "inactive-or-failed");
	if (r == 0)
		r = add_limits(&s);
	for (size_t i = 0; r == 0 && i < spec->annotations.n; i++) {
		if (str_starts(spec->annotations.items[i].key, ANNOTATION_PREFIX))
			r = add_annotation(&s, &spec->annotations.items[i]);
	}
	return r;
}
