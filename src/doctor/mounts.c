/* Mounts that not every kernel and file system has: with other ids, and from a process. */
#include <errno.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "doctor/doctor.h"
#include "doctor/trial.h"

/* --- id-mapped-mounts --------------------------------------------------------------------------
 */

#define MAPPED_ID 7 /* what root's files are to belong to */

struct mapping {
	const struct doctor *d;
	const char *path; /* a directory of the file system to map; NULL: a new tmpfs */
	struct trial *t;  /* of the process that maps */
	int tree;         /* the mount, attached nowhere */
};

static int open_tmpfs(struct trial *t)
{
	int fs = sys_fsopen("tmpfs", 1 /* FSOPEN_CLOEXEC */), tree;

	if (trial_step(t, "open a tmpfs", fs) < 0 ||
	    trial_step(t, "make a tmpfs",
		       sys_fsconfig(fs, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0)) < 0)
		return t->code;
	tree = sys_fsmount(fs, 1 /* FSMOUNT_CLOEXEC */, 0);
	(void)sys_close(fs);
	return trial_step(t, "mount a tmpfs", tree);
}

static int wait_for_end(void *arg, struct trial *t)
{
	(void)arg;
	(void)t;
	return 0;
}

/* Give the ids of the new user namespace of @pid to the mount. */
static int map_tree(void *arg, pid_t pid)
{
	const struct mapping *m = arg;
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP};
	_cleanup_close_ int userns = -EBADF;
	char path[40], line[40];
	unsigned to = m->path ? MAPPED_ID : 0;
	int r = 0;

	(void)str_format(line, sizeof(line), "0 %u 1\n", to);
	for (size_t i = 0; r >= 0 && i < 2; i++) {
		(void)str_format(path, sizeof(path), "/proc/%d/%s", (int)pid,
				 i == 0 ? "uid_map" : "gid_map");
		r = trial_step(m->t, "give a user namespace its ids",
			       io_write_value_at(AT_FDCWD, path, line));
	}
	(void)str_format(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	if (r >= 0)
		userns = r = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	attr.userns_fd = (uint64_t)userns;
	return r < 0 ? r
		     : trial_step(m->t, "map the ids of a mount",
				  sys_mount_setattr(m->tree, "", AT_EMPTY_PATH, &attr));
}

static int map_mount(void *arg, struct trial *t)
{
	struct mapping *m = arg;
	struct trial inner;
	struct stat before, after;
	int r;

	m->t = t;
	if (!m->path && m->d->uid != 0 && trial_map_self(t, m->d->uid, m->d->gid) < 0)
		return t->code;
	m->tree = m->path ? trial_step(t, "open a copy of a mount",
				       sys_open_tree(AT_FDCWD, m->path,
						     OPEN_TREE_CLOEXEC | 1 /* OPEN_TREE_CLONE */))
			  : open_tmpfs(t);
	if (m->tree < 0 || trial_step(t, "look at a mount", sys_fstat(m->tree, &before)) < 0)
		return t->code;
	r = trial_run(CLONE_NEWUSER, -EBADF, wait_for_end, map_tree, m, &inner);
	if (trial_step(t, "make a user namespace", r) < 0 || t->code < 0)
		return t->code;
	if (trial_step(t, "look at a mapped mount", sys_fstat(m->tree, &after)) < 0)
		return t->code;
	return trial_step(t, "see other ids on a mapped mount",
			  m->path && before.st_uid == 0 && after.st_uid != MAPPED_ID ? -EPROTO : 0);
}

void check_idmapped_mounts(const struct doctor *d, struct finding *f)
{
	struct mapping m = {.d = d, .tree = -EBADF};
	uint64_t flags = d->uid == 0 ? 0 : CLONE_NEWUSER | CLONE_NEWNS;
	struct trial t;
	const char *what;
	char words[24];
	int r;

	/* Only the file system's owner may: for users that is a file system of their own. */
	if (d->uid == 0 && !d->nested)
		m.path = doctor_store(d);
	what = m.path ? m.path : "a tmpfs of one's own";
	r = trial_run(flags, -EBADF, map_mount, NULL, &m, &t);
	if (r < 0) {
		finding_set(f, VERDICT_SKIP, "there is no user namespace to try it in");
	} else if (t.code == 0) {
		finding_set(f, VERDICT_OK, "%s can be mounted with other ids", what);
	} else if (!str_eq(t.what, "map the ids of a mount")) {
		finding_set(f, VERDICT_SKIP, "cannot %s: %s", t.what, errno_words(t.code, words));
	} else {
		finding_set(f, VERDICT_WARN, "%s cannot be mounted with other ids: %s", what,
			    errno_words(t.code, words));
		f->afterwards =
			m.path && t.code != -ENOSYS
				? "keep what containers share on ext4, xfs or btrfs (Linux 5.12 to "
				  "5.15), tmpfs (6.3) or overlay (5.19)"
				: "boot Linux 6.3 or newer";
	}
}

/* --- fuse --------------------------------------------------------------------------------------
 */

#define OPEN_DEVICE "open /dev/fuse"

static int mount_fuse(void *arg, struct trial *t)
{
	const struct doctor *d = arg;
	char data[80];
	int fd = sys_openat(AT_FDCWD, "/dev/fuse", O_RDWR | O_CLOEXEC, 0);

	if (trial_step(t, OPEN_DEVICE, fd) < 0)
		return t->code;
	if (d->uid != 0 && trial_map_self(t, d->uid, d->gid) < 0)
		return t->code;
	(void)str_format(data, sizeof(data), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (trial_step(t, "make mounts private",
		       sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) < 0)
		return t->code;
	return trial_step(t, "mount a file system of its own",
			  sys_mount("doctor", "/proc", "fuse", MS_NOSUID | MS_NODEV, data));
}

void check_fuse(const struct doctor *d, struct finding *f)
{
	uint64_t flags = CLONE_NEWNS | (d->uid == 0 ? 0 : CLONE_NEWUSER);
	struct trial t;
	int r = trial_run(flags, -EBADF, mount_fuse, NULL, (void *)(uintptr_t)d, &t);
	char words[24];

	if (r < 0) {
		finding_set(f, VERDICT_SKIP, "there is no namespace to try it in: %s",
			    errno_words(r, words));
		return;
	}
	if (t.code == 0) {
		finding_set(f, VERDICT_OK, "a process can be a file system%s",
			    d->uid == 0 ? "" : " without privileges");
		return;
	}
	finding_set(f, VERDICT_WARN, "cannot %s: %s", t.what, errno_words(t.code, words));
	if (!str_eq(t.what, OPEN_DEVICE)) {
		f->afterwards = "boot Linux 4.18 or newer with CONFIG_FUSE_FS";
	} else if (t.code == -EACCES) {
		finding_cure(d, f, CURE_ROOT, "chmod 666 /dev/fuse");
	} else {
		finding_cure(d, f, CURE_ROOT, "modprobe fuse");
		f->afterwards = "inside of a container: give it the device (--device /dev/fuse)";
	}
}
