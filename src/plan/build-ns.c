/* Which namespaces, in which order, by which process. DESIGN: the sealed image is entered on the
 * host's side of every boundary, except into a fresh pid namespace without a user namespace. */
#include <errno.h>

#include "base/str.h"
#include "base/sys.h"
#include "oci/names.h"
#include "plan/build.h"

/* User first: it gives the privilege for the others. Mount last: it changes where paths lead. */
static const enum ns_type join_order[] = {NS_USER, NS_PID,    NS_NETWORK, NS_IPC,
					  NS_UTS,  NS_CGROUP, NS_TIME,    NS_MOUNT};

static void add_joins(struct builder *b)
{
	for (size_t n = 0; n < ARRAY_SIZE(join_order); n++) {
		enum ns_type type = join_order[n];
		const struct spec_namespace *ns = spec_namespace_find(b->spec, type);
		const char *origin;
		plan_slot slot;

		if (!ns || ns->path[0] == '\0')
			continue;
		origin = plan_origin(b, "linux.namespaces[%u]",
				     (unsigned)(ns - b->spec->linux_.namespaces));
		slot = plan_add_slot(b, (struct plan_slot_source){.kind = SLOT_FILE,
								  .path = ns->path,
								  .namespace = ns_clone_flag(type),
								  .origin = origin});
		plan_add_JOIN(&b->block, origin,
			      (struct plan_join){.flags = ns_clone_flag(type), .slot = slot});
	}
}

/* The flags of namespaces to create. */
static uint64_t created(const struct builder *b)
{
	uint64_t flags = 0;

	for (enum ns_type type = 0; type < NS_MAX; type++) {
		const struct spec_namespace *ns = spec_namespace_find(b->spec, type);

		if (ns && ns->path[0] == '\0')
			flags |= ns_clone_flag(type);
	}
	return flags;
}

static bool joins(const struct builder *b, enum ns_type type)
{
	const struct spec_namespace *ns = spec_namespace_find(b->spec, type);

	return ns && ns->path[0] != '\0';
}

/* May a process with our ids write this map itself? Its own id alone, one for one
 * (user_namespaces(7), "Defining user and group ID mappings"). */
static bool maps_only_self(const struct spec_id_mappings *m, uint32_t id)
{
	return m->n == 1 && m->items[0].size == 1 && m->items[0].host_id == id;
}

/* The id that set-up runs with: root if there is one, else the first id of the first mapping. */
static uint32_t setup_id(const struct spec_id_mappings *m)
{
	for (size_t n = 0; n < m->n; n++)
		if (m->items[n].container_id == 0)
			return 0;
	return m->n > 0 ? m->items[0].container_id : 0;
}

/* The caller's own id as root, and behind it its subordinate ids. */
static struct spec_id_mappings own_mapping(struct builder *b, uint32_t id, uint32_t sub,
					   uint32_t count)
{
	struct spec_id_mapping *m = arena_newn(b->arena, struct spec_id_mapping, 2);

	if (!m) {
		b->block.failed = true;
		return (struct spec_id_mappings){0};
	}
	m[0] = (struct spec_id_mapping){.container_id = 0, .host_id = id, .size = 1};
	m[1] = (struct spec_id_mapping){.container_id = 1, .host_id = sub, .size = count};
	return (struct spec_id_mappings){.items = m, .n = count > 0 ? 2 : 1};
}

static void plan_idmaps(struct builder *b)
{
	const struct spec_linux *l = &b->spec->linux_;
	const struct facts *f = b->facts;
	struct plan_idmap *map = &b->plan->idmap;

	map->wanted = true;
	map->uid = l->uid_mappings;
	map->gid = l->gid_mappings;
	if (map->uid.n == 0) {
		/* Both kinds of subordinate ids or none: newuidmap alone would deny setgroups. */
		bool sub = f->sub_uid_count > 0 && f->sub_gid_count > 0;

		map->uid = own_mapping(b, f->euid, f->sub_uid, sub ? f->sub_uid_count : 0);
		map->gid = own_mapping(b, f->egid, f->sub_gid, sub ? f->sub_gid_count : 0);
	}
	if (!f->may_map_ids) {
		bool self =
			maps_only_self(&map->uid, f->euid) && maps_only_self(&map->gid, f->egid);

		map->by_helper = !self;
		map->deny_setgroups = self;
	}
	b->setgroups = !map->deny_setgroups;
	b->setup_uid = setup_id(&map->uid);
	b->setup_gid = setup_id(&map->gid);
}

/* A hard limit above ours needs CAP_SYS_RESOURCE in the first user namespace: only before entering
 * another one. */
static void raise_limits(struct builder *b)
{
	for (size_t n = 0; n < b->process->n_rlimits; n++) {
		const struct spec_rlimit *l = &b->process->rlimits[n];
		int resource = rlimit_from_name(l->type);

		if (resource >= 0 && l->hard > b->facts->rlimits[resource].hard)
			plan_add_RAISE_LIMIT(&b->block,
					     plan_origin(b, "process.rlimits[%u]", (unsigned)n),
					     (struct plan_rlimit){.resource = (uint32_t)resource,
								  .soft = l->soft,
								  .hard = l->hard});
	}
}

