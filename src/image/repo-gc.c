/* Removing what nothing leads to: first everything is followed from the names, and only when that
 * has worked out to the end, something is removed; what leads to something goes before it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/digest-set.h"
#include "image/repo.h"

struct gc {
	struct repo *repo;
	struct digest_set objects;
	struct digest_set blobs; /* the first 32 bytes of each digest */
	struct digest_set images;
	struct progress *progress;
	bool dry;
	struct repo_swept swept;
};

/* --- what is needed -------------------------------------------------------------------------- */

/* A digest as text, as it is in the sets of blobs and images. */
static void key_of(const char *digest, uint8_t key[static 32])
{
	if (image_unhex(digest + 7, 32, key) < 0)
		memset(key, 0, 32);
}

static int mark(struct digest_set *s, const char *digest)
{
	uint8_t key[32];

	key_of(digest, key);
	return digest_set_add(s, key);
}

static bool has(const struct digest_set *s, const char *digest)
{
	uint8_t key[32];

	key_of(digest, key);
	return digest_set_has(s, key);
}

static int mark_tree(struct gc *g, const struct image_tree *t)
{
	int r = 0;

	for (const struct image_node *n = t->root; n && r >= 0; n = image_tree_next(n))
		if (n->digest_len == g->objects.len)
			r = digest_set_add(&g->objects, n->digest);
	return r;
}

static int mark_parts(struct gc *g, const struct repo_record *rec, struct err *e)
{
	struct layout l;
	int r = repo_open_layout(g->repo, rec, &l, e);

	if (r < 0)
		return r;
	r = mark(&g->blobs, rec->manifest.digest);
	if (r >= 0)
		r = mark(&g->blobs, l.config.digest);
	for (size_t i = 0; i < l.n_layers && r >= 0; i++)
		r = mark(&g->blobs, l.layers[i].blob.digest);
	layout_close(&l);
	return r < 0 ? err_sys(e, ERR_IMAGE, r, "follow an image") : 0;
}

/* Everything that the image of @digest needs. */
static int mark_image(struct gc *g, const char *digest, struct err *e)
{
	struct image_file f = {.fd = -EBADF};
	struct image_tree t = {0};
	struct repo_record rec;
	int r = mark(&g->images, digest);

	if (r <= 0)
		return r < 0 ? err_sys(e, ERR_IMAGE, r, "follow an image") : 0;
	r = repo_get_record(g->repo, digest, &rec, e);
	if (r == 0)
		r = mark_parts(g, &rec, e);
	if (r == 0)
		r = repo_load(g->repo, &rec, &f, &t, e);
	if (r < 0)
		return r;
	r = digest_set_add(&g->objects, rec.image);
	if (r >= 0)
		r = mark_tree(g, &t);
	image_tree_done(&t);
	image_file_done(&f);
	return r < 0 ? err_sys(e, ERR_IMAGE, r, "follow an image") : 0;
}

/* What a container needs that is there: the image that it was made of, whatever the name of that
 * stands for by now. */
static int mark_lease(void *ctx, const struct repo_lease *lease, struct err *e)
{
	struct repo_record rec = {0};
	struct image_file f = {.fd = -EBADF};
	struct image_tree t = {0};
	struct gc *g = ctx;
	int r;

	if (!lease->held)
		return 0;
	r = mark_image(g, lease->manifest, e);
	memcpy(rec.image, lease->image, sizeof(rec.image));
	if (r == 0)
		r = repo_load(g->repo, &rec, &f, &t, e);
	if (r < 0)
		return err_wrap(e, "container %s", lease->name);
	r = digest_set_add(&g->objects, rec.image);
	if (r >= 0)
		r = mark_tree(g, &t);
	image_tree_done(&t);
	image_file_done(&f);
	return r < 0 ? err_sys(e, ERR_IMAGE, r, "follow a container") : 0;
}

static int mark_all(struct gc *g, struct err *e)
{
	struct repo_name *names;
	size_t n, damaged = 0;
	struct arena a;
	int r;

	arena_init(&a, NULL, 0);
	r = repo_names(g->repo, &a, &names, &n, &damaged, e);
	if (r == 0 && damaged)
		r = err_set(e, ERR_IMAGE, -EINVAL, "%s: %zu names cannot be read", g->repo->path,
			    damaged);
	for (size_t i = 0; i < n && r == 0; i++) {
		progress_show(g->progress, "following names", i, n, "names");
		r = mark_image(g, names[i].digest, e);
		if (r < 0)
			(void)err_wrap(e, "%s", names[i].name);
	}
	arena_done(&a);
	if (r == 0)
		r = repo_each_lease(g->repo, mark_lease, g, e);
	if (r < 0)
		(void)err_hint(e, "nothing was removed; 'coracle image fsck' tells more");
	return r;
}

/* --- what is not ----------------------------------------------------------------------------- */

/* Look at each name in the directory @fd, which is taken over. @fn returns whether it goes. */
typedef bool (*sweep_fn)(struct gc *g, const char *dir, const char *name);

