/* What images need of the kernel and of the file system that they are on. */
#include <errno.h>
#include <linux/fsverity.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "doctor/doctor.h"
#include "doctor/trial.h"

#define TIMEOUT_MS 2000

/* --- image-program -----------------------------------------------------------------------------
 */

void check_image_program(const struct doctor *d, struct finding *f)
{
	static const char *const argv[] = {"coracle", "image", "list", "--help", NULL};
	struct child_result result = {0};
	int r = doctor_run(doctor_runtime(d), argv, TIMEOUT_MS, &result);

	if (r == 0 && result.status == 0) {
		finding_set(f, VERDICT_OK, "it runs");
		return;
	}
	finding_set(f, VERDICT_FAIL, "%s",
		    result.output[0] ? result.output : "coracle was not found");
	f->afterwards =
		"build coracle again where libcrypto, zlib and libzstd are (`make setup` installs them)";
}

/* --- overlay -----------------------------------------------------------------------------------
 */

static int mount_overlay(void *arg, struct trial *t)
{
	const struct doctor *d = arg;
	const char *data = "lowerdir=/proc/l,upperdir=/proc/u/u,workdir=/proc/u/w,userxattr";
	static const char *const directories[] = {"/proc/l", "/proc/u", "/proc/u/u", "/proc/u/w",
						  "/proc/m"};
	int r = 0;

	if (d->uid != 0 && trial_map_self(t, d->uid, d->gid) < 0)
		return t->code;
	if (trial_step(t, "make mounts private",
		       sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) < 0 ||
	    trial_step(t, "mount a tmpfs", sys_mount("tmpfs", "/proc", "tmpfs", 0, NULL)) < 0)
		return t->code;
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		if (trial_step(t, "make directories", sys_mkdirat(AT_FDCWD, directories[i], 0755)) <
		    0)
			return t->code;
	r = sys_mount("overlay", "/proc/m", "overlay", 0, data);
	if (trial_step(t, "mount an overlay", r) < 0)
		return t->code;
	r = sys_openat(AT_FDCWD, "/proc/m/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return trial_step(t, "write into an overlay", r < 0 ? r : 0);
}

void check_overlay(const struct doctor *d, struct finding *f)
{
	uint64_t flags = CLONE_NEWNS | (d->uid == 0 ? 0 : CLONE_NEWUSER);
	struct trial t;
	int r = trial_run(flags, -EBADF, mount_overlay, NULL, (void *)(uintptr_t)d, &t);
	char words[24];

	if (r < 0) {
		finding_set(f, VERDICT_SKIP, "there is no namespace to try it in: %s",
			    errno_words(r, words));
	} else if (t.code == 0) {
		finding_set(f, VERDICT_OK, "an overlay can be mounted%s",
			    d->uid == 0 ? "" : " without privileges");
	} else {
		finding_set(f, VERDICT_FAIL, "cannot %s: %s", t.what, errno_words(t.code, words));
		if (t.code == -ENODEV)
			finding_cure(d, f, CURE_ROOT, "modprobe overlay");
		else
			f->afterwards = "boot Linux 5.11 or newer";
	}
}

/* --- overlay-store -----------------------------------------------------------------------------
 */

/* What an overlay needs, in a directory of ours where the store is. */
static const char *const parts[] = {"l", "u", "w", "m"};

struct store {
	const struct doctor *d;
	const char *path;
};

static int mount_in_store(void *arg, struct trial *t)
{
	const struct store *s = arg;
	const char *data = "lowerdir=l,upperdir=u,workdir=w,userxattr";
	int fd;

	if (s->d->uid != 0 && trial_map_self(t, s->d->uid, s->d->gid) < 0)
		return t->code;
	if (trial_step(t, "make mounts private",
		       sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) < 0 ||
	    trial_step(t, "enter a directory", sys_chdir(s->path)) < 0 ||
	    trial_step(t, "mount an overlay", sys_mount("overlay", "m", "overlay", 0, data)) < 0)
		return t->code;
	fd = sys_openat(AT_FDCWD, "m/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return trial_step(t, "write into an overlay", fd < 0 ? fd : 0);
}

/* Does the file system tell types where it lists names? Overlays need it. */
static bool tells_types(int dir)
{
	char buf[1024];
	ssize_t n = sys_getdents64(dir, buf, sizeof(buf));

	/* d_type, of ".", behind an inode, an offset and a length */
	return n < 19 || buf[18] != 0 /* DT_UNKNOWN */;
}

/* Returns 0 with *@ret_types, or -errno: of the directory, or of the trial. */
static int try_store(const struct doctor *d, const char *path, struct trial *t, bool *ret_types)
{
	struct store s = {.d = d, .path = path};
	_cleanup_close_ int dir = -EBADF;
	int r = sys_mkdirat(AT_FDCWD, path, 0700);

	if (r < 0)
		return r;
	dir = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	r = dir < 0 ? dir : 0;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parts); i++)
		r = sys_mkdirat(dir, parts[i], 0755);
	if (r == 0) {
		*ret_types = tells_types(dir);
		r = trial_run(CLONE_NEWNS | (d->uid == 0 ? 0 : CLONE_NEWUSER), -EBADF,
			      mount_in_store, NULL, &s, t);
	}
	(void)sys_unlinkat(dir, "u/file", 0);
	(void)sys_unlinkat(dir, "w/work", AT_REMOVEDIR);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		(void)sys_unlinkat(dir, parts[i], AT_REMOVEDIR);
	(void)sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
	return r;
}