static void plan_bridge(struct builder *b, uint64_t create)
{
	if (b->new_user_ns || b->joined_user_ns)
		raise_limits(b);
	add_joins(b);
	/* The cgroup namespace is created by init: its root is the cgroup that the process is in
	 * then. */
	plan_add_CLONE(&b->block, "linux.namespaces",
		       (struct plan_flags){.flags = create & ~(uint64_t)CLONE_NEWCGROUP});
	if (b->new_user_ns) {
		plan_add_AWAIT_IDS(&b->block, "linux.uidMappings",
				   (struct plan_await){.dumpable = b->facts->euid != 0});
		plan_add_BECOME(
			&b->block, "linux.uidMappings",
			(struct plan_become){.uid = b->setup_uid,
					     .gid = b->setup_gid,
					     .other_uid = b->setup_uid,
					     .other_gid = b->setup_gid,
					     .clear_groups = b->setgroups && !b->keep_groups});
	} else if (b->joined_user_ns) {
		/* Its mappings are unknown here: root if it has one, else the process's own user.
		 */
		plan_add_BECOME(&b->block, "linux.namespaces",
				(struct plan_become){.other_uid = b->process->user.uid,
						     .other_gid = b->process->user.gid,
						     .clear_groups = !b->keep_groups});
	}
}

/* Mounts are made in the caller's mount namespace, or in one that is joined. Who is root in a user
 * namespace has no power over one that the namespace does not own (user_namespaces(7)). */
static int plan_shared_mounts(struct builder *b, uint64_t create)
{
	struct plan_shared *s = &b->plan->shared;
	const struct spec_namespace *mount = spec_namespace_find(b->spec, NS_MOUNT);
	const struct spec_namespace *user = spec_namespace_find(b->spec, NS_USER);

	if ((create & CLONE_NEWUSER) || (user && !mount)) {
		(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL,
			      "a container with a user namespace has no power over a mount "
			      "namespace from outside of it");
		(void)err_hint(b->e, "create a mount namespace too");
		return err_where(b->e, "linux.namespaces");
	}
	s->wanted = true;
	s->origin = "root.path";
	s->mount_ns = mount ? mount->path : NULL;
	/* The power over the joined one comes with its user namespace, unless we have it anyway. */
	if (user && !b->facts->admin)
		s->user_ns = user->path;
	return 0;
}

/* The namespace that takes the kernel longest is made beside the planning, and joined. */
static void join_network(struct builder *b)
{
	plan_slot slot = plan_add_slot(
		b, (struct plan_slot_source){.kind = SLOT_NETWORK, .origin = "linux.namespaces"});

	plan_add_JOIN(&b->block, "linux.namespaces",
		      (struct plan_join){.flags = CLONE_NEWNET, .slot = slot});
}

bool plan_makes_network(const struct spec *spec)
{
	const struct spec_namespace *network = spec_namespace_find(spec, NS_NETWORK);
	const struct spec_namespace *pid = spec_namespace_find(spec, NS_PID);

	return network && network->path[0] == '\0' && !(pid && pid->path[0] != '\0') &&
	       !spec_namespace_find(spec, NS_USER);
}

int plan_namespaces(struct builder *b)
{
	uint64_t create = created(b);

	/* Such a namespace is made by init itself: nobody may have entered it when the offsets are
	 * written. */
	if (b->spec->linux_.n_time_offsets > 0)
		create &= ~(uint64_t)CLONE_NEWTIME;
	if (!(create & CLONE_NEWNS)) {
		int r = plan_shared_mounts(b, create);

		if (r < 0)
			return r;
	}
	b->new_user_ns = create & CLONE_NEWUSER;
	b->joined_user_ns = joins(b, NS_USER);
	/* What a joined mount namespace shows is found in there. */
	b->host_opens = b->facts->admin && (b->new_user_ns || b->joined_user_ns) &&
			!b->plan->shared.mount_ns;
	b->setgroups = true;
	if (b->new_user_ns)
		plan_idmaps(b);
	for (enum ns_type type = 0; type < NS_MAX; type++)
		if (spec_namespace_find(b->spec, type))
			b->plan->namespaces |= ns_clone_flag(type);
	plan_procfs(b);
	if (b->new_user_ns || b->joined_user_ns || joins(b, NS_PID)) {
		b->plan->shape = SHAPE_BRIDGE;
		plan_bridge(b, create);
	} else {
		b->plan->shape = SHAPE_DIRECT;
		b->plan->clone_flags = create & ~(uint64_t)CLONE_NEWCGROUP;
		b->tree_ns = plan_tree_namespace(b, create);
		if (b->tree_ns)
			b->plan->clone_flags &= ~(uint64_t)CLONE_NEWNS;
		if (plan_makes_network(b->spec)) {
			b->plan->clone_flags &= ~(uint64_t)CLONE_NEWNET;
			join_network(b);
		}
		add_joins(b);
	}
	if (b->spec->linux_.n_time_offsets > 0)
		plan_time_offsets(b);
	if (create & CLONE_NEWCGROUP)
		plan_add_UNSHARE(&b->block, "linux.namespaces",
				 (struct plan_flags){.flags = CLONE_NEWCGROUP});
	if (!b->options->no_new_keyring)
		plan_keyring_label(b);
	if (!b->options->no_new_keyring)
		plan_add_KEYRING(
			&b->block, "",
			(struct plan_keyring){
				.name = block_string(&b->block,
						     plan_origin(b, "_ses.%s", b->options->id))});
	return 0;
}

