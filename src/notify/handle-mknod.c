/* Device nodes that give nobody anything: those of the profile, each a character device that the
 * host has. In a user namespace a node would be a node that nobody can open; there the host's own
 * is mounted on an empty file, as runtimes do it for /dev. */
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "notify/ask.h"

#define MAY_WRITE_SEARCH 3 /* W_OK | X_OK */
#define AT_EACCESS_      0x200

/* --- as the target --------------------------------------------------------------------------- */

/* Open the directory s->path in which something will be made, if it may be. */
static int open_parent(void *ctx)
{
	struct scratch *s = ctx;
	int r;

	s->fd = ask_open(s->path, true);
	if (s->fd < 0)
		return s->fd;
	r = (int)SYS4(faccessat2, s->fd, "", MAY_WRITE_SEARCH, AT_EMPTY_PATH | AT_EACCESS_);
	return r;
}

/* Make the empty file that the device is mounted on. */
static int make_file(void *ctx)
{
	struct scratch *s = ctx;
	int r = open_parent(s);

	if (r == 0)
		r = sys_mknodat(s->fd, s->name, S_IFREG | (s->mode & 0777), 0);
	if (r < 0)
		return r;
	s->other_fd = sys_openat(s->fd, s->name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	return MIN(s->other_fd, 0);
}

static int remove_file(void *ctx)
{
	const struct scratch *s = ctx;

	return sys_unlinkat(s->fd, s->name, 0);
}

/* --- with our rights ------------------------------------------------------------------------- */

/* Is the device at @fd the one that was asked for? */
static bool is_wanted(int fd, const struct scratch *s)
{
	struct sys_statx stx;

	return sys_statx(fd, "", AT_EMPTY_PATH, SYS_STATX_BASIC, &stx) == 0 &&
	       S_ISCHR(stx.stx_mode) && stx.stx_rdev_major == s->major &&
	       stx.stx_rdev_minor == s->minor;
}

/* A detached mount of the host's node s->other: in a copy of our mounts, which belongs to the user
 * namespace, since only what does can be mounted in there without the host's privileges. */
static int clone_node(void *ctx)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
				  .propagation = MS_PRIVATE};
	struct scratch *s = ctx;
	int r = sys_unshare(CLONE_NEWNS);

	if (r < 0)
		return r;
	s->flags = sys_open_tree(AT_FDCWD, s->other, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (s->flags < 0)
		return s->flags;
	(void)sys_mount_setattr(s->flags, "", AT_EMPTY_PATH, &attr); /* 5.12; only stricter */
	return is_wanted(s->flags, s) ? 0 : -EPERM;
}

static int attach_node(void *ctx)
{
	const struct scratch *s = ctx;

	return sys_move_mount(s->flags, "", s->other_fd, "",
			      MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

/* Take the identity for new files, and of our capabilities those for making a device in a directory
 * in which the target may make files. */
static int take_file_identity(const struct target *t)
{
	const uint32_t wanted = 1U << CAP_MKNOD | 1U << CAP_DAC_OVERRIDE;
	struct sys_cap_header header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct sys_cap_data data[2];
	int r = sys_capget(&header, data);

	if (r < 0)
		return r;
	(void)SYS1(setfsgid, t->gid);
	(void)SYS1(setfsuid, t->uid);
	data[0].effective = data[0].permitted & wanted;
	data[1].effective = 0;
	(void)sys_umask(t->umask);
	return sys_capset(&header, data);
}

static int make_node(struct ask *q, int dirfd)
{
	struct scratch *s = q->s;
	int r = ask_as_target(q, dirfd, open_parent);

	if (r == 0)
		r = take_file_identity(&q->target);
	if (r == 0)
		r = target_check(&q->target);
	if (r == 0)
		r = sys_mknodat(s->fd, s->name, S_IFCHR | (s->mode & 07777),
				(s->minor & 0xff) | s->major << 8 | (s->minor & ~0xffU) << 12);
	return r;
}

static int bind_node(struct ask *q, int dirfd)
{
	int r = target_has_own_mounts(&q->target) ? 0 : -EPERM;

	if (r == 0)
		r = ask_as_target(q, dirfd, make_file);
	if (r < 0)
		return r;
	r = target_check(&q->target);
	if (r == 0)
		r = target_power(&q->target, CLONE_NEWNS, clone_node, attach_node, q->s);
	if (r < 0)
		(void)ask_as_target(q, AT_FDCWD, remove_file);
	return r;
}

/* --- the request ----------------------------------------------------------------------------- */

/* Cut s->path into the directory and s->name. */
static int split_path(struct scratch *s)
{
	char *slash = strrchr(s->path, '/');
	const char *name = slash ? slash + 1 : s->path;

	if (s->path[0] == '\0')
		return -ENOENT;
	if (name[0] == '\0') /* a directory that is not there */
		return -ENOENT;
	if (str_eq(name, ".") || str_eq(name, ".."))
		return -EEXIST;
	if (str_copy(s->name, sizeof(s->name), name) >= sizeof(s->name))
		return -ENAMETOOLONG;
	if (!slash)
		(void)str_copy(s->path, sizeof(s->path), ".");
	else
		slash[slash == s->path] = '\0';
	return 0;
}

/* The path of the host's node of that number, if the profile has it, into s->other. */
static bool find_device(struct ask *q)
{
	const struct strings *devices = &q->profile->devices;

	for (size_t i = 0; i < devices->n; i++) {
		_cleanup_close_ int fd =
			sys_openat(AT_FDCWD, devices->items[i], O_PATH | O_CLOEXEC, 0);

		if (fd >= 0 && is_wanted(fd, q->s))
			return str_copy(q->s->other, sizeof(q->s->other), devices->items[i]) <
			       sizeof(q->s->other);
	}
	return false;
}

void handle_mknod(struct ask *q)
{
	unsigned at = str_eq(q->call, "mknodat"); /* where the path is */
	uint32_t mode = ask_u32(q, at + 1), dev = ask_u32(q, at + 2);
	int dirfd = at ? ask_int(q, 0) : AT_FDCWD, r;
	struct scratch *s = q->s;

	s->fd = s->other_fd = s->flags = -EBADF;
	s->mode = mode;
	s->major = dev >> 8 & 0xfff;
	s->minor = (dev & 0xff) | (dev >> 12 & 0xfff00);
	/* Whiteouts are everybody's. */
	if ((mode & S_IFMT) != S_IFBLK &&
	    ((mode & S_IFMT) != S_IFCHR || (s->major == 0 && s->minor == 0))) {
		answer_continue(q, "no device");
		return;
	}
	r = ask_path(q, at);
	if (r == 0)
		r = split_path(s);
	if (r < 0) {
		answer_error(q, r, "");
		return;
	}
	if (!target_can(&q->target, CAP_MKNOD) || !ask_is_in_container_userns(q)) {
		answer_error(q, -EPERM, "it may not make devices");
		return;
	}
	if ((mode & S_IFMT) != S_IFCHR || !find_device(q)) {
		answer_error(q, -EPERM, "not a device of the profile");
		return;
	}
	r = target_is_the_hosts(&q->target) ? make_node(q, dirfd) : bind_node(q, dirfd);
	answer_value(q, r,
		     r < 0                             ? ""
		     : target_is_the_hosts(&q->target) ? "made"
						       : "the host's, mounted");
}
