/* The rules between fields of struct spec: the document, process, mounts, hooks; "linux" is in
 * check-linux.c. Pure; runs on the host side only. */
#include "oci/check.h"

#include <errno.h>

#include "base/str.h"

int check_invalid_value(struct err *e, const char *words, const char *value)
{
	char excerpt[JSON_EXCERPT_MAX];

	return invalid(e, "%s, got \"%s\"", words, json_excerpt(value, excerpt));
}

bool check_known(const char *s, const char *const *names)
{
	for (; *names; names++)
		if (str_eq(s, *names))
			return true;
	return false;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* --- process --------------------------------------------------------------------------------- */

static int rlimit_index(const char *type)
{
	static const char *const names[] = {
		"AS",   "CORE",   "CPU",   "DATA", "FSIZE",  "LOCKS",  "MEMLOCK",    "MSGQUEUE",
		"NICE", "NOFILE", "NPROC", "RSS",  "RTPRIO", "RTTIME", "SIGPENDING", "STACK",
	};

	if (!str_starts(type, "RLIMIT_"))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_eq(type + strlen("RLIMIT_"), names[i]))
			return (int)i;
	return -EINVAL;
}

static int check_rlimits(const struct spec_process *p, struct err *e)
{
	uint32_t seen = 0;

	for (size_t i = 0; i < p->n_rlimits; i++) {
		const struct spec_rlimit *l = &p->rlimits[i];
		int index = rlimit_index(l->type);

		if (index < 0) {
			(void)check_invalid_value(e, "expected the name of a resource limit",
						  l->type);
			return err_where(e, "process.rlimits[%zu].type", i);
		}
		if (seen >> index & 1) {
			(void)invalid(e, "%s occurs twice", l->type);
			return err_where(e, "process.rlimits[%zu].type", i);
		}
		seen |= UINT32_C(1) << index;
		if (l->soft > l->hard) {
			(void)invalid(e, "the soft limit %llu exceeds the hard limit %llu",
				      (unsigned long long)l->soft, (unsigned long long)l->hard);
			return err_where(e, "process.rlimits[%zu]", i);
		}
	}
	return 0;
}

static int check_scheduler(const struct spec_scheduler *s, struct err *e)
{
	static const char *const policies[] = {"SCHED_OTHER",    "SCHED_FIFO", "SCHED_RR",
					       "SCHED_BATCH",    "SCHED_ISO",  "SCHED_IDLE",
					       "SCHED_DEADLINE", NULL};
	static const char *const flags[] = {
		"SCHED_FLAG_RESET_ON_FORK",  "SCHED_FLAG_RECLAIM",
		"SCHED_FLAG_DL_OVERRUN",     "SCHED_FLAG_KEEP_POLICY",
		"SCHED_FLAG_KEEP_PARAMS",    "SCHED_FLAG_UTIL_CLAMP_MIN",
		"SCHED_FLAG_UTIL_CLAMP_MAX", NULL};

	if (!check_known(s->policy, policies)) {
		(void)check_invalid_value(e, "expected a scheduling policy", s->policy);
		return err_where(e, "process.scheduler.policy");
	}
	if (s->nice < -20 || s->nice > 19) {
		(void)invalid(e, "expected -20 to 19, got %d", s->nice);
		return err_where(e, "process.scheduler.nice");
	}
	if (s->priority != 0 && !str_eq(s->policy, "SCHED_FIFO") &&
	    !str_eq(s->policy, "SCHED_RR")) {
		(void)invalid(e, "only SCHED_FIFO and SCHED_RR have a priority");
		return err_where(e, "process.scheduler.priority");
	}
	if ((s->runtime || s->deadline || s->period) && !str_eq(s->policy, "SCHED_DEADLINE")) {
		(void)invalid(e, "only SCHED_DEADLINE has runtime, deadline and period");
		return err_where(e, "process.scheduler");
	}
	for (size_t i = 0; i < s->flags.n; i++) {
		if (!check_known(s->flags.items[i], flags)) {
			(void)check_invalid_value(e, "expected a scheduling flag",
						  s->flags.items[i]);
			return err_where(e, "process.scheduler.flags[%zu]", i);
		}
	}
	return 0;
}

static int check_io_priority(const struct spec_io_priority *p, struct err *e)
{
	static const char *const classes[] = {"IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE",
					      "IOPRIO_CLASS_IDLE", NULL};

	if (!check_known(p->class_name, classes)) {
		(void)check_invalid_value(e, "expected an I/O priority class", p->class_name);
		return err_where(e, "process.ioPriority.class");
	}
	if (p->priority < 0 || p->priority > 7) {
		(void)invalid(e, "expected 0 to 7, got %d", p->priority);
		return err_where(e, "process.ioPriority.priority");
	}
	return 0;
}