static void add_sysctls(struct builder *b)
{
	const struct str_map *m = &b->spec->linux_.sysctl;
	char key[256], path[256 + 4];

	for (size_t n = 0; n < m->n; n++) {
		/* The very path that spec_check() proved to belong to one of our namespaces. */
		(void)spec_sysctl_path(m->items[n].key, key, sizeof(key));
		(void)str_format(path, sizeof(path), "sys/%s", key);
		plan_add_SYSCTL(&b->block, plan_origin(b, "linux.sysctl[\"%s\"]", m->items[n].key),
				(struct plan_sysctl){
					.fstype = block_string(&b->block, "proc"),
					.instead = block_string(&b->block, "/proc"),
					.path = block_string(&b->block, path),
					.value = block_string(&b->block, m->items[n].value),
				});
	}
}

int plan_namespace_values(struct builder *b)
{
	struct block *k = &b->block;
	const struct spec_namespace *net = spec_namespace_find(b->spec, NS_NETWORK);

	if (b->spec->hostname[0] != '\0')
		plan_add_HOSTNAME(k, "hostname",
				  (struct plan_string){block_string(k, b->spec->hostname)});
	if (b->spec->domainname[0] != '\0')
		plan_add_DOMAINNAME(k, "domainname",
				    (struct plan_string){block_string(k, b->spec->domainname)});
	if (net && net->path[0] == '\0')
		plan_add_LOOPBACK(k, "linux.namespaces",
				  (struct plan_string){block_string(k, "lo")});
	add_sysctls(b);
	return 0;
}

static void become_setup_user(struct builder *b)
{
	plan_add_BECOME(&b->block, "",
			(struct plan_become){
				.uid = setup_id(&b->spec->linux_.uid_mappings),
				.gid = setup_id(&b->spec->linux_.gid_mappings),
				.other_uid = b->process->user.uid,
				.other_gid = b->process->user.gid,
				.clear_groups = b->setgroups && !b->keep_groups,
			});
}

/* Does the container's user namespace let its processes set their groups? Not where its one id was
 * mapped without privilege. */
static bool target_sets_groups(const struct builder *b)
{
	return !b->options->target_denies_groups &&
	       !(b->spec->linux_.uid_mappings.n > 0 && !b->facts->may_map_ids &&
		 maps_only_self(&b->spec->linux_.uid_mappings, b->facts->euid) &&
		 maps_only_self(&b->spec->linux_.gid_mappings, b->facts->egid));
}

int plan_exec_join(struct builder *b)
{
	uint64_t ns = b->options->target_namespaces;
	bool user = ns & CLONE_NEWUSER;

	/* Without a pid namespace to enter by a clone, the process that joins is the one that
	 * executes. */
	b->plan->shape = (ns & CLONE_NEWPID) ? SHAPE_BRIDGE : SHAPE_DIRECT;
	b->plan->namespaces = ns;
	b->joined_user_ns = user;
	b->setgroups = !user || target_sets_groups(b);
	if (user)
		raise_limits(b);
	plan_procfs(b);
	if (ns != 0)
		plan_add_JOIN(&b->block, "",
			      (struct plan_join){
				      .flags = ns,
				      .slot = plan_add_slot(
					      b, (struct plan_slot_source){.kind = SLOT_TARGET}),
			      });
	if (user)
		become_setup_user(b);
	if (b->options->target_shares_mounts)
		plan_shared_root(b, PLAN_NO_SLOT);
	return 0;
}

int plan_live_join(struct builder *b, uint64_t join, bool sources)
{
	bool user = join & CLONE_NEWUSER;
	plan_slot target = plan_add_slot(b, (struct plan_slot_source){.kind = SLOT_TARGET});
	int r = 0;

	b->plan->shape = SHAPE_DIRECT;
	b->plan->namespaces = b->options->target_namespaces;
	b->joined_user_ns = user;
	b->setgroups = !user || target_sets_groups(b);
	b->host_opens = b->facts->admin;
	if (user) {
		plan_add_JOIN(&b->block, "",
			      (struct plan_join){.flags = CLONE_NEWUSER, .slot = target});
		become_setup_user(b);
	}
	/* Who has no power over the caller's mounts has it over a copy that its user namespace
	 * owns, and what is taken from there can be attached in another one of that owner. */
	if (user && sources && !b->host_opens) {
		plan_add_UNSHARE(&b->block, "", (struct plan_flags){.flags = CLONE_NEWNS});
		r = plan_sources(b);
	}
	plan_add_JOIN(&b->block, "",
		      (struct plan_join){.flags = join & ~(uint64_t)CLONE_NEWUSER, .slot = target});
	return r;
}
