/* update: change the limits of a container that lives. What is asked is merged with what holds,
 * planned as for a new container, and written; then what holds is stored, for the next time. */
#include <errno.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroup/cgroup.h"
#include "cgroup/probe.h"
#include "container/live.h"
#include "container/load.h"
#include "container/update-resctrl.h"
#include "host/facts.h"
#include "host/systemd.h"
#include "oci/names.h"

#define RESOURCES_MAX (1 << 20)

struct update {
	struct runtime *rt;
	const struct update_options *o;
	struct live live;
	struct spec_resources all, asked;
	struct facts facts;
	struct plan_cgroup plan;
};

/* --- what is asked ----------------------------------------------------------------------------
 */

static int read_file(struct update *u, struct err *e)
{
	const char *path = u->o->resources_file;
	bool is_stdin = str_eq(path, "-");
	size_t len;
	char *text;
	int r;

	if (path[0] == '\0')
		return spec_resources_parse(u->rt->arena, (char[]){"{}"}, 2, &u->asked, e);
	r = is_stdin ? io_read_fd(u->rt->arena, 0, RESOURCES_MAX, &text, &len)
		     : io_read_file_at(u->rt->arena, AT_FDCWD, path, RESOURCES_MAX, &text, &len);
	if (r < 0)
		return err_sys(e, ERR_IO, r, "read \"%s\"", is_stdin ? "standard input" : path);
	return spec_resources_parse(u->rt->arena, text, len, &u->asked, e);
}

/* What holds: of the last update, or of the configuration. */
static int read_current(struct update *u, struct err *e)
{
	struct arena *a = u->rt->arena;
	struct spec spec;
	size_t len;
	char *text;
	int r = directory_read_resources(a, &u->live.directory, &text, &len, e);

	if (r == 0)
		return spec_resources_parse(a, text, len, &u->all, e);
	if (r > 0)
		r = directory_read_config(a, &u->live.directory, &text, &len, e);
	if (r == 0)
		r = spec_parse(a, text, len, &spec, e);
	if (r == 0)
		u->all = spec.linux_.resources;
	return r;
}

static bool parse_rule(struct arena *a, const char *text, struct spec_device_rule *ret)
{
	const char *verdict = strchr(text, ' '), *rest;
	char *word[3];
	int64_t number[2];

	if (!verdict)
		return false;
	ret->allow = str_starts(text, "allow ");
	if (!ret->allow && !str_starts(text, "deny "))
		return false;
	rest = verdict + 1;
	for (size_t i = 0; i < ARRAY_SIZE(word); i++) {
		size_t n = strcspn(rest, " ");

		word[i] = arena_strndup(a, rest, n);
		if (!word[i] || n == 0)
			return false;
		rest += n + (rest[n] == ' ');
	}
	ret->type = word[0];
	ret->access = word[2];
	for (size_t i = 0; i < ARRAY_SIZE(number); i++) {
		size_t n = strcspn(word[1], ":");
		uint32_t value = 0;
		bool more = word[1][n] == ':';

		word[1][n] = '\0';
		if (!str_eq(word[1], "*") && str_to_u32(word[1], UINT32_MAX, &value) < 0)
			return false;
		number[i] = str_eq(word[1], "*") ? -1 : (int64_t)value;
		if (more != (i == 0))
			return false;
		word[1] += n + more;
	}
	ret->has_major = ret->has_minor = true;
	ret->major = number[0];
	ret->minor = number[1];
	return *rest == '\0';
}

/* Rules of options come behind those that hold. */
static int add_device_rules(struct update *u, struct err *e)
{
	const struct str_list *more = &u->o->device_rules;
	const struct spec_resources *base = u->asked.n_devices > 0 ? &u->asked : &u->all;
	struct spec_device_rule *rules;

	if (more->n == 0)
		return 0;
	rules = arena_newn(u->rt->arena, struct spec_device_rule, base->n_devices + more->n);
	if (!rules)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "read device rules");
	if (base->n_devices > 0)
		memcpy(rules, base->devices, base->n_devices * sizeof(*rules));
	for (size_t i = 0; i < more->n; i++) {
		if (parse_rule(u->rt->arena, more->items[i], &rules[base->n_devices + i]))
			continue;
		err_set(e, ERR_USAGE, -EINVAL,
			"update: option --device-rule: expected a device rule, got \"%s\"",
			more->items[i]);
		return err_hint(e, "for example \"allow c 10:229 rwm\" or \"deny b *:* rw\"");
	}
	u->asked.n_devices = base->n_devices + more->n;
	u->asked.devices = rules;
	return 0;
}