void check_overlay_store(const struct doctor *d, struct finding *f)
{
	const char *store = doctor_store(d);
	const char *path = arena_format(d->arena, "%s/%s", store, d->name);
	bool types = true;
	struct trial t = {0};
	char words[24];
	int r = path ? try_store(d, path, &t, &types) : -ENOMEM;

	if (r < 0) {
		finding_set(f, VERDICT_SKIP, "%s: %s", store, errno_words(r, words));
	} else if (t.code == 0 && types) {
		finding_set(f, VERDICT_OK, "%s can hold what containers write", store);
	} else if (t.code == 0) {
		finding_set(f, VERDICT_WARN, "%s does not tell files from directories in lists",
			    store);
		f->afterwards = "xfs made with ftype=0 is one: keep the store on another";
	} else {
		finding_set(f, VERDICT_WARN, "cannot %s in %s: %s", t.what, store,
			    errno_words(t.code, words));
		f->afterwards = "an overlay or a network's file system is none: put the store "
				"elsewhere (CORACLE_IMAGE_STORE)";
	}
}

/* --- erofs -------------------------------------------------------------------------------------
 */

void check_erofs(const struct doctor *d, struct finding *f)
{
	char *text;
	size_t len;
	bool known = io_read_file_at(d->arena, AT_FDCWD, "/proc/filesystems", 1 << 16, &text,
				     &len) == 0 &&
		     strstr(text, "\terofs\n");
	int fd;

	if (d->uid != 0) {
		finding_set(f, VERDICT_SKIP,
			    "only root mounts it; users get overlays of stub files (Linux "
			    "6.16)");
		return;
	}
	/* Loads the module where it is one. */
	fd = sys_fsopen("erofs", 1 /* FSOPEN_CLOEXEC */);
	if (fd >= 0)
		(void)sys_close(fd);
	if (fd >= 0 || known) {
		finding_set(f, VERDICT_OK, "the kernel has it");
		return;
	}
	finding_set(f, VERDICT_FAIL, "the kernel does not have it");
	finding_cure(d, f, CURE_ROOT, "modprobe erofs");
	f->afterwards = "or boot a kernel with CONFIG_EROFS_FS";
}

/* --- loop --------------------------------------------------------------------------------------
 */

void check_loop(const struct doctor *d, struct finding *f)
{
	int fd;
	char words[24];

	if (d->uid != 0) {
		finding_set(f, VERDICT_SKIP, "only root uses them");
		return;
	}
	/* Opening it loads the module where it is one; asking it for a device would make one. */
	fd = sys_openat(AT_FDCWD, "/dev/loop-control", O_RDWR | O_CLOEXEC, 0);
	if (fd >= 0) {
		(void)sys_close(fd);
		finding_set(f, VERDICT_OK, "there are loop devices");
		return;
	}
	finding_set(f, VERDICT_WARN, "/dev/loop-control: %s", errno_words(fd, words));
	finding_cure(d, f, CURE_ROOT, "modprobe loop");
	f->afterwards =
		"or boot Linux 6.12 or newer, which needs none; inside of a container: give "
		"it the devices";
}

/* --- fs-verity ---------------------------------------------------------------------------------
 */

/* A file without a name in @path, sealed. */
static int seal_nameless(const char *path)
{
	struct fsverity_enable_arg arg = {
		.version = 1, .hash_algorithm = FS_VERITY_HASH_ALG_SHA256, .block_size = 4096};
	int fd = sys_openat(AT_FDCWD, path, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600), reader, r;
	char link[40];

	if (fd < 0)
		return fd;
	r = io_write_all(fd, "x", 1);
	/* It is sealed through a descriptor that only reads, when none is left that writes. */
	(void)str_format(link, sizeof(link), "/proc/self/fd/%d", fd);
	reader = sys_openat(AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
	(void)sys_close(fd);
	if (reader < 0)
		return reader;
	if (r == 0)
		r = sys_ioctl(reader, FS_IOC_ENABLE_VERITY, &arg);
	(void)sys_close(reader);
	return r;
}

void check_verity(const struct doctor *d, struct finding *f)
{
	const char *path = doctor_store(d);
	int r = seal_nameless(path);
	char words[24];

	if (r == 0) {
		finding_set(f, VERDICT_OK, "%s can have sealed files", path);
		return;
	}
	if (r == -EACCES || r == -EROFS || r == -EPERM) {
		finding_set(f, VERDICT_SKIP, "%s: %s", path, errno_words(r, words));
		return;
	}
	finding_set(f, VERDICT_WARN,
		    "%s cannot have sealed files (%s): digests are checked by reading", path,
		    errno_words(r, words));
	if (r == -EOPNOTSUPP)
		finding_cure(d, f, CURE_ROOT,
			     "tune2fs -O verity \"$(findmnt -no SOURCE --target %s)\"", path);
	f->afterwards = "ext4 needs the feature, btrfs and f2fs have it; tmpfs and xfs do "
			"not: put the store elsewhere (CORACLE_IMAGE_STORE)";
}
