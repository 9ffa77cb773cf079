/* The store's directory: made, opened, locked; files in it that appear whole. */
#include "image/repo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/document.h"

#define META      "meta.json"
#define META_MAX  4096
#define TEMPORARY ".tmp-"

/* --- files ----------------------------------------------------------------------------------- */

static int open_directory(struct repo *r, const char *dir)
{
	return sys_openat(r->fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
}

/* Names in @dir are on disk when this returns. */
static int sync_directory(int dir)
{
	return fsync(dir) < 0 ? -errno : 0;
}

/* A new file in @dir under a name that nobody else takes. */
static int open_temporary(int dir, char *name, size_t size)
{
	static atomic_uint counter;
	int fd = -EEXIST;

	for (unsigned tries = 0; fd == -EEXIST && tries < 1000; tries++) {
		(void)str_format(name, size, TEMPORARY "%d-%u", (int)sys_getpid(),
				 atomic_fetch_add(&counter, 1));
		fd = sys_openat(dir, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	}
	return fd;
}

static int put_at(int dir, const char *name, const void *data, size_t len)
{
	char temp[48];
	_cleanup_close_ int fd = open_temporary(dir, temp, sizeof(temp));
	int r = fd < 0 ? fd : io_write_all(fd, data, len);

	if (fd < 0)
		return r;
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(dir, temp, dir, name) < 0)
		r = -errno;
	if (r < 0) {
		(void)sys_unlinkat(dir, temp, 0);
		return r;
	}
	return sync_directory(dir);
}

int repo_put(struct repo *r, const char *dir, const char *name, const void *data, size_t len,
	     struct err *e)
{
	_cleanup_close_ int fd = open_directory(r, dir);
	int code = fd < 0 ? fd : put_at(fd, name, data, len);

	return code < 0 ? err_sys(e, ERR_IO, code, "write %s/%s/%s", r->path, dir, name) : 0;
}

int repo_remove(struct repo *r, const char *dir, const char *name, struct err *e)
{
	_cleanup_close_ int fd = open_directory(r, dir);
	int code = fd < 0 ? fd : sys_unlinkat(fd, name, 0);

	if (code == -ENOENT)
		return code;
	if (code == 0)
		code = sync_directory(fd);
	return code < 0 ? err_sys(e, ERR_IO, code, "remove %s/%s/%s", r->path, dir, name) : 0;
}

int repo_each(struct repo *r, const char *dir, repo_each_fn fn, void *ctx, struct err *e)
{
	int fd = open_directory(r, dir), code = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!d) {
		code = fd < 0 ? fd : -errno;
		(void)fd_close(fd);
		return err_sys(e, ERR_IO, code, "read %s/%s", r->path, dir);
	}
	while (code == 0 && (errno = 0, entry = readdir(d))) {
		if (entry->d_name[0] != '.')
			code = fn(ctx, entry->d_name, e);
	}
	if (code == 0 && errno)
		code = err_sys(e, ERR_IO, -errno, "read %s/%s", r->path, dir);
	(void)closedir(d);
	return code;
}

/* --- blobs ----------------------------------------------------------------------------------- */

int repo_blob_begin(struct repo *r, struct repo_blob *ret, struct err *e)
{
	_cleanup_close_ int dir = open_directory(r, "blobs");

	ret->fd = dir < 0 ? dir : open_temporary(dir, ret->temp, sizeof(ret->temp));
	return ret->fd < 0 ? err_sys(e, ERR_IO, ret->fd, "make a blob in %s", r->path) : 0;
}

int repo_blob_commit(struct repo *r, struct repo_blob *b, const char *digest, struct err *e)
{
	char path[BLOB_PATH_MAX], dir[] = "blobs/sha512", from[sizeof("blobs/") + sizeof(b->temp)];
	_cleanup_close_ int fd = -EBADF;
	int code = fsync(b->fd) < 0 ? -errno : 0;

	blob_path(digest, path);
	(void)str_format(dir, sizeof(dir), "blobs/%.6s", digest);
	(void)str_format(from, sizeof(from), "blobs/%s", b->temp);
	if (code == 0 && renameat(r->fd, from, r->fd, path) < 0)
		code = -errno;
	if (code == 0) {
		fd = open_directory(r, dir);
		code = fd < 0 ? fd : sync_directory(fd);
	} else {
		(void)sys_unlinkat(r->fd, from, 0);
	}
	b->fd = fd_close(b->fd);
	return code < 0 ? err_sys(e, ERR_IO, code, "write %s/%s", r->path, path) : 0;
}

