/* The rules about "linux": namespaces and what depends on them, id mappings, sysctl keys, paths,
 * devices, resources. Pure; runs on the host side only. */
#include <errno.h>

#include "base/str.h"
#include "oci/check.h"

/* --- namespaces ------------------------------------------------------------------------------ */

static int check_namespaces(const struct spec_linux *l, struct err *e)
{
	unsigned seen = 0;

	for (size_t i = 0; i < l->n_namespaces; i++) {
		const struct spec_namespace *ns = &l->namespaces[i];
		int type = ns_type_from_name(ns->type);

		if (type < 0) {
			(void)check_invalid_value(e, "expected a type of namespace", ns->type);
			return err_where(e, "linux.namespaces[%zu].type", i);
		}
		if (seen >> type & 1) {
			(void)invalid(e, "namespace %s occurs twice", ns->type);
			return err_where(e, "linux.namespaces[%zu]", i);
		}
		seen |= 1U << type;
		if (*ns->path && ns->path[0] != '/') {
			(void)check_invalid_value(e, "expected an absolute path", ns->path);
			return err_where(e, "linux.namespaces[%zu].path", i);
		}
	}
	return 0;
}

static bool has_namespace(const struct spec *spec, enum ns_type type)
{
	return spec_namespace_find(spec, type) != NULL;
}

static bool creates_namespace(const struct spec *spec, enum ns_type type)
{
	const struct spec_namespace *ns = spec_namespace_find(spec, type);

	return ns && !*ns->path;
}

/* sethostname(2) and setdomainname(2) take so many bytes. */
#define UTS_NAME_MAX 64

static int check_uts_name(const char *name, const char *where, struct err *e)
{
	if (strlen(name) <= UTS_NAME_MAX)
		return 0;
	(void)invalid(e, "expected at most %d bytes, got %zu", UTS_NAME_MAX, strlen(name));
	return err_where(e, "%s", where);
}

