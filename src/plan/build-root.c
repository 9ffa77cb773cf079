/* The root filesystem, and what is done to paths after the mounts: hidden, read-only, and the root
 * becomes the root. */
#include <errno.h>

#include "base/str.h"
#include "base/sys.h"
#include "plan/build.h"
#include "plan/mount-options.h"

void plan_shared_root(struct builder *b, plan_slot slot)
{
	plan_add_ROOTFS(&b->block, "root.path",
			(struct plan_rootfs){
				.slot = slot,
				.source = block_string(&b->block, b->options->rootfs),
			});
	if (b->options->purpose == PURPOSE_EXEC)
		plan_add_CHROOT(&b->block, "root.path", (struct plan_chroot){0});
}

/* File systems that are made of nothing but their options: no path of the host is in them. */
static bool needs_no_path(const struct spec_mount *m)
{
	static const char *const types[] = {"proc",   "sysfs",  "tmpfs",  "devpts",
					    "mqueue", "cgroup", "cgroup2"};

	for (size_t n = 0; n < ARRAY_SIZE(types); n++)
		if (str_eq(m->type, types[n]))
			return true;
	return false;
}

static bool has_option(const struct spec_mount *m, enum mount_option_kind kind, const char *name)
{
	for (size_t n = 0; n < m->options.n; n++) {
		const struct mount_option *o = mount_option_find(m->options.items[n]);

		if (str_eq(m->options.items[n], name) || (o && o->kind == kind))
			return true;
	}
	return false;
}

/* What the host half opens as a tree, or what needs nothing. A link that is copied is read where
 * init is; a mount on the root, and a remount, are about what is there before; what is opened
 * outside has peers, which in a private root a shared volume must not have. */
static bool suits(const struct spec_mount *m, bool private_root)
{
	if (m->destination[strspn(m->destination, "/.")] == '\0' ||
	    has_option(m, OPTION_REMOUNT, "copy-symlink") ||
	    (private_root && has_option(m, OPTION_PROPAGATION, "shared")))
		return false;
	return has_option(m, OPTION_BIND, "bind") || needs_no_path(m);
}

bool plan_tree_namespace(const struct builder *b, uint64_t create)
{
	const struct spec *s = b->spec;
	uint64_t root = mount_option_propagation(s->linux_.rootfs_propagation);

	if (!b->facts->tree_namespaces || b->facts->nested || !(create & CLONE_NEWNS) ||
	    b->options->no_pivot || plan_hooks_see_rootfs(b) || root & (MS_SHARED | MS_UNBINDABLE))
		return false;
	/* An image's mount comes as a descriptor, and root.path is not looked at. */
	if (spec_annotation(b->spec, "run.oci.coracle.image"))
		return false;
	for (size_t n = 0; n < s->n_mounts; n++)
		if (!suits(&s->mounts[n], root & MS_PRIVATE))
			return false;
	return true;
}

/* The copies are peers of the host's mounts, which what we mount must not reach. */
static void enter_tree(struct builder *b, uint64_t ms)
{
	plan_slot slot = plan_add_slot(b, (struct plan_slot_source){.kind = SLOT_MOUNTS,
								    .path = b->options->rootfs,
								    .origin = "root.path"});

	plan_add_JOIN(&b->block, "root.path",
		      (struct plan_join){.flags = CLONE_NEWNS, .slot = slot});
	plan_add_PROPAGATION(
		&b->block, "root.path",
		(struct plan_propagation){
			.path = block_string(&b->block, "/"),
			.ms_flags = (ms & MS_PRIVATE) ? MS_REC | MS_PRIVATE : MS_REC | MS_SLAVE,
		});
}

