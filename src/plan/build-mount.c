/* Mounts: what becomes of each, when its options are resolved (build-mount-options.c); init sees
 * attributes, options and a source. */
#include <errno.h>

#include "base/fscontext.h"
#include "base/str.h"
#include "base/sys.h"
#include "plan/build-mount.h"
#include "plan/mount-options.h"

#define DATA_MAX 4095 /* what mount(2) takes: a page */

/* --- binds ----------------------------------------------------------------------------------- */

/* What the host half opens is a peer of the host's mount: what the container mounts on it would
 * appear on the host. What init opens is a copy of a slave already. */
static uint64_t slot_propagation(const struct builder *b, uint64_t wanted)
{
	uint64_t root = mount_option_propagation(b->spec->linux_.rootfs_propagation);

	if (wanted == 0)
		return MS_REC | ((root & MS_PRIVATE) ? MS_PRIVATE : MS_SLAVE);
	if (wanted == MS_SLAVE)
		return MS_REC | MS_SLAVE;
	return !(wanted & MS_REC) || (wanted & MS_SHARED) ? wanted | MS_SLAVE : wanted;
}

static void add_bind(struct builder *b, const struct resolved_mount *m, const char *source,
		     plan_slot slot)
{
	struct plan_mount_attr attr = m->attr;

	if (slot != PLAN_NO_SLOT && slot < PLAN_OWN_SLOTS && !m->peer)
		attr.propagation = slot_propagation(b, attr.propagation);
	plan_add_BIND(&b->block, m->origin,
		      (struct plan_bind){
			      .slot = slot,
			      .source = block_string(&b->block, source),
			      .target = block_string(&b->block, m->mount->destination),
			      .flags = m->flags | (m->recursive ? PLAN_MOUNT_RECURSIVE : 0),
			      .attr = attr,
		      });
}

/* A shared bind in a shared root goes both ways (Kubernetes' "Bidirectional"). Not out of a user
 * namespace: for the kernel too the mounts of a less privileged one are slaves. */
static bool is_peer(const struct builder *b, const struct resolved_mount *m)
{
	return (m->attr.propagation & MS_SHARED) && b->facts->admin && !b->new_user_ns &&
	       !b->joined_user_ns &&
	       (mount_option_propagation(b->spec->linux_.rootfs_propagation) & MS_SHARED);
}

/* The source of a bind as an absolute path. */
static int find_source(struct builder *b, const struct resolved_mount *m, const char **ret)
{
	const char *source = m->mount->source;

	if (source[0] == '\0') {
		(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL, "a bind mount needs a source");
		return err_where(b->e, "%s.source", m->origin);
	}
	/* Relative to the bundle (config.md, "Mounts"), which is the directory of config.json. */
	*ret = source[0] == '/' ? source
				: arena_format(b->arena, "%s/%s", b->options->bundle, source);
	return *ret ? 0 : err_set(b->e, ERR_INTERNAL, -ENOMEM, "out of memory");
}

/* Does init open the source itself? Before the root filesystem covers the host's "/": a way that
 * leads up to there and down again, as that of /etc/os-release does, would go on in the root
 * filesystem. Only what init has no slot for is opened when it is bound. */
static bool is_ahead(const struct builder *b, const struct resolved_mount *m)
{
	return m->bind && !m->remount && !m->has_idmap && !is_peer(b, m) && !b->host_opens &&
	       !b->tree_ns;
}

int plan_sources(struct builder *b)
{
	unsigned root_mounts = b->root_mounts;
	struct resolved_mount m;
	const char *source;
	int r = 0;

	for (size_t n = 0; n < b->spec->n_mounts && b->n_sources < PLAN_OWN_SLOTS_MAX; n++) {
		if (!mount_is_bind(&b->spec->mounts[n], &m.recursive))
			continue;
		r = mount_resolve(b, n, &m);
		if (r == 0 && !is_ahead(b, &m))
			continue;
		if (r == 0)
			r = find_source(b, &m, &source);
		if (r < 0)
			return r;
		plan_add_SOURCE(&b->block, m.origin,
				(struct plan_bind){
					.slot = PLAN_OWN_SLOTS + (plan_slot)b->n_sources++,
					.source = block_string(&b->block, source),
					.flags = m.flags | (m.recursive ? PLAN_MOUNT_RECURSIVE : 0),
				});
	}
	b->root_mounts = root_mounts;
	return 0;
}