void repo_blob_drop(struct repo *r, struct repo_blob *b)
{
	char from[sizeof("blobs/") + sizeof(b->temp)];

	if (b->fd < 0)
		return;
	(void)str_format(from, sizeof(from), "blobs/%s", b->temp);
	(void)sys_unlinkat(r->fd, from, 0);
	b->fd = fd_close(b->fd);
}

int repo_put_blob(struct repo *r, const char *digest, const void *data, size_t len, struct err *e)
{
	struct descriptor d = {.size = len};
	struct repo_blob b = {.fd = -EBADF};
	struct err ignored;
	struct arena a;
	char *text;
	int code;

	/* What is there is only kept if it is right. */
	(void)str_copy(d.digest, sizeof(d.digest), digest);
	arena_init(&a, NULL, 0);
	code = blob_read_all(&r->blobs, &d, DOCUMENT_MAX, &a, &text, &ignored);
	arena_done(&a);
	if (code == 0)
		return 0;
	code = repo_blob_begin(r, &b, e);
	if (code < 0)
		return code;
	code = io_write_all(b.fd, data, len);
	if (code == 0)
		return repo_blob_commit(r, &b, digest, e);
	repo_blob_drop(r, &b);
	return err_sys(e, ERR_IO, code, "write a blob in %s", r->path);
}

/* --- making a store -------------------------------------------------------------------------- */

int repo_default_path(char ret[static PATH_MAX], struct err *e)
{
	const char *own = getenv("CORACLE_IMAGE_STORE"), *data = getenv("XDG_DATA_HOME");
	const char *home = getenv("HOME");
	size_t len;

	if (own && own[0])
		len = str_copy(ret, PATH_MAX, own);
	else if (sys_geteuid() == 0)
		len = str_copy(ret, PATH_MAX, "/var/lib/coracle/images");
	else if (data && data[0] == '/')
		len = str_format(ret, PATH_MAX, "%s/coracle/images", data);
	else if (home && home[0] == '/')
		len = str_format(ret, PATH_MAX, "%s/.local/share/coracle/images", home);
	else
		return err_set(e, ERR_USAGE, -EINVAL, "no image store: HOME is not set");
	return len < PATH_MAX ? 0 : err_sys(e, ERR_USAGE, -ENAMETOOLONG, "the image store");
}

/* The directory @path and those above it. The store is nobody else's: what is private in an image
 * stays so. */
static int make_directories(const char *path)
{
	char part[PATH_MAX];
	int r = 0;

	(void)str_copy(part, sizeof(part), path);
	for (char *p = part + 1; *p && (r == 0 || r == -EEXIST); p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		r = sys_mkdirat(AT_FDCWD, part, 0755);
		*p = '/';
	}
	if (r == 0 || r == -EEXIST)
		r = sys_mkdirat(AT_FDCWD, part, 0700);
	return r == -EEXIST ? 0 : r;
}

static int make_inside(struct repo *r, enum image_hash hash)
{
	static const char *const dirs[] = {"objects", "blobs", "blobs/sha256", "blobs/sha512",
					   "images",  "refs",  "run"};
	char text[64];
	int code = 0;
	size_t n;

	for (size_t i = 0; i < ARRAY_SIZE(dirs) && (code == 0 || code == -EEXIST); i++)
		code = sys_mkdirat(r->fd, dirs[i], 0755);
	if (code < 0 && code != -EEXIST)
		return code;
	n = str_format(text, sizeof(text), "{\"version\":1,\"hash\":\"%s\"}\n",
		       verity_hash_name(hash));
	return put_at(r->fd, META, text, n);
}

struct meta {
	uint64_t version;
	const char *hash;
};

static int meta_member(void *ctx, const char *key, struct json *j, struct json_value *v,
		       struct err *e)
{
	struct meta *m = ctx;

	if (str_eq(key, "hash"))
		return members_string(v, &m->hash, e);
	if (str_eq(key, "version"))
		return v->type == JSON_NUMBER && json_to_u64(v, &m->version) == 0
			       ? 0
			       : document_bad(e, "a version that is none");
	return json_skip(j, v, e);
}