int plan_rootfs(struct builder *b)
{
	const char *wanted = b->spec->linux_.rootfs_propagation;
	uint64_t ms = mount_option_propagation(wanted);
	const char *image = spec_annotation(b->spec, "run.oci.coracle.image");
	plan_slot slot = PLAN_NO_SLOT;
	bool seen = plan_hooks_see_rootfs(b);
	int r;

	if (image && b->plan->shared.wanted)
		return plan_unsupported(b, "annotations[\"run.oci.coracle.image\"]");
	if (b->plan->shared.wanted) {
		plan_shared_root(
			b, plan_add_slot(b, (struct plan_slot_source){.kind = SLOT_ROOT,
								      .path = b->options->rootfs,
								      .origin = "root.path"}));
		return 0;
	}
	if (b->tree_ns) {
		enter_tree(b, ms);
		return 0;
	}
	/* The host's mounts may come in (slave) but ours never go out; pivot_root refuses shared
	 * ones. What the configuration wants for the root is set after the pivot. */
	plan_add_PROPAGATION(
		&b->block, wanted[0] != '\0' ? "linux.rootfsPropagation" : "",
		(struct plan_propagation){
			.path = block_string(&b->block, "/"),
			.ms_flags = (ms & MS_PRIVATE) ? MS_REC | MS_PRIVATE : MS_REC | MS_SLAVE,
		});
	r = plan_sources(b);
	if (r < 0)
		return r;
	if (image)
		slot = plan_add_slot(b, (struct plan_slot_source){.kind = SLOT_ROOT,
								  .path = b->options->rootfs,
								  .origin = "root.path"});
	else if (b->host_opens)
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

/* What is private was made so before the mounts; what the configuration makes otherwise by a
 * mount's own option stays. */
static uint64_t root_propagation(uint64_t ms)
{
	return (ms & MS_PRIVATE) ? MS_PRIVATE : ms;
}

static void plan_root(struct builder *b)
{
	struct block *k = &b->block;

	/* Others live with what lies below: nothing of it is hidden or detached. */
	if (b->plan->shared.wanted) {
		plan_add_CHROOT(k, "root.path", (struct plan_chroot){0});
		return;
	}
	if (b->tree_ns)
		return;
	if (b->options->no_pivot) {
		const plan_str hide[] = {block_string(k, "/proc"), block_string(k, "/sys")};

		plan_add_CHROOT(
			k, "root.path",
			(struct plan_chroot){
				.hide = block_array(k, hide, ARRAY_SIZE(hide), sizeof(hide[0])),
				.empty = plan_empty_mount(b),
				.move = plan_hooks_see_rootfs(b) ? block_string(k, "/") : 0,
			});
	} else {
		plan_add_PIVOT(k, "root.path", (struct plan_none){0});
		for (unsigned n = 0; n < b->root_mounts; n++)
			plan_add_DETACH(k, "root.path", (struct plan_none){0});
	}
	/* The kernel makes no user namespace in a chroot. */
	if (!b->new_user_ns)
		plan_add_PROVE_ROOT(k, "root.path", (struct plan_none){0});
}

int plan_masks(struct builder *b)
{
	const struct spec_linux *l = &b->spec->linux_;
	struct block *k = &b->block;
	plan_str null = block_string(k, "dev/null");
	struct plan_empty hidden = plan_empty_mount(b);
	uint64_t ms = mount_option_propagation(l->rootfs_propagation);

	for (size_t n = 0; n < b->n_late_readonly; n++) {
		size_t number = b->late_readonly[n];

		plan_add_SET_READONLY(
			k, plan_origin(b, "mounts[%u]", (unsigned)number),
			(struct plan_path){block_string(k, b->spec->mounts[number].destination)});
	}
	for (size_t n = 0; n < l->readonly_paths.n; n++)
		plan_add_READONLY(k, plan_origin(b, "linux.readonlyPaths[%u]", (unsigned)n),
				  (struct plan_path){block_string(k, l->readonly_paths.items[n])});
	for (size_t n = 0; n < l->masked_paths.n; n++)
		plan_add_MASK(k, plan_origin(b, "linux.maskedPaths[%u]", (unsigned)n),
			      (struct plan_mask){
				      .path = block_string(k, l->masked_paths.items[n]),
				      .null = null,
				      .empty = hidden,
			      });
	if (b->spec->root_readonly)
		plan_add_SET_READONLY(k, "root.readonly", (struct plan_path){block_string(k, "/")});
	plan_root(b);
	if (ms != 0)
		plan_add_ROOT_PROPAGATION(k, "linux.rootfsPropagation",
					  (struct plan_propagation){
						  .path = block_string(k, "/"),
						  .ms_flags = root_propagation(ms),
					  });
	return 0;
}
