/* From an image to a mount. The image is measured, or its digest computed, on the descriptor that
 * is mounted; what the kernel will not check later is read here. */
#include "image/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/mount.h"
#include "image/prove.h"
#include "image/rootless.h"
#include "image/trust.h"
#include "image/verify.h"

/* Paths of what lies beside a lease. */
struct place {
	char root[2 * PATH_MAX], upper[2 * PATH_MAX], work[2 * PATH_MAX], stubs[2 * PATH_MAX];
	char objects[2 * PATH_MAX];
};

static int make_directory(char path[static 2 * PATH_MAX], const char *dir, const char *name,
			  mode_t mode, struct err *e)
{
	int r = str_format(path, (size_t)2 * PATH_MAX, "%s/%s", dir, name) < PATH_MAX
			? sys_mkdirat(AT_FDCWD, path, mode)
			: -ENAMETOOLONG;

	return r < 0 && r != -EEXIST ? err_sys(e, ERR_IO, r, "make %s", path) : 0;
}

static int make_place(struct repo *r, const struct rootfs_options *o,
		      const struct repo_lease *lease, struct place *p, struct err *e)
{
	bool keep = o->upper[0] == '/';
	char dir[2 * PATH_MAX];
	const char *upper = keep ? o->upper : dir;
	int code;

	if (str_format(dir, sizeof(dir), "%s/run/%s", r->path, lease->name) >= PATH_MAX)
		return err_sys(e, ERR_IO, -ENAMETOOLONG, "make a place for the container");
	(void)str_format(p->objects, sizeof(p->objects), "%s/objects", r->path);
	(void)str_format(p->stubs, sizeof(p->stubs), "%s/stubs", dir);
	code = make_directory(p->root, dir, "root", 0755, e);
	if (code < 0 || str_eq(o->upper, "none"))
		return code;
	if (keep) {
		code = sys_mkdirat(AT_FDCWD, o->upper, 0700);
		if (code < 0 && code != -EEXIST)
			return err_sys(e, ERR_IO, code, "make %s", o->upper);
	}
	code = make_directory(p->upper, upper, "upper", 0755, e);
	return code < 0 ? code : make_directory(p->work, upper, "work", 0700, e);
}

/* --- proving --------------------------------------------------------------------------------- */

struct wrong {
	char what[200];
};

static void note_wrong(void *ctx, const char *path, const char *what)
{
	struct wrong *w = ctx;

	if (!w->what[0])
		(void)str_format(w->what, sizeof(w->what), "%.120s: %.70s", path, what);
}

/* Read everything: the image itself was read for its digest. */
static int prove_here(struct repo *r, const struct repo_record *rec, struct err *e)
{
	struct progress progress = {0};
	struct wrong w = {0};
	struct prove p = {.wrong = note_wrong, .ctx = &w, .progress = &progress};
	struct image_file f = {.fd = -EBADF};
	struct image_tree t = {0};
	int code = repo_load(r, rec, &f, &t, e);

	if (code < 0)
		return code;
	code = prove_objects(&t, r->objects.fd, &p, e);
	image_tree_done(&t);
	image_file_done(&f);
	if (code == 0 && p.bad)
		return err_set(e, ERR_DIGEST, -EBADMSG, "%s", w.what);
	return code;
}

static int open_image(struct repo *r, const struct repo_record *rec, struct image_file *ret,
		      struct err *e)
{
	char object[STORE_PATH_MAX];
	int fd;

	store_object_path(rec->image, verity_digest_size(r->objects.hash), object);
	fd = sys_openat(r->objects.fd, object, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, ERR_IO, fd, "open %s/objects/%s", r->path, object);
	*ret = (struct image_file){.fd = fd};
	return 0;
}

/* Does the image have the digests that it must have, and will the kernel see to the rest? */
static int trust(struct repo *r, const struct rootfs_options *o, const struct repo_record *rec,
		 const struct place *p, struct image_file *f, struct trust_result *ret,
		 struct err *e)
{
	size_t len = verity_digest_size(r->objects.hash);
	const char *objects[] = {p->objects};
	struct trust_options t = {
		.verity = o->verity,
		.has_digest = true,
		.hash = r->objects.hash,
		.objects = objects,
		.n_objects = 1,
	};

	if (o->has_digest && (o->hash != t.hash || memcmp(o->digest, rec->image, len) != 0))
		return err_set(e, ERR_DIGEST, -EBADMSG,
			       "the image does not have the digest that it must have");
	memcpy(t.digest, rec->image, len);
	return trust_image(f, &t, ret, e);
}

/* --- mounting -------------------------------------------------------------------------------- */