/* What kind of store it is. -ENOENT with *@e untouched if it is none yet. */
static int read_meta(struct repo *r, enum image_hash *ret, struct err *e)
{
	struct meta m = {0};
	struct arena a;
	char *text;
	size_t len;
	int code;

	arena_init(&a, NULL, 0);
	code = io_read_file_at(&a, r->fd, META, META_MAX, &text, &len);
	if (code == -ENOENT) {
		arena_done(&a);
		return code;
	}
	if (code < 0)
		code = err_sys(e, ERR_IO, code, META);
	else
		code = document_read(text, len, meta_member, &m, e);
	if (code == 0 && m.version != 1)
		code = err_set(e, ERR_IMAGE, -EINVAL, "a store of version %llu, not 1",
			       (unsigned long long)m.version);
	if (code == 0 && (!m.hash || verity_hash_parse(m.hash, ret) < 0))
		code = err_set(e, ERR_IMAGE, -EINVAL, "a store of an unknown hash");
	arena_done(&a);
	return code;
}

/* --- opening it ------------------------------------------------------------------------------ */

static int missing(const char *path, struct err *e)
{
	(void)err_set(e, ERR_IO, -ENOENT, "no image store at %s", path);
	return err_hint(e, "'coracle image import' makes one");
}

static int take_lock(struct repo *r, enum repo_lock lock, struct err *e)
{
	int code;

	if (r->lock_fd < 0)
		r->lock_fd = sys_openat(r->fd, "lock", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	if (r->lock_fd < 0)
		return err_sys(e, ERR_IO, r->lock_fd, "open %s/lock", r->path);
	do {
		code = sys_flock(r->lock_fd, lock == REPO_EXCLUSIVE ? LOCK_EX : LOCK_SH);
	} while (code == -EINTR);
	return code < 0 ? err_sys(e, ERR_IO, code, "lock %s", r->path) : 0;
}

/* Make the store, unless somebody else was faster. */
static int make_store(struct repo *r, enum image_hash hash, enum image_hash *ret, struct err *e)
{
	int code = take_lock(r, REPO_EXCLUSIVE, e);

	if (code == 0)
		code = read_meta(r, ret, e);
	if (code != -ENOENT)
		return code;
	*ret = hash ? hash : IMAGE_SHA256;
	code = make_inside(r, *ret);
	return code < 0 ? err_sys(e, ERR_IO, code, "make the image store %s", r->path) : 0;
}

static int open_inside(struct repo *r, bool create, enum image_hash hash, enum verity_want verity,
		       struct err *e)
{
	enum image_hash own = 0;
	int code = read_meta(r, &own, e);

	if (code == -ENOENT && !create)
		return missing(r->path, e);
	if (code == -ENOENT)
		code = make_store(r, hash, &own, e);
	if (code < 0)
		return err_wrap(e, "%s", r->path);
	if (hash && hash != own)
		return err_set(e, ERR_IMAGE, -EINVAL, "%s is a store of %s digests", r->path,
			       verity_hash_name(own));
	code = open_directory(r, "objects");
	if (code < 0)
		return err_sys(e, ERR_IO, code, "open %s/objects", r->path);
	r->objects = (struct store){.fd = code, .hash = own, .verity = verity};
	r->blobs = (struct source){.fd = r->fd};
	return 0;
}

int repo_open(const char *path, bool create, enum image_hash hash, enum verity_want verity,
	      enum repo_lock lock, struct repo *ret, struct err *e)
{
	struct repo r = {.fd = -EBADF, .lock_fd = -EBADF, .objects.fd = -EBADF};
	int code = 0;

	if (!path)
		code = repo_default_path(r.path, e);
	else if (str_copy(r.path, sizeof(r.path), path) >= sizeof(r.path))
		code = err_sys(e, ERR_USAGE, -ENAMETOOLONG, "the image store");
	if (code < 0)
		return code;
	if (create) {
		code = make_directories(r.path);
		if (code < 0)
			return err_sys(e, ERR_IO, code, "make the image store %s", r.path);
	}
	r.fd = sys_openat(AT_FDCWD, r.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (r.fd == -ENOENT)
		return missing(r.path, e);
	code = r.fd < 0 ? err_sys(e, ERR_IO, r.fd, "open the image store %s", r.path)
			: open_inside(&r, create, hash, verity, e);
	if (code == 0)
		code = take_lock(&r, lock, e);
	if (code < 0) {
		repo_close(&r);
		return code;
	}
	*ret = r;
	return 0;
}

void repo_close(struct repo *r)
{
	store_close(&r->objects);
	r->fd = fd_close(r->fd);
	/* The lock goes last. */
	r->lock_fd = fd_close(r->lock_fd);
}
