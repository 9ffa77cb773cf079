/* Writing objects. An object is an unnamed file (O_TMPFILE) until it is complete; several wait for
 * one sync of the filesystem; then each is sealed and linked to its name. Where unnamed files are
 * not to be had, it has a temporary name, and is renamed. Called from any thread, with a batch
 * each. */
#include "image/store.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"

#define BATCH_SIZE 64 /* open files a thread */
#define COPY_SIZE  ((size_t)256 * 1024)
#define TEMP_MAX   48

struct pending {
	int fd;              /* read-only by now */
	char temp[TEMP_MAX]; /* temporary name; "": none */
	uint8_t digest[IMAGE_DIGEST_MAX];
};

struct store_batch {
	struct store *store;
	struct pending items[BATCH_SIZE];
	unsigned n;
	int writing; /* the file behind items[n], between begin and end; -EBADF: none */
	uint8_t *buf;
};

int store_open(const char *path, bool create, enum image_hash hash, enum verity_want verity,
	       struct store *ret, struct err *e)
{
	int fd, r;

	if (create) {
		r = sys_mkdirat(AT_FDCWD, path, 0755);
		if (r < 0 && r != -EEXIST)
			return err_sys(e, ERR_IO, r, "make the object store %s", path);
	}
	fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, ERR_IO, fd, "open the object store %s", path);
	*ret = (struct store){.fd = fd, .hash = hash, .verity = verity};
	return 0;
}

void store_close(struct store *s)
{
	s->fd = fd_close(s->fd);
}

void store_object_path(const uint8_t *digest, size_t len, char buf[static STORE_PATH_MAX])
{
	image_hex(digest, 1, buf);
	buf[2] = '/';
	image_hex(digest + 1, len - 1, buf + 3);
}

int store_batch_new(struct store *s, struct store_batch **ret)
{
	struct store_batch *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->store = s;
	b->writing = -EBADF;
	b->buf = malloc(COPY_SIZE);
	if (!b->buf) {
		free(b);
		return -ENOMEM;
	}
	*ret = b;
	return 0;
}

static void drop_writing(struct store_batch *b)
{
	if (b->writing < 0)
		return;
	if (b->items[b->n].temp[0])
		(void)unlinkat(b->store->fd, b->items[b->n].temp, 0);
	b->writing = fd_close(b->writing);
}

static void drop_pending(struct store_batch *b)
{
	for (unsigned i = 0; i < b->n; i++) {
		if (b->items[i].temp[0])
			(void)unlinkat(b->store->fd, b->items[i].temp, 0);
		(void)fd_close(b->items[i].fd);
	}
	b->n = 0;
}

void store_batch_free(struct store_batch *b)
{
	if (!b)
		return;
	drop_writing(b);
	drop_pending(b);
	free(b->buf);
	free(b);
}

/* --- what is there --------------------------------------------------------------------------- */

/* Is the object there, and so far as can be told cheaply, right? 1, 0 or -errno. */
static int has_object(const struct store *s, const uint8_t *digest, uint64_t size)
{
	size_t len = verity_digest_size(s->hash);
	uint8_t measured[IMAGE_DIGEST_MAX];
	_cleanup_close_ int fd = -EBADF;
	char path[STORE_PATH_MAX];
	enum image_hash hash;
	struct stat st;
	int r;

	store_object_path(digest, len, path);
	fd = sys_openat(s->fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
	if (fd == -ENOENT || fd == -ELOOP)
		return 0;
	if (fd < 0)
		return fd;
	r = sys_fstat(fd, &st);
	if (r < 0)
		return r;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != size)
		return 0;
	r = verity_measure_fd(fd, &hash, measured);
	if (r == 0)
		return hash == s->hash && memcmp(measured, digest, len) == 0;
	return verity_is_absent(r) ? s->verity != VERITY_REQUIRE : r;
}

/* --- writing --------------------------------------------------------------------------------- */

/* A new file in the store, unnamed if that works. */
static int open_temp(struct store *s, struct pending *p)
{
	static atomic_uint counter;
	int fd = sys_openat(s->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);

	p->temp[0] = '\0';
	if (fd != -EOPNOTSUPP && fd != -EISDIR && fd != -ENOENT)
		return fd;
	for (unsigned tries = 0; tries < 1000; tries++) {
		(void)str_format(p->temp, sizeof(p->temp), ".tmp-%d-%u", (int)sys_getpid(),
				 atomic_fetch_add(&counter, 1));
		fd = sys_openat(s->fd, p->temp, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644);
		if (fd != -EEXIST)
			break;
	}
	if (fd < 0)
		p->temp[0] = '\0';
	return fd;
}

/* Copy all of @from, and hash what is written. A clone shares the blocks instead. */
static int copy_hashed(struct store_batch *b, struct verity *v, int from, int to, uint8_t *digest)
{
	uint64_t offset = 0;
	ssize_t n;
	int r;

	if (sys_ioctl(to, FICLONE, (void *)(intptr_t)from) == 0)
		return verity_compute_fd(v, to, digest, NULL);
	while ((n = sys_pread(from, b->buf, COPY_SIZE, offset)) != 0) {
		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		verity_update(v, b->buf, (size_t)n);
		r = io_write_all(to, b->buf, (size_t)n);
		if (r < 0)
			return r;
		offset += (uint64_t)n;
	}
	return verity_finish(v, digest);
}

/* The same file, open for reading only: fs-verity wants no writer to be left. */
static int reopen_readonly(int fd)
{
	char path[40];

	(void)str_format(path, sizeof(path), "/proc/self/fd/%d", fd);
	return sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
}

