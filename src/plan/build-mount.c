/* Mounts: every option is resolved here, once; init sees attributes, options and a source. */
#include <errno.h>

#include "base/str.h"
#include "base/sys.h"
#include "plan/build.h"
#include "plan/mount-options.h"

/* One mount, its options taken apart. */
struct resolved {
	const struct spec_mount *mount;
	const char *origin;
	bool bind, recursive;
	bool super_ro; /* "ro" was asked for: for a new instance, of the instance too */
	bool peer;     /* what is mounted on it appears on the host, as asked for */
	struct plan_mount_attr attr;
	struct plan_option *options;
	uint32_t n_options;
};

static int bad_mount(struct builder *b, const struct resolved *m, const char *what,
		     const char *option)
{
	(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL, "%s \"%s\"", what, option);
	return err_where(b->e, "%s.options", m->origin);
}

static uint64_t propagation_flags(const char *name)
{
	const struct mount_option *o = mount_option_find(name);

	return o && o->kind == OPTION_PROPAGATION ? o->set : 0;
}

/* "key=value" and "flag" go to the file system as they are. */
static void add_fs_option(struct builder *b, struct resolved *m, const char *option)
{
	struct plan_option *o = &m->options[m->n_options++];
	const char *eq = strchr(option, '=');
	char *key = eq ? arena_strndup(b->arena, option, (size_t)(eq - option)) : NULL;

	o->key = block_string(&b->block, key ? key : option);
	o->value = eq ? block_string(&b->block, eq + 1) : 0;
}

static void merge(uint64_t *set, uint64_t *clear, const struct mount_option *o)
{
	*set = (*set & ~o->clear) | o->set;
	*clear = (*clear & ~o->set) | o->clear;
	/* The field of access times is cleared as a whole whenever it is set. */
	if (o->clear == MOUNT_ATTR__ATIME)
		*clear |= MOUNT_ATTR__ATIME;
}

static int apply_option(struct builder *b, struct resolved *m, const char *text)
{
	const struct mount_option *o = mount_option_find(text);

	if (!o) {
		if (m->bind)
			return bad_mount(b, m, "a bind mount has no file system to take", text);
		add_fs_option(b, m, text);
		return 0;
	}
	switch ((enum mount_option_kind)o->kind) {
	case OPTION_ATTR:
		merge(&m->attr.set, &m->attr.clear, o);
		m->super_ro = m->attr.set & MOUNT_ATTR_RDONLY;
		return 0;
	case OPTION_REC_ATTR:
		merge(&m->attr.rec_set, &m->attr.rec_clear, o);
		return 0;
	case OPTION_PROPAGATION:
		m->attr.propagation = o->set;
		return 0;
	case OPTION_SUPER:
		if (!m->bind)
			add_fs_option(b, m, text);
		return 0;
	case OPTION_UNSUPPORTED:
		return plan_unsupported(b, plan_origin(b, "%s.options (\"%s\")", m->origin, text));
	case OPTION_BIND:
	case OPTION_IGNORED:
		return 0;
	}
	return 0;
}

static int resolve(struct builder *b, size_t n, struct resolved *m)
{
	const struct spec_mount *mount = &b->spec->mounts[n];
	int r = 0;

	*m = (struct resolved){
		.mount = mount,
		.origin = plan_origin(b, "mounts[%u]", (unsigned)n),
		.bind = str_eq(mount->type, "bind"),
		.options = arena_newn(b->arena, struct plan_option, mount->options.n + 1),
	};
	if (!m->options)
		return err_set(b->e, ERR_INTERNAL, -ENOMEM, "out of memory");
	if (mount->uid_mappings.n > 0 || mount->gid_mappings.n > 0)
		return plan_unsupported(b, plan_origin(b, "%s.uidMappings", m->origin));
	/* Whether it is a bind decides what the other options mean. */
	for (size_t k = 0; k < mount->options.n; k++) {
		const struct mount_option *o = mount_option_find(mount->options.items[k]);

		if (o && o->kind == OPTION_BIND) {
			m->bind = true;
			m->recursive = o->set & MS_REC;
		}
	}
	for (size_t k = 0; k < mount->options.n && r == 0; k++)
		r = apply_option(b, m, mount->options.items[k]);
	if (r == 0 && !m->bind && mount->type[0] == '\0') {
		(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL,
			      "needs a type, or the option \"bind\" or \"rbind\"");
		return err_where(b->e, "%s", m->origin);
	}
	return r;
}

