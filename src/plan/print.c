/* Showing a plan. The steps are walked once by tables (print-fields.c); text is the same names and
 * values as JSON, one line a step. */
#include "plan/print.h"

#include <errno.h>
#include <stdarg.h>

#include "base/str.h"
#include "base/sys.h"
#include "oci/names.h"
#include "plan/print-words.h"

/* --- text ------------------------------------------------------------------------------------- */

struct text {
	struct arena *arena;
	char *data;
	size_t len, cap;
	bool failed;
};

_printf_(2, 3) static void line(struct text *t, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = str_vformat(NULL, 0, fmt, ap);
	va_end(ap);
	if (t->len + n + 1 > t->cap) {
		size_t cap = MAX(t->cap * 2, t->len + n + 4096);
		char *data = arena_alloc(t->arena, cap);

		if (!data) {
			t->failed = true;
			return;
		}
		if (t->len > 0)
			memcpy(data, t->data, t->len);
		t->data = data;
		t->cap = cap;
	}
	va_start(ap, fmt);
	(void)str_vformat(t->data + t->len, t->cap - t->len, fmt, ap);
	va_end(ap);
	t->len += n;
}

static const char *slot_kind_name(enum plan_slot_kind kind)
{
	static const char *const names[] = {
		[SLOT_TREE] = "tree",     [SLOT_FILE] = "file",
		[SLOT_TARGET] = "target", [SLOT_LISTENER] = "listener",
		[SLOT_CGROUP] = "cgroup", [SLOT_INSTANCE] = "instance",
		[SLOT_ROOT] = "root",     [SLOT_APPEND] = "append",
		[SLOT_DEVICE] = "device", [SLOT_NETWORK] = "network",
		[SLOT_MOUNTS] = "mounts",
	};

	return names[kind];
}

static const char *purpose_name(enum plan_purpose p)
{
	static const char *const names[] = {
		[PURPOSE_CREATE] = "create",
		[PURPOSE_RUN] = "run",
		[PURPOSE_EXEC] = "exec",
		[PURPOSE_MOUNTS] = "mounts",
	};

	return names[p];
}

static const char *manager_name(enum cgroup_manager m)
{
	return m == CGROUP_MANAGER_SYSTEMD    ? "systemd"
	       : m == CGROUP_MANAGER_DISABLED ? "disabled"
					      : "cgroupfs";
}

static void text_write(struct text *t, const struct plan_cgroup_write *w)
{
	line(t, "  write %s=%s", w->file, w->value);
	if (w->else_file)
		line(t, " or %s=%s", w->else_file, w->else_value);
	line(t, "%s%s  # %s\n", w->if_there ? " if-there" : "", w->late ? " late" : "", w->origin);
}

static void text_cgroup(struct text *t, const struct plan_cgroup *c)
{
	line(t, "cgroup  manager=%s path=%s%s%s\n", manager_name(c->manager),
	     c->path && c->path[0] ? c->path : "-", c->unified ? " unified" : "",
	     c->optional ? " optional" : "");
	if (c->manager == CGROUP_MANAGER_SYSTEMD)
		line(t, "  scope %s of the %s's systemd\n", c->unit,
		     c->user_manager ? "user" : "host");
	for (size_t n = 0; n < c->n_properties; n++)
		line(t, "  property %s\n", c->properties[n]);
	if (c->delegated)
		line(t, "  delegated to=%u\n", c->owner);
	for (size_t n = 0; n < c->n_v1; n++)
		line(t, "  hierarchy %s\n", c->v1[n]->controllers);
	for (size_t n = 0; n < c->n_writes; n++)
		text_write(t, &c->writes[n]);
	if (c->n_device_program > 0)
		line(t, "  device-policy instructions=%u%s  # linux.resources.devices\n",
		     (unsigned)c->n_device_program, c->devices_late ? " late" : "");
	for (size_t n = 0; n < c->device_list.n; n++)
		line(t, "  device %s%s  # linux.resources.devices\n", c->device_list.items[n],
		     c->devices_late ? " late" : "");
}

static void text_maps(struct text *t, const char *name, const struct spec_id_mappings *m)
{
	for (size_t n = 0; n < m->n; n++)
		line(t, "  %s container=%u host=%u size=%u\n", name, m->items[n].container_id,
		     m->items[n].host_id, m->items[n].size);
}