/* The file that was written, whole, is the object @digest: it waits for its turn. */
static int adopt(struct store_batch *b, const uint8_t *digest, struct err *e)
{
	struct pending *p = &b->items[b->n];
	/* The umask does not count: whoever may use the store may read objects. */
	int r = sys_fchmod(b->writing, 0644);

	p->fd = r < 0 ? r : reopen_readonly(b->writing);
	if (p->fd < 0) {
		drop_writing(b);
		return err_sys(e, ERR_IO, p->fd, "copy into the object store");
	}
	b->writing = fd_close(b->writing);
	memcpy(p->digest, digest, verity_digest_size(b->store->hash));
	b->n++;
	return b->n == BATCH_SIZE ? store_batch_flush(b, e) : 0;
}

int store_batch_begin(struct store_batch *b, int *ret_fd, struct err *e)
{
	b->writing = open_temp(b->store, &b->items[b->n]);
	if (b->writing < 0)
		return err_sys(e, ERR_IO, b->writing, "make a file in the object store");
	*ret_fd = b->writing;
	return 0;
}

int store_batch_end(struct store_batch *b, const uint8_t *digest, uint64_t size, struct err *e)
{
	int r = has_object(b->store, digest, size);

	if (r == 0)
		return adopt(b, digest, e);
	drop_writing(b);
	return r < 0 ? err_sys(e, ERR_IO, r, "look for an object") : 0;
}

int store_batch_add(struct store_batch *b, struct verity *v, int fd, const uint8_t *digest,
		    uint64_t size, struct err *e)
{
	uint8_t copied[IMAGE_DIGEST_MAX];
	int r = has_object(b->store, digest, size), temp;

	if (r != 0)
		return r < 0 ? err_sys(e, ERR_IO, r, "look for an object") : 0;
	r = store_batch_begin(b, &temp, e);
	if (r < 0)
		return r;
	r = copy_hashed(b, v, fd, temp, copied);
	if (r == 0 && memcmp(copied, digest, verity_digest_size(b->store->hash)) == 0)
		return adopt(b, digest, e);
	drop_writing(b);
	return r < 0 ? err_sys(e, ERR_IO, r, "copy into the object store")
		     : err_set(e, ERR_IO, -EAGAIN, "the file changed while it was read");
}

/* --- names ----------------------------------------------------------------------------------- */

static int seal(struct store *s, const struct pending *p, struct err *e)
{
	const char *why = NULL;
	int r;

	if (s->verity == VERITY_OFF)
		return 0;
	r = verity_enable_fd(p->fd, s->hash, &why);
	if (r < 0 && s->verity == VERITY_REQUIRE)
		return err_sys(e, ERR_IO, r, "enable fs-verity for an object%s%s", why ? ": " : "",
			       why ? why : "");
	return 0;
}

/* Put the file in place of a wrong object of that name: link it under a temporary one and rename.
 */
static int replace_object(struct store *s, const char *from, const char *path)
{
	char temp[TEMP_MAX];
	int r;

	(void)str_format(temp, sizeof(temp), ".tmp-%d-%d-replace", (int)sys_getpid(),
			 (int)gettid());
	(void)unlinkat(s->fd, temp, 0);
	if (linkat(AT_FDCWD, from, s->fd, temp, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	if (renameat(s->fd, temp, s->fd, path) == 0)
		return 0;
	r = -errno;
	(void)unlinkat(s->fd, temp, 0);
	return r;
}

static int give_name(struct store *s, struct pending *p, const char *path)
{
	char from[40], dir[3] = {path[0], path[1]};
	struct stat st;
	int r = sys_mkdirat(s->fd, dir, 0755);

	if (r < 0 && r != -EEXIST)
		return r;
	if (p->temp[0]) {
		if (renameat(s->fd, p->temp, s->fd, path) < 0)
			return -errno;
		p->temp[0] = '\0';
		return 0;
	}
	(void)str_format(from, sizeof(from), "/proc/self/fd/%d", p->fd);
	if (linkat(AT_FDCWD, from, s->fd, path, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	/* Another writer was faster, or what is there was found wrong before. */
	r = sys_fstat(p->fd, &st);
	if (r == 0)
		r = has_object(s, p->digest, (uint64_t)st.st_size);
	if (r == 0)
		return replace_object(s, from, path);
	return r < 0 ? r : 0;
}

/* The contents first, then the names. One sync for all of them where there are many. */
static int sync_contents(struct store_batch *b)
{
	if (b->n > 4)
		return syncfs(b->store->fd) < 0 ? -errno : 0;
	for (unsigned i = 0; i < b->n; i++)
		if (fsync(b->items[i].fd) < 0)
			return -errno;
	return 0;
}

int store_batch_flush(struct store_batch *b, struct err *e)
{
	int r = sync_contents(b);

	if (r < 0)
		r = err_sys(e, ERR_IO, r, "write objects to disk");
	for (unsigned i = 0; i < b->n && r == 0; i++) {
		char path[STORE_PATH_MAX];

		store_object_path(b->items[i].digest, verity_digest_size(b->store->hash), path);
		r = seal(b->store, &b->items[i], e);
		if (r < 0)
			break;
		r = give_name(b->store, &b->items[i], path);
		if (r < 0)
			r = err_sys(e, ERR_IO, r, "add %s to the object store", path);
	}
	drop_pending(b);
	return r;
}

int store_sync(struct store *s, struct err *e)
{
	if (syncfs(s->fd) < 0)
		return err_sys(e, ERR_IO, -errno, "write the object store to disk");
	return 0;
}
