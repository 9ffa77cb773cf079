/* Opening slots: bind sources and root filesystems that init could not reach with the container's
 * ids, namespaces to join, and what belongs to the container. In the host's namespaces. */
#include "host/slots.h"

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "host/idmapped.h"
#include "host/nodes.h"
#include "oci/names.h"

#include <linux/nsfs.h>

static int open_tree(const char *path, bool recursive, bool nofollow, struct err *e)
{
	int fd =
		sys_open_tree(AT_FDCWD, path,
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0) |
				      (nofollow ? AT_SYMLINK_NOFOLLOW : 0));

	if (fd < 0) {
		(void)err_sys(e, ERR_MOUNT, fd, "open \"%s\"", path);
		if (fd == -ENOENT)
			(void)err_hint(e, "the bind source must exist on the host before create; "
					  "OCI runtimes do not make it");
	}
	return fd;
}

static int open_mounts(const char *path, struct err *e)
{
	int fd = sys_open_tree(AT_FDCWD, path,
			       OPEN_TREE_NAMESPACE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

	return fd < 0 ? err_sys(e, ERR_ROOTFS, fd, "open the root filesystem \"%s\"", path) : fd;
}

static const char *type_name(uint64_t clone_flag)
{
	enum ns_type type = 0;

	while (type < NS_MAX && ns_clone_flag(type) != clone_flag)
		type++;
	return type < NS_MAX ? ns_type_name(type) : "unknown";
}

/* Without waiting for whoever may write into a fifo that stands there. */
static int open_namespace(const char *path, uint64_t wanted, struct err *e)
{
	_cleanup_close_ int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	int found;

	if (fd < 0)
		return err_sys(e, ERR_NAMESPACE, fd, "open \"%s\"", path);
	found = sys_ioctl(fd, NS_GET_NSTYPE, NULL);
	if (found < 0)
		return err_set(e, ERR_NAMESPACE, found, "\"%s\" is not a namespace", path);
	if ((uint64_t)found != wanted)
		return err_set(e, ERR_NAMESPACE, -EINVAL, "\"%s\" is a %s namespace, not a %s one",
			       path, type_name((uint64_t)found), type_name(wanted));
	return TAKE_FD(fd);
}

static int open_cgroup(const struct launch_request *q, const struct plan_slot_source *s,
		       struct err *e)
{
	const struct cgroup_ref *ref = &q->cgroup->ref;
	const char *path = s->hierarchy < 0 ? ref->unified_dir : ref->v1_dirs[s->hierarchy];

	if (path[0] == '\0')
		path = s->path;
	return path ? open_tree(path, false, false, e)
		    : err_set(e, ERR_CGROUP, -ENOENT, "the container has no cgroup to show");
}

static int open_slot(const struct launch_request *q, const struct plan_slot_source *s,
		     struct err *e)
{
	int fd;

	switch (s->kind) {
	case SLOT_TREE:
	case SLOT_DEVICE:
		return open_tree(s->path, s->recursive, s->nofollow, e);
	case SLOT_MOUNTS:
		return open_mounts(s->path, e);
	case SLOT_FILE:
		return open_namespace(s->path, s->namespace, e);
	case SLOT_APPEND:
		fd = sys_openat(AT_FDCWD, s->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
		return fd < 0 ? err_sys(e, ERR_IO, fd, "open \"%s\"", s->path) : fd;
	case SLOT_CGROUP:
		return open_cgroup(q, s, e);
	case SLOT_INSTANCE:
		return idmapped_make_instance(s, e);
	case SLOT_ROOT:
		return q->root_fd;
	case SLOT_NETWORK:
		return netns_take(q->network, e);
	case SLOT_TARGET:
		return q->target_fd;
	case SLOT_LISTENER:
		return q->listener_fd;
	}
	return err_set(e, ERR_INTERNAL, -EINVAL, "unknown slot");
}

/* Give slot @fd its mapping. @userns holds the user namespaces that are open already, by index. */
static int map_ids(const struct plan_slot_source *s, int fd, int *userns, struct err *e)
{
	int *namespace = &userns[s->userns->index];

	if (*namespace < 0)
		*namespace = idmapped_open_userns(s->userns, e);
	return *namespace < 0 ? *namespace : idmapped_apply(fd, *namespace, s, e);
}

/* Root of a user namespace may not make devices (-EPERM): then its own is bound, as it is. */
static int make_devices(const struct plan *p, int *slots, struct err *e)
{
	for (size_t n = 0; n < p->n_slots; n++)
		if (p->slots[n].kind == SLOT_DEVICE) {
			int r = nodes_make(p, slots, e);

			return r == -EPERM ? 0 : r;
		}
	return 0;
}

static int open_all(const struct launch_request *q, int *slots, int *userns, struct err *e)
{
	const struct plan *p = q->plan;
	int r = make_devices(p, slots, e);

	if (r < 0)
		return r;
	for (size_t n = 0; n < p->n_slots; n++) {
		const struct plan_slot_source *s = &p->slots[n];

		if (s->kind == SLOT_NETWORK)
			continue;
		r = slots[n] >= 0 ? slots[n] : open_slot(q, s, e);
		slots[n] = r;
		if (r >= 0 && s->userns)
			r = map_ids(s, slots[n], userns, e);
		if (r < 0)
			return s->origin ? err_where(e, "%s", s->origin) : r;
	}
	return 0;
}

int slots_open(const struct launch_request *q, int *slots, struct err *e)
{
	unsigned n_userns = q->plan->n_mount_userns;
	int *userns = arena_newn(q->arena, int, n_userns + 1), r;

	for (size_t n = 0; n < q->plan->n_slots; n++)
		slots[n] = -EBADF;
	if (!userns)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	for (unsigned n = 0; n < n_userns; n++)
		userns[n] = -EBADF;
	r = open_all(q, slots, userns, e);
	for (unsigned n = 0; n < n_userns; n++)
		(void)fd_close(userns[n]);
	return r;
}

int slots_open_late(const struct launch_request *q, int *slots, struct err *e)
{
	for (size_t n = 0; n < q->plan->n_slots; n++) {
		const struct plan_slot_source *s = &q->plan->slots[n];

		if (s->kind != SLOT_NETWORK)
			continue;
		trace_mark(q->trace, "await the network namespace");
		slots[n] = open_slot(q, s, e);
		if (slots[n] < 0)
			return err_where(e, "%s", s->origin);
	}
	return 0;
}

void slots_close(const struct launch_request *q, int *slots)
{
	for (size_t n = 0; n < q->plan->n_slots; n++) {
		enum plan_slot_kind kind = q->plan->slots[n].kind;

		if (kind != SLOT_TARGET && kind != SLOT_LISTENER && kind != SLOT_ROOT)
			slots[n] = fd_close(slots[n]);
	}
}