/* Settings that would change the host without a namespace of their own. */
static int check_isolation(const struct spec *spec, struct err *e)
{
	const struct spec_linux *l = &spec->linux_;
	const struct {
		bool wanted;
		enum ns_type type;
		const char *where;
	} rules[] = {
		{*spec->hostname, NS_UTS, "hostname"},
		{*spec->domainname, NS_UTS, "domainname"},
		{l->n_net_devices, NS_NETWORK, "linux.netDevices"},
		{l->uid_mappings.n, NS_USER, "linux.uidMappings"},
		{l->gid_mappings.n, NS_USER, "linux.gidMappings"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (rules[i].wanted && !has_namespace(spec, rules[i].type)) {
			(void)invalid(e, "this needs a namespace of type %s in linux.namespaces",
				      ns_type_name(rules[i].type));
			return err_where(e, "%s", rules[i].where);
		}
	}
	return 0;
}

/* --- id mappings ----------------------------------------------------------------------------- */

static bool id_mapped(const struct spec_id_mappings *m, uint32_t id)
{
	for (size_t i = 0; i < m->n; i++)
		if (id >= m->items[i].container_id &&
		    id - m->items[i].container_id < m->items[i].size)
			return true;
	return false;
}

/* Mappings beside a user namespace to be joined say nothing: Podman writes a placeholder there,
 * because runc once insisted on one. */
static int check_user_namespace(const struct spec *spec, struct err *e)
{
	const struct spec_linux *l = &spec->linux_;
	const struct spec_user *user = &spec->process.user;
	int r;

	r = check_id_mappings(&l->uid_mappings, "linux.uidMappings", e);
	if (r == 0)
		r = check_id_mappings(&l->gid_mappings, "linux.gidMappings", e);
	if (r < 0 || !creates_namespace(spec, NS_USER))
		return r;

	/* None at all is what `crun spec --rootless` writes: the caller's own ids are meant. */
	if (l->uid_mappings.n == 0 && l->gid_mappings.n == 0)
		return 0;
	if (l->uid_mappings.n == 0) {
		(void)invalid(e, "user namespaces enabled, but no uid mappings found");
		return err_where(e, "linux.uidMappings");
	}
	if (l->gid_mappings.n == 0) {
		(void)invalid(e, "user namespaces enabled, but no gid mappings found");
		return err_where(e, "linux.gidMappings");
	}
	if (!spec->process.present)
		return 0;
	if (!id_mapped(&l->uid_mappings, user->uid)) {
		(void)invalid(e, "user id %u is not in linux.uidMappings", user->uid);
		return err_where(e, "process.user.uid");
	}
	if (!id_mapped(&l->gid_mappings, user->gid)) {
		(void)invalid(e, "group id %u is not in linux.gidMappings", user->gid);
		return err_where(e, "process.user.gid");
	}
	return 0;
}

static int check_time_offsets(const struct spec *spec, struct err *e)
{
	const struct spec_linux *l = &spec->linux_;

	/* A time namespace takes offsets only until its first process has entered. */
	if (l->n_time_offsets > 0 && !creates_namespace(spec, NS_TIME)) {
		(void)invalid(e, "this needs a new time namespace in linux.namespaces");
		return err_where(e, "linux.timeOffsets");
	}

	for (size_t i = 0; i < l->n_time_offsets; i++) {
		const struct spec_time_offset *t = &l->time_offsets[i];

		if (!str_eq(t->clock, "monotonic") && !str_eq(t->clock, "boottime")) {
			(void)check_invalid_value(e, "expected monotonic or boottime", t->clock);
			return err_where(e, "linux.timeOffsets");
		}
		if (t->nanosecs > 999999999) {
			(void)invalid(e, "expected at most 999999999, got %u", t->nanosecs);
			return err_where(e, "linux.timeOffsets[\"%s\"].nanosecs", t->clock);
		}
	}
	return 0;
}

/* --- sysctl ---------------------------------------------------------------------------------- */

/* No component may be empty, "." or "..": the path must stay where its beginning says. */
static bool sysctl_path_clean(const char *path)
{
	for (;;) {
		size_t n = strcspn(path, "/");

		if (n == 0 || (n <= 2 && strspn(path, ".") >= n))
			return false;
		if (!path[n])
			return true;
		path += n + 1;
	}
}

/* The namespace that a kernel parameter belongs to, or -EINVAL. */
static int sysctl_namespace(const char *path)
{
	static const struct {
		const char *prefix;
		enum ns_type type;
	} owners[] = {
		{"net/", NS_NETWORK},   {"user/", NS_USER},     {"fs/mqueue/", NS_IPC},
		{"kernel/msg", NS_IPC}, {"kernel/shm", NS_IPC},
	};

	for (size_t i = 0; i < ARRAY_SIZE(owners); i++)
		if (str_starts(path, owners[i].prefix))
			return (int)owners[i].type;
	if (str_eq(path, "kernel/sem") || str_eq(path, "kernel/sem_next_id"))
		return NS_IPC;
	if (str_eq(path, "kernel/hostname") || str_eq(path, "kernel/domainname"))
		return NS_UTS;
	return -EINVAL;
}

static int check_sysctl(const struct spec *spec, const char *key, struct err *e)
{
	char path[256];
	int type;

	if (spec_sysctl_path(key, path, sizeof(path)) >= sizeof(path) || !sysctl_path_clean(path))
		return invalid(e, "not the name of a kernel parameter");

	type = sysctl_namespace(path);
	if (type < 0)
		return invalid(e, "this kernel parameter belongs to no namespace");
	/* user.* counts objects per user namespace; one that is joined is another container's. */
	if (type == NS_USER && !creates_namespace(spec, NS_USER))
		return invalid(e, "this kernel parameter needs a new user namespace");
	if (!has_namespace(spec, (enum ns_type)type))
		return invalid(
			e, "this kernel parameter needs a namespace of type %s in linux.namespaces",
			ns_type_name((enum ns_type)type));
	if ((str_eq(path, "kernel/hostname") && *spec->hostname) ||
	    (str_eq(path, "kernel/domainname") && *spec->domainname))
		return invalid(e, "this kernel parameter conflicts with \"%s\"",
			       path + strlen("kernel/"));
	return 0;
}

static int check_sysctls(const struct spec *spec, struct err *e)
{
	char excerpt[JSON_EXCERPT_MAX];

	for (size_t i = 0; i < spec->linux_.sysctl.n; i++) {
		const char *key = spec->linux_.sysctl.items[i].key;

		if (check_sysctl(spec, key, e) < 0)
			return err_where(e, "linux.sysctl[\"%s\"]", json_excerpt(key, excerpt));
	}
	return 0;
}

/* --- paths and devices ----------------------------------------------------------------------- */

static int check_absolute(const struct str_list *l, const char *where, struct err *e)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->items[i][0] != '/') {
			(void)check_invalid_value(e, "expected an absolute path", l->items[i]);
			return err_where(e, "%s[%zu]", where, i);
		}
	}
	return 0;
}

