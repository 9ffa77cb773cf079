/* The root filesystem, and what is done to paths after the mounts: hidden, read-only, and the root
 * becomes the root. */
#include <errno.h>

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

int plan_rootfs(struct builder *b)
{
	const char *wanted = b->spec->linux_.rootfs_propagation;
	uint64_t ms = mount_option_propagation(wanted);
	const char *image = spec_annotation(b->spec, "run.oci.coracle.image");
	plan_slot slot = PLAN_NO_SLOT;
	bool seen = plan_hooks_see_rootfs(b);

	if (image && b->plan->shared.wanted)
		return plan_unsupported(b, "annotations[\"run.oci.coracle.image\"]");
	if (b->plan->shared.wanted) {
		plan_shared_root(
			b, plan_add_slot(b, (struct plan_slot_source){.kind = SLOT_ROOT,
								      .path = b->options->rootfs,
								      .origin = "root.path"}));
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
	if (b->options->no_pivot) {
		const plan_str hide[] = {block_string(k, "/proc"), block_string(k, "/sys")};

		plan_add_CHROOT(
			k, "root.path",
			(struct plan_chroot){
				.hide = block_array(k, hide, ARRAY_SIZE(hide), sizeof(hide[0])),
				.empty = plan_empty_mount(b),
			});
		return;
	}
	plan_add_PIVOT(k, "root.path", (struct plan_none){0});
	for (unsigned n = 0; n < b->root_mounts; n++)
		plan_add_DETACH(k, "root.path", (struct plan_none){0});
}

int plan_masks(struct builder *b)
{
	const struct spec_linux *l = &b->spec->linux_;
	struct block *k = &b->block;
	plan_str null = block_string(k, "dev/null");
	struct plan_empty hidden = plan_empty_mount(b);
	uint64_t ms = mount_option_propagation(l->rootfs_propagation);

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