/* --- binds ----------------------------------------------------------------------------------- */

/* What the host half opens is a peer of the host's mount: what the container mounts on it would
 * appear on the host. What init opens is a copy of a slave already. */
static uint64_t slot_propagation(uint64_t wanted)
{
	if (wanted == 0 || wanted == MS_SLAVE)
		return MS_REC | MS_SLAVE;
	return !(wanted & MS_REC) || (wanted & MS_SHARED) ? wanted | MS_SLAVE : wanted;
}

static void add_bind(struct builder *b, const struct resolved *m, const char *source,
		     plan_slot slot)
{
	struct plan_mount_attr attr = m->attr;

	if (slot != PLAN_NO_SLOT && !m->peer)
		attr.propagation = slot_propagation(attr.propagation);
	plan_add_BIND(&b->block, m->origin,
		      (struct plan_bind){
			      .slot = slot,
			      .source = block_string(&b->block, source),
			      .target = block_string(&b->block, m->mount->destination),
			      .flags = m->recursive ? PLAN_MOUNT_RECURSIVE : 0,
			      .attr = attr,
		      });
}

/* A shared bind in a shared root goes both ways (Kubernetes' "Bidirectional"). Not out of a user
 * namespace: for the kernel too the mounts of a less privileged one are slaves. */
static bool is_peer(const struct builder *b, const struct resolved *m)
{
	return (m->attr.propagation & MS_SHARED) && b->facts->admin && !b->new_user_ns &&
	       !b->joined_user_ns &&
	       (propagation_flags(b->spec->linux_.rootfs_propagation) & MS_SHARED);
}

static int plan_bind(struct builder *b, struct resolved *m)
{
	const char *source = m->mount->source;
	plan_slot slot = PLAN_NO_SLOT;

	if (source[0] == '\0') {
		(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL, "a bind mount needs a source");
		return err_where(b->e, "%s.source", m->origin);
	}
	/* Relative to the bundle (config.md, "Mounts"), which is the directory of config.json. */
	if (source[0] != '/')
		source = arena_format(b->arena, "%s/%s", b->options->bundle, source);
	if (!source)
		return err_set(b->e, ERR_INTERNAL, -ENOMEM, "out of memory");
	m->peer = is_peer(b, m);
	if (b->host_opens || m->peer)
		slot = plan_add_slot(b, (struct plan_slot_source){.kind = SLOT_TREE,
								  .path = source,
								  .recursive = m->recursive,
								  .origin = m->origin});
	add_bind(b, m, source, slot);
	return 0;
}

/* --- new instances --------------------------------------------------------------------------- */

static void add_mount(struct builder *b, struct resolved *m, const char *fstype, const char *source,
		      const char *target, uint32_t flags)
{
	struct block *k = &b->block;

	plan_add_MOUNT(
		k, m->origin,
		(struct plan_mount){
			.fstype = block_string(k, fstype),
			.source = block_string(k, source),
			.target = block_string(k, target),
			.flags = flags,
			.options = block_array(k, m->options, m->n_options, sizeof(*m->options)),
			.attr = m->attr,
		});
}

/* Instances of the kernel's own file systems are shared or have no such flag: "ro" is the mount's.
 */