static int check_command(const struct spec_process *p, struct err *e)
{
	if (p->args.n == 0) {
		(void)invalid(e, "args must not be empty");
		return err_where(e, "process.args");
	}
	if (!*p->args.items[0]) {
		(void)invalid(e, "the program's name is empty");
		return err_where(e, "process.args[0]");
	}
	if (p->cwd[0] != '/') {
		(void)check_invalid_value(e, "expected an absolute path", p->cwd);
		return err_where(e, "process.cwd");
	}
	/* An entry without '=' is passed on as it is, as crun does. */
	for (size_t i = 0; i < p->env.n; i++) {
		if (!*p->env.items[i] || p->env.items[i][0] == '=') {
			(void)check_invalid_value(e, "expected NAME=VALUE", p->env.items[i]);
			return err_where(e, "process.env[%zu]", i);
		}
	}
	return 0;
}

/* To setresuid(2) and its kin -1 is no id but "leave it as it is", which is root. */
static int check_id(uint32_t id, struct err *e, const char *where)
{
	if (id != UINT32_MAX)
		return 0;
	(void)invalid(e, "%u is not an id", id);
	return err_where(e, "%s", where);
}

static int check_user(const struct spec_user *u, struct err *e)
{
	int r = check_id(u->uid, e, "process.user.uid");

	if (r == 0)
		r = check_id(u->gid, e, "process.user.gid");
	for (size_t i = 0; i < u->n_additional_gids && r == 0; i++) {
		r = check_id(u->additional_gids[i], e, "");
		if (r < 0)
			return err_where(e, "process.user.additionalGids[%zu]", i);
	}
	return r;
}

int spec_process_check(const struct spec_process *p, struct err *e)
{
	int r;

	r = check_command(p, e);
	if (r == 0)
		r = check_user(&p->user, e);
	if (r < 0)
		return r;
	/* struct winsize has 16 bits for each. */
	if (p->console_height > UINT16_MAX || p->console_width > UINT16_MAX) {
		(void)invalid(e, "a console has at most 65535 rows and columns");
		return err_where(e, "process.consoleSize");
	}
	if (p->user.umask > 0777) {
		(void)invalid(e, "expected at most 0777 (511), got %u", p->user.umask);
		return err_where(e, "process.user.umask");
	}
	if (p->oom_score_adj < -1000 || p->oom_score_adj > 1000) {
		(void)invalid(e, "expected -1000 to 1000, got %d", p->oom_score_adj);
		return err_where(e, "process.oomScoreAdj");
	}
	r = check_rlimits(p, e);
	if (r == 0 && p->has_scheduler)
		r = check_scheduler(&p->scheduler, e);
	if (r == 0 && p->has_io_priority)
		r = check_io_priority(&p->io_priority, e);
	return r;
}

/* --- id mappings ----------------------------------------------------------------------------- */

static bool ranges_overlap(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size)
{
	return a < (uint64_t)b + b_size && b < (uint64_t)a + a_size;
}

int check_id_mappings(const struct spec_id_mappings *m, const char *where, struct err *e)
{
	/* user_namespaces(7): since 4.15 the kernel takes 340 lines. */
	if (m->n > 340) {
		(void)invalid(e, "the kernel takes at most 340 mappings, got %zu", m->n);
		return err_where(e, "%s", where);
	}

	for (size_t i = 0; i < m->n; i++) {
		const struct spec_id_mapping *a = &m->items[i];

		if (a->size == 0) {
			(void)invalid(e, "the size must not be 0");
			return err_where(e, "%s[%zu].size", where, i);
		}
		/* The last id, 4294967295, is the kernel's "none". */
		if ((uint64_t)a->container_id + a->size > UINT32_MAX ||
		    (uint64_t)a->host_id + a->size > UINT32_MAX) {
			(void)invalid(e, "the range goes beyond the last id, 4294967294");
			return err_where(e, "%s[%zu]", where, i);
		}
		for (size_t k = 0; k < i; k++) {
			const struct spec_id_mapping *b = &m->items[k];
			bool inside =
				ranges_overlap(a->container_id, a->size, b->container_id, b->size);

			if (inside || ranges_overlap(a->host_id, a->size, b->host_id, b->size)) {
				(void)invalid(e, "the %s ids overlap with those of entry %zu",
					      inside ? "container" : "host", k);
				return err_where(e, "%s[%zu]", where, i);
			}
		}
	}
	return 0;
}

/* --- mounts, hooks --------------------------------------------------------------------------- */

static int check_mount(const struct spec_mount *m, size_t index, struct err *e)
{
	char where[48];
	int r;

	if (!*m->destination) {
		(void)invalid(e, "a mount needs a destination");
		return err_where(e, "mounts[%zu].destination", index);
	}
	if (!m->uid_mappings.n != !m->gid_mappings.n) {
		(void)invalid(e, "uidMappings and gidMappings need each other");
		return err_where(e, "mounts[%zu]", index);
	}

	(void)str_format(where, sizeof(where), "mounts[%zu].uidMappings", index);
	r = check_id_mappings(&m->uid_mappings, where, e);
	if (r < 0)
		return r;
	(void)str_format(where, sizeof(where), "mounts[%zu].gidMappings", index);
	return check_id_mappings(&m->gid_mappings, where, e);
}

int spec_mounts_check(const struct spec *spec, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < spec->n_mounts; i++)
		r = check_mount(&spec->mounts[i], i, e);
	return r;
}