static int plan_bind(struct builder *b, struct resolved_mount *m)
{
	const uint32_t nofollow = PLAN_MOUNT_SOURCE_NOFOLLOW | PLAN_MOUNT_COPY_SYMLINK;
	const struct plan_mount_userns *userns = NULL;
	plan_slot slot = PLAN_NO_SLOT;
	const char *source;
	int found = find_source(b, m, &source);

	if (found < 0)
		return found;
	m->peer = is_peer(b, m);
	if (m->has_idmap) {
		int r = plan_mount_idmap(b, m->mount, m->idmap, m->origin, &userns);

		if (r < 0)
			return r;
	}
	if (is_ahead(b, m) && b->n_bound < b->n_sources)
		slot = PLAN_OWN_SLOTS + (plan_slot)b->n_bound++;
	else if (b->host_opens || b->tree_ns || m->peer || userns)
		slot = plan_add_slot(
			b, (struct plan_slot_source){.kind = SLOT_TREE,
						     .path = source,
						     .recursive = m->recursive,
						     .nofollow = m->flags & nofollow,
						     .userns = userns,
						     .recursive_idmap = m->recursive_idmap,
						     .origin = m->origin});
	add_bind(b, m, source, slot);
	return 0;
}

/* --- new instances --------------------------------------------------------------------------- */

/* "key=value" and "flag", for a context of the mount API. */
static struct plan_array options_array(struct builder *b, const struct resolved_mount *m)
{
	struct plan_option *options = arena_newn(b->arena, struct plan_option, m->n_words);

	if (!options) {
		b->block.failed = true;
		return (struct plan_array){0};
	}
	for (uint32_t n = 0; n < m->n_words; n++) {
		const char *eq = strchr(m->words[n], '=');
		char *key = eq ? arena_strndup(b->arena, m->words[n], (size_t)(eq - m->words[n]))
			       : NULL;

		options[n].key = block_string(&b->block, key ? key : m->words[n]);
		options[n].value = eq ? block_string(&b->block, eq + 1) : 0;
	}
	return block_array(&b->block, options, m->n_words, sizeof(*options));
}

/* A context of the mount API takes short values only, and some flags not at all. */
static bool needs_old_call(const struct resolved_mount *m, const char *source)
{
	if (m->old_ms != 0 || strlen(source) >= FSCONTEXT_VALUE_MAX)
		return true;
	for (uint32_t n = 0; n < m->n_words; n++) {
		const char *eq = strchr(m->words[n], '=');

		if (eq && strlen(eq + 1) >= FSCONTEXT_VALUE_MAX)
			return true;
	}
	return false;
}

/* All options for mount(2): flags of the instance are not among its data. */
static int old_data(struct builder *b, const struct resolved_mount *m, bool labelled, plan_str *ret)
{
	char *data = arena_alloc(b->arena, DATA_MAX + 1);
	size_t len = 0;

	if (!data)
		return err_set(b->e, ERR_INTERNAL, -ENOMEM, "out of memory");
	for (uint32_t n = 0; n < m->n_words && len <= DATA_MAX; n++) {
		const struct mount_option *o = mount_option_find(m->words[n]);

		if (!o || (o->kind != OPTION_SUPER && o->kind != OPTION_ATTR))
			len += str_format(data + len, DATA_MAX + 1 - len, "%s%s",
					  len > 0 ? "," : "", m->words[n]);
	}
	/* In quotes: a label has commas. */
	if (labelled && len <= DATA_MAX)
		len += str_format(data + len, DATA_MAX + 1 - len, "%s%s=\"%s\"", len > 0 ? "," : "",
				  b->label_option, b->spec->linux_.mount_label);
	if (len > DATA_MAX) {
		(void)err_set(b->e, ERR_CONFIG_INVALID, -E2BIG,
			      "all options together are longer than %u characters", DATA_MAX);
		return err_where(b->e, "%s.options", m->origin);
	}
	*ret = block_string(&b->block, data);
	return 0;
}

/* --- linux.mountLabel ------------------------------------------------------------------------- */