static bool kernel_instance(const char *type)
{
	static const char *const types[] = {"proc",    "sysfs",  "cgroup",     "cgroup2",
					    "mqueue",  "devpts", "securityfs", "debugfs",
					    "tracefs", "bpf",    "pstore",     "configfs"};

	for (size_t n = 0; n < ARRAY_SIZE(types); n++)
		if (str_eq(type, types[n]))
			return true;
	return false;
}

/* A procfs shows a pid namespace and wants privilege over it: in a user namespace that keeps the
 * host's pids, the host's /proc is all that can be shown. */
static bool needs_host_proc(const struct builder *b, const char *type)
{
	return str_eq(type, "proc") && (b->new_user_ns || b->joined_user_ns) &&
	       !(b->plan->namespaces & CLONE_NEWPID);
}

static int plan_instance(struct builder *b, struct resolved *m)
{
	const char *type = m->mount->type;
	bool guarded = str_eq(type, "proc") || str_eq(type, "sysfs");

	if (needs_host_proc(b, type)) {
		m->recursive = true;
		m->n_options = 0;
		add_bind(b, m, "/proc", PLAN_NO_SLOT);
		return 0;
	}
	if (m->super_ro && !kernel_instance(type))
		add_fs_option(b, m, "ro");
	add_mount(b, m, type, m->mount->source, m->mount->destination,
		  guarded ? PLAN_MOUNT_NO_SYMLINKS : 0);
	return 0;
}

/* --- cgroup ---------------------------------------------------------------------------------- */

static const char *join(struct builder *b, const char *directory, const char *path)
{
	const char *s =
		str_eq(path, "/") ? directory : arena_format(b->arena, "%s%s", directory, path);

	if (!s)
		b->block.failed = true;
	return s ? s : "";
}

/* The container's cgroup in one hierarchy, bound to @target: its own directory and nothing above.
 */
static void bind_cgroup(struct builder *b, struct resolved *m, int hierarchy, const char *target)
{
	const struct facts_cgroup *f = &b->facts->cgroup;
	const struct cgroup_hierarchy *v1 = hierarchy >= 0 ? b->plan->cgroup.v1[hierarchy] : NULL;
	const char *own = b->plan->cgroup.path;
	const char *mount_point = v1 ? v1->mount_point : f->unified_mount_point;
	const char *self = v1 ? v1->self_path : f->unified_self_path;
	plan_slot slot = PLAN_NO_SLOT;
	struct spec_mount mount = {.destination = target};
	struct resolved bound = *m;

	bound.mount = &mount;
	bound.n_options = 0;
	if (b->facts->admin && own[0] != '\0')
		slot = plan_add_slot(b, (struct plan_slot_source){.kind = SLOT_CGROUP,
								  .hierarchy = hierarchy,
								  .origin = m->origin});
	add_bind(b, &bound, join(b, mount_point, own[0] != '\0' ? own : self), slot);
}

/* Unified: an instance rooted at our own cgroup namespace if there is one, else a bind of our own
 * directory; the rest of the host's tree is never shown. Hybrid: the old layout, a tmpfs with one
 * directory for each hierarchy in which the container has a cgroup. */
static int plan_cgroup_mount(struct builder *b, struct resolved *m)
{
	const struct facts_cgroup *f = &b->facts->cgroup;
	const char *target = m->mount->destination;
	bool namespaced = b->plan->namespaces & CLONE_NEWCGROUP;
	struct resolved base = *m;

	if (f->arrangement == CGROUP_UNIFIED) {
		if (namespaced)
			add_mount(b, m, "cgroup2", "cgroup2", target, 0);
		else
			bind_cgroup(b, m, -1, target);
		return 0;
	}
	if (f->arrangement != CGROUP_HYBRID)
		return plan_unsupported(b, plan_origin(b, "%s.type (cgroup v1)", m->origin));
	/* Writable until its directories are made; then as asked. */
	base.attr.set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	base.n_options = 0;
	add_fs_option(b, &base, "mode=755");
	add_mount(b, &base, "tmpfs", "cgroup", target, 0);
	if (namespaced)
		add_mount(b, m, "cgroup2", "cgroup2", join(b, target, "/unified"), 0);
	else
		bind_cgroup(b, m, -1, join(b, target, "/unified"));
	for (size_t n = 0; n < b->plan->cgroup.n_v1; n++)
		bind_cgroup(b, m, (int)n,
			    arena_format(b->arena, "%s/%s", target,
					 b->plan->cgroup.v1[n]->controllers));
	if (m->attr.set & MOUNT_ATTR_RDONLY)
		plan_add_SET_READONLY(&b->block, m->origin,
				      (struct plan_path){block_string(&b->block, target)});
	return 0;
}

