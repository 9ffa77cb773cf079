/* Checking a store: every object and blob against its own name, every record against what it leads
 * to, every name against the records. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/repo.h"

struct fsck {
	struct repo *repo;
	struct repo_fsck *f;
	struct verity *verity;
};

static void wrong(struct fsck *k, const char *what, const char *how)
{
	k->f->bad++;
	progress_end(k->f->progress);
	k->f->wrong(k->f->ctx, what, how);
}

/* What is at @dir/@name is not what it should be. */
static int damaged(struct fsck *k, const char *dir, const char *name, const char *how,
		   struct err *e)
{
	char what[PATH_MAX];
	int r;

	(void)str_format(what, sizeof(what), "%s/%s", dir, name);
	wrong(k, what, how);
	if (!k->f->repair)
		return 0;
	r = repo_remove(k->repo, dir, name, e);
	k->f->removed += r == 0;
	return r == -ENOENT ? 0 : r;
}

/* --- objects --------------------------------------------------------------------------------- */

/* What is wrong with the object at @path, which must have @digest, or NULL. */
static const char *check_object(struct fsck *k, const char *path, const uint8_t *digest)
{
	size_t len = verity_digest_size(k->repo->objects.hash);
	uint8_t found[IMAGE_DIGEST_MAX];
	_cleanup_close_ int fd =
		sys_openat(k->repo->fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
	enum image_hash hash;
	struct stat st;
	uint64_t size;

	if (fd < 0 || sys_fstat(fd, &st) < 0)
		return "cannot be opened";
	if (!S_ISREG(st.st_mode))
		return "is no regular file";
	if (verity_measure_fd(fd, &hash, found) == 0) {
		k->f->sealed++;
		if (hash != k->repo->objects.hash || memcmp(found, digest, len) != 0)
			return "has another content";
		if (!k->f->read_sealed)
			return NULL;
	}
	if (verity_compute_fd(k->verity, fd, found, &size) < 0)
		return "cannot be read";
	k->f->bytes += size;
	return memcmp(found, digest, len) == 0 ? NULL : "has another content";
}

struct objects {
	struct fsck *k;
	const char *dir; /* "objects/xx" */
};

static int each_object(void *ctx, const char *name, struct err *e)
{
	struct objects *o = ctx;
	struct fsck *k = o->k;
	size_t len = verity_digest_size(k->repo->objects.hash);
	char path[sizeof("objects/xx/") + 2 * IMAGE_DIGEST_MAX];
	uint8_t digest[IMAGE_DIGEST_MAX];
	const char *how;

	progress_show(k->f->progress, "checking", ++k->f->objects, 0, "objects");
	if (strlen(name) != 2 * len - 2 ||
	    image_unhex(o->dir + strlen("objects/"), 1, digest) < 0 ||
	    image_unhex(name, len - 1, digest + 1) < 0)
		return damaged(k, o->dir, name, "is no object", e);
	(void)str_format(path, sizeof(path), "%s/%s", o->dir, name);
	how = check_object(k, path, digest);
	return how ? damaged(k, o->dir, name, how, e) : 0;
}

static int check_objects(struct fsck *k, struct err *e)
{
	int r = 0;

	for (unsigned i = 0; i < 256 && r == 0; i++) {
		uint8_t byte = (uint8_t)i;
		char dir[] = "objects/00";
		struct objects o = {k, dir};

		image_hex(&byte, 1, dir + strlen("objects/"));
		if (sys_faccessat(k->repo->fd, dir, 0 /* F_OK */) == 0)
			r = repo_each(k->repo, dir, each_object, &o, e);
	}
	return r;
}

/* --- blobs ----------------------------------------------------------------------------------- */

struct blobs {
	struct fsck *k;
	const char *dir;
};

/* What is wrong with the blob @digest, or NULL. */
static const char *check_blob(struct fsck *k, const char *digest, const char *path)
{
	static uint8_t buf[65536];
	struct descriptor d = {0};
	struct blob *b = NULL;
	struct stat st;
	struct err e;
	ssize_t n = -1;

	if (fstatat(k->repo->fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return "is no regular file";
	(void)str_copy(d.digest, sizeof(d.digest), digest);
	d.size = (uint64_t)st.st_size;
	if (blob_open(&k->repo->blobs, &d, &b, &e) == 0)
		while ((n = blob_read(b, buf, sizeof(buf), &e)) > 0)
			k->f->bytes += (uint64_t)n;
	blob_close(b);
	return n < 0 ? "has another content" : NULL;
}

static int each_blob(void *ctx, const char *name, struct err *e)
{
	struct blobs *o = ctx;
	char digest[DIGEST_TEXT_MAX], path[BLOB_PATH_MAX];
	const char *how;

	o->k->f->blobs++;
	(void)str_format(digest, sizeof(digest), "%s:%s", o->dir + strlen("blobs/"), name);
	if (!blob_is_digest(digest))
		return damaged(o->k, o->dir, name, "is no blob", e);
	blob_path(digest, path);
	how = check_blob(o->k, digest, path);
	return how ? damaged(o->k, o->dir, name, how, e) : 0;
}

static int check_blobs(struct fsck *k, struct err *e)
{
	struct blobs sha256 = {k, "blobs/sha256"}, sha512 = {k, "blobs/sha512"};
	int r = repo_each(k->repo, sha256.dir, each_blob, &sha256, e);

	return r < 0 ? r : repo_each(k->repo, sha512.dir, each_blob, &sha512, e);
}

/* --- images ---------------------------------------------------------------------------------- */

/* Is everything there that @rec leads to? Its contents have been proven by now. */
static int check_record(struct fsck *k, const struct repo_record *rec, struct err *e)
{
	struct image_file f = {.fd = -EBADF};
	struct image_tree t = {0};
	struct layout l;
	int r = repo_open_layout(k->repo, rec, &l, e);

	if (r < 0)
		return r;
	for (size_t i = 0; rec->has_layers && i < l.n_layers && r == 0; i++) {
		char path[BLOB_PATH_MAX];

		blob_path(l.layers[i].blob.digest, path);
		if (!source_has(&k->repo->blobs, path))
			r = err_set(e, ERR_IMAGE, -ENOENT, "layer %zu is missing", i + 1);
	}
	layout_close(&l);
	if (r == 0)
		r = repo_load(k->repo, rec, &f, &t, e);
	if (r < 0)
		return r;
	for (const struct image_node *n = t.root; n && r == 0; n = image_tree_next(n))
		if (!n->target && n->digest_len && !repo_has_object(k->repo, n->digest, n->size))
			r = err_set(e, ERR_IMAGE, -ENOENT, "the object %.*s is missing",
				    (int)n->payload_len, n->payload);
	/* Last: it consumes the tree. */
	if (r == 0)
		r = image_file_check_canonical(&f, &t, 1, e);
	image_tree_done(&t);
	image_file_done(&f);
	return r;
}

static int each_record(void *ctx, const char *name, struct err *e)
{
	struct fsck *k = ctx;
	struct repo_record rec;
	char how[512];
	struct err found;
	int r;

	k->f->images++;
	if (!blob_is_digest(name))
		return damaged(k, "images", name, "is no record", e);
	r = repo_get_record(k->repo, name, &rec, &found);
	if (r == 0)
		r = check_record(k, &rec, &found);
	if (r == 0)
		return 0;
	err_message(&found, how, sizeof(how));
	return damaged(k, "images", name, how, e);
}

static int check_names(struct fsck *k, struct err *e)
{
	struct repo_name *names;
	struct repo_record rec;
	size_t n, unreadable;
	struct err ignored;
	struct arena a;
	int r;

	arena_init(&a, NULL, 0);
	r = repo_names(k->repo, &a, &names, &n, &unreadable, e);
	for (size_t i = 0; r == 0 && i < n; i++) {
		k->f->names++;
		if (repo_get_record(k->repo, names[i].digest, &rec, &ignored) == 0)
			continue;
		wrong(k, names[i].name, "is a name for nothing");
		if (k->f->repair) {
			r = repo_remove_name(k->repo, names[i].name, e);
			k->f->removed += r == 0;
		}
	}
	if (r == 0 && unreadable)
		wrong(k, "refs", "has names that cannot be read");
	arena_done(&a);
	return r;
}

int repo_fsck(struct repo *r, struct repo_fsck *f, struct err *e)
{
	struct fsck k = {.repo = r, .f = f};
	int code = verity_new(r->objects.hash, &k.verity);

	if (code < 0)
		return err_sys(e, ERR_IMAGE, code, "check the store");
	/* From the bottom up: what is removed for its damage is missing above. */
	code = check_objects(&k, e);
	if (code == 0)
		code = check_blobs(&k, e);
	if (code == 0)
		code = repo_each(r, "images", each_record, &k, e);
	if (code == 0)
		code = check_names(&k, e);
	verity_free(k.verity);
	return code;
}
