/* The state document, written and read. Pure. */
#include "container/state.h"

#include <errno.h>

#include "base/json.h"
#include "base/str.h"
#include "oci/names.h"

static const char *const phase_names[] = {
	[PHASE_CREATING] = "creating",
	[PHASE_CREATED] = "created",
	[PHASE_RUNNING] = "running",
};

static const char *const manager_names[] = {
	[CGROUP_MANAGER_CGROUPFS] = "cgroupfs",
	[CGROUP_MANAGER_SYSTEMD] = "systemd",
	[CGROUP_MANAGER_DISABLED] = "disabled",
};

static const char *const hook_names[] = {"startContainer", "poststart", "poststop"};

/* --- writing ---------------------------------------------------------------------------------- */

static void write_cgroup(struct json_writer *w, const struct cgroup_ref *c)
{
	json_key(w, "cgroup");
	json_object_begin(w);
	json_kv_string(w, "manager", manager_names[c->manager]);
	if (c->user_manager)
		json_kv_bool(w, "userManager", true);
	json_kv_string(w, "unified", c->unified_dir ? c->unified_dir : "");
	json_key(w, "v1");
	json_array_begin(w);
	for (size_t n = 0; n < c->n_v1; n++)
		json_string(w, c->v1_dirs[n]);
	json_array_end(w);
	json_object_end(w);
}

static void write_root(struct json_writer *w, const struct shared_root *s)
{
	json_kv_u64(w, "mountNamespaceInode", s->namespace_inode);
	json_kv_u64(w, "coveredMount", s->covered);
	if (s->mount_ns[0] != '\0')
		json_kv_string(w, "mountNamespace", s->mount_ns);
	if (s->user_ns[0] != '\0')
		json_kv_string(w, "userNamespace", s->user_ns);
}

static void write_hooks(struct json_writer *w, uint32_t hooks)
{
	json_key(w, "hooks");
	json_array_begin(w);
	for (size_t n = 0; n < ARRAY_SIZE(hook_names); n++)
		if (hooks & (1U << n))
			json_string(w, hook_names[n]);
	json_array_end(w);
}

/* Nothing where there are none, as for most containers of people. */
static void write_pipes(struct json_writer *w, const uint64_t pipes[static STATE_PIPES])
{
	uint64_t any = 0;

	for (size_t n = 0; n < STATE_PIPES; n++)
		any |= pipes[n];
	if (any == 0)
		return;
	json_key(w, "pipes");
	json_array_begin(w);
	for (size_t n = 0; n < STATE_PIPES; n++)
		json_u64(w, pipes[n]);
	json_array_end(w);
}

static void write_annotations(struct json_writer *w, const struct str_map *m)
{
	json_key(w, "annotations");
	json_object_begin(w);
	for (size_t n = 0; n < m->n; n++)
		json_kv_string(w, m->items[n].key, m->items[n].value);
	json_object_end(w);
}

int state_format(struct arena *a, const struct state *s, const char **ret, size_t *ret_len,
		 struct err *e)
{
	struct json_writer w;

	json_writer_init(&w, a, false);
	json_object_begin(&w);
	json_kv_u64(&w, "version", STATE_VERSION);
	json_kv_string(&w, "id", s->id);
	json_kv_string(&w, "phase", phase_names[s->phase]);
	json_kv_i64(&w, "pid", s->pid);
	json_kv_u64(&w, "startTime", s->start_time);
	json_kv_string(&w, "ociVersion", s->oci_version);
	json_kv_string(&w, "bundle", s->bundle);
	json_kv_string(&w, "rootfs", s->rootfs);
	json_kv_string(&w, "created", s->created);
	json_kv_u64(&w, "owner", s->owner);
	json_key(&w, "namespaces");
	json_array_begin(&w);
	for (enum ns_type t = 0; t < NS_MAX; t++)
		if (s->namespaces & ns_clone_flag(t))
			json_string(&w, ns_type_name(t));
	json_array_end(&w);
	if (s->root.namespace_inode != 0)
		write_root(&w, &s->root);
	write_cgroup(&w, &s->cgroup);
	if (s->resctrl.group && s->resctrl.group[0] != '\0')
		json_kv_string(&w, "resctrlGroup", s->resctrl.group);
	if (s->resctrl.monitor && s->resctrl.monitor[0] != '\0')
		json_kv_string(&w, "resctrlMonitor", s->resctrl.monitor);
	if (s->has_exit_status)
		json_kv_u64(&w, "exitStatus", s->exit_status);
	if (s->hooks != 0)
		write_hooks(&w, s->hooks);
	write_pipes(&w, s->pipes);
	write_annotations(&w, &s->annotations);
	json_object_end(&w);
	if (json_writer_finish(&w, ret, ret_len) < 0)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct reader {
	struct json json;
	struct arena *arena;
	struct state *state;
	struct err *e;
	bool has_version;
};

static int damaged(struct reader *r, const char *key)
{
	return err_set(r->e, ERR_STATE_DOCUMENT, -EBADMSG, "\"%s\" is damaged", key);
}

static int index_of(const char *const *names, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(names[i], text))
			return (int)i;
	return -EINVAL;
}

