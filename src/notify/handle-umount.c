/* Taking away what was mounted for the container: only that, by the id of the mount, never by a
 * path alone, since a path may lead to what the runtime has mounted to hide something. */
#include <sys/mount.h>

#include "base/sys.h"
#include "notify/ask.h"

/* As the target: its path. s->mode: follow a last link. */
static int open_mount_point(void *ctx)
{
	struct scratch *s = ctx;

	s->fd = ask_open(s->path, s->mode);
	return s->fd < 0 ? s->fd : 0;
}

/* With power: what a path led to then, and not what it leads to now, is the working directory. That
 * makes it busy, so that it is detached. */
static int detach(void *ctx)
{
	const struct scratch *s = ctx;
	int r = sys_fchdir(s->fd);

	return r < 0 ? r : sys_umount2(".", MNT_DETACH);
}

void handle_umount(struct ask *q)
{
	int flags = ask_int(q, 1), r;
	struct scratch *s = q->s;
	uint64_t id;

	if ((flags & ~(MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW)) || !ask_is_container_root(q) ||
	    !target_has_own_mounts(&q->target)) {
		answer_continue(q, "not root of the container");
		return;
	}
	s->fd = -EBADF;
	s->mode = !(flags & UMOUNT_NOFOLLOW);
	r = ask_path(q, 0);
	if (r == 0)
		r = ask_as_target(q, AT_FDCWD, open_mount_point);
	if (r == 0)
		r = target_check(&q->target);
	if (r < 0) {
		answer_error(q, r, "");
		return;
	}
	id = ask_mount_id(s->fd);
	if (!ask_take_mount(q, id)) {
		answer_continue(q, "not mounted by us");
		return;
	}
	r = target_power(&q->target, CLONE_NEWNS, NULL, detach, s);
	if (r < 0)
		ask_add_mount(q, id);
	answer_value(q, r, r == 0 ? "detached" : "");
}
