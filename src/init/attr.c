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

void attr_name(const struct init *i, int fd, char buf[static ATTR_NAME_SIZE])
{
	(void)str_format(buf, ATTR_NAME_SIZE, "%s%d", init_string(i, i->block->fd_directory), fd);
}

/* "rw" is what engines say when nobody asked for "ro". Where the owner of a parent user namespace
 * made the mount read-only, it stays so, as with mount(8) without options; any other flag of a
 * parent was asked to go by name, and that it cannot is an error. */
static bool may_stay_locked(int r, uint64_t clear)
{
	return r == -EPERM && (clear & MOUNT_ATTR_RDONLY);
}

static int remount(struct init *i, int fd, const struct plan_mount_attr *attr)
{
	struct sys_statfs st;
	unsigned long flags = MS_REMOUNT | MS_BIND;
	char path[ATTR_NAME_SIZE];
	int r;

	if (attr->rec_set != 0 || attr->rec_clear != 0 || i->block->fd_directory == 0)
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
	attr_name(i, fd, path);
	r = sys_mount(NULL, path, NULL, flags, NULL);
	if (may_stay_locked(r, attr->clear))
		r = sys_mount(NULL, path, NULL, flags | MS_RDONLY, NULL);
	return r;
}

static int set_attributes(int fd, uint64_t set, uint64_t clear, unsigned recursive)
{
	struct mount_attr m = {.attr_set = set, .attr_clr = clear};
	int r;

	if (set == 0 && clear == 0)
		return 0;
	r = sys_mount_setattr(fd, "", AT_EMPTY_PATH | recursive, &m);
	if (may_stay_locked(r, clear) && !recursive) {
		m.attr_clr &= ~(uint64_t)MOUNT_ATTR_RDONLY;
		r = sys_mount_setattr(fd, "", AT_EMPTY_PATH, &m);
	}
	return r;
}

static int change_propagation(struct init *i, int fd, uint64_t propagation)
{
	struct mount_attr m = {.propagation = propagation & ~(uint64_t)MS_REC};
	unsigned recursive = propagation & MS_REC ? AT_RECURSIVE : 0;
	char path[ATTR_NAME_SIZE];

	if (!no_setattr) {
		int r = sys_mount_setattr(fd, "", AT_EMPTY_PATH | recursive, &m);

		if (r != -ENOSYS)
			return r;
		no_setattr = true;
	}
	if (i->block->fd_directory == 0)
		return -ENOSYS;
	attr_name(i, fd, path);
	return sys_mount(NULL, path, NULL, (unsigned long)propagation, NULL);
}

/* A mount is made shared where it will live: earlier it has no peer group to be in. */
static int set_propagation(struct init *i, int fd, uint64_t propagation)
{
	const uint64_t others = MS_SHARED | MS_PRIVATE | MS_UNBINDABLE;
	int r = 0;

	if (propagation == 0)
		return 0;
	if ((propagation & MS_SLAVE) && (propagation & others)) {
		r = change_propagation(i, fd, MS_REC | MS_SLAVE);
		propagation &= ~(uint64_t)MS_SLAVE;
	}
	return r < 0 ? r : change_propagation(i, fd, propagation);
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
	if (r == 0 && attached)
		r = set_propagation(i, fd, attr->propagation);
	if (r == -ENOSYS)
		return err_sys(e, ERR_KERNEL, r, "these mount attributes need Linux 5.12");
	if (r < 0)
		(void)err_sys(e, ERR_MOUNT, r, "set mount attributes");
	if (r == -EPERM)
		(void)err_hint(e, "a flag that was set outside of this user namespace cannot be "
				  "cleared here");
	return r;
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