/* A list of strings, at most @max of them. */
static int read_strings(struct reader *r, const struct json_value *v, const char **list, size_t max,
			size_t *ret_n)
{
	size_t n = 0;
	int more;

	if (v->type != JSON_ARRAY)
		return -EBADMSG;
	while ((more = json_next_item(&r->json, n == 0, r->e)) > 0) {
		struct json_value item;
		int q = json_read(&r->json, &item, r->e);

		if (q < 0 || item.type != JSON_STRING || n == max)
			return -EBADMSG;
		list[n++] = item.text;
	}
	*ret_n = n;
	return more;
}

static int read_namespaces(struct reader *r, const struct json_value *v)
{
	const char *names[NS_MAX];
	size_t n = 0;
	int q = read_strings(r, v, names, NS_MAX, &n);

	for (size_t i = 0; i < n && q == 0; i++) {
		int type = ns_type_from_name(names[i]);

		if (type < 0)
			return type;
		r->state->namespaces |= ns_clone_flag((enum ns_type)type);
	}
	return q;
}

static int read_hooks(struct reader *r, const struct json_value *v)
{
	const char *names[ARRAY_SIZE(hook_names)];
	size_t n;
	int q = read_strings(r, v, names, ARRAY_SIZE(names), &n);

	for (size_t i = 0; i < n && q == 0; i++) {
		int hook = index_of(hook_names, ARRAY_SIZE(hook_names), names[i]);

		if (hook < 0)
			return hook;
		r->state->hooks |= 1U << hook;
	}
	return q;
}

static int read_pipes(struct reader *r, const struct json_value *v)
{
	size_t n = 0;
	int more;

	if (v->type != JSON_ARRAY)
		return -EBADMSG;
	while ((more = json_next_item(&r->json, n == 0, r->e)) > 0) {
		struct json_value item;
		int q = json_read(&r->json, &item, r->e);

		if (q < 0 || item.type != JSON_NUMBER || n == STATE_PIPES)
			return -EBADMSG;
		q = json_to_u64(&item, &r->state->pipes[n++]);
		if (q < 0)
			return q;
	}
	return more;
}

static int read_cgroup(struct reader *r, const struct json_value *v)
{
	struct cgroup_ref *c = &r->state->cgroup;
	struct json_value item;
	bool first = true;
	char *key;
	int q;

	if (v->type != JSON_OBJECT)
		return -EBADMSG;
	for (; (q = json_next_key(&r->json, first, &key, r->e)) > 0; first = false) {
		q = json_read(&r->json, &item, r->e);
		if (q == 0 && str_eq(key, "manager") && item.type == JSON_STRING) {
			q = index_of(manager_names, ARRAY_SIZE(manager_names), item.text);
			c->manager = (enum cgroup_manager)MAX(q, 0);
		} else if (q == 0 && str_eq(key, "userManager") &&
			   (item.type == JSON_TRUE || item.type == JSON_FALSE)) {
			c->user_manager = item.type == JSON_TRUE;
		} else if (q == 0 && str_eq(key, "unified") && item.type == JSON_STRING) {
			c->unified_dir = item.text;
		} else if (q == 0 && str_eq(key, "v1")) {
			q = read_strings(r, &item, c->v1_dirs, CGROUP_V1_MAX, &c->n_v1);
		} else if (q == 0) {
			q = -EBADMSG;
		}
		if (q < 0)
			return q;
	}
	return q;
}

static int read_annotations(struct reader *r, const struct json_value *v)
{
	struct str_map *m = &r->state->annotations;
	size_t cap = 0;
	char *key;
	int q;

	if (v->type != JSON_OBJECT)
		return -EBADMSG;
	while ((q = json_next_key(&r->json, m->n == 0, &key, r->e)) > 0) {
		struct json_value item;

		if (m->n == cap) {
			size_t bigger = MAX(cap * 2, (size_t)16);
			struct str_pair *items = arena_newn(r->arena, struct str_pair, bigger);

			if (!items)
				return -ENOMEM;
			if (m->n > 0)
				memcpy(items, m->items, m->n * sizeof(*items));
			m->items = items;
			cap = bigger;
		}
		if (json_read(&r->json, &item, r->e) < 0 || item.type != JSON_STRING)
			return -EBADMSG;
		m->items[m->n++] = (struct str_pair){key, item.text};
	}
	return q;
}