static void text_cpus(struct text *t, const char *name, const uint64_t *bits, size_t n)
{
	struct words w = {0};

	for (size_t k = 0; k < n * 64; k++)
		if (bits[k / 64] >> k % 64 & 1)
			print_add_word(&w, "%u", (unsigned)k);
	if (n > 0)
		line(t, "cpus    %s=%s  # process.execCPUAffinity.%s\n", name, w.text, name);
}

static void text_schedule(struct text *t, const struct plan_schedule *s)
{
	if (s->has_scheduler)
		line(t,
		     "sched   policy=%u flags=%llu nice=%d priority=%u runtime=%llu deadline=%llu "
		     "period=%llu%s  # process.scheduler\n",
		     s->policy, (unsigned long long)s->flags, s->nice, s->priority,
		     (unsigned long long)s->runtime, (unsigned long long)s->deadline,
		     (unsigned long long)s->period, s->late ? " late" : "");
	if (s->has_io_priority)
		line(t, "io      class=%u priority=%u  # process.ioPriority\n",
		     s->io_priority >> 13, s->io_priority & 8191);
	text_cpus(t, "initial", s->initial_cpus, s->n_initial_cpus);
	text_cpus(t, "final", s->final_cpus, s->n_final_cpus);
	if (s->all_cpus && s->n_final_cpus == 0)
		line(t, "cpus    all\n");
}

static void text_resctrl(struct text *t, const struct plan_resctrl *p)
{
	if (!p->wanted)
		return;
	line(t, "resctrl group=/%s%s%s%s  # linux.intelRdt\n", p->group, p->own ? " own" : "",
	     p->may_make ? "" : " must-exist", p->monitoring ? " monitoring" : "");
	for (const char *s = p->schemata; s && *s != '\0'; s += strcspn(s, "\n") + 1)
		line(t, "        %.*s\n", (int)strcspn(s, "\n"), s);
}

/* Hooks of the host half; those of init are steps. */
static void text_hooks(struct text *t, const char *kind, const struct spec_hook_list *l)
{
	for (size_t n = 0; n < l->n; n++) {
		line(t, "hook    %s", l->items[n].path);
		if (l->items[n].has_timeout)
			line(t, " timeout=%lld", (long long)l->items[n].timeout);
		line(t, "  # hooks.%s[%u]\n", kind, (unsigned)n);
	}
}

static void text_mount_userns(struct text *t, const struct plan_mount_userns *u)
{
	for (; u; u = u->next) {
		line(t, "userns  %u %s  # %s\n", u->index,
		     u->path[0]         ? u->path
		     : u->map.by_helper ? "newuidmap,newgidmap"
					: "direct",
		     u->origin);
		text_maps(t, "uid", &u->map.uid);
		text_maps(t, "gid", &u->map.gid);
	}
}

static void text_slot_more(struct text *t, const struct plan_slot_source *s)
{
	struct words mode = {0};

	if (s->kind == SLOT_INSTANCE)
		line(t, " type=%s", s->fstype);
	if (s->kind == SLOT_DEVICE) {
		print_words_mode(&mode, s->device.mode);
		line(t, " %s %u:%u owner=%u:%u", mode.text, s->device.major, s->device.minor,
		     s->device.uid, s->device.gid);
	}
	for (size_t n = 0; n < s->options.n; n++)
		line(t, "%s%s", n == 0 ? " options=" : ",", s->options.items[n]);
	if (s->userns)
		line(t, " %s=%u", s->recursive_idmap ? "ridmap" : "idmap", s->userns->index);
}