/* The option by which file systems take it: context, or what an annotation of crun says. */
static int read_label(struct builder *b)
{
	static const char key[] = "run.oci.mount_context_type";
	static const char *const types[] = {"context", "fscontext", "defcontext", "rootcontext"};
	const char *label = b->spec->linux_.mount_label, *type = spec_annotation(b->spec, key);

	b->label_option = type ? NULL : types[0];
	for (size_t n = 0; n < ARRAY_SIZE(types) && type; n++)
		if (str_eq(type, types[n]))
			b->label_option = types[n];
	if (!b->label_option) {
		(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL,
			      "expected context, fscontext, defcontext or rootcontext, got \"%s\"",
			      type);
		return err_where(b->e, "annotations[\"%s\"]", key);
	}
	if (label[0] != '\0') {
		b->label_key = block_string(&b->block, b->label_option);
		b->label = block_string(&b->block, label);
	}
	return 0;
}

/* The kernel's own file systems are labelled by its policy; what the configuration labels itself is
 * left alone. */
static bool takes_label(const struct builder *b, const struct resolved_mount *m, const char *fstype)
{
	static const char *const none[] = {"proc", "sysfs", "cgroup", "cgroup2"};

	for (size_t n = 0; n < ARRAY_SIZE(none); n++)
		if (str_eq(fstype, none[n]))
			return false;
	for (uint32_t n = 0; n < m->n_words; n++)
		if (strstr(m->words[n], "context="))
			return false;
	return b->label != 0;
}

struct plan_empty plan_empty_mount(struct builder *b)
{
	return (struct plan_empty){
		.fstype = block_string(&b->block, "tmpfs"),
		.label_key = b->label_key,
		.label = b->label,
	};
}

/* --- new instances, continued ------------------------------------------------------------------
 */