/* Where a string value goes, or NULL if @key does not name one. */
static const char **string_field(struct state *s, const char *key)
{
	const struct {
		const char *key;
		const char **field;
	} rows[] = {
		{"id", &s->id},
		{"ociVersion", &s->oci_version},
		{"bundle", &s->bundle},
		{"rootfs", &s->rootfs},
		{"created", &s->created},
		{"mountNamespace", &s->root.mount_ns},
		{"userNamespace", &s->root.user_ns},
		{"resctrlGroup", &s->resctrl.group},
		{"resctrlMonitor", &s->resctrl.monitor},
	};

	for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
		if (str_eq(rows[n].key, key))
			return rows[n].field;
	return NULL;
}

static int read_number(struct reader *r, const char *key, const struct json_value *v)
{
	struct state *s = r->state;
	uint64_t number;

	if (v->type != JSON_NUMBER || json_to_u64(v, &number) < 0)
		return -EBADMSG;
	if (str_eq(key, "version")) {
		r->has_version = true;
		return number == STATE_VERSION ? 0 : -EBADMSG;
	}
	if (str_eq(key, "startTime")) {
		s->start_time = number;
		return 0;
	}
	if (str_eq(key, "mountNamespaceInode")) {
		s->root.namespace_inode = number;
		return 0;
	}
	if (str_eq(key, "coveredMount")) {
		s->root.covered = number;
		return 0;
	}
	if (str_eq(key, "pid") && number <= INT32_MAX) {
		s->pid = (pid_t)number;
		return 0;
	}
	if (str_eq(key, "exitStatus") && number <= UINT8_MAX) {
		s->has_exit_status = true;
		s->exit_status = (uint32_t)number;
		return 0;
	}
	if (str_eq(key, "owner") && number <= UINT32_MAX) {
		s->owner = (uint32_t)number;
		return 0;
	}
	return -EBADMSG;
}

static int read_value(struct reader *r, const char *key, const struct json_value *v)
{
	const char **field = string_field(r->state, key);
	int q;

	if (field && v->type == JSON_STRING) {
		*field = v->text;
		return 0;
	}
	if (str_eq(key, "phase") && v->type == JSON_STRING) {
		q = index_of(phase_names, ARRAY_SIZE(phase_names), v->text);
		r->state->phase = (enum state_phase)MAX(q, 0);
		return q < 0 ? q : 0;
	}
	if (str_eq(key, "namespaces"))
		return read_namespaces(r, v);
	if (str_eq(key, "cgroup"))
		return read_cgroup(r, v);
	if (str_eq(key, "hooks"))
		return read_hooks(r, v);
	if (str_eq(key, "pipes"))
		return read_pipes(r, v);
	if (str_eq(key, "annotations"))
		return read_annotations(r, v);
	return read_number(r, key, v);
}

static int read_document(struct reader *r)
{
	struct json_value v;
	bool first = true;
	char *key;
	int q = json_read(&r->json, &v, r->e);

	if (q == 0 && v.type != JSON_OBJECT)
		return damaged(r, "document");
	while (q == 0 && (q = json_next_key(&r->json, first, &key, r->e)) > 0) {
		first = false;
		q = json_read(&r->json, &v, r->e);
		if (q == 0 && read_value(r, key, &v) < 0)
			return damaged(r, key);
	}
	return q < 0 ? q : json_finish(&r->json, r->e);
}

int state_parse(struct arena *a, char *text, size_t len, struct state *ret, struct err *e)
{
	struct state s = {
		.id = "",
		.oci_version = "",
		.bundle = "",
		.rootfs = "",
		.created = "",
		.root = {.mount_ns = "", .user_ns = ""},
		.cgroup.unified_dir = "",
		.resctrl = {.group = "", .monitor = ""},
	};
	struct reader r = {.arena = a, .state = &s, .e = e};
	int q;

	json_init(&r.json, text, len);
	q = read_document(&r);
	if (q == 0 && !r.has_version)
		q = damaged(&r, "version");
	if (q < 0) {
		e->id = ERR_STATE_DOCUMENT;
		return q;
	}
	*ret = s;
	return 0;
}

void state_write_oci(struct json_writer *w, const struct state *s, enum container_status status)
{
	json_object_begin(w);
	json_kv_string(w, "ociVersion", s->oci_version);
	json_kv_string(w, "id", s->id);
	json_kv_string(w, "status", container_status_name(status));
	if (status != CONTAINER_STOPPED)
		json_kv_i64(w, "pid", s->pid);
	json_kv_string(w, "bundle", s->bundle);
	json_key(w, "annotations");
	json_object_begin(w);
	for (size_t n = 0; n < s->annotations.n; n++)
		json_kv_string(w, s->annotations.items[n].key, s->annotations.items[n].value);
	json_object_end(w);
	json_object_end(w);
}