static int check_paths(const struct spec_linux *l, struct err *e)
{
	static const char *const propagations[] = {
		"",        "shared", "slave",    "private",     "unbindable",
		"rshared", "rslave", "rprivate", "runbindable", NULL};
	int r;

	if (!check_known(l->rootfs_propagation, propagations)) {
		(void)check_invalid_value(e, "expected a mount propagation", l->rootfs_propagation);
		return err_where(e, "linux.rootfsPropagation");
	}

	r = check_absolute(&l->masked_paths, "linux.maskedPaths", e);
	if (r == 0)
		r = check_absolute(&l->readonly_paths, "linux.readonlyPaths", e);
	if (r < 0)
		return r;

	for (const char *p = l->cgroups_path; *p; p += *p == '/') {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.') {
			(void)check_invalid_value(e, "expected a path without \"..\"",
						  l->cgroups_path);
			return err_where(e, "linux.cgroupsPath");
		}
		p += n;
	}
	return 0;
}

static int check_device(const struct spec_device *d, size_t index, struct err *e)
{
	static const char *const types[] = {"c", "b", "u", "p", NULL};

	if (!check_known(d->type, types)) {
		(void)check_invalid_value(e, "expected c, b, u or p", d->type);
		return err_where(e, "linux.devices[%zu].type", index);
	}
	if (d->path[0] != '/') {
		(void)check_invalid_value(e, "expected an absolute path", d->path);
		return err_where(e, "linux.devices[%zu].path", index);
	}
	if (d->major < 0 || d->major > UINT32_MAX || d->minor < 0 || d->minor > UINT32_MAX) {
		(void)invalid(e, "%lld:%lld is no device number", (long long)d->major,
			      (long long)d->minor);
		return err_where(e, "linux.devices[%zu]", index);
	}
	return 0;
}

static int check_device_rule(const struct spec_device_rule *d, size_t index, struct err *e)
{
	static const char *const types[] = {"", "a", "b", "c", NULL};

	if (!check_known(d->type, types)) {
		(void)check_invalid_value(e, "expected a, b or c", d->type);
		return err_where(e, "linux.resources.devices[%zu].type", index);
	}
	if (d->access[strspn(d->access, "rwm")]) {
		(void)check_invalid_value(e, "expected letters out of rwm", d->access);
		return err_where(e, "linux.resources.devices[%zu].access", index);
	}
	if (d->major < -1 || d->major > UINT32_MAX || d->minor < -1 || d->minor > UINT32_MAX) {
		(void)invalid(e, "%lld:%lld is no device number", (long long)d->major,
			      (long long)d->minor);
		return err_where(e, "linux.resources.devices[%zu]", index);
	}
	return 0;
}

/* --- resources ------------------------------------------------------------------------------- */

/* 64KB, 2MB, 1GB: it becomes a part of a file name. */
static bool page_size_valid(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n > 0 && s[0] != '0' && s[n] && strchr("KMG", s[n]) && str_eq(s + n + 1, "B");
}

int spec_resources_check(const struct spec_resources *res, struct err *e)
{
	char excerpt[JSON_EXCERPT_MAX];

	for (size_t i = 0; i < res->n_devices; i++) {
		int r = check_device_rule(&res->devices[i], i, e);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < res->n_hugepage_limits; i++) {
		const char *size = res->hugepage_limits[i].page_size;

		if (!page_size_valid(size)) {
			(void)check_invalid_value(e, "expected a size like 2MB", size);
			return err_where(e, "linux.resources.hugepageLimits[%zu].pageSize", i);
		}
	}
	for (size_t i = 0; i < res->unified.n; i++) {
		const char *key = res->unified.items[i].key;

		if (!*key || strchr(key, '/') || key[0] == '.') {
			(void)invalid(e, "not the name of a cgroup file");
			return err_where(e, "linux.resources.unified[\"%s\"]",
					 json_excerpt(key, excerpt));
		}
	}
	return 0;
}

/* --- the rest -------------------------------------------------------------------------------- */

/* What the kernel takes for the name of an interface. */
static bool interface_name_valid(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n < 16 && !str_eq(s, ".") && !str_eq(s, "..") &&
	       s[strcspn(s, "/: \t\n\v\f\r")] == '\0';
}