/* Told of another limit of memory, systemd writes the OOM group too, as the scope was made with. So
 * it is asked for again. */
static int repeat_oom_group(struct update *u, struct err *e)
{
	struct spec_resources again;
	int r = 0;

	if (u->live.state.cgroup.manager != CGROUP_MANAGER_SYSTEMD ||
	    (!u->asked.has_memory && u->asked.unified.n == 0))
		return 0;
	for (size_t i = 0; r == 0 && i < u->all.unified.n; i++) {
		if (!str_eq(u->all.unified.items[i].key, "memory.oom.group"))
			continue;
		r = spec_resources_parse(u->rt->arena, (char[]){"{}"}, 2, &again, e);
		again.unified = (struct str_map){&u->all.unified.items[i], 1};
		if (r == 0)
			r = spec_resources_merge(u->rt->arena, &u->asked, &again, e);
	}
	return r;
}

/* No limit of memory leaves none of memory and swap together. */
static void lift_swap(struct update *u)
{
	struct spec_memory *asked = &u->asked.memory;

	if (!asked->has_limit || asked->limit != -1 || asked->has_swap || !u->all.memory.has_swap ||
	    u->all.memory.swap <= 0)
		return;
	asked->has_swap = true;
	asked->swap = -1;
}

static int read_all(struct update *u, struct err *e)
{
	int r = read_file(u, e);

	if (r == 0)
		r = spec_resources_merge(u->rt->arena, &u->asked, &u->o->resources, e);
	if (r == 0)
		r = read_current(u, e);
	if (r < 0)
		return r;
	lift_swap(u);
	r = add_device_rules(u, e);
	if (r == 0)
		r = spec_resources_check(&u->asked, e);
	if (r < 0)
		return r;
	spec_resources_drop_zeros(&u->asked);
	r = spec_resources_merge(u->rt->arena, &u->all, &u->asked, e);
	return r < 0 ? r : repeat_oom_group(u, e);
}

/* --- cgroup ----------------------------------------------------------------------------------- */

/* Hierarchies of v1 that the container had no need of until now are joined first, and written down
 * before, so that delete finds them. */
static int write_limits(struct update *u, struct err *e)
{
	struct cgroup_ref *ref = &u->live.state.cgroup;
	struct cgroup c = CGROUP_INIT;
	int r;

	r = live_open_cgroup(&u->live, &c, e);
	cgroup_close(&c);
	if (r < 0)
		return r;
	r = cgroup_match(u->rt->arena, ref, &u->facts.cgroup, &u->plan, e);
	if (r > 0) {
		int n_new = r;

		r = directory_write_state(u->rt->arena, &u->live.directory, &u->live.state, e);
		if (r == 0)
			r = cgroup_join(ref, (size_t)n_new, e);
	}
	return r < 0 ? r : cgroup_update(ref, &u->plan, e);
}

/* systemd must know too, or it would bring back the old ones when it reloads. After the files,
 * whose errors say more; and they are written again, since systemd writes them as it understands
 * them. */
static int tell_systemd(struct update *u, struct err *e)
{
	struct cgroup_ref *ref = &u->live.state.cgroup;
	int r;

	if (ref->manager != CGROUP_MANAGER_SYSTEMD)
		return 0;
	u->plan.unit = strrchr(ref->unified_dir, '/') + 1;
	u->plan.user_manager = ref->user_manager;
	r = plan_cgroup_properties(u->rt->arena, &u->plan, false, e);
	if (r < 0 || u->plan.n_properties == 0)
		return r;
	r = systemd_set_properties(&u->plan, e);
	if (r == 0)
		r = systemd_keep_oom_policy(&u->plan, e);
	return r < 0 ? r : cgroup_update(ref, &u->plan, e);
}

