/* Mounts as descriptors: attributes, attaching, copying. Runs in the container's mount namespace,
 * before the pivot. */
#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "init/init.h"

/* Attributes that mount(2) can change too, and the same flag there. */
static const struct {
	uint64_t attr;
	unsigned long ms;
} old_flags[] = {
	{MOUNT_ATTR_RDONLY, MS_RDONLY},         {MOUNT_ATTR_NOSUID, MS_NOSUID},
	{MOUNT_ATTR_NODEV, MS_NODEV},           {MOUNT_ATTR_NOEXEC, MS_NOEXEC},
	{MOUNT_ATTR_NODIRATIME, MS_NODIRATIME}, {MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW},
};

/* Known once the first call has told. Before 5.12 there is no mount_setattr: then mount(2) does the
 * same to the attached mount, not recursively, and all flags at once. */
static bool no_setattr;

/* Name @fd for system calls that take only paths. Uses the host's procfs, so before the pivot. */
static void name_fd(const struct init *i, int fd, char *buf, size_t size)
{
	(void)str_format(buf, size, "%s%d", init_string(i, i->block->fd_directory), fd);
}

static int remount(struct init *i, int fd, const struct plan_mount_attr *attr)
{
	struct sys_statfs st;
	unsigned long flags = MS_REMOUNT | MS_BIND;
	char path[64];
	int r;

	if (attr->rec_set != 0 || attr->rec_clear != 0)
		return -ENOSYS;
	r = sys_fstatfs(fd, &st);
	if (r < 0)
		return r;
	for (size_t n = 0; n < ARRAY_SIZE(old_flags); n++) {
		/* statfs reports the mount's flags with the numbers of mount(2). */
		bool on = (unsigned long)st.f_flags & old_flags[n].ms;

		if (attr->clear & old_flags[n].attr)
			on = false;
		if (attr->set & old_flags[n].attr)
			on = true;
		flags |= on ? old_flags[n].ms : 0;
	}
	switch (attr->set & MOUNT_ATTR__ATIME) {
	case MOUNT_ATTR_NOATIME:
		flags |= MS_NOATIME;
		break;
	case MOUNT_ATTR_STRICTATIME:
		flags |= MS_STRICTATIME;
		break;
	default:
		flags |= (unsigned long)st.f_flags & (MS_NOATIME | MS_RELATIME);
	}
	name_fd(i, fd, path, sizeof(path));
	return sys_mount(NULL, path, NULL, flags, NULL);
}

static int set_attributes(int fd, uint64_t set, uint64_t clear, unsigned recursive)
{
	struct mount_attr m = {.attr_set = set, .attr_clr = clear};

	if (set == 0 && clear == 0)
		return 0;
	return sys_mount_setattr(fd, "", AT_EMPTY_PATH | recursive, &m);
}

static int set_propagation(struct init *i, int fd, uint64_t propagation, bool attached)
{
	struct mount_attr m = {.propagation = propagation & ~(uint64_t)MS_REC};
	unsigned recursive = propagation & MS_REC ? AT_RECURSIVE : 0;
	char path[64];

	if (propagation == 0)
		return 0;
	/* A mount is made shared where it will live: earlier it has no peer group to be in. */
	if (!no_setattr)
		return attached ? sys_mount_setattr(fd, "", AT_EMPTY_PATH | recursive, &m) : 0;
	if (!attached)
		return 0;
	name_fd(i, fd, path, sizeof(path));
	return sys_mount(NULL, path, NULL, (unsigned long)propagation, NULL);
}

int attr_apply(struct init *i, int fd, const struct plan_mount_attr *attr, bool attached,
	       struct err *e)
{
	int r = 0;

	if (!attached && !no_setattr) {
		/* The tree first, then the mount itself: the more specific wins. */
		r = set_attributes(fd, attr->rec_set, attr->rec_clear, AT_RECURSIVE);
		if (r == 0)
			r = set_attributes(fd, attr->set, attr->clear, 0);
		if (r == -ENOSYS) {
			no_setattr = true;
			r = 0;
		}
	} else if (attached && no_setattr && (attr->set | attr->clear | attr->rec_set)) {
		r = remount(i, fd, attr);
	}
	if (r == 0)
		r = set_propagation(i, fd, attr->propagation, attached);
	if (r == -ENOSYS)
		return err_sys(e, ERR_KERNEL, r, "recursive mount attributes need Linux 5.12");
	return r < 0 ? err_sys(e, ERR_MOUNT, r, "set mount attributes") : 0;
}

int attr_attach(int fd, int target_fd, struct err *e)
{
	int r = sys_move_mount(fd, "", target_fd, "",
			       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);

	return r < 0 ? err_sys(e, ERR_MOUNT, r, "attach the mount") : 0;
}

int attr_clone(int fd, bool recursive)
{
	return sys_open_tree(fd, "",
			     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
				     (recursive ? AT_RECURSIVE : 0));
}