static void text_host(struct text *t, const struct plan *p)
{
	struct words w = {0};

	print_words_clone(&w, p->shape == SHAPE_DIRECT ? p->clone_flags : 0);
	line(t, "%s %s\nshape   %s%s%s\n", purpose_name(p->purpose), p->id,
	     p->shape == SHAPE_DIRECT ? "direct" : "bridge",
	     p->shape == SHAPE_DIRECT ? " clone=" : "", w.text);
	if (plan_creates(p->purpose))
		text_cgroup(t, &p->cgroup);
	text_resctrl(t, &p->resctrl);
	if (p->idmap.wanted) {
		line(t, "idmap   %s%s\n", p->idmap.by_helper ? "newuidmap,newgidmap" : "direct",
		     p->idmap.deny_setgroups ? " setgroups=deny" : "");
		text_maps(t, "uid", &p->idmap.uid);
		text_maps(t, "gid", &p->idmap.gid);
	}
	text_mount_userns(t, p->mount_userns);
	if (p->has_oom_score_adj)
		line(t, "oom     score-adj=%d  # process.oomScoreAdj\n", p->oom_score_adj);
	for (const char *s = p->time_offsets; s && *s != '\0'; s += strcspn(s, "\n")) {
		s += *s == '\n';
		line(t, "clock   %.*s  # linux.timeOffsets\n", (int)strcspn(s, "\n"), s);
	}
	text_schedule(t, &p->schedule);
	for (size_t n = 0; n < p->n_net_devices; n++)
		line(t, "device  %s%s%s  # linux.netDevices\n", p->net_devices[n].host_name,
		     p->net_devices[n].name[0] ? " name=" : "", p->net_devices[n].name);
	if (p->hooks) {
		text_hooks(t, "prestart", &p->hooks->prestart);
		text_hooks(t, "createRuntime", &p->hooks->create_runtime);
		text_hooks(t, "poststart", &p->hooks->poststart);
		text_hooks(t, "poststop", &p->hooks->poststop);
	}
	if (p->filter.receiver[0] != '\0')
		line(t, "agent   %s%s%s  # linux.seccomp\n", p->filter.receiver,
		     p->filter.metadata[0] ? " metadata=" : "", p->filter.metadata);
	for (size_t n = 0; n < p->n_slots; n++) {
		const struct plan_slot_source *s = &p->slots[n];

		line(t, "slot    %u %s%s%s%s%s", (unsigned)n, slot_kind_name(s->kind),
		     s->recursive ? " recursive" : "", s->nofollow ? " nofollow" : "",
		     s->path ? " " : "", s->path ? s->path : "");
		text_slot_more(t, s);
		line(t, "%s%s\n", s->origin && s->origin[0] ? "  # " : "",
		     s->origin ? s->origin : "");
	}
}

static void text_image(struct text *t, const struct plan_block *k, const char *name,
		       struct plan_array a)
{
	const uint64_t *v = print_array_at(k, a);

	for (uint32_t n = 0; n < a.n && v[n] != 0; n++)
		line(t, "%s %s\n", name, (const char *)k + v[n]);
}

static void text_step(struct text *t, const struct plan_block *k, unsigned n,
		      const struct plan_step *s)
{
	const char *operand = (const char *)k + s->operand;
	struct words w;

	line(t, "%3u %-12s", n, print_op_name((enum plan_op)s->op));
	for (const struct print_field *f = print_fields((enum plan_op)s->op); f->name; f++) {
		print_words_field(&w, k, f, operand);
		if (w.n > 0)
			line(t, " %s=%s", f->name, w.text);
	}
	line(t, "%s%s\n", s->origin ? "  # " : "", print_string_at(k, s->origin));
}