/* Whatever we mount stays with us. */
static int enter_namespace(struct err *e)
{
	int r = sys_unshare(CLONE_NEWNS);

	if (r == 0)
		r = sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (r < 0) {
		(void)err_sys(e, ERR_PERMISSION, r, "make a mount namespace");
		if (r == -EPERM)
			(void)err_hint(e, "without privileges, 'coracle image run' enters a user "
					  "namespace first");
	}
	return r;
}

static int mount_it(const struct rootfs_options *o, const struct place *p, struct image_file *f,
		    const struct trust_result *t, struct mount_report *ret, struct err *e)
{
	bool sealed = t->sealed && (o->verity == VERITY_REQUIRE || t->objects_sealed);
	bool upper = !str_eq(o->upper, "none");
	struct mount_options m = {
		.image_fd = f->fd,
		.objects = {p->objects},
		.n_objects = 1,
		.verity = o->verity == VERITY_TRY && !sealed ? VERITY_OFF : o->verity,
		.upper = upper ? p->upper : NULL,
		.work = upper ? p->work : NULL,
		.idmap_fd = -EBADF,
		.read_write = upper,
		.discard = str_eq(o->upper, "discard"),
		.has_acl = t->has_acl,
	};
	int r = mount_image(&m, p->root, ret, e);

	/* In a user namespace there is no EROFS. */
	if (r == -EPERM) {
		*e = (struct err){0};
		r = rootless_mount(f, &m, p->stubs, p->root, ret, e);
	}
	return r;
}

/* All but the lease. */
static int open_mount(struct repo *r, const struct rootfs_options *o, const struct repo_record *rec,
		      const struct repo_lease *lease, struct rootfs_report *ret, struct err *e)
{
	struct image_file f = {.fd = -EBADF};
	struct mount_report report = {0};
	struct trust_result t;
	struct place p;
	int code = make_place(r, o, lease, &p, e);

	if (code == 0)
		code = open_image(r, rec, &f, e);
	if (code < 0)
		return code;
	code = trust(r, o, rec, &p, &f, &t, e);
	if (code == 0)
		code = enter_namespace(e);
	if (code == 0)
		code = mount_it(o, &p, &f, &t, &report, e);
	image_file_done(&f);
	if (code < 0)
		return code;
	if (o->verity == VERITY_TRY && !report.enforced)
		code = prove_here(r, rec, e);
	if (code == 0) {
		code = sys_open_tree(AT_FDCWD, p.root, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		if (code < 0)
			(void)err_sys(e, ERR_MOUNT, code, "open the mount");
	}
	(void)sys_umount2(p.root, MNT_DETACH);
	ret->enforced = report.enforced;
	return code;
}

/* Does the policy allow this very image, which has the name or the digest that was given? */
static int obey(struct repo *r, const struct rootfs_options *o, const char *digest, struct err *e)
{
	struct verify v;
	int code = verify_open(r, digest, &v, e);

	if (code < 0)
		return code;
	code = verify_policy(&v, o->policy, o->image, e);
	verify_close(&v);
	return code;
}

int rootfs_open(struct repo *r, const struct rootfs_options *o, struct rootfs_report *ret,
		struct err *e)
{
	char digest[DIGEST_TEXT_MAX];
	struct repo_lease lease = {0};
	struct repo_record rec;
	struct err ignored;
	int code = repo_resolve(r, o->image, digest, e);

	if (code == 0 && o->policy)
		code = obey(r, o, digest, e);
	if (code == 0)
		code = repo_get_record(r, digest, &rec, e);
	if (code < 0)
		return code;
	(void)str_copy(lease.manifest, sizeof(lease.manifest), digest);
	memcpy(lease.image, rec.image, sizeof(lease.image));
	if (str_copy(lease.state_dir, sizeof(lease.state_dir), o->state_dir) >=
	    sizeof(lease.state_dir))
		return err_sys(e, ERR_IO, -ENAMETOOLONG, "make a place for the container");
	code = repo_lease_make(r, o->id, &lease, e);
	if (code < 0)
		return code;
	code = open_mount(r, o, &rec, &lease, ret, e);
	if (code < 0)
		(void)repo_lease_remove(r, lease.name, &ignored);
	return code;
}

/* --- afterwards ------------------------------------------------------------------------------ */

struct release {
	struct repo *repo;
	const char *state_dir;
};

static int release_one(void *ctx, const struct repo_lease *lease, struct err *e)
{
	const struct release *rl = ctx;

	if (lease->held || !str_eq(lease->state_dir, rl->state_dir))
		return 0;
	return repo_lease_remove(rl->repo, lease->name, e);
}

int rootfs_release(struct repo *r, const char *state_dir, struct err *e)
{
	struct release rl = {r, state_dir};

	return repo_each_lease(r, release_one, &rl, e);
}