int plan_mounts(struct builder *b)
{
	for (size_t n = 0; n < b->spec->n_mounts; n++) {
		struct resolved m;
		int r = resolve(b, n, &m);

		if (r < 0)
			return r;
		if (m.bind)
			r = plan_bind(b, &m);
		else if (str_eq(m.mount->type, "cgroup") || str_eq(m.mount->type, "cgroup2"))
			r = plan_cgroup_mount(b, &m);
		else
			r = plan_instance(b, &m);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- root filesystem and what is done after the mounts -----------------------------------------
 */

int plan_rootfs(struct builder *b)
{
	const char *wanted = b->spec->linux_.rootfs_propagation;
	uint64_t ms = propagation_flags(wanted);
	plan_slot slot = PLAN_NO_SLOT;
	bool seen = plan_hooks_see_rootfs(b);

	/* The host's mounts may come in (slave) but ours never go out; pivot_root refuses shared
	 * ones. What the configuration wants for the root is set after the pivot. */
	plan_add_PROPAGATION(
		&b->block, wanted[0] != '\0' ? "linux.rootfsPropagation" : "",
		(struct plan_propagation){
			.path = block_string(&b->block, "/"),
			.ms_flags = (ms & MS_PRIVATE) ? MS_REC | MS_PRIVATE : MS_REC | MS_SLAVE,
		});
	if (b->host_opens)
		slot = plan_add_slot(b, (struct plan_slot_source){.kind = SLOT_TREE,
								  .path = b->options->rootfs,
								  .recursive = true,
								  .origin = "root.path"});
	plan_add_ROOTFS(&b->block, "root.path",
			(struct plan_rootfs){
				.slot = slot,
				.source = block_string(&b->block, b->options->rootfs),
				.attach = block_string(&b->block, seen ? b->options->rootfs : "/"),
				.otherwise = seen ? block_string(&b->block, "/") : 0,
			});
	return 0;
}

int plan_masks(struct builder *b)
{
	const struct spec_linux *l = &b->spec->linux_;
	struct block *k = &b->block;
	plan_str null = block_string(k, "dev/null"), fstype = block_string(k, "tmpfs");
	uint64_t ms = propagation_flags(l->rootfs_propagation);

	for (size_t n = 0; n < l->readonly_paths.n; n++)
		plan_add_READONLY(k, plan_origin(b, "linux.readonlyPaths[%u]", (unsigned)n),
				  (struct plan_path){block_string(k, l->readonly_paths.items[n])});
	for (size_t n = 0; n < l->masked_paths.n; n++)
		plan_add_MASK(k, plan_origin(b, "linux.maskedPaths[%u]", (unsigned)n),
			      (struct plan_mask){
				      .path = block_string(k, l->masked_paths.items[n]),
				      .null = null,
				      .fstype = fstype,
			      });
	if (b->spec->root_readonly)
		plan_add_SET_READONLY(k, "root.readonly", (struct plan_path){block_string(k, "/")});
	plan_add_PIVOT(k, "root.path", (struct plan_none){0});
	if (ms != 0)
		plan_add_ROOT_PROPAGATION(k, "linux.rootfsPropagation",
					  (struct plan_propagation){
						  .path = block_string(k, "/"),
						  .ms_flags = ms,
					  });
	return 0;
}