static int check_net_devices(const struct spec_linux *l, struct err *e)
{
	char excerpt[JSON_EXCERPT_MAX];

	for (size_t i = 0; i < l->n_net_devices; i++) {
		const struct spec_net_device *d = &l->net_devices[i];

		if (!interface_name_valid(d->host_name)) {
			(void)invalid(e, "not the name of a network interface");
			return err_where(e, "linux.netDevices[\"%s\"]",
					 json_excerpt(d->host_name, excerpt));
		}
		if (*d->name && !interface_name_valid(d->name)) {
			(void)check_invalid_value(e, "not the name of a network interface",
						  d->name);
			return err_where(e, "linux.netDevices[\"%s\"].name", d->host_name);
		}
	}
	return 0;
}

static int check_memory_policy(const struct spec_memory_policy *p, struct err *e)
{
	static const char *const modes[] = {"MPOL_DEFAULT",    "MPOL_BIND",
					    "MPOL_INTERLEAVE", "MPOL_WEIGHTED_INTERLEAVE",
					    "MPOL_PREFERRED",  "MPOL_PREFERRED_MANY",
					    "MPOL_LOCAL",      NULL};
	static const char *const flags[] = {"MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES",
					    "MPOL_F_STATIC_NODES", NULL};

	if (!check_known(p->mode, modes)) {
		(void)check_invalid_value(e, "expected a memory policy", p->mode);
		return err_where(e, "linux.memoryPolicy.mode");
	}
	for (size_t i = 0; i < p->flags.n; i++) {
		if (!check_known(p->flags.items[i], flags)) {
			(void)check_invalid_value(e, "expected a memory policy flag",
						  p->flags.items[i]);
			return err_where(e, "linux.memoryPolicy.flags[%zu]", i);
		}
	}
	return 0;
}

/* A line of resctrl's file "schemata". */
static int check_schema(const char *text, const char *prefix, const char *where, struct err *e)
{
	if (text[0] == '\0' || (!strchr(text, '\n') && str_starts(text, prefix)))
		return 0;
	(void)check_invalid_value(
		e, prefix[0] ? "expected one line that begins with \"MB:\"" : "expected one line",
		text);
	return err_where(e, "%s", where);
}

int spec_intel_rdt_check(const struct spec_intel_rdt *rdt, struct err *e)
{
	const char *clos = rdt->clos_id;
	int r;

	/* It becomes a directory of resctrl; "/" is the default group. */
	if (!str_eq(clos, "/") && (strchr(clos, '/') || str_eq(clos, ".") || str_eq(clos, ".."))) {
		(void)check_invalid_value(e, "expected \"/\", or a name without \"/\"", clos);
		return err_where(e, "linux.intelRdt.closID");
	}
	r = check_schema(rdt->l3_cache_schema, "", "linux.intelRdt.l3CacheSchema", e);
	if (r == 0)
		r = check_schema(rdt->mem_bw_schema, "MB:", "linux.intelRdt.memBwSchema", e);
	for (size_t n = 0; r == 0 && n < rdt->schemata.n; n++)
		r = check_schema(rdt->schemata.items[n], "", "linux.intelRdt.schemata", e);
	return r;
}

static int check_machine(const struct spec_linux *l, struct err *e)
{
	const char *domain = l->personality.domain;
	int r;

	if (l->has_personality && !str_eq(domain, "LINUX") && !str_eq(domain, "LINUX32")) {
		(void)check_invalid_value(e, "expected LINUX or LINUX32", domain);
		return err_where(e, "linux.personality.domain");
	}
	r = spec_intel_rdt_check(&l->intel_rdt, e);
	if (r < 0)
		return r;
	if (l->has_memory_policy)
		return check_memory_policy(&l->memory_policy, e);
	return 0;
}

int check_linux(const struct spec *spec, struct err *e)
{
	const struct spec_linux *l = &spec->linux_;
	int r;

	r = check_namespaces(l, e);
	if (r == 0)
		r = check_isolation(spec, e);
	if (r == 0)
		r = check_uts_name(spec->hostname, "hostname", e);
	if (r == 0)
		r = check_uts_name(spec->domainname, "domainname", e);
	if (r == 0)
		r = check_user_namespace(spec, e);
	if (r == 0)
		r = check_time_offsets(spec, e);
	if (r == 0)
		r = check_sysctls(spec, e);
	if (r == 0)
		r = check_paths(l, e);
	for (size_t i = 0; r == 0 && i < l->n_devices; i++)
		r = check_device(&l->devices[i], i, e);
	if (r == 0)
		r = spec_resources_check(&l->resources, e);
	if (r == 0)
		r = check_net_devices(l, e);
	if (r == 0)
		r = check_machine(l, e);
	return r;
}
