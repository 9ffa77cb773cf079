/* sd_notify(3): the folder with the socket, mounted inside. Its place is in the environment that
 * build-listen.c makes. */
#include "base/str.h"
#include "base/sys.h"
#include "plan/build.h"

void plan_notify_mount(struct builder *b)
{
	const char *source = b->options->notify_folder;
	plan_slot slot = PLAN_NO_SLOT;

	if (!source)
		return;
	if (b->host_opens || b->tree_ns)
		slot = plan_add_slot(b,
				     (struct plan_slot_source){.kind = SLOT_TREE, .path = source});
	plan_add_BIND(&b->block, "",
		      (struct plan_bind){
			      .slot = slot,
			      .source = block_string(&b->block, source),
			      .target = block_string(&b->block, PLAN_NOTIFY_FOLDER),
			      .attr.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					  MOUNT_ATTR_NOEXEC,
		      });
}