static int write_devices(struct update *u, struct err *e)
{
	struct cgroup c = CGROUP_INIT;
	bool builtin = true;
	int r;

	if (!u->facts.may_bpf) {
		err_set(e, ERR_DEVICE_POLICY, -EPERM, "device rules cannot be changed");
		err_hint(e, "it needs CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN, on the host");
		return err_where(e, "linux.resources.devices");
	}
	r = spec_annotation_flag(&u->live.state.annotations, CGROUP_ANNOTATION_DEVICES, &builtin,
				 e);
	if (r == 0)
		r = plan_cgroup_devices(u->rt->arena, &u->all, &u->facts, builtin, &u->plan, e);
	if (r == 0)
		r = live_open_cgroup(&u->live, &c, e);
	if (r == 0)
		r = cgroup_replace_devices(&c, &u->plan, e);
	cgroup_close(&c);
	return r;
}

static int store(struct update *u, struct err *e)
{
	struct json_writer w;
	const char *text;
	size_t len;

	json_writer_init(&w, u->rt->arena, false);
	spec_resources_write(&w, &u->all);
	if (json_writer_finish(&w, &text, &len) < 0)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	return directory_write_resources(&u->live.directory, text, len, e);
}

/* --- rlimits ----------------------------------------------------------------------------------
 */

static int limit_process(pid_t pid, const struct spec_rlimit *l, struct err *e)
{
	const uint64_t value[2] = {l->soft, l->hard};
	int r = sys_prlimit(pid, rlimit_from_name(l->type), value, NULL);

	if (r == 0 || r == -ESRCH)
		return 0;
	err_sys(e, ERR_PROCESS, r, "set %s of process %d", l->type, (int)pid);
	if (r == -EPERM)
		err_hint(e, "raising a hard limit needs CAP_SYS_RESOURCE");
	return r;
}

/* All processes that there are; their children inherit. */
static int write_rlimits(struct update *u, struct err *e)
{
	struct cgroup c = CGROUP_INIT;
	pid_t *pids;
	size_t n = 0;
	int r;

	if (u->o->n_rlimits == 0)
		return 0;
	r = live_open_cgroup(&u->live, &c, e);
	if (r == 0)
		r = cgroup_pids(u->rt->arena, &c, &pids, &n, e);
	cgroup_close(&c);
	for (size_t i = 0; r == 0 && i < n; i++) {
		for (size_t k = 0; r == 0 && k < u->o->n_rlimits; k++)
			r = limit_process(pids[i], &u->o->rlimits[k], e);
	}
	return r;
}

/* --- all --------------------------------------------------------------------------------------
 */

static int update(struct update *u, struct err *e)
{
	struct facts_needs needs = {.cgroup = true, .cgroup_v1 = true, .devices = true};
	int r = read_all(u, e);

	if (r == 0)
		r = facts_probe(u->rt->arena, needs, &u->facts, e);
	if (r == 0)
		r = plan_cgroup_limits(u->rt->arena, &u->all, &u->asked, &u->facts.cgroup, &u->plan,
				       e);
	if (r == 0 && u->plan.n_writes > 0)
		r = write_limits(u, e);
	if (r == 0 && u->plan.n_writes > 0)
		r = tell_systemd(u, e);
	if (r == 0 && u->asked.n_devices > 0)
		r = write_devices(u, e);
	if (r == 0)
		r = update_resctrl(u->rt->arena, &u->live, u->o->l3_cache_schema,
				   u->o->mem_bw_schema, e);
	if (r == 0)
		r = write_rlimits(u, e);
	return r < 0 ? r : store(u, e);
}

int container_update(struct runtime *rt, const char *id, const struct update_options *o,
		     struct err *e)
{
	struct update u = {.rt = rt, .o = o, .live = LIVE_INIT};
	int r = live_open(rt, id, true, &u.live, e);

	if (r == 0 && u.live.pidfd < 0)
		r = live_not_running(&u.live, e);
	if (r == 0)
		r = update(&u, e);
	live_close(&u.live);
	return r;
}