int plan_print_text(struct arena *a, const struct plan *p, const char **ret)
{
	struct text t = {.arena = a};
	const struct plan_step *steps = print_array_at(p->block, p->block->steps);

	text_host(&t, p);
	text_image(&t, p->block, "arg    ", p->block->argv);
	text_image(&t, p->block, "env    ", p->block->envp);
	line(&t, "steps   %u\n", p->block->steps.n);
	for (uint32_t n = 0; n < p->block->steps.n; n++)
		text_step(&t, p->block, n, &steps[n]);
	for (size_t n = 0; n < p->n_warnings; n++)
		line(&t, "warning %s: %s\n", p->warnings[n].where, p->warnings[n].text);
	if (t.failed)
		return -ENOMEM;
	*ret = t.data;
	return 0;
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void json_step(struct json_writer *w, const struct plan_block *k, const struct plan_step *s)
{
	const char *operand = (const char *)k + s->operand;
	struct words words;

	json_object_begin(w);
	json_kv_string(w, "op", print_op_name((enum plan_op)s->op));
	for (const struct print_field *f = print_fields((enum plan_op)s->op); f->name; f++) {
		print_words_field(&words, k, f, operand);
		if (words.n > 0)
			json_kv_string(w, f->name, words.text);
	}
	if (s->origin != 0)
		json_kv_string(w, "origin", print_string_at(k, s->origin));
	json_object_end(w);
}

static void json_image(struct json_writer *w, const struct plan_block *k, const char *name,
		       struct plan_array a)
{
	const uint64_t *v = print_array_at(k, a);

	json_key(w, name);
	json_array_begin(w);
	for (uint32_t n = 0; n < a.n && v[n] != 0; n++)
		json_string(w, (const char *)k + v[n]);
	json_array_end(w);
}

static void json_cgroup(struct json_writer *w, const struct plan_cgroup *c)
{
	json_key(w, "cgroup");
	json_object_begin(w);
	json_kv_string(w, "manager", manager_name(c->manager));
	json_kv_string(w, "path", c->path ? c->path : "");
	json_kv_bool(w, "unified", c->unified);
	json_kv_bool(w, "optional", c->optional);
	if (c->manager == CGROUP_MANAGER_SYSTEMD) {
		json_kv_string(w, "unit", c->unit);
		json_kv_bool(w, "userManager", c->user_manager);
		json_key(w, "properties");
		json_array_begin(w);
		for (size_t n = 0; n < c->n_properties; n++)
			json_string(w, c->properties[n]);
		json_array_end(w);
	}
	json_key(w, "writes");
	json_array_begin(w);
	for (size_t n = 0; n < c->n_writes; n++) {
		json_object_begin(w);
		json_kv_string(w, "file", c->writes[n].file);
		json_kv_string(w, "value", c->writes[n].value);
		if (c->writes[n].else_file) {
			json_kv_string(w, "elseFile", c->writes[n].else_file);
			json_kv_string(w, "elseValue", c->writes[n].else_value);
		}
		if (c->writes[n].if_there)
			json_kv_bool(w, "ifThere", true);
		if (c->writes[n].late)
			json_kv_bool(w, "late", true);
		json_kv_string(w, "origin", c->writes[n].origin);
		json_object_end(w);
	}
	json_array_end(w);
	if (c->delegated)
		json_kv_u64(w, "owner", c->owner);
	json_kv_u64(w, "devicePolicyInstructions", c->n_device_program);
	json_key(w, "deviceList");
	json_array_begin(w);
	for (size_t n = 0; n < c->device_list.n; n++)
		json_string(w, c->device_list.items[n]);
	json_array_end(w);
	json_kv_bool(w, "devicePolicyLate", c->devices_late);
	json_object_end(w);
}

static void json_maps(struct json_writer *w, const char *name, const struct spec_id_mappings *m)
{
	json_key(w, name);
	json_array_begin(w);
	for (size_t n = 0; n < m->n; n++) {
		json_object_begin(w);
		json_kv_u64(w, "containerID", m->items[n].container_id);
		json_kv_u64(w, "hostID", m->items[n].host_id);
		json_kv_u64(w, "size", m->items[n].size);
		json_object_end(w);
	}
	json_array_end(w);
}

static void json_slots(struct json_writer *w, const struct plan *p)
{
	json_key(w, "slots");
	json_array_begin(w);
	for (size_t n = 0; n < p->n_slots; n++) {
		json_object_begin(w);
		json_kv_string(w, "kind", slot_kind_name(p->slots[n].kind));
		if (p->slots[n].path)
			json_kv_string(w, "path", p->slots[n].path);
		if (p->slots[n].fstype)
			json_kv_string(w, "type", p->slots[n].fstype);
		if (p->slots[n].userns) {
			json_kv_u64(w, "mountUserNamespace", p->slots[n].userns->index);
			json_kv_bool(w, "recursiveIdmap", p->slots[n].recursive_idmap);
		}
		if (p->slots[n].origin && p->slots[n].origin[0])
			json_kv_string(w, "origin", p->slots[n].origin);
		json_object_end(w);
	}
	json_array_end(w);
}

static void json_schedule(struct json_writer *w, const struct plan_schedule *s)
{
	if (s->has_scheduler) {
		json_key(w, "scheduler");
		json_object_begin(w);
		json_kv_u64(w, "policy", s->policy);
		json_kv_u64(w, "flags", s->flags);
		json_kv_i64(w, "nice", s->nice);
		json_kv_u64(w, "priority", s->priority);
		json_kv_u64(w, "runtime", s->runtime);
		json_kv_u64(w, "deadline", s->deadline);
		json_kv_u64(w, "period", s->period);
		json_kv_bool(w, "late", s->late);
		json_object_end(w);
	}
	if (s->has_io_priority)
		json_kv_u64(w, "ioPriority", s->io_priority);
	if (s->all_cpus)
		json_kv_bool(w, "allCpus", true);
}

static void json_hooks(struct json_writer *w, const char *kind, const struct spec_hook_list *l)
{
	if (l->n == 0)
		return;
	json_key(w, kind);
	json_array_begin(w);
	for (size_t n = 0; n < l->n; n++)
		json_string(w, l->items[n].path);
	json_array_end(w);
}

static void json_mount_userns(struct json_writer *w, const struct plan_mount_userns *u)
{
	if (!u)
		return;
	json_key(w, "mountUserNamespaces");
	json_array_begin(w);
	for (; u; u = u->next) {
		json_object_begin(w);
		json_kv_u64(w, "index", u->index);
		json_kv_string(w, "path", u->path);
		json_maps(w, "uidMappings", &u->map.uid);
		json_maps(w, "gidMappings", &u->map.gid);
		json_kv_string(w, "origin", u->origin);
		json_object_end(w);
	}
	json_array_end(w);
}

static void json_host(struct json_writer *w, const struct plan *p)
{
	struct words clone = {0};

	print_words_clone(&clone, p->clone_flags);
	json_kv_string(w, "purpose", purpose_name(p->purpose));
	json_kv_string(w, "id", p->id);
	json_kv_string(w, "shape", p->shape == SHAPE_DIRECT ? "direct" : "bridge");
	json_kv_string(w, "clone", clone.text);
	if (plan_creates(p->purpose))
		json_cgroup(w, &p->cgroup);
	if (p->resctrl.wanted) {
		json_key(w, "resctrl");
		json_object_begin(w);
		json_kv_string(w, "group", p->resctrl.group);
		json_kv_string(w, "schemata", p->resctrl.schemata);
		json_kv_bool(w, "own", p->resctrl.own);
		json_kv_bool(w, "monitoring", p->resctrl.monitoring);
		json_object_end(w);
	}
	if (p->idmap.wanted) {
		json_kv_string(w, "idmapBy", p->idmap.by_helper ? "newuidmap,newgidmap" : "direct");
		json_kv_bool(w, "denySetgroups", p->idmap.deny_setgroups);
		json_maps(w, "uidMappings", &p->idmap.uid);
		json_maps(w, "gidMappings", &p->idmap.gid);
	}
	if (p->has_oom_score_adj)
		json_kv_i64(w, "oomScoreAdj", p->oom_score_adj);
	json_mount_userns(w, p->mount_userns);
	if (p->time_offsets)
		json_kv_string(w, "timeOffsets", p->time_offsets);
	json_schedule(w, &p->schedule);
	if (p->hooks) {
		json_hooks(w, "prestart", &p->hooks->prestart);
		json_hooks(w, "createRuntime", &p->hooks->create_runtime);
		json_hooks(w, "poststart", &p->hooks->poststart);
		json_hooks(w, "poststop", &p->hooks->poststop);
	}
	if (p->n_net_devices > 0) {
		json_key(w, "netDevices");
		json_array_begin(w);
		for (size_t n = 0; n < p->n_net_devices; n++)
			json_string(w, p->net_devices[n].host_name);
		json_array_end(w);
	}
	if (p->filter.receiver[0] != '\0') {
		json_key(w, "seccompAgent");
		json_object_begin(w);
		json_kv_string(w, "path", p->filter.receiver);
		json_kv_string(w, "metadata", p->filter.metadata);
		json_object_end(w);
	}
	json_slots(w, p);
}

void plan_print_json(struct json_writer *w, const struct plan *p)
{
	const struct plan_step *steps = print_array_at(p->block, p->block->steps);

	json_object_begin(w);
	json_host(w, p);
	json_image(w, p->block, "args", p->block->argv);
	json_image(w, p->block, "env", p->block->envp);
	json_key(w, "steps");
	json_array_begin(w);
	for (uint32_t n = 0; n < p->block->steps.n; n++)
		json_step(w, p->block, &steps[n]);
	json_array_end(w);
	json_key(w, "warnings");
	json_array_begin(w);
	for (size_t n = 0; n < p->n_warnings; n++) {
		json_object_begin(w);
		json_kv_string(w, "where", p->warnings[n].where);
		json_kv_string(w, "text", p->warnings[n].text);
		json_object_end(w);
	}
	json_array_end(w);
	json_object_end(w);
}