static int add_mount(struct builder *b, struct resolved_mount *m, const char *fstype,
		     const char *source, const char *target, struct plan_mount o)
{
	struct block *k = &b->block;
	int r = 0;

	o.fstype = block_string(k, fstype);
	o.source = block_string(k, source);
	o.target = block_string(k, target);
	o.flags |= m->flags;
	o.attr = m->attr;
	if (takes_label(b, m, fstype)) {
		bool by_option = !str_eq(fstype, "mqueue");

		o.label_key = by_option ? b->label_key : block_string(k, "security.selinux");
		o.label = b->label;
		o.flags |= by_option ? 0 : PLAN_MOUNT_LABEL_ROOT;
	}
	if (needs_old_call(m, source)) {
		o.ms_flags = m->ms | m->old_ms;
		o.place = block_string(k, "tmpfs");
		r = old_data(b, m, o.label != 0 && !(o.flags & PLAN_MOUNT_LABEL_ROOT), &o.data);
	} else {
		o.options = options_array(b, m);
	}
	plan_add_MOUNT(k, m->origin, o);
	return r;
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

static bool has_option(const struct resolved_mount *m, const char *key)
{
	for (uint32_t n = 0; n < m->n_words; n++)
		if (str_starts(m->words[n], key))
			return true;
	return false;
}

/* Does the configuration mount anything at @path? */
static bool is_mounted(const struct builder *b, const char *path)
{
	size_t len = strlen(path);

	for (size_t n = 0; n < b->spec->n_mounts; n++) {
		const char *d = b->spec->mounts[n].destination;

		if (str_starts(d, path) &&
		    (d[len] == '\0' || (d[len] == '/' && d[len + 1] == '\0')))
			return true;
	}
	return false;
}

/* An instance of sysfs shows the network devices of our network namespace; the kernel gives it only
 * to who owns that one. Then the host's is shown, if that was asked for read-only, and without the
 * host's cgroups (which can be covered, not unmounted). */
static struct plan_mount sysfs_instead(struct builder *b, const struct resolved_mount *m)
{
	const char *cgroups = arena_format(b->arena, "%s/fs/cgroup", m->mount->destination);
	struct plan_mount o = {.flags = PLAN_MOUNT_NO_SYMLINKS};

	if (!cgroups) {
		b->block.failed = true;
		return o;
	}
	if (!(m->attr.set & MOUNT_ATTR_RDONLY) || b->live)
		return o;
	o.instead = block_string(&b->block, "/sys");
	if (!is_mounted(b, cgroups)) {
		o.hide = block_string(&b->block, cgroups);
		o.empty = plan_empty_mount(b);
	}
	return o;
}

/* The mapping of a mount is given by who has power over the file system: the host half makes it,
 * and init attaches it like a bind. */
static int plan_mapped_instance(struct builder *b, struct resolved_mount *m)
{
	const struct plan_mount_userns *userns = NULL;
	const char *type = m->mount->type;
	int r;

	if (kernel_instance(type)) {
		(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL,
			      "file system type \"%s\" does not support id mappings", type);
		return err_where(b->e, "%s", m->origin);
	}
	if ((m->flags & PLAN_MOUNT_COPY_UP) || needs_old_call(m, m->mount->source))
		return mount_bad(b, m, "an id-mapped mount does not go with an option of",
				 m->flags & PLAN_MOUNT_COPY_UP ? "tmpcopyup" : "mount(2)");
	if (m->super_ro)
		mount_add_word(m, "ro");
	if (takes_label(b, m, type)) {
		char *word = arena_format(b->arena, "%s=%s", b->label_option,
					  b->spec->linux_.mount_label);

		if (!word)
			return err_set(b->e, ERR_INTERNAL, -ENOMEM, "out of memory");
		mount_add_word(m, word);
	}
	r = plan_mount_idmap(b, m->mount, m->idmap, m->origin, &userns);
	if (r < 0)
		return r;
	add_bind(b, m, m->mount->source,
		 plan_add_slot(b, (struct plan_slot_source){
					  .kind = SLOT_INSTANCE,
					  .path = m->mount->source,
					  .fstype = type,
					  .options = {.items = m->words, .n = m->n_words},
					  .userns = userns,
					  .recursive_idmap = m->recursive_idmap,
					  .origin = m->origin,
				  }));
	return 0;
}

/* Is @m made of nothing that is there already? Then what it is put on is a directory. */
static bool is_instance(const struct spec_mount *m)
{
	for (size_t n = 0; n < m->options.n; n++) {
		const struct mount_option *o = mount_option_find(m->options.items[n]);

		if (o && (o->kind == OPTION_BIND || o->kind == OPTION_REMOUNT))
			return false;
	}
	return !str_eq(m->type, "bind");
}

/* The directories in the new file system @m on which the configuration mounts others later. */
static struct plan_array places_inside(struct builder *b, const struct resolved_mount *m)
{
	const struct spec_mount *end = b->spec->mounts + b->spec->n_mounts;
	plan_str *names = arena_newn(b->arena, plan_str, b->spec->n_mounts);
	const char *own = m->mount->destination;
	size_t len = strlen(own), count = 0;

	if (!names)
		return (struct plan_array){0};
	for (const struct spec_mount *o = m->mount + 1; o < end; o++) {
		const char *name = o->destination + len + 1;

		if (str_starts(o->destination, own) && name[-1] == '/' && *name != '\0' &&
		    !strchr(name, '/') && !str_eq(name, "..") && is_instance(o))
			names[count++] = block_string(&b->block, name);
	}
	return block_array(&b->block, names, count, sizeof(*names));
}

/* Is anything still to be made in the new file system @m: the place of a later mount, or a device?
 * Not if it is covered: its path leads elsewhere then. */
static bool is_filled(const struct builder *b, const struct resolved_mount *m)
{
	const struct spec_mount *end = b->spec->mounts + b->spec->n_mounts;
	const char *own = m->mount->destination;
	bool filled = str_eq(own, "/dev");
	size_t len = strlen(own);

	if (b->live)
		return false;
	for (const struct spec_mount *o = m->mount + 1; o < end; o++) {
		if (str_eq(o->destination, own))
			return false;
		filled |= str_starts(o->destination, own) && o->destination[len] == '/';
	}
	return filled;
}

/* What is to be read-only is so once all is in it (plan_masks()). */
static int plan_tmpfs(struct builder *b, struct resolved_mount *m, struct plan_mount *o)
{
	if (m->super_ro && is_filled(b, m)) {
		if (!b->late_readonly)
			b->late_readonly = arena_newn(b->arena, size_t, b->spec->n_mounts);
		if (!b->late_readonly)
			return err_set(b->e, ERR_INTERNAL, -ENOMEM, "out of memory");
		b->late_readonly[b->n_late_readonly++] = (size_t)(m->mount - b->spec->mounts);
		m->super_ro = false;
		m->attr.set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	}
	if (m->super_ro) {
		m->ms |= MS_RDONLY;
		mount_add_word(m, "ro");
		return 0;
	}
	o->inside = places_inside(b, m);
	/* Of the directory that it covers, as other runtimes have it. */
	if (!has_option(m, "mode="))
		o->flags |= PLAN_MOUNT_COPY_MODE;
	return 0;
}

static int plan_instance(struct builder *b, struct resolved_mount *m)
{
	const char *type = m->mount->type;
	struct plan_mount o = {0};
	int r = 0;

	if (needs_host_proc(b, type)) {
		m->recursive = true;
		add_bind(b, m, "/proc", PLAN_NO_SLOT);
		return 0;
	}
	if (m->has_idmap)
		return plan_mapped_instance(b, m);
	if (str_eq(type, "proc"))
		o.flags = PLAN_MOUNT_NO_SYMLINKS;
	else if (str_eq(type, "sysfs"))
		o = sysfs_instead(b, m);
	if (m->flags & PLAN_MOUNT_COPY_UP) {
		/* Filled first, read-only then: of the mount only. */
		o.flags |= has_option(m, "mode=") ? 0 : PLAN_MOUNT_COPY_MODE;
		if (!has_option(m, "uid=") && !has_option(m, "gid="))
			o.flags |= PLAN_MOUNT_COPY_OWNER;
	} else if (str_eq(type, "tmpfs")) {
		r = plan_tmpfs(b, m, &o);
	} else if (m->super_ro && !kernel_instance(type)) {
		m->ms |= MS_RDONLY;
		mount_add_word(m, "ro");
	}
	return r < 0 ? r : add_mount(b, m, type, m->mount->source, m->mount->destination, o);
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
static void bind_cgroup(struct builder *b, struct resolved_mount *m, int hierarchy,
			const char *target)
{
	const struct facts_cgroup *f = &b->facts->cgroup;
	const struct cgroup_hierarchy *v1 = hierarchy >= 0 ? b->plan->cgroup.v1[hierarchy] : NULL;
	const char *own = b->plan->cgroup.path;
	const char *mount_point = v1 ? v1->mount_point : f->unified_mount_point;
	const char *self = v1 ? v1->self_path : f->unified_self_path;
	plan_slot slot = PLAN_NO_SLOT;
	struct spec_mount mount = {.destination = target};
	struct resolved_mount bound = *m;

	bound.mount = &mount;
	if (b->facts->admin && own[0] != '\0')
		slot = plan_add_slot(
			b,
			(struct plan_slot_source){
				.kind = SLOT_CGROUP,
				.hierarchy = hierarchy,
				/* Where none could be made, the process stays in the caller's. */
				.path = self[0] != '\0' ? join(b, mount_point, self) : NULL,
				.origin = m->origin});
	add_bind(b, &bound, join(b, mount_point, own[0] != '\0' ? own : self), slot);
}

/* The directories of the old layout's file system. */
static struct plan_array places_of_hierarchies(struct builder *b, bool v1)
{
	plan_str *names = arena_newn(b->arena, plan_str, 1 + b->plan->cgroup.n_v1);
	size_t count = 0;

	if (!names)
		return (struct plan_array){0};
	if (b->facts->cgroup.arrangement == CGROUP_HYBRID)
		names[count++] = block_string(&b->block, "unified");
	for (size_t n = 0; n < b->plan->cgroup.n_v1 && v1; n++)
		names[count++] = block_string(&b->block, b->plan->cgroup.v1[n]->controllers);
	return block_array(&b->block, names, count, sizeof(*names));
}

/* Unified: an instance rooted at our own cgroup namespace if there is one, else a bind of our own
 * directory; the rest of the host's tree is never shown. Hybrid and v1: the old layout, a tmpfs
 * with one directory for each hierarchy in which the container has a cgroup. */
static int plan_cgroup_mount(struct builder *b, struct resolved_mount *m)
{
	const struct facts_cgroup *f = &b->facts->cgroup;
	const char *target = m->mount->destination;
	bool namespaced = b->plan->namespaces & CLONE_NEWCGROUP;
	bool systemd = b->plan->cgroup.manager == CGROUP_MANAGER_SYSTEMD;
	const struct plan_mount none = {0};
	struct resolved_mount base = *m;
	struct plan_mount old = {0};
	const char *mode = "mode=755";
	int r;

	if (systemd && !namespaced)
		return plan_unsupported(b, plan_origin(b,
						       "%s.type (cgroup, under systemd and without "
						       "a cgroup namespace)",
						       m->origin));
	if (f->arrangement == CGROUP_UNIFIED) {
		if (!(m->attr.set & MOUNT_ATTR_RDONLY))
			plan_delegate_cgroup(b, target);
		if (namespaced)
			return add_mount(b, m, "cgroup2", "cgroup2", target, none);
		bind_cgroup(b, m, -1, target);
		return 0;
	}
	if (f->arrangement == CGROUP_NONE)
		return plan_unsupported(b, plan_origin(b, "%s.type (cgroup)", m->origin));
	/* Writable until its directories are made; then as asked. */
	base.attr.set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	base.words = &mode;
	base.n_words = 1;
	old.inside = places_of_hierarchies(b, !systemd);
	r = add_mount(b, &base, "tmpfs", "cgroup", target, old);
	if (r == 0 && namespaced && f->arrangement == CGROUP_HYBRID)
		r = add_mount(b, m, "cgroup2", "cgroup2", join(b, target, "/unified"), none);
	else if (f->arrangement == CGROUP_HYBRID)
		bind_cgroup(b, m, -1, join(b, target, "/unified"));
	/* Under systemd they come to be when the mounts are prepared already. */
	for (size_t n = 0; n < b->plan->cgroup.n_v1 && !systemd; n++)
		bind_cgroup(b, m, (int)n,
			    arena_format(b->arena, "%s/%s", target,
					 b->plan->cgroup.v1[n]->controllers));
	if (m->attr.set & MOUNT_ATTR_RDONLY)
		plan_add_SET_READONLY(&b->block, m->origin,
				      (struct plan_path){block_string(&b->block, target)});
	return r;
}

static bool is_cgroup(const char *type)
{
	return str_eq(type, "cgroup") || str_eq(type, "cgroup2");
}

/* --- a container that runs -------------------------------------------------------------------- */

static int cannot_add(struct builder *b, const struct resolved_mount *m, const char *what)
{
	(void)err_set(b->e, ERR_UNSUPPORTED, -EOPNOTSUPP,
		      "%s cannot be added to a running container", what);
	return err_where(b->e, "%s", m->origin);
}

/* Paths in it are its own to change, and so is its /proc; no path of the host is there any more. */
static int prepare_live(struct builder *b, struct resolved_mount *m)
{
	if (m->flags & PLAN_MOUNT_ROOT)
		return cannot_add(b, m, "a mount on \"/\"");
	if (m->remount)
		return cannot_add(b, m, "a remount");
	if (m->flags & PLAN_MOUNT_COPY_SYMLINK)
		return cannot_add(b, m, "a copy of a link");
	if (m->flags & PLAN_MOUNT_COPY_UP)
		return cannot_add(b, m, "a copy of what is there");
	if (!m->bind && !m->has_idmap && is_cgroup(m->mount->type))
		return cannot_add(b, m, "a cgroup mount");
	/* It shows the pid namespace of who makes it, where ours would be seen, and traced by who
	 * may. */
	if (!m->bind && str_eq(m->mount->type, "proc"))
		return cannot_add(b, m, "a procfs");
	if (!m->bind && needs_old_call(m, m->mount->source))
		return cannot_add(b, m, "a file system that needs mount(2)");
	m->flags |= PLAN_MOUNT_NO_SYMLINKS;
	return 0;
}

int plan_mounts(struct builder *b)
{
	int r = read_label(b);

	for (size_t n = 0; n < b->spec->n_mounts && r == 0; n++) {
		struct resolved_mount m;

		r = mount_resolve(b, n, &m);
		if (r == 0 && b->live)
			r = prepare_live(b, &m);
		if (r < 0)
			return r;
		if (m.remount)
			plan_add_REMOUNT(
				&b->block, m.origin,
				(struct plan_remount){
					.target = block_string(&b->block, m.mount->destination),
					.attr = m.attr,
				});
		else if (m.bind)
			r = plan_bind(b, &m);
		else if (!m.has_idmap && is_cgroup(m.mount->type))
			r = plan_cgroup_mount(b, &m);
		else
			r = plan_instance(b, &m);
	}
	return r;
}