static int sweep_directory(struct gc *g, int fd, const char *dir, sweep_fn fn, uint64_t *count)
{
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	struct stat st;
	int r = 0;

	if (!d) {
		r = fd < 0 ? fd : -errno;
		(void)fd_close(fd);
		return r;
	}
	while (r == 0 && (errno = 0, entry = readdir(d))) {
		bool temporary = str_starts(entry->d_name, ".tmp-");

		if ((entry->d_name[0] == '.' && !temporary) ||
		    (!temporary && !fn(g, dir, entry->d_name)) ||
		    fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    S_ISDIR(st.st_mode))
			continue;
		if (!g->dry)
			r = sys_unlinkat(dirfd(d), entry->d_name, 0);
		if (r < 0)
			break;
		if (temporary)
			g->swept.temporary++;
		else
			++*count;
		g->swept.bytes += (uint64_t)st.st_blocks * 512;
	}
	if (r == 0 && errno)
		r = -errno;
	/* What led to something is gone for good before that goes, too. */
	if (r == 0 && !g->dry && fsync(dirfd(d)) < 0)
		r = -errno;
	(void)closedir(d);
	return r;
}

static int open_in(struct gc *g, const char *path)
{
	return sys_openat(g->repo->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
}

static bool is_unneeded_record(struct gc *g, const char *dir, const char *name)
{
	(void)dir;
	return blob_is_digest(name) && !has(&g->images, name);
}

static bool is_unneeded_blob(struct gc *g, const char *dir, const char *name)
{
	char digest[DIGEST_TEXT_MAX];

	(void)str_format(digest, sizeof(digest), "%s:%s", dir + strlen("blobs/"), name);
	return blob_is_digest(digest) && !has(&g->blobs, digest);
}

static bool is_unneeded_object(struct gc *g, const char *dir, const char *name)
{
	uint8_t digest[IMAGE_DIGEST_MAX];

	if (strlen(name) != 2 * g->objects.len - 2 || image_unhex(dir, 1, digest) < 0 ||
	    image_unhex(name, g->objects.len - 1, digest + 1) < 0)
		return false;
	return !digest_set_has(&g->objects, digest);
}

static bool never(struct gc *g, const char *dir, const char *name)
{
	(void)g;
	(void)dir;
	(void)name;
	return false;
}

static int sweep_objects(struct gc *g)
{
	uint64_t ignored = 0;
	int r = sweep_directory(g, open_in(g, "objects"), "objects", never, &ignored);

	for (unsigned i = 0; i < 256 && r == 0; i++) {
		uint8_t byte = (uint8_t)i;
		char path[] = "objects/00";

		progress_show(g->progress, "looking at objects", i, 256, "directories");
		image_hex(&byte, 1, path + strlen("objects/"));
		r = sweep_directory(g, open_in(g, path), path + strlen("objects/"),
				    is_unneeded_object, &g->swept.objects);
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

/* A container that is gone. */
static int sweep_lease(void *ctx, const struct repo_lease *lease, struct err *e)
{
	struct gc *g = ctx;

	if (lease->held)
		return 0;
	g->swept.containers++;
	return g->dry ? 0 : repo_lease_remove(g->repo, lease->name, e);
}

static int sweep(struct gc *g, struct err *e)
{
	uint64_t ignored = 0;
	int r = repo_each_lease(g->repo, sweep_lease, g, e);

	if (r < 0)
		return r;
	r = sweep_directory(g, open_in(g, "refs"), "refs", never, &ignored);

	if (r == 0)
		r = sweep_directory(g, open_in(g, "images"), "images", is_unneeded_record,
				    &g->swept.images);
	if (r == 0)
		r = sweep_directory(g, open_in(g, "blobs"), "blobs", never, &ignored);
	if (r == 0)
		r = sweep_directory(g, open_in(g, "blobs/sha256"), "blobs/sha256", is_unneeded_blob,
				    &g->swept.blobs);
	if (r == 0)
		r = sweep_directory(g, open_in(g, "blobs/sha512"), "blobs/sha512", is_unneeded_blob,
				    &g->swept.blobs);
	if (r == 0)
		r = sweep_objects(g);
	return r < 0 ? err_sys(e, ERR_IO, r, "remove what is not needed from %s", g->repo->path)
		     : 0;
}

int repo_gc(struct repo *r, bool dry, struct progress *p, struct repo_swept *ret, struct err *e)
{
	struct gc g = {.repo = r, .progress = p, .dry = dry};
	int code = digest_set_init(&g.objects, verity_digest_size(r->objects.hash));

	if (code == 0)
		code = digest_set_init(&g.blobs, 32);
	if (code == 0)
		code = digest_set_init(&g.images, 32);
	code = code < 0 ? err_sys(e, ERR_IMAGE, code, "look for what is not needed")
			: mark_all(&g, e);
	if (code == 0)
		code = sweep(&g, e);
	digest_set_done(&g.objects);
	digest_set_done(&g.blobs);
	digest_set_done(&g.images);
	if (code == 0)
		*ret = g.swept;
	return code;
}