static int check_hook_list(const struct spec_hook_list *l, const char *name, struct err *e)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct spec_hook *h = &l->items[i];

		if (h->path[0] != '/') {
			(void)check_invalid_value(e, "expected an absolute path", h->path);
			return err_where(e, "hooks.%s[%zu].path", name, i);
		}
		if (h->has_timeout && h->timeout <= 0) {
			(void)invalid(e, "expected more than 0 seconds, got %lld",
				      (long long)h->timeout);
			return err_where(e, "hooks.%s[%zu].timeout", name, i);
		}
	}
	return 0;
}

static int check_hooks(const struct spec_hooks *h, struct err *e)
{
	const struct {
		const char *name;
		const struct spec_hook_list *list;
	} all[] = {
		{"prestart", &h->prestart},
		{"createRuntime", &h->create_runtime},
		{"createContainer", &h->create_container},
		{"startContainer", &h->start_container},
		{"poststart", &h->poststart},
		{"poststop", &h->poststop},
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		int r = check_hook_list(all[i].list, all[i].name, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- the document ---------------------------------------------------------------------------- */

/* 1.MINOR, then perhaps .PATCH, then perhaps -PRERELEASE or +BUILD. */
static bool version_known(const char *v)
{
	if (!str_starts(v, "1.") || !is_digit(v[2]))
		return false;
	for (v += 2; is_digit(*v);)
		v++;
	if (v[0] == '.' && is_digit(v[1]))
		for (v++; is_digit(*v);)
			v++;
	return *v == '\0' || *v == '-' || *v == '+';
}

static int check_root(const struct spec *spec, struct err *e)
{
	if (!*spec->oci_version) {
		(void)invalid(e, "the version of the specification is missing");
		return err_where(e, "ociVersion");
	}
	if (!version_known(spec->oci_version)) {
		(void)check_invalid_value(e, "expected version 1.x of the specification",
					  spec->oci_version);
		return err_where(e, "ociVersion");
	}
	if (!spec->has_root) {
		(void)invalid(e, "the root filesystem is missing");
		return err_where(e, "root");
	}
	if (!*spec->root_path) {
		(void)invalid(e, "the path of the root filesystem is missing");
		return err_where(e, "root.path");
	}
	return 0;
}

int spec_check(const struct spec *spec, struct err *e)
{
	int r;

	r = check_root(spec, e);
	if (r == 0 && spec->process.present)
		r = spec_process_check(&spec->process, e);
	if (r == 0)
		r = spec_mounts_check(spec, e);
	if (r == 0)
		r = check_hooks(&spec->hooks, e);
	if (r == 0)
		r = check_linux(spec, e);
	return r;
}

/* --- lookups --------------------------------------------------------------------------------- */

static const char *const ns_names[] = {
	[NS_PID] = "pid", [NS_NETWORK] = "network", [NS_MOUNT] = "mount",   [NS_IPC] = "ipc",
	[NS_UTS] = "uts", [NS_USER] = "user",       [NS_CGROUP] = "cgroup", [NS_TIME] = "time",
};
_Static_assert(ARRAY_SIZE(ns_names) == NS_MAX, "every namespace type has a name");

int ns_type_from_name(const char *name)
{
	for (int i = 0; i < NS_MAX; i++)
		if (str_eq(name, ns_names[i]))
			return i;
	return -EINVAL;
}

const char *ns_type_name(enum ns_type type)
{
	return ns_names[type];
}

const struct spec_namespace *spec_namespace_find(const struct spec *spec, enum ns_type type)
{
	for (size_t i = 0; i < spec->linux_.n_namespaces; i++)
		if (str_eq(spec->linux_.namespaces[i].type, ns_names[type]))
			return &spec->linux_.namespaces[i];
	return NULL;
}

static const char *find_annotation(const struct str_map *annotations, const char *key)
{
	for (size_t i = 0; i < annotations->n; i++)
		if (str_eq(annotations->items[i].key, key))
			return annotations->items[i].value;
	return NULL;
}

const char *spec_annotation(const struct spec *spec, const char *key)
{
	return find_annotation(&spec->annotations, key);
}

int spec_annotation_flag(const struct str_map *annotations, const char *key, bool *ret,
			 struct err *e)
{
	const char *value = find_annotation(annotations, key);

	if (!value)
		return 0;
	*ret = str_eq(value, "1") || str_eq(value, "true");
	if (*ret || str_eq(value, "0") || str_eq(value, "false"))
		return 0;
	(void)err_set(e, ERR_CONFIG_INVALID, -EINVAL, "expected 0 or 1, got \"%s\"", value);
	return err_where(e, "annotations[\"%s\"]", key);
}

size_t spec_sysctl_path(const char *key, char *buf, size_t size)
{
	bool dots = key[strcspn(key, "./")] == '.';
	size_t n = 0;

	for (; *key; key++, n++) {
		char c = *key;

		if (dots && (c == '.' || c == '/'))
			c = c == '.' ? '/' : '.';
		if (n + 1 < size)
			buf[n] = c;
	}
	if (size > 0)
		buf[MIN(n, size - 1)] = '\0';
	return n;
}
